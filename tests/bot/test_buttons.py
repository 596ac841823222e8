"""What a person clicks while an investigation runs and after it: stop, everything behind a message, go on with more money."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot import blocks
from bot.blocks import text_of
from bot.workspace import INCIDENTS, SAM
from compass_core.domain import AgentName, Outcome
from tests.bot.made import INVESTIGATION, FakeCompass, conclusion, hypothesis, observation, run
from tests.bot.test_app import answer, is_step, says, served

if TYPE_CHECKING:
    from bot.workspace import Message
    from tests.workspace.strict import Workspace


async def posted(workspace: Workspace, message: blocks.Message) -> Message:
    return workspace.board.add(INCIDENTS, message.text, blocks=message.blocks)


async def test_stop_is_clicked_on_the_root_and_the_thread_says_by_whom(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        root = await workspace.wait_for(is_step("root"))
        await workspace.wait_for(is_step(AgentName.APPLICATION))
        await workspace.click(INCIDENTS, root.ts, "stop", user=SAM)
        await answer(workspace, "Stopping INC-42")
        assert says("stopped by sam")(await workspace.wait_for(is_step("final")))


async def test_who_asked_is_named(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.command("investigate INC-42", user=SAM)
        final = await workspace.wait_for(is_step("final"))
        await workspace.wait_for(lambda message: is_step("root")(message) and message.edited)
        await workspace.click(INCIDENTS, final.ts, "reinvestigate")
        await workspace.wait_for(lambda message: is_step("final")(message) and message.ts != final.ts)
    assert [request.asked_by for request in compass.requests] == ["sam", "alex"]


async def test_evidence_opens_in_a_modal_and_its_pages_turn(compass: FakeCompass, workspace: Workspace) -> None:
    ranked = tuple(hypothesis(0.9 - rank / 20, statement=f"cause {rank}") for rank in range(9))
    seen = observation(link=None, query="max(pool_waits)")
    ended = conclusion(hypotheses=ranked, runs=(run(findings=run().findings.model_copy(update={"observations": (seen,)})),))
    compass.history.ended.append(ended)
    async with served(compass, workspace):
        final = await posted(workspace, blocks.final(ended))
        await workspace.click(INCIDENTS, final.ts, "show", user=SAM)
        await seen_by(workspace, "cause 0", "max(pool_waits)")
        await workspace.turn("show_after", user=SAM)
        await seen_by(workspace, "cause 4")
        await workspace.turn("show_before", user=SAM)
        await seen_by(workspace, "cause 0")
    assert list(workspace.board.views) == [SAM], "nobody else sees it"


async def seen_by(workspace: Workspace, *told: str) -> None:
    async with asyncio.timeout(10):
        while True:
            version = workspace.board.version
            text = text_of(workspace.board.views.get(SAM, {"blocks": []})["blocks"])
            if all(each in text for each in told):
                return
            await workspace.board.changed(version)


@pytest.mark.parametrize("kept", [False, True])
async def test_what_cannot_be_opened_is_said(compass: FakeCompass, workspace: Workspace, kept: bool) -> None:  # noqa: FBT001 - a column
    if kept:
        compass.history.ended.append(conclusion())
        workspace.fail_next("views.open", "expired_trigger_id")
    async with served(compass, workspace):
        final = await posted(workspace, blocks.final(conclusion()))
        await workspace.click(INCIDENTS, final.ts, "show")
        await answer(workspace, "Click again" if kept else "opens when the investigation has ended")


async def test_more_money_goes_on_with_what_was_found(compass: FakeCompass, workspace: Workspace) -> None:
    compass.history.known["0f3a"] = INVESTIGATION
    ended = conclusion(outcome=Outcome.OUT_OF_BUDGET, reason="database: $10.0000 was billed")
    compass.history.ended.append(ended)
    async with served(compass, workspace):
        final = await posted(workspace, blocks.final(ended))
        await workspace.click(INCIDENTS, final.ts, "raise")
        await workspace.wait_for(is_step("final"))
        compass.history.known["later"] = INVESTIGATION.model_copy(update={"id": "later", "goes_on": "0f3a"})
        await workspace.click(INCIDENTS, final.ts, "raise")
        await answer(workspace, "The budget was raised already")
    (request,) = compass.requests
    assert (request.incident, request.budget, request.goes_on) == (INVESTIGATION.incident, Decimal("20.00"), "0f3a")
