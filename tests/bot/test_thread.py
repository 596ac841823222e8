from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from structlog.testing import capture_logs

from bot import blocks
from bot.slack import TRIES, Slack
from bot.thread import SlackThread
from bot.workspace import INCIDENTS
from compass_core.domain import AgentName, Conclusion, Outcome, Post
from compass_core.errors import StoreError, ThreadError
from tests.bot.made import INVESTIGATION, FakeOutbox, conclusion, progress, run
from tests.bot.test_charts import cause, felt, found
from tests.workspace.limits import links, mentions
from tests.workspace.strict import PRIVATE, RANDOM, SECRET, Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime


class Pauses:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def __call__(self) -> datetime:
        return INVESTIGATION.started_at + timedelta(seconds=sum(self.waited))

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def workspace(pauses: Pauses) -> AsyncIterator[Workspace]:
    workspace = Workspace(clock=pauses)
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
def outbox() -> FakeOutbox:
    return FakeOutbox()


@pytest.fixture
def thread(client: AsyncWebClient, outbox: FakeOutbox, pauses: Pauses) -> SlackThread:
    return SlackThread(client, outbox, INCIDENTS, pause=pauses.wait)


async def whole(thread: SlackThread, ended: Conclusion | None = None) -> None:
    await thread.opened(INVESTIGATION)
    for name in AgentName:
        await thread.agent_finished(INVESTIGATION, *progress(run(name)))
    await thread.concluded(ended or conclusion())


async def test_root_updates_and_final_stand_in_one_thread(thread: SlackThread, workspace: Workspace, outbox: FakeOutbox) -> None:
    await whole(thread)
    root, *replies = workspace.messages
    assert [message.metadata["event_payload"]["step"] for message in workspace.messages if message.metadata] == [
        "root",
        *AgentName,
        "final",
    ]
    assert root.thread_ts == ""
    assert {message.thread_ts for message in replies} == {root.ts}
    assert root.edited
    assert "Very likely: postgres-orders" in root.text
    assert root.metadata == {"event_type": "compass_post", "event_payload": {"investigation": "0f3a", "step": "root"}}
    assert not [message for message in workspace.messages if mentions(message)]
    posts = [call.arguments for call in workspace.calls if call.method == "chat.postMessage"]
    assert all(post["unfurl_links"] is False and post["unfurl_media"] is False for post in posts)
    assert outbox.posts["0f3a", "final"].thread_ts == root.ts


async def test_each_step_is_posted_once(thread: SlackThread, workspace: Workspace) -> None:
    await whole(thread)
    await whole(thread)
    assert len(workspace.messages) == 5


async def test_again_speaks_under_the_message_that_is_there(client: AsyncWebClient, workspace: Workspace, outbox: FakeOutbox) -> None:
    await whole(SlackThread(client, outbox, INCIDENTS))
    first = workspace.messages[0]
    again = SlackThread(client, outbox, INCIDENTS, first.ts)
    second = INVESTIGATION.model_copy(update={"id": "0f3b", "again": True})
    await again.opened(second)
    await again.concluded(conclusion(investigation=second))
    assert [message.thread_ts for message in workspace.messages[5:]] == [first.ts, first.ts]
    assert workspace.messages[5].edited
    assert "investigated again" in workspace.messages[5].text
    assert "Very likely" in workspace.messages[5].text


async def test_after_a_restart_the_final_message_is_posted_where_the_root_is(
    client: AsyncWebClient, workspace: Workspace, outbox: FakeOutbox
) -> None:
    await SlackThread(client, outbox, INCIDENTS).opened(INVESTIGATION)
    root = outbox.posts["0f3a", "root"]
    interrupted = Conclusion(investigation=INVESTIGATION, outcome=Outcome.STOPPED, reason="interrupted by a restart")
    for _ in range(2):
        await SlackThread(client, outbox, root.channel, root.thread_ts or root.ts).concluded(interrupted)
    assert [message.thread_ts for message in workspace.messages] == ["", root.ts]
    assert workspace.messages[1].button("reinvestigate")[1]["value"] == "0f3a"


