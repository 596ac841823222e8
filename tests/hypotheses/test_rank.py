"""Ranking is a stable sort that drops and merges nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compass_core.hypotheses.propose import propose
from compass_core.hypotheses.rank import rank
from compass_core.model import AgentName, Findings, Observation, Outcome, Run, Suspect
from tests.fakes import hypothesis, observation


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


def test_what_nobody_suspects_any_more_comes_last() -> None:
    """The database agent sees what explains all that the application agent saw: nothing is left of its confidence, not even by rounding."""
    seen = observation(AgentName.APPLICATION, service="web", signal="new_errors", score=1.0)
    deploy = observation(AgentName.APPLICATION, name="A2", service="web", signal="deploy", score=1.0)
    full = observation(AgentName.DATABASE, service="db", signal="db_connections_of_limit", score=1.0)

    def run(agent: AgentName, before: tuple[Observation, ...], mine: tuple[Observation, ...], **blame: float) -> Run:
        blamed = tuple(Suspect(service=service, score=score) for service, score in blame.items())
        findings = Findings(observations=mine, suspects=blamed)
        return Run(agent=agent, outcome=Outcome.ANSWERED, findings=findings, hypotheses=propose(agent, (*before, *mine), findings))

    first = run(AgentName.APPLICATION, (), (seen, deploy), web=1.0, db=0.0)
    ranked = rank((first, run(AgentName.DATABASE, (seen, deploy), (full,), db=1.0, web=0.00001)))
    assert first.hypotheses[0].confidence > 0.9
    assert ranked[0].service == "db"
    assert ranked[0].confidence > 0.9
    assert {one.confidence for one in ranked if one.service == "web"} == {0}


levels = st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), max_size=5)


@given(levels, levels, levels)
def test_ties_keep_the_order_of_the_agents_and_nothing_is_lost(first: list[float], second: list[float], third: list[float]) -> None:
    given = runs(first, second, third)
    ranked = rank(given)
    assert sorted(int(one.statement) for one in ranked) == list(range(len(first) + len(second) + len(third)))
    assert [(-one.confidence, int(one.statement)) for one in ranked] == sorted((-one.confidence, int(one.statement)) for one in ranked)
    assert rank(given) == ranked
