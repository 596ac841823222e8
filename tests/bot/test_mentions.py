"""What people say to Compass by its name, in the thread of an investigation and elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.workspace import BOT_USER, INCIDENTS, SAM
from compass_core.agents.asked import Wording
from compass_core.domain import Question
from compass_core.errors import Reason, SourceError
from compass_core.readings import Reading
from tests.agents.asking import view_of
from tests.bot.made import FakeCompass
from tests.bot.test_app import answer, is_step, says, served
from tests.fakes import FakeModel, FakeSource
from tests.workspace.limits import mentions

if TYPE_CHECKING:
    from bot.workspace import Message
    from tests.workspace.strict import Workspace


async def investigated(workspace: Workspace) -> Message:
    """The root message of one that has ended."""
    await workspace.command("investigate INC-42")
    await workspace.wait_for(is_step("final"))
    return await workspace.wait_for(lambda message: is_step("root")(message) and message.edited)


async def replied(workspace: Workspace, asked: Message) -> Message:
    return await workspace.wait_for(is_step(f"question {asked.ts}"))


async def test_a_question_is_answered_in_its_thread_for_everyone(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        root = await investigated(workspace)
        asked = await workspace.write("@Compass how sure?", thread_ts=root.ts, user=SAM)
        told = await replied(workspace, asked)
    assert (told.channel, told.thread_ts, told.ephemeral) == (INCIDENTS, root.ts, "")
    assert "postgres-orders: connection exhaustion" in told.text
    assert "From what was found then" in told.text
    assert not mentions(told)


async def test_replies_come_one_after_the_other_and_each_once(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        root = await investigated(workspace)
        texts = ("why not redis?", "how sure?", "what did you not look at?", "why not postgres-orders?")
        asked = [await workspace.write(f"@Compass {text}", thread_ts=root.ts) for text in texts]
        await workspace.tell(asked[1], "app_mention")  # Slack brings it again
        await workspace.write("@Compass what changed?", thread_ts=root.ts)
        await workspace.wait_for(says("changes"))
    steps = [message.metadata["event_payload"]["step"] for message in workspace.messages if message.metadata]
    assert [step for step in steps if step.startswith("question")][:4] == [f"question {one.ts}" for one in asked]
    assert len([step for step in steps if step.startswith("question")]) == len(texts) + 1


async def test_a_question_waits_for_the_one_before_it(compass: FakeCompass, workspace: Workspace) -> None:
    begun, release, looked = asyncio.Event(), asyncio.Event(), []

    class Slow(FakeSource):
        async def families(self, *_: object) -> Reading[object]:
            begun.set()
            await release.wait()
            return Reading()

    in_thread = compass.history.in_thread

    async def counted(channel: str, ts: str) -> tuple[str, ...]:
        looked.append(ts)
        return await in_thread(channel, ts)

    compass.history.in_thread = counted  # type: ignore[method-assign]
    compass.view = view_of(Slow())
    async with served(compass, workspace):
        root = await investigated(workspace)
        first = await workspace.write("@Compass show redis errors by pod", thread_ts=root.ts)
        await begun.wait()
        second = await workspace.write("@Compass how sure?", thread_ts=root.ts)
        for _ in range(100):  # turns of the loop, in which it could have begun
            await asyncio.sleep(0)
        assert len(looked) == 1
        release.set()
        assert (await replied(workspace, first)).ts < (await replied(workspace, second)).ts


async def test_what_cannot_be_answered_is_said_with_what_can(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        root = await investigated(workspace)
        await workspace.write("@Compass please restart checkout", thread_ts=root.ts, user=SAM)
        told = await answer(workspace, "I cannot answer that", "show errors of checkout")
    assert (told.ephemeral, told.thread_ts) == (SAM, root.ts)


@pytest.mark.parametrize("inside", [False, True])
async def test_elsewhere_it_says_how_to_ask(compass: FakeCompass, workspace: Workspace, inside: bool) -> None:  # noqa: FBT001 - a column
    async with served(compass, workspace):
        other = await workspace.write("lunch?")
        await workspace.write("@Compass why not redis?", thread_ts=other.ts if inside else "")
        told = await answer(workspace, "Ask in the thread of an investigation", "@Compass investigate INC-42")
    assert told.thread_ts == (other.ts if inside else "")
    assert len(compass.requests) == 0


async def test_while_it_looks_it_says_so(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        root = await workspace.wait_for(is_step("root"))
        await workspace.wait_for(is_step("application"))
        await workspace.write("@Compass how sure?", thread_ts=root.ts)
        await answer(workspace, "It is still looking")
        compass.gate.set()
        await workspace.wait_for(is_step("final"))


@pytest.mark.parametrize("inside", [False, True])
async def test_a_mention_investigates_where_it_is_written(compass: FakeCompass, workspace: Workspace, inside: bool) -> None:  # noqa: FBT001 - a column
    async with served(compass, workspace):
        alert = await workspace.write("checkout is red")
        await workspace.write("@Compass investigate INC-42 --budget 5", thread_ts=alert.ts if inside else "", user=SAM)
        root = await workspace.wait_for(is_step("root"))
        await workspace.wait_for(is_step("final"))
    assert root.thread_ts == (alert.ts if inside else "")
    assert [(str(request.budget), request.asker, request.asked_by) for request in compass.requests] == [("5", SAM, "sam")]


async def test_where_slack_does_not_tell_who_asks_it_is_investigated_all_the_same(compass: FakeCompass, workspace: Workspace) -> None:
    workspace.fail_next("users.info", error="missing_scope")
    async with served(compass, workspace):
        await workspace.write("@Compass investigate INC-42", user=SAM)
        await workspace.wait_for(is_step("final"))
    assert [(request.asker, request.asked_by) for request in compass.requests] == [(SAM, "")]


async def test_strangers_and_the_bot_itself_are_not_answered(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        root = await investigated(workspace)
        before = len(workspace.messages)
        message = await workspace.write("how sure?", thread_ts=root.ts)
        for more in ({"user_team": "T99999999"}, {"team": ""}, {"user": BOT_USER, "bot_id": "B1"}):
            await workspace.tell(message, "app_mention", **more)
        asked = await workspace.write("@Compass how sure?", thread_ts=root.ts)
        await replied(workspace, asked)
    told = workspace.messages[before:]
    assert [one.text.partition(" ")[0] for one in told if one.ephemeral] == ["Only", "Only"]
    assert len([one for one in told if one.metadata]) == 1


async def test_secrets_that_are_typed_stay_secret(compass: FakeCompass, workspace: Workspace) -> None:
    secret = "xoxb-1234567890-abcdefghijabcdefghij1234"
    async with served(compass, workspace):
        root = await investigated(workspace)
        asked = await workspace.write(f"@Compass why not {secret}?", thread_ts=root.ts)
        await workspace.wait_for(lambda one: one.ts > asked.ts and one.user == BOT_USER)
    assert not [one for one in workspace.messages if one.user == BOT_USER and secret in one.text.lower()]


async def test_a_source_that_is_down_is_told(compass: FakeCompass, workspace: Workspace) -> None:
    down = SourceError("Prometheus", Reason.UNREACHABLE, "no connection")
    compass.view = view_of(FakeSource(fails=dict.fromkeys(("families", "series", "changes"), down)))
    async with served(compass, workspace):
        root = await investigated(workspace)
        asked = await workspace.write("@Compass show redis errors by pod", thread_ts=root.ts)
        told = await replied(workspace, asked)
    assert "Could not read: no metrics: no connection" in told.text


class Choosing(FakeModel):
    """Takes any question for how sure, and says something."""

    def answer(self, agent: object) -> Question | Wording:  # type: ignore[override]  # it answers what it is asked
        return self.replies.pop(0)

    replies: list[Question | Wording]


async def test_a_model_chooses_and_words_and_is_marked(compass: FakeCompass, workspace: Workspace) -> None:
    compass.model = model = Choosing()
    kind = Question(kind="sure", about="", mechanism="", signal="", by="", days=1)
    model.replies = [kind, Wording(answer="Rather: it began first. <!here>"), kind.model_copy(update={"kind": "none"})]
    async with served(compass, workspace):
        root = await investigated(workspace)
        asked = await workspace.write("@Compass would you bet your pager on that", thread_ts=root.ts)
        told = await replied(workspace, asked)
        await workspace.tell(asked, "app_mention")  # Slack brings it again
        await workspace.write("@Compass lunch", thread_ts=root.ts)
        await answer(workspace, "I cannot answer that")
    assert len(model.told) == 3, "what is answered is not paid again"
    assert "The model says: Rather: it began first." in told.text
    assert "this answer $0.0020" in told.text
    assert "of $" in told.text or "/ $" in told.text
    assert not mentions(told)
    assert "would you bet your pager on that" in model.told[0][1]
    assert "connection exhaustion" in model.told[1][1], "it words what was found"
