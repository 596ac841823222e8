"""An answer is looked at again some minutes later: what recovered, of what it blames and of what users feel, and what did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from compass_core.agents.grader import graded
from compass_core.agents.view import Sources, View
from compass_core.errors import Reason
from compass_core.readings import Series
from tests.agents.asking import down, view_of
from tests.fakes import FakeClock, inline
from tests.playing import Asked, demo_incident, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from compass_core.agents.grader import Grade
    from compass_core.domain import Conclusion

WELL, TROUBLE = -timedelta(minutes=5), timedelta(minutes=10)  # of the recording's incident: when all was well, and when nothing was


async def looked_again(after: timedelta, change: Callable[[Any], Any] = lambda one: one, ended: Conclusion | None = None) -> Grade | None:
    asked, incident = Asked(change), await demo_incident()
    ended = ended or (await play(None)).conclusion
    view = View(Sources(asked, asked, asked, asked), inline, FakeClock())
    grade = await graded(view, ended, incident.started_at + after)
    assert sum(asked.questions.values()) <= 3
    return grade


def still(signals: str) -> Callable[[Any], Any]:
    """Only the signals whose names begin so are as bad as they can be."""
    return lambda one: replace(one, v=one.v * 0 + 1e6) if isinstance(one, Series) and one.selection.signal.startswith(signals) else one


async def test_what_recovers_with_the_symptom_was_right() -> None:
    grade = await looked_again(WELL)
    assert grade is not None
    assert (grade.right, grade.told.startswith("recovered together by ")) == (True, True)
    assert "bookings-db: connections in use " in grade.told


@pytest.mark.parametrize(
    ("stays", "said"),
    [
        ("latency", "connections in use"),
        ("db_", "latency"),
    ],
)
async def test_what_recovers_alone_speaks_against_it(stays: str, said: str) -> None:
    grade = await looked_again(WELL, still(stays))
    assert grade is not None
    assert grade.right is False
    went, _, stayed = grade.told.partition(", as usual, but still ")
    assert said in went
    assert said not in stayed


async def test_while_all_goes_on_it_is_too_early_to_say() -> None:
    assert await looked_again(TROUBLE) is None
    assert await looked_again(WELL, still("db_connections_of_limit")) is None, "nor while only some of what is blamed does"


async def test_what_cannot_be_measured_again_is_not_graded() -> None:
    ended = (await play(None)).conclusion
    assert await graded(view_of(down(Reason.UNREACHABLE)), ended, ended.investigation.incident.started_at) is None
    first = ended.hypotheses[0].model_copy(update={"evidence_for": ()})
    assert await looked_again(WELL, ended=ended.model_copy(update={"hypotheses": (first,)})) is None
