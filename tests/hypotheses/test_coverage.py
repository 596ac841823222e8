from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import AgentName, Findings, Gap, Looked, Outcome, Run
from compass_core.errors import Reason
from compass_core.hypotheses.coverage import coverage, is_blind, unread
from tests.bot.made import WINDOW, observation

WELL = tuple(Run(agent=name, outcome=Outcome.ANSWERED) for name in AgentName)


def gap(source: str, reason: Reason = Reason.TIMEOUT) -> Gap:
    return Gap(source=source, reason=reason, detail="no answer")


def seeing(*gaps: Gap, silent: tuple[str, ...] = ()) -> tuple[Run, ...]:
    return tuple(run.model_copy(update={"findings": Findings(gaps=gaps, silent=silent)}) for run in WELL)


def test_all_agents_with_all_that_is_configured_cover_everything() -> None:
    assert coverage(WELL) == 1
    assert coverage(seeing(gap("traces", Reason.NOT_CONFIGURED), gap("Loki", Reason.TRUNCATED), gap("changes"))) == 1
    assert coverage((*WELL[:2], Run(agent=AgentName.NETWORK, outcome=Outcome.SKIPPED, reason="not configured"))) == 1


def test_an_agent_that_was_left_out_is_missing() -> None:
    """How often an answer is right was counted with all three."""
    assert coverage((*WELL[:2], Run(agent=AgentName.NETWORK, outcome=Outcome.SKIPPED, reason="left out"))) < 1


def test_agents_whose_turn_did_not_come_are_missing() -> None:
    assert 1 > coverage(WELL[:2]) > coverage(WELL[:1]) > coverage(()) == 0


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.FAILED, Outcome.OUT_OF_BUDGET, Outcome.SKIPPED])
def test_an_agent_that_did_not_finish_is_missing_less_where_it_saw_something(outcome: Outcome) -> None:
    nothing = Run(agent=AgentName.NETWORK, outcome=outcome, reason="late")
    some = nothing.model_copy(update={"findings": Findings(observations=(observation(),))})
    assert coverage((*WELL[:2], nothing)) <= coverage((*WELL[:2], some)) < 1
    assert coverage((nothing,)) == 0


def test_more_that_could_not_be_read_covers_less() -> None:
    part = coverage(seeing(gap("Prometheus")))
    whole = coverage(seeing(gap("metrics"), silent=("metrics",)))
    both = coverage(seeing(gap("metrics"), gap("logs"), silent=("logs", "metrics")))
    only = coverage(
        seeing(
            gap("metrics"), gap("logs", Reason.NOT_CONFIGURED), gap("traces", Reason.NOT_CONFIGURED), silent=("logs", "metrics", "traces")
        )
    )
    assert 1 > part > whole > both > only == 0
    assert unread(seeing(gap("Prometheus"), gap("traces"), gap("logs", Reason.NOT_CONFIGURED))) == ("metrics", "traces")


def test_a_baseline_that_is_short_or_troubled_covers_less() -> None:
    looked = Looked(window=WINDOW, baseline=WINDOW, why="so", clean=0.5)
    assert coverage(tuple(run.model_copy(update={"findings": Findings(looked=looked)}) for run in WELL)) < 1


def test_blind_is_who_got_nothing_from_anywhere() -> None:
    every = ("logs", "metrics", "traces")
    assert is_blind(seeing(silent=every))
    assert not is_blind(seeing(silent=every[:2]))
    assert not is_blind((*seeing(silent=every)[:1], *WELL[1:])), "what one agent read was read"
    late = Run(agent=AgentName.DATABASE, outcome=Outcome.STOPPED, reason="late")
    assert is_blind((*seeing(silent=every)[:1], late)), "whose time was up read nothing either"
    assert not is_blind((late.model_copy(update={"outcome": Outcome.FAILED}),))
    assert not is_blind(())
    assert not is_blind(WELL)


@given(st.lists(st.builds(Run, agent=st.sampled_from(AgentName), outcome=st.sampled_from(Outcome), reason=st.sampled_from(["", "left out"]), findings=st.builds(Findings, gaps=st.lists(st.builds(gap, st.sampled_from(["metrics", "logs", "Tempo", "x"]), st.sampled_from(Reason))).map(tuple))), max_size=3, unique_by=lambda run: run.agent))  # fmt: skip
def test_coverage_is_a_share(runs: list[Run]) -> None:
    assert 0 <= coverage(runs) <= 1
