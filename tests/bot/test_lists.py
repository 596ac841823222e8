"""What was investigated, what people say of it and what it cost: each person is shown what they may see."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.blocks import text_of
from bot.workspace import ALEX, INCIDENTS, SAM
from bot.workspace.board import CHANNELS
from compass_core.domain import Address, AgentName, Feedback
from tests.bot.made import INVESTIGATION, START, FakeCompass, conclusion, hypothesis
from tests.bot.test_app import answer, served
from tests.workspace.strict import SECRET

if TYPE_CHECKING:
    from compass_core.domain import Conclusion
    from tests.workspace.strict import Workspace

PUBLIC = list(CHANNELS)[1]


def ended(key: str, channel: str = INCIDENTS, ago: timedelta = timedelta(hours=3), **more: object) -> Conclusion:
    incident = INVESTIGATION.incident.model_copy(update={"id": f"INC-{key}"})
    where = {"id": key, "incident": incident, "address": Address(channel=channel), "started_at": START - ago}
    return conclusion(investigation=INVESTIGATION.model_copy(update=where), **more)


@pytest.fixture
def compass(compass: FakeCompass) -> FakeCompass:
    compass.history.ended = [ended("1"), ended("2", PUBLIC), ended("3", SECRET)]
    running = ended("4", SECRET).investigation
    compass.history.known[running.id] = running
    return compass


@pytest.mark.parametrize("what", ["status", "list", "history"])
async def test_a_private_channels_incidents_are_shown_to_those_alone_who_are_in_it(
    compass: FakeCompass, workspace: Workspace, what: str
) -> None:
    workspace.board.private[SAM] = (SECRET,)
    async with served(compass, workspace):
        await workspace.command(what, user=ALEX)
        outside = await answer(workspace, "0 running, 2 ended lately")
        await workspace.command(what, user=SAM)
        inside = await answer(workspace, f"{0 if what == 'history' else 1} running, 3 ended lately")
    assert ("INC-1" in outside.text, "INC-2" in outside.text, "INC-3" in outside.text, "INC-4" in outside.text) == (
        True,
        True,
        False,
        False,
    )
    assert "INC-3" in inside.text


async def test_where_slack_does_not_say_where_a_person_is_the_channels_own_are_shown(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        for channel, own in ((INCIDENTS, "INC-1"), (SECRET, "INC-3")):
            workspace.fail_next("users.conversations", "missing_scope")
            await workspace.command("history", channel=channel, user=ALEX)
            told = await answer(workspace, "0 running, 1 ended lately", own)
            assert told.channel == channel


async def test_history_says_what_people_and_time_say_of_an_answer(compass: FakeCompass, workspace: Workspace) -> None:
    about = {"investigation": "1", "hypothesis": hypothesis().about}
    await compass.history.answered(Feedback(**about, person="", name="", right=True, note="recovered together by 14:25 UTC"))
    await compass.history.answered(Feedback(**about, person="U1", name="sam", right=False, was="redis"))
    async with served(compass, workspace):
        await workspace.command("history inc-1")
        told = await answer(workspace, "0 running, 1 ended lately")
    for wanted in ("3 h ago: finished", "connection exhaustion (86%", "recovered together by 14:25 UTC", "sam says: wrong, it was redis"):
        assert wanted in told.text
    assert "INC-2" not in told.text


async def test_of_what_nobody_investigated_there_is_no_history(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.command("history inc-99")
        await answer(workspace, "No investigation of inc-99 has ended that you may see")


async def test_the_cost_of_this_month_by_day_and_agent(compass: FakeCompass, workspace: Workspace) -> None:
    spent = {AgentName.APPLICATION: Decimal("0.5"), AgentName.DATABASE: Decimal("0.25")}
    days = (timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=9))
    compass.history.ended = [ended(f"{number}", SECRET, ago, costs=spent) for number, ago in enumerate(days)]
    async with served(compass, workspace):
        await workspace.command("cost")
        told = await answer(workspace, "January 2026: $2.2500")
    assert "2026-01-05: $1.5000 (application $1.0000, database $0.5000, network $0.0000)" in told.text
    assert "2026-01-04: $0.7500" in told.text
    assert "2025-12" not in told.text


async def test_the_apps_home_shows_what_a_person_may_see_and_the_cost(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.open_home(ALEX)
        async with asyncio.timeout(10):
            while ALEX not in workspace.board.homes:
                await workspace.board.changed(workspace.board.version)
    told = text_of(workspace.board.homes[ALEX]["blocks"])
    assert "0 running, 2 ended lately" in told
    assert "postgres-orders: connection exhaustion (86%" in told
    assert "January 2026: $0.0000" in told
    assert "INC-3" not in told