async def test_without_a_root_message_there_is_nothing_to_conclude(
    client: AsyncWebClient, workspace: Workspace, outbox: FakeOutbox
) -> None:
    await SlackThread(client, outbox, "").concluded(conclusion())
    assert workspace.calls == []


@pytest.mark.parametrize(("channel", "reason"), [(SECRET, "channel_not_found"), (RANDOM, "not_in_channel")])
async def test_a_channel_without_the_bot(client: AsyncWebClient, outbox: FakeOutbox, channel: str, reason: str) -> None:
    with pytest.raises(ThreadError, match="/invite @Compass") as refused:
        await SlackThread(client, outbox, channel).opened(INVESTIGATION)
    assert refused.value.reason == reason
    assert await outbox.posted("0f3a", "root") is None


async def test_a_rate_limit_is_waited_for(thread: SlackThread, workspace: Workspace, pauses: Pauses) -> None:
    workspace.limit_posts(per_second=0.5, burst=1)
    await whole(thread)
    assert len(workspace.messages) == 5
    assert pauses.waited == [2.0] * 4


async def test_a_rate_limit_that_stays_ends_in_words(thread: SlackThread, workspace: Workspace, pauses: Pauses) -> None:
    for _ in range(TRIES):
        workspace.fail_next("chat.postMessage", status=429)
    with pytest.raises(ThreadError, match="Try again in a minute") as refused:
        await thread.opened(INVESTIGATION)
    assert refused.value.reason == "ratelimited"
    assert pauses.waited == [1.0] * (TRIES - 1)


async def test_a_connection_that_breaks_after_the_post_does_not_post_twice(thread: SlackThread, workspace: Workspace) -> None:
    workspace.fail_next("chat.postMessage", drop=True)
    await thread.opened(INVESTIGATION)
    workspace.fail_next("chat.postMessage", drop=True)
    await thread.concluded(conclusion())
    assert [message.metadata and message.metadata["event_payload"]["step"] for message in workspace.messages] == ["root", "final"]


async def test_what_was_to_be_posted_when_a_process_ended_is_posted_once(
    client: AsyncWebClient, outbox: FakeOutbox, workspace: Workspace
) -> None:
    """Whether it had arrived or not: both look the same to the process that goes on."""
    for arrived in (True, False):
        made = INVESTIGATION.model_copy(update={"id": f"run-{arrived}"})
        if arrived:
            await SlackThread(client, outbox, INCIDENTS).opened(made)
        outbox.posts[made.id, "root"] = Post(investigation=made.id, step="root", channel=INCIDENTS)
        await SlackThread(client, outbox, INCIDENTS).opened(made)
        there = [message for message in workspace.messages if (message.metadata or {})["event_payload"]["investigation"] == made.id]
        assert [outbox.posts[made.id, "root"].ts] == [message.ts for message in there]


async def test_without_the_database_each_message_is_still_posted_once(
    thread: SlackThread, outbox: FakeOutbox, workspace: Workspace
) -> None:
    await thread.opened(INVESTIGATION)
    outbox.broken = StoreError("the disk is full")
    with capture_logs():
        for each in conclusion().runs:
            await thread.agent_finished(INVESTIGATION, *progress(each))
            await thread.agent_finished(INVESTIGATION, *progress(each))
        await thread.concluded(conclusion())
    assert [message.thread_ts == workspace.messages[0].ts for message in workspace.messages[1:]] == [True] * 4


async def test_a_root_that_is_gone_gets_a_new_one_with_a_link_to_the_old(thread: SlackThread, workspace: Workspace) -> None:
    await thread.opened(INVESTIGATION)
    gone = workspace.messages[0]
    workspace.board.remove(gone)
    await thread.agent_finished(INVESTIGATION, *progress())
    await thread.concluded(conclusion())
    root, update, final = workspace.messages
    assert (root.thread_ts, update.thread_ts, final.thread_ts) == ("", root.ts, root.ts)
    assert gone.ts.replace(".", "") in str(root.blocks)


async def test_who_asked_is_told_why_nothing_was_started(thread: SlackThread, workspace: Workspace) -> None:
    await thread.refused("U00000001", "No incident INC-9.")
    assert [(message.ephemeral, "No incident INC-9" in message.text) for message in workspace.messages] == [("U00000001", True)]


