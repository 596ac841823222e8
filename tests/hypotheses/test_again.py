"""Whether the same was found before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compass_core.domain import Conclusion, Feedback
from compass_core.hypotheses.again import seen_before
from tests.bot.made import INVESTIGATION, conclusion, hypothesis

NOW = conclusion()


def past(days: int, key: str = "old", **other: object) -> Conclusion:
    incident = INVESTIGATION.incident.model_copy(update={"started_at": INVESTIGATION.incident.started_at - timedelta(days=days)})
    return conclusion(investigation=INVESTIGATION.model_copy(update={"id": f"{key}-{days}", "incident": incident}), **other)


def when(*earlier: Conclusion) -> str:
    return seen_before(NOW, earlier).get("seen_before", "")


def test_the_same_cause_by_the_same_signals_is_counted_and_the_last_is_named() -> None:
    assert when() == ""
    assert when(past(9)) == "Seen 1 time before, last on 2025-12-27"
    assert when(past(9), past(2), NOW) == "Seen 2 times before, last on 2026-01-03"
    assert when(past(0, "again"), past(9), past(9, "again")).startswith("Seen 1 time"), "one that is looked at again is one"


def test_of_the_last_it_is_told_which_it_was_what_people_said_and_what_ended_it() -> None:
    about = {"investigation": "newer-2", "hypothesis": hypothesis().about, "right": True}
    said = (Feedback(**about, person="", name="", note="recovered together"), Feedback(**about, person="U1", name="sam"))
    told = seen_before(NOW, (past(2, "newer", feedback=said), past(2, "older"), past(9)))
    assert told["seen_in"] == "newer-2"
    assert told["seen_how"] == "INC-42; recovered together; sam says: right, it was postgres-orders: connection exhaustion"


@pytest.mark.parametrize("other", [{"service": "cart"}, {"mechanism": "disk_io"}, {"evidence_for": ()}])
def test_another_cause_or_other_signals_are_not_the_same(other: dict[str, object]) -> None:
    assert when(past(3, hypotheses=(hypothesis().model_copy(update=other),))) == ""
    assert seen_before(past(1, hypotheses=()), (past(3),)) == {}
