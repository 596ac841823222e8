"""What the observations say, by rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import AgentName, Edge, Findings, Hypothesis, Observation, Suspect
from compass_core.hypotheses.localise import TROUBLED, suspects
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.propose import LEAST, MOST, SURE, Weighed, propose, weigh
from compass_core.hypotheses.rules import RULES, Rule
from tests.hypotheses.seeing import MADE, calls, findings, seen

APPLICATION, DATABASE, NETWORK = AgentName
WEB, DB = Suspect(service="web", score=0.8), Suspect(service="db", score=0.1)


def identity(rule: Rule) -> str:
    return f"{rule.agent}-{rule.mechanism}"


def of(rule: Rule, observations: list[Observation], edges: tuple[Edge, ...] = (), service: str = "web") -> Weighed | None:
    found = weigh(observations, edges, [Suspect(service=service, score=0.8)])
    return next((one for one in found if (one.rule, one.service) == (rule, service)), None)


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_fires_on_its_own_evidence(rule: Rule) -> None:
    found = of(rule, [seen(signal) for signal in rule.own])
    assert found is not None
    assert {one.id for one in found.evidence} == {f"{signal}@web" for signal in rule.own}
    assert LEAST <= found.confidence <= WEB.score


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_is_silent_without_what_it_needs(rule: Rule) -> None:
    assert of(rule, [seen(signal) for signal in rule.own if rule.needs and signal not in rule.needs]) is None
    assert of(rule, [seen(signal, score=0.0) for signal in rule.own]) is None


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.callers], ids=identity)
def test_a_rule_hears_the_callers_but_not_them_alone(rule: Rule) -> None:
    edges, heard = calls("web db"), [seen(signal) for signal in rule.callers]
    assert of(rule, heard, edges, "db") is None
    own = seen(next(iter(rule.needs or rule.own)), "db")
    alone, both = of(rule, [own], edges, "db"), of(rule, [own, *heard], edges, "db")
    assert alone is not None
    assert both is not None
    assert [one.id for one in alone.evidence] == [own.id]
    assert {one.id for one in both.evidence} == {own.id, *(one.id for one in heard)}
    assert of(rule, [own, *heard], calls("cart db"), "db") == alone, "it does not call"


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_weighs_signals_that_exist(rule: Rule) -> None:
    """A name with a slip of the pen would never be seen."""
    assert {*rule.own, *rule.callers, *rule.needs, *rule.unless, *(each for others in rule.unless.values() for each in others)} <= set(MADE)
    assert rule.needs <= set(rule.own)
    assert all(0 < weight <= 3 for weight in (*rule.own.values(), *rule.callers.values()))
    assert 0 < rule.cap < 1


def test_every_mechanism_has_rules_and_one_of_an_agent() -> None:
    assert {rule.mechanism for rule in RULES} == set(MECHANISMS)
    assert len({(rule.agent, rule.mechanism) for rule in RULES}) == len(RULES)


def test_the_formula() -> None:
    """The suspect's probability × what the rule says ÷ the most that any rule says of it."""
    observations = [seen("db_replication_lag", score=0.4), seen("log_replication", score=0.5), seen("db_query_time", score=0.3)]
    lag, slow = propose(DATABASE, observations, findings([WEB]))
    assert (lag.mechanism, lag.confidence) == ("replication_lag", WEB.score)
    said, most = 0.85 * 0.9 * 0.3, 0.95 * (1 - (1 - 1.0 * 0.4) * (1 - 0.7 * 0.5))
    assert slow.mechanism == "slow_queries"
    assert slow.confidence == pytest.approx(WEB.score * said / most, abs=1e-4)


def test_nobody_is_sure_by_rules_alone() -> None:
    (found,) = propose(NETWORK, [seen("log_tls")], findings([Suspect(service="web", score=1.0)]))
    assert (found.confidence, found.initial_confidence, found.verdict) == (SURE, SURE, "untested")


def test_each_suspect_is_weighed_by_its_own_evidence() -> None:
    found = propose(DATABASE, [seen("db_replication_lag", "db", 0.2), seen("db_replication_lag", "web", 1.0)], findings([WEB, DB]))
    assert [(one.service, one.confidence) for one in found] == [("web", 0.8), ("db", 0.1)]
    assert propose(DATABASE, [seen("db_replication_lag", "else")], findings([WEB, DB])) == (), "nobody suspects it"


