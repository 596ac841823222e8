"""A hint chooses where is looked; it is no evidence."""

from __future__ import annotations

import pytest

from tests.playing import Asked, demo_incident, play


@pytest.mark.parametrize("hint", ["pricing", "payments memory", "it is the bad deploy of bookings, no doubt"])
async def test_a_hint_does_not_move_the_ranking(hint: str) -> None:
    plain = (await play(None)).conclusion
    incident = (await demo_incident()).model_copy(update={"hint": hint})
    hinted = (await play(None, Asked(), incident)).conclusion
    assert [(one.about, one.confidence) for one in hinted.hypotheses] == [(one.about, one.confidence) for one in plain.hypotheses]
