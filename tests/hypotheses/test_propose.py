"""What the observations say, by rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import AgentName, Edge, Findings, Hypothesis, Observation, Suspect
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.propose import LEAST, MOST, SURE, propose
from compass_core.hypotheses.suspicion import TROUBLED, suspects
from tests.hypotheses.seeing import MADE, calls, findings, seen

APPLICATION, DATABASE, NETWORK = AgentName
WEB, DB = Suspect(service="web", score=0.8), Suspect(service="db", score=0.1)


def test_nobody_is_sure_by_rules_alone() -> None:
    (found,) = propose(NETWORK, [seen("log_tls")], findings([Suspect(service="web", score=1.0)]))
    assert found.confidence == found.initial_confidence <= SURE
    assert found.verdict == "untested"


def test_each_suspect_is_weighed_by_its_own_evidence() -> None:
    found = propose(DATABASE, [seen("db_replication_lag", "db", 0.2), seen("db_replication_lag", "web", 1.0)], findings([WEB, DB]))
    assert [one.service for one in found] == ["web", "db"]
    assert 0 < found[1].confidence <= DB.score < found[0].confidence <= WEB.score
    assert propose(DATABASE, [seen("db_replication_lag", "else")], findings([WEB, DB])) == (), "nobody suspects it"


def test_evidence_is_told_by_its_weight_three_of_it_in_words() -> None:
    signals = ("db_checkpoints", "disk_busy", "log_disk_full", "db_disk_reads")
    (found, *_) = propose(DATABASE, [seen(name, "db", 0.5 + 0.1 * signals.index(name)) for name in signals], findings([DB]))
    assert found.evidence_for == ("log_disk_full@db", "disk_busy@db", "db_checkpoints@db", "db_disk_reads@db")
    assert found.statement == f"{MECHANISMS['disk_io']}: saw log_disk_full; saw disk_busy; saw db_checkpoints"


@pytest.mark.parametrize("signal", ["latency_p95", "latency_p50"])
def test_a_way_is_not_slow_where_the_callee_is(signal: str) -> None:
    def said(*observations: Observation) -> list[str]:
        return [one.mechanism for one in propose(NETWORK, observations, findings([WEB]))]

    assert said(seen("call_p95"), seen(signal, score=TROUBLED - 0.01), seen(signal, "cart"))[0] == "network_delay"
    assert said(seen("call_p95"), seen(signal)) == ["latency_in_service"]


def test_the_trouble_of_what_it_calls_stands_against_a_hypothesis() -> None:
    edges = calls("web cart", "cart db", "cart web", "db cart")
    observations = [
        seen("new_exceptions"),
        seen("failing_spans", "db", 0.9),
        seen("db_calls_failing", "cart", TROUBLED),
        seen("error_ratio", "cart", TROUBLED - 0.01),
        seen("error_ratio", "else"),
    ]
    (found,) = propose(APPLICATION, observations, findings([WEB], edges))
    assert found.evidence_against == ("failing_spans@db", "db_calls_failing@cart"), "also of those that its callees call; cycles end"
    (culprit,) = propose(APPLICATION, observations[:2], findings([DB], calls("web db")))
    assert culprit.evidence_against == ()


def test_a_drop_of_requests_is_no_surge() -> None:
    assert "traffic_surge" not in {one.mechanism for one in propose(APPLICATION, [seen("request_rate_drop")], findings([WEB]))}


def test_the_strongest_of_a_signal_counts_once() -> None:
    twice = [seen("db_replication_lag", score=0.6, name="D1"), seen("db_replication_lag", score=0.9, name="D2")]
    (found,) = propose(DATABASE, twice, findings([WEB]))
    assert found.evidence_for == ("D2",)
    assert propose(DATABASE, twice[::-1], findings([WEB])) == (found,)


def test_the_most_confident_few_of_an_agent_and_ten_of_an_investigation() -> None:
    every = [seen("log_tls", f"s{number}") for number in range(30)]
    suspected = findings([Suspect(service=f"s{number}", score=0.9 - number / 100) for number in range(30)])
    said: list[Hypothesis] = []
    for agent in AgentName:
        found = propose(agent, every, suspected, {(one.service, one.mechanism) for one in said})
        assert len(found) == MOST[agent]
        said += found
    assert [one.service for one in said] == [f"s{number}" for number in range(10)], "each says what nobody has said yet"


def test_what_is_hardly_likely_is_not_said() -> None:
    assert propose(NETWORK, [seen("log_tls")], findings([Suspect(service="web", score=0.1)]))
    assert propose(NETWORK, [seen("log_tls")], findings([Suspect(service="web", score=0.04)])) == ()
    assert propose(NETWORK, [seen("log_tls")], findings([])) == ()
    assert propose(NETWORK, [], findings([WEB])) == ()


services = st.sampled_from(["web", "cart", "db", ""])
observed = st.builds(seen, st.sampled_from(MADE), services, st.floats(0, 1), st.none() | st.floats(-10, 30))
edge = st.builds(Edge, caller=services, callee=services, system=st.sampled_from(["", "mysql"]))


@given(st.lists(observed, max_size=30), st.lists(edge, max_size=8))
def test_whatever_was_observed(observations: list[Observation], edges: list[Edge]) -> None:
    observations = [one.model_copy(update={"id": f"A{number}"}) for number, one in enumerate(observations)]
    blamed = suspects(observations, edges, ("web", "cart"), ("web",))
    held = {one.id: one for one in observations}
    for agent in AgentName:
        found = propose(agent, observations, Findings(suspects=blamed, edges=tuple(edges)))
        assert len(found) <= MOST[agent]
        assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
        for one in found:
            assert one.agent is agent
            assert one.mechanism in MECHANISMS
            assert LEAST <= one.confidence == one.initial_confidence <= SURE
            assert {*one.evidence_for, *one.evidence_against} <= set(held)
            assert not set(one.evidence_for) & set(one.evidence_against)
            assert any(held[name].service == one.service for name in one.evidence_for)
            assert all(held[name].score > 0 for name in one.evidence_for)
