"""Ranking is a stable sort that drops and merges nothing; each hypothesis is weighed by all that is known at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import AgentName, Findings, Outcome, Run, Trial, Tried
from compass_core.hypotheses.propose import SURE, propose
from compass_core.hypotheses.rank import rank
from compass_core.hypotheses.suspicion import suspects
from tests.fakes import hypothesis
from tests.hypotheses.seeing import calls, seen

if TYPE_CHECKING:
    from compass_core.domain import Edge, Observation

APPLICATION, DATABASE, NETWORK = AgentName


def runs(*confidences: list[float]) -> list[Run]:
    """One run for each list, its hypotheses numbered over all."""
    number = iter(range(1000))
    return [
        Run(agent=agent, outcome=Outcome.ANSWERED, hypotheses=tuple(hypothesis(agent, one, str(next(number))) for one in given))
        for agent, given in zip(AgentName, confidences, strict=False)
    ]


def test_the_most_confident_first() -> None:
    assert [one.statement for one in rank(runs([0.2, 0.9], [0.5]))] == ["1", "2", "0"]


def test_nothing_to_rank() -> None:
    assert rank([]) == ()
    assert rank(runs([], [])) == ()


levels = st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), max_size=5)


@given(levels, levels, levels)
def test_ties_keep_the_order_of_the_agents_and_nothing_is_lost(first: list[float], second: list[float], third: list[float]) -> None:
    given = runs(first, second, third)
    ranked = rank(given)
    assert sorted(int(one.statement) for one in ranked) == list(range(len(first) + len(second) + len(third)))
    assert [(-one.confidence, int(one.statement)) for one in ranked] == sorted((-one.confidence, int(one.statement)) for one in ranked)
    assert rank(given) == ranked


def investigated(edges: dict[AgentName, tuple[Edge, ...]], **observed: list[Observation]) -> list[Run]:
    """As the agents do it one after the other, each over all that was observed so far; `edges` are what each knows."""
    ran: list[Run] = []
    known: list[Observation] = []
    said: set[tuple[str, str]] = set()
    for agent in AgentName:
        new = observed.get(agent, [])
        known += new
        calling = edges.get(agent, ())
        found = Findings(observations=tuple(new), edges=calling, suspects=suspects(known, calling, ("web", "db"), ("web",)))
        ran.append(Run(agent=agent, outcome=Outcome.ANSWERED, findings=found, hypotheses=propose(agent, known, found, said)))
        said |= {(one.service, one.mechanism) for one in ran[-1].hypotheses}
    return ran


CALLED = dict.fromkeys(AgentName, calls("web db", system="postgresql"))
ERRORS = [seen("error_ratio", "web"), seen("new_exceptions", "web")]
FULL_DATABASE = [seen("db_connections_of_limit", "db"), seen("failing_spans", "db"), seen("new_errors", "db")]


def confidences(ran: list[Run]) -> dict[tuple[AgentName, str], float]:
    return {(one.agent, one.mechanism): one.confidence for one in rank(ran)}


def test_what_a_later_agent_saw_takes_the_blame_from_whom_an_earlier_one_was_sure_of() -> None:
    ran = investigated(CALLED, application=ERRORS, database=FULL_DATABASE)
    assert ran[0].hypotheses[0].confidence > 0.4, "nothing else was known then"
    first, *rest = rank(ran)
    assert (first.service, first.mechanism) == ("db", "connection_exhaustion")
    (victim,) = (one for one in rest if one.mechanism == "exception_in_code")
    assert 0 < victim.confidence < 0.05
    assert victim.initial_confidence == ran[0].hypotheses[0].confidence, "that stays what the agent said"
    assert victim.evidence_for == ran[0].hypotheses[0].evidence_for


def test_what_a_later_agent_saw_of_the_same_service_makes_it_likelier() -> None:
    few = [seen("error_ratio", "web", 0.6)]
    alone = investigated(CALLED, application=few)
    more = investigated(CALLED, application=few, network=[seen("broken_calls", "web", 0.7), seen("packet_drops", "web", 0.7)])
    key = (APPLICATION, "exception_in_code")
    assert more[2].findings.suspects[0].score > alone[2].findings.suspects[0].score
    first = rank(more)[0]
    assert first.mechanism == "network_loss"
    assert 0 < confidences(more)[key] < first.confidence, "the service is likelier, this mechanism at it is not"


def test_what_no_rule_said_stays_as_it_is() -> None:
    ran = investigated(CALLED, application=ERRORS, database=FULL_DATABASE)
    other = hypothesis(APPLICATION, 0.4, "a model's thought", service="elsewhere")
    ran[0] = ran[0].model_copy(update={"hypotheses": (other, *ran[0].hypotheses)})
    (found,) = (one for one in rank(ran) if one.service == "elsewhere")
    assert 0 < found.confidence <= 0.4
    assert found.model_copy(update={"confidence": 0.4}) == other


def test_an_agent_that_failed_changes_nothing() -> None:
    ran = investigated(CALLED, application=ERRORS, database=FULL_DATABASE)
    failed = Run(agent=NETWORK, outcome=Outcome.FAILED)
    assert rank([*ran[:2], failed]) == rank(ran[:2])


services = st.sampled_from(["web", "db", "cart"])
signals = st.sampled_from(
    ["error_ratio", "new_exceptions", "deploy", "cpu_usage", "db_connections_of_limit", "db_up", "gap", "refused_calls"]
)
observed = st.lists(st.builds(seen, signals, services, st.floats(0, 1), st.none() | st.floats(-5, 5)), max_size=6)


@given(observed, observed, observed)
def test_ranking_again_keeps_what_was_thought(first: list[Observation], second: list[Observation], third: list[Observation]) -> None:
    ran = investigated(CALLED, application=first, database=second, network=third)
    ranked = rank(ran)
    thought = [(one.agent, one.service, one.mechanism, one.evidence_for) for run in ran for one in run.hypotheses]
    assert sorted((one.agent, one.service, one.mechanism, one.evidence_for) for one in ranked) == sorted(thought)
    assert [one.confidence for one in ranked] == sorted((one.confidence for one in ranked), reverse=True)
    assert all(0 <= one.confidence <= SURE for one in ranked)
    assert rank(ran) == ranked


def test_the_first_is_surer_than_its_share_and_all_remain_one_whole() -> None:
    ran = investigated(CALLED, application=[seen("error_ratio", "web", score=0.4), seen("latency_p95", "cart", score=0.3)])
    thought = {(one.service, one.mechanism): one.confidence for run in ran for one in run.hypotheses}
    first, *others = rank(ran)
    assert first.confidence > thought[first.service, first.mechanism]
    assert sum(one.confidence for one in (first, *others)) <= 1


def contradicted(mechanism: str, name: str, service: str = "web") -> Tried:
    trial = Trial(name=name, verdict="contradicted", detail="it is not so", expected="it is so")
    return Tried(service=service, mechanism=mechanism, tests=(trial,))


def test_a_mechanism_that_is_not_there_leaves_its_confidence_to_others_at_its_service() -> None:
    ran = investigated(CALLED, application=[seen("slow_throughout", "web"), seen("latency_p95", "web"), seen("error_ratio", "cart", 0.5)])
    before = {(one.service, one.mechanism): one.confidence for one in rank(ran)}
    assert max(before, key=before.__getitem__) == ("web", "cpu_exhaustion")
    first, *rest = rank(ran, [contradicted("cpu_exhaustion", "must see")])
    assert (first.service, first.mechanism) == ("web", "latency_in_service")
    assert first.confidence > before[first.service, first.mechanism]
    late = rank(ran, [contradicted("cpu_exhaustion", "order")])
    said, otherwise = (sum(one.confidence for one in told if one.service == "web") for told in ((first, *rest), late))
    assert said > otherwise, "who began too late is not the one"


@pytest.mark.parametrize("name", ["peers", "control in time"])
def test_a_change_that_did_no_harm_and_what_is_so_every_day_leave_their_service_under_suspicion(name: str) -> None:
    ran = investigated(CALLED, application=[seen("deploy", "web", 0.9, minutes=-1), *ERRORS, seen("new_errors", "cart", 0.6)])
    told, late = ({one.mechanism: one for one in rank(ran, [contradicted("bad_deploy", each)])} for each in (name, "order"))
    assert told["bad_deploy"].verdict == "contradicted"
    assert told["exception_in_code"].service == "web"
    assert told["exception_in_code"].confidence > late["exception_in_code"].confidence, "who began too late is not the one"


def test_who_was_thought_the_victim_of_what_is_not_broken_leads_then() -> None:
    """`web` fails and says that `db` does not answer, which by its own numbers does."""
    ran = investigated(CALLED, application=ERRORS, network=[seen("log_no_answer", "db")])
    first, *_ = rank(ran)
    assert (first.service, first.mechanism) == ("db", "unavailable")
    leader, *rest = rank(ran, [contradicted("unavailable", "must see", "db")])
    assert (leader.service, leader.mechanism) == ("web", "exception_in_code")
    (felled,) = (one for one in rest if one.service == "db")
    assert (felled.verdict, felled.tests[0].name) == ("contradicted", "must see"), "it stays visible"
    assert 0 < felled.confidence < 0.5 < leader.confidence


def test_where_nothing_else_is_likely_what_was_contradicted_is_hardly_blamed() -> None:
    ran = investigated(CALLED, network=[seen("absent", "db")])
    before, after = rank(ran)[0], rank(ran, [contradicted("unavailable", "dose", "db")])[0]
    assert after.confidence < before.confidence / 4


def test_the_likeliest_service_leads_also_if_it_is_not_clear_how_it_broke() -> None:
    unclear = [seen("error_ratio", "web"), seen("latency_p95", "web", 0.9)]
    ran = investigated(CALLED, application=[*unclear, seen("out_of_memory_kills", "cart", 0.48)])
    shares = {one.service: one.score for one in ran[-1].findings.suspects}
    assert shares["web"] > shares["cart"] > max(one.confidence for run in ran for one in run.hypotheses if one.service == "web")
    assert rank(ran)[0].service == "web"