async def test_a_final_message_of_unknown_fate_leaves_the_root_telling_the_end(thread: SlackThread, workspace: Workspace) -> None:
    await thread.opened(INVESTIGATION)
    workspace.fail_next("chat.postMessage", drop=True)
    workspace.fail_next("conversations.replies", "missing_scope")
    workspace.fail_next("chat.update", drop=True)
    with pytest.raises(ThreadError):
        await thread.concluded(conclusion())
    calls = ["chat.postMessage", "chat.postMessage", "conversations.replies", "chat.update", "chat.update"]
    assert [call.method for call in workspace.calls] == calls
    assert "Very likely: postgres-orders" in workspace.messages[0].text


async def test_no_connection_at_all_is_tried_again(workspace: Workspace, outbox: FakeOutbox, pauses: Pauses) -> None:
    await workspace.stop()
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])
    with pytest.raises(ThreadError, match="cannot be reached") as refused:
        await SlackThread(client, outbox, INCIDENTS, pause=pauses.wait).opened(INVESTIGATION)
    assert refused.value.reason == "unreachable"
    assert pauses.waited == [1.0] * (TRIES - 1)
    assert workspace.bot_token not in str(refused.value)


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long"])
async def test_blocks_that_slack_refuses_become_plain_text(thread: SlackThread, workspace: Workspace, error: str) -> None:
    workspace.fail_next("chat.postMessage", error)
    await thread.opened(INVESTIGATION)
    assert workspace.messages[0].blocks == []
    assert "INC-42" in workspace.messages[0].text


async def test_a_root_that_cannot_be_updated_is_only_logged(thread: SlackThread, workspace: Workspace) -> None:
    workspace.fail_next("chat.update", "cant_update_message")
    with capture_logs() as logs:
        await whole(thread)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("root.not_updated", "cant_update_message")]
    assert len(workspace.messages) == 5


@pytest.mark.parametrize(
    ("fault", "reason", "told"),
    [
        ({"error": "is_archived"}, "is_archived", "archived"),
        ({"error": "restricted_action"}, "restricted_action", "refused the message: restricted_action"),
        ({"error": "token_revoked"}, "token_revoked", "SLACK_BOT_TOKEN"),
        ({"status": 503}, "internal_error", "internal_error"),
    ],
)
async def test_other_refusals(thread: SlackThread, workspace: Workspace, fault: dict[str, Any], reason: str, told: str) -> None:
    workspace.fail_next("chat.postMessage", **fault)
    with pytest.raises(ThreadError, match=told) as refused:
        await thread.opened(INVESTIGATION)
    assert refused.value.reason == reason


async def test_what_telemetry_says_pings_nobody(thread: SlackThread, workspace: Workspace, outbox: FakeOutbox) -> None:
    nasty = INVESTIGATION.model_copy(
        update={"incident": INVESTIGATION.incident.model_copy(update={"title": "<!channel> <https://e.example|ok>"})}
    )
    await thread.opened(nasty)
    await outbox.record(Post(investigation="x", step="root", channel=INCIDENTS, ts=workspace.messages[0].ts))
    assert mentions(workspace.messages[0]) == ()
    assert links(workspace.messages[0]) == ()
    assert "&lt;!channel&gt;" in blocks.root(nasty).text


def with_charts() -> Conclusion:
    return found(cause(), felt())


async def test_charts_stand_before_the_answer_and_are_drawn_by_slack(thread: SlackThread, workspace: Workspace) -> None:
    for _ in range(2):
        await whole(thread, with_charts())
    *_, drawn, final = workspace.messages
    assert [block["type"] for block in drawn.blocks] == ["data_visualization"]
    assert (len(workspace.messages), final.metadata and final.metadata["event_payload"]["step"]) == (6, "final")


