"""Whether the same was found before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compass_core.domain import Conclusion
from compass_core.hypotheses.again import seen_before
from tests.bot.made import INVESTIGATION, conclusion, hypothesis

NOW = conclusion()


def past(days: int, key: str = "old", **other: object) -> Conclusion:
    incident = INVESTIGATION.incident.model_copy(update={"started_at": INVESTIGATION.incident.started_at - timedelta(days=days)})
    return conclusion(investigation=INVESTIGATION.model_copy(update={"id": f"{key}-{days}", "incident": incident}), **other)


def test_the_same_cause_by_the_same_signals_is_counted_and_the_last_is_named() -> None:
    assert seen_before(NOW, ()) == ""
    assert seen_before(NOW, (past(9),)) == "Seen 1 time before, last on 2025-12-27 (INC-42)."
    assert seen_before(NOW, (past(9), past(2), NOW)) == "Seen 2 times before, last on 2026-01-03 (INC-42)."
    assert seen_before(NOW, (past(0, "again"), past(9), past(9, "again"))).startswith("Seen 1 time"), "one that is looked at again is one"


@pytest.mark.parametrize("other", [{"service": "cart"}, {"mechanism": "disk_io"}, {"evidence_for": ()}])
def test_another_cause_or_other_signals_are_not_the_same(other: dict[str, object]) -> None:
    assert seen_before(NOW, (past(3, hypotheses=(hypothesis().model_copy(update=other),)),)) == ""
    assert seen_before(past(1, hypotheses=()), (past(3),)) == ""
