"""A person says whether an answer is right: it is kept, and the thread is told once, in one short line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bot import blocks
from bot.app import build_app
from bot.blocks import text_of
from bot.desk import Tasks
from bot.listeners import register
from bot.workspace import ALEX, INCIDENTS, SAM, TEAM
from compass_core.domain import Conclusion, Feedback, Post
from compass_core.errors import StoreError
from compass_core.settings import SlackAccess
from tests.bot.made import FakeCompass, conclusion, hypothesis
from tests.bot.test_app import served
from tests.workspace.limits import mentions

if TYPE_CHECKING:
    from bot.workspace import Message
    from tests.workspace.strict import Workspace

LEADER, OTHER = hypothesis(), hypothesis(0.1, service="redis", mechanism="eviction", statement="The cache of redis is full.")
ENDED = conclusion(hypotheses=(LEADER, OTHER))


@pytest.fixture
async def final(compass: FakeCompass, workspace: Workspace) -> Message:
    """The final message of a thread in a workspace that the bot serves."""
    return await thread(compass, workspace, ENDED)


async def thread(compass: FakeCompass, workspace: Workspace, ended: Conclusion) -> Message:
    compass.history.ended.append(ended)
    root = workspace.board.add(INCIDENTS, "root")
    await compass.outbox.record(Post(investigation="0f3a", step="root", channel=INCIDENTS, ts=root.ts))
    told = blocks.final(ended)
    return workspace.board.add(INCIDENTS, told.text, blocks=told.blocks, thread_ts=root.ts)


def lines(workspace: Workspace, final: Message) -> list[str]:
    return [message.text for message in workspace.messages if message.thread_ts == final.thread_ts and message.ts != final.ts]


async def told(workspace: Workspace, final: Message, *wanted: str) -> None:
    line = await workspace.wait_for(lambda message: all(each in message.text for each in wanted) and message.ts != final.ts)
    assert (line.channel, line.thread_ts) == (INCIDENTS, final.thread_ts)


async def opened(workspace: Workspace, person: str, *wanted: str) -> None:
    async with asyncio.timeout(10):
        while True:
            version, view = workspace.board.version, workspace.board.views.get(person)
            if view and all(each in text_of([one for one in view["blocks"] if one["type"] != "input"]) for each in wanted):
                return
            await workspace.board.changed(version)


async def test_right_is_kept_and_told_in_the_thread_once(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    async with served(compass, workspace):
        await workspace.click(INCIDENTS, final.ts, "right_0", user=SAM)
        await told(workspace, final, "sam says: right, it was postgres-orders: connection exhaustion")
        await workspace.click(INCIDENTS, final.ts, "right_0", user=SAM)
        await workspace.click(INCIDENTS, final.ts, "right_0", user=ALEX)
        await told(workspace, final, "alex says: right")
    assert len(lines(workspace, final)) == 2, "who says the same again is not told again"
    (kept,) = (one for one in compass.history.said.values() if one.person == SAM)
    assert (kept.investigation, kept.hypothesis, kept.right) == ("0f3a", LEADER.about, True)
    (ended,) = await compass.history.recent(1)
    assert ended.judged is True


async def test_wrong_asks_what_it_was_and_replaces_what_was_said_before(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    async with served(compass, workspace):
        await workspace.click(INCIDENTS, final.ts, "right_0", user=SAM)
        await told(workspace, final, "sam says: right")
        await workspace.click(INCIDENTS, final.ts, "wrong_0", user=SAM)
        await opened(workspace, SAM, "Not postgres-orders: connection exhaustion")
        await workspace.submit({"other": "1", "note": "the cache was full"}, user=SAM)
        await told(workspace, final, "sam says: wrong, it was redis: eviction, not postgres-orders", "(“the cache was full”)")
        await workspace.click(INCIDENTS, final.ts, "wrong_0", user=SAM)
        await opened(workspace, SAM, "Not postgres-orders")
        await workspace.submit({"other": "1", "was": "dns"}, user=SAM)
        await told(workspace, final, "sam says: wrong, it was dns, not postgres-orders")
    (kept,) = compass.history.said.values()
    assert (kept.right, kept.was, kept.note) == (False, "dns", "")


async def test_every_hypothesis_can_be_judged_behind_evidence(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    async with served(compass, workspace):
        await workspace.click(INCIDENTS, final.ts, "show", user=SAM)
        await opened(workspace, SAM, "redis: eviction")
        await workspace.turn("right_1", user=SAM)
        await opened(workspace, SAM, "sam says: right, it was redis: eviction")
        await told(workspace, final, "sam says: right, it was redis: eviction")
        await workspace.turn("wrong_0", user=SAM)
        await opened(workspace, SAM, "Not postgres-orders")
        await workspace.submit({}, user=SAM)
        await told(workspace, final, "sam says: wrong, it was not postgres-orders")
    (ended,) = await compass.history.recent(1)
    assert ended.judged is False


async def test_what_was_typed_pings_nobody_holds_no_secret_and_is_short(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    async with served(compass, workspace):
        await workspace.click(INCIDENTS, final.ts, "wrong_0")
        await opened(workspace, ALEX, "Not postgres-orders")
        await workspace.submit({"was": "<!channel>", "note": "password=hunter2hunter2 <https://evil.example|ok> " + "x" * 200})
        await told(workspace, final, "alex says: wrong, it was &lt;!channel&gt;")
    (line,) = (message for message in workspace.messages if "says: wrong" in message.text)
    assert mentions(line) == ()
    (kept,) = compass.history.said.values()
    assert "hunter2" not in kept.model_dump_json() + line.text


async def test_a_forged_note_is_cut(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    await submit(compass, workspace, TEAM, "n" * 5_000)
    (kept,) = compass.history.said.values()
    assert len(kept.note) <= blocks.LONGEST_NOTE


async def test_people_of_another_team_say_nothing(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    await submit(compass, workspace, "T0EVIL", "")
    assert compass.history.said == {}


async def submit(compass: FakeCompass, workspace: Workspace, team: str, note: str) -> None:
    app, tasks = build_app(SlackAccess(workspace.bot_token, workspace.app_token, workspace.api_url)), Tasks()
    register(app, compass, tasks)
    state = {"was": {"typed": {"value": "dns"}}, "note": {"typed": {"value": note}}}
    view = {"type": "modal", "callback_id": "correction", "private_metadata": "0 hypotheses 0f3a", "state": {"values": state}}
    body = {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": ALEX, "username": "alex", "team_id": team}, "view": view}
    await app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    await tasks.drain(5)


async def test_what_cannot_be_kept_is_said_also_in_a_modal(compass: FakeCompass, workspace: Workspace, final: Message) -> None:
    async def broken(feedback: Feedback) -> bool:
        raise StoreError("The database did not do it: disk full.")

    compass.history.answered = broken  # type: ignore[method-assign]
    async with served(compass, workspace):
        await workspace.click(INCIDENTS, final.ts, "wrong_0", user=SAM)
        await opened(workspace, SAM, "Not postgres-orders")
        await workspace.submit({"was": "dns"}, user=SAM)
        message = await workspace.wait_for(lambda message: "disk full" in message.text)
    assert message.channel == SAM
    assert lines(workspace, final) == []
