"""Ranking is a stable sort that drops and merges nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compass_core.hypotheses.rank import rank
from compass_core.model import AgentName, Outcome, Run
from tests.fakes import hypothesis


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