async def test_what_slack_does_not_draw_comes_as_a_picture_and_is_not_tried_again(
    thread: SlackThread, client: AsyncWebClient, workspace: Workspace, outbox: FakeOutbox
) -> None:
    await thread.opened(INVESTIGATION)
    workspace.fail_next("chat.postMessage", "invalid_blocks")
    await thread.concluded(with_charts())
    root, picture, final = workspace.messages
    (file,) = picture.files
    assert workspace.board.contents[file["id"]].startswith(b"\x89PNG")
    assert "connections in use 90%" in file["alt_txt"]
    assert (picture.thread_ts, final.thread_ts) == (root.ts, root.ts)
    second = INVESTIGATION.model_copy(update={"id": "0f3b"})
    other = SlackThread(client, outbox, INCIDENTS)
    await other.opened(second)
    await other.concluded(with_charts().model_copy(update={"investigation": second}))
    assert [len(message.files) for message in workspace.messages] == [0, 1, 0, 0, 1, 0]
    tried = [call for call in workspace.calls if "data_visualization" in str(call.arguments.get("blocks"))]
    assert len(tried) == 1


async def test_a_picture_is_uploaded_once_whatever_breaks(client: AsyncWebClient, workspace: Workspace, outbox: FakeOutbox) -> None:
    await SlackThread(client, outbox, INCIDENTS).opened(INVESTIGATION)
    workspace.fail_next("chat.postMessage", "invalid_blocks")
    workspace.fail_next("files.completeUploadExternal", drop=True)
    for _ in range(2):  # the second is another process
        await SlackThread(client, outbox, INCIDENTS).concluded(with_charts())
    assert [len(message.files) for message in workspace.messages] == [0, 1, 0]
    outbox.posts["0f3a", "pictures"] = outbox.posts["0f3a", "pictures"].model_copy(update={"ts": ""})  # it was ended before it knew
    await SlackThread(client, outbox, INCIDENTS).concluded(with_charts())
    assert len(workspace.messages) == 3


@pytest.mark.parametrize("method", ["chat.postMessage", "files.getUploadURLExternal"])
async def test_without_charts_the_answer_comes_all_the_same(
    client: AsyncWebClient, workspace: Workspace, outbox: FakeOutbox, method: str
) -> None:
    thread = SlackThread(client, outbox, INCIDENTS)
    await thread.opened(INVESTIGATION)
    if method.startswith("files"):
        workspace.fail_next("chat.postMessage", "invalid_blocks")
    workspace.fail_next(method, "missing_scope")
    with capture_logs() as logs:
        await thread.concluded(with_charts())
    assert [message.metadata and message.metadata["event_payload"]["step"] for message in workspace.messages] == ["root", "final"]
    assert [(one["event"], one["reason"]) for one in logs if one["event"] == "charts.not_posted"] == [
        ("charts.not_posted", "missing_scope")
    ]


@pytest.mark.parametrize(("channel", "told"), [(INCIDENTS, True), ("C00000004", True), (PRIVATE, False), (SECRET, False)])
async def test_what_was_found_before_is_linked_unless_it_is_a_private_channels(
    thread: SlackThread, workspace: Workspace, outbox: FakeOutbox, channel: str, *, told: bool
) -> None:
    root = workspace.board.add(channel, "root")
    await outbox.record(Post(investigation="older", step="root", channel=channel, ts=root.ts))
    before = {"seen_before": "Seen 3 times before, last on 2026-01-03", "seen_in": "older", "seen_how": "INC-7; sam says: right"}
    await thread.opened(INVESTIGATION)
    await thread.concluded(conclusion(**before))
    final = workspace.messages[-1]
    assert "Seen 3 times before, last on 2026-01-03" in final.text
    assert ("sam says: right" in final.text, "INC-7" in final.text, any("|INC-7" in one for one in links(final))) == (told, told, told)


class TwoPages:
    """A channel whose messages do not fit into one answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def conversations_history(self, **where: Any) -> dict[str, Any]:
        self.asked.append(where["cursor"])
        return {"messages": [{"ts": f"{len(self.asked)}.0"}], "response_metadata": {"next_cursor": "" if where["cursor"] else "second"}}


async def test_all_pages_of_a_channel_are_looked_through() -> None:
    pages = TwoPages()
    messages = Slack(pages).messages(INCIDENTS, "", 0.0)  # type: ignore[arg-type]  # as much of a client as is called
    assert [message["ts"] async for message in messages] == ["1.0", "2.0"]
    assert pages.asked == ["", "second"]