def test_evidence_is_told_by_its_weight_three_of_it_in_words() -> None:
    signals = ("db_checkpoints", "disk_busy", "log_disk_full", "db_disk_reads")
    (found, *_) = propose(DATABASE, [seen(name, "db") for name in signals], findings([DB]))
    assert found.evidence_for == ("log_disk_full@db", "disk_busy@db", "db_checkpoints@db", "db_disk_reads@db")
    assert found.statement == f"{MECHANISMS['disk_io']}: saw log_disk_full; saw disk_busy; saw db_checkpoints"


@pytest.mark.parametrize("signal", ["latency_p95", "cpu_usage"])
def test_a_way_is_not_slow_where_the_callee_is(signal: str) -> None:
    def delay(*observations: Observation) -> Hypothesis:
        return next(one for one in propose(NETWORK, observations, findings([WEB])) if one.mechanism == "network_delay")

    alone = delay(seen("call_p95"), seen(signal, score=TROUBLED - 0.01), seen(signal, "cart"))
    busy = delay(seen("call_p95"), seen(signal))
    assert busy.confidence < alone.confidence
    assert (alone.evidence_against, busy.evidence_against) == ((), (f"{signal}@web",))


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


def test_what_speaks_for_a_hypothesis_does_not_speak_against_it() -> None:
    observations = [seen("db_connections_of_limit", "db"), seen("db_pool_timeouts", "web")]
    (found, *_) = propose(DATABASE, observations, findings([DB], calls("web db", "db web")))
    assert set(found.evidence_for) == {"db_connections_of_limit@db", "db_pool_timeouts@web"}
    assert found.evidence_against == ()


@pytest.mark.parametrize("system", ["mysql", "redis"])
def test_no_code_of_ours_runs_in_a_database(system: str) -> None:
    of_code = [seen(signal, "db") for signal in ("failing_spans", "new_exceptions", "deploy", "detour", "up", "request_rate", "self_time")]
    assert propose(APPLICATION, of_code, findings([DB], calls("web db")))
    assert propose(APPLICATION, of_code, findings([DB], calls("web db", system=system))) == ()
    starved = [*of_code, seen("cpu_usage", "db"), seen("memory_used", "db"), seen("db_up", "db"), seen("refused_calls", "db")]
    known = findings([DB], calls("web db", system=system))
    told = {one.mechanism for agent in AgentName for one in propose(agent, starved, known)}
    assert told == {"cpu_exhaustion", "memory_pressure", "unavailable", "connection_refused"}


def test_what_may_not_be_laid_at_a_database_takes_nothing_from_what_may() -> None:
    observations = [seen("deploy", "db"), seen("db_replication_lag", "db", 0.1)]
    (found,) = propose(DATABASE, observations, findings([WEB.model_copy(update={"service": "db"})], calls("web db", system="mysql")))
    assert found.confidence == WEB.score


def test_a_drop_of_requests_is_no_surge() -> None:
    assert propose(APPLICATION, [seen("request_rate_drop")], findings([WEB])) == ()


def test_the_strongest_of_a_signal_counts_once() -> None:
    twice = [seen("db_replication_lag", score=0.6, name="D1"), seen("db_replication_lag", score=0.9, name="D2")]
    (found,) = propose(DATABASE, twice, findings([WEB]))
    assert found.evidence_for == ("D2",)
    assert propose(DATABASE, twice[::-1], findings([WEB])) == (found,)


def test_the_most_confident_few_of_an_agent_and_ten_of_an_investigation() -> None:
    every = [seen(signal, f"s{number}") for number in range(9) for rule in RULES for signal in rule.own]
    suspected = findings([Suspect(service=f"s{number}", score=0.9 - number / 10) for number in range(9)])
    found = {agent: propose(agent, every, suspected) for agent in AgentName}
    assert {agent: len(one) for agent, one in found.items()} == MOST
    assert sum(MOST.values()) == 10
    tls = propose(NETWORK, [seen("log_tls", f"s{number}") for number in range(9)], suspected)
    assert [one.service for one in tls] == ["s0", "s1", "s2"]


def test_what_is_hardly_likely_is_not_said() -> None:
    assert propose(NETWORK, [seen("log_tls")], findings([Suspect(service="web", score=LEAST)]))
    assert propose(NETWORK, [seen("log_tls")], findings([Suspect(service="web", score=LEAST - 0.001)])) == ()
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
