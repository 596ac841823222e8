"""The real slack_sdk client against each method, each error name, and each fault a test can ask for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import ALEX, BOT_USER, INCIDENTS, SCOPES, TEAM
from compass_core.errors import CompassError
from tests.workspace.strict import RANDOM, SECRET, Workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.workspace.conftest import Clock

HEADER = {"type": "header", "text": {"type": "plain_text", "text": "Hi"}}
METADATA = {"event_type": "compass_post", "event_payload": {"step": "root"}}


async def error_of(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_who_the_bot_is(workspace: Workspace, client: AsyncWebClient) -> None:
    who = await client.auth_test()
    assert (who["team_id"], who["user_id"], who["url"]) == (TEAM, BOT_USER, f"{workspace.url}/")
    assert who.headers["X-OAuth-Scopes"] == ",".join(SCOPES)


@pytest.mark.parametrize(("token", "error"), [("", "not_authed"), ("xoxb-wrong", "invalid_auth")])
async def test_a_wrong_token(workspace: Workspace, token: str, error: str) -> None:
    stranger = AsyncWebClient(token=token, base_url=workspace.api_url, retry_handlers=[])
    assert await error_of(stranger.auth_test()) == error
    assert await error_of(stranger.chat_postMessage(channel=INCIDENTS, text="x")) == error
    assert await error_of(stranger.apps_connections_open(app_token=token)) == error


async def test_each_token_is_for_its_own_methods(workspace: Workspace, client: AsyncWebClient) -> None:
    assert await error_of(client.apps_connections_open(app_token=workspace.bot_token)) == "not_allowed_token_type"
    assert await error_of(client.auth_test(token=workspace.app_token)) == "not_allowed_token_type"


async def test_a_token_counts_in_the_header_alone_and_is_not_kept(
    workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession
) -> None:
    asked = {"channel": INCIDENTS, "text": "x", "token": workspace.bot_token}
    async with http.post(f"{workspace.api_url}chat.postMessage", json=asked) as wrong:
        assert (await wrong.json())["error"] == "not_authed"
    await client.auth_test()
    assert workspace.bot_token not in repr(workspace.calls)


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[]", "json_not_object")])
async def test_a_body_that_is_no_object(workspace: Workspace, http: aiohttp.ClientSession, body: str, error: str) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {workspace.bot_token}"}
    async with http.post(f"{workspace.api_url}chat.postMessage", data=body, headers=headers) as answer:
        assert (await answer.json())["error"] == error


async def test_a_method_that_the_bot_does_not_call(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.postMassage")) == "unknown_method"


@pytest.mark.parametrize(
    ("method", "asked", "error"),
    [
        ("chat.postMessage", {"text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": [INCIDENTS], "text": "x"}, "channel_not_found"),
        ("chat.update", {"channel": INCIDENTS, "text": "x"}, "message_not_found"),
        ("chat.getPermalink", {"channel": INCIDENTS}, "message_not_found"),
    ],
)
async def test_an_argument_that_is_missing_or_no_text(client: AsyncWebClient, method: str, asked: dict[str, Any], error: str) -> None:
    assert await error_of(client.api_call(method, json=asked)) == error


async def test_a_message_is_kept_as_it_was_sent(workspace: Workspace, client: AsyncWebClient) -> None:
    answer = await client.chat_postMessage(
        channel=INCIDENTS, text="hi", blocks=[HEADER], metadata=METADATA, unfurl_links=False, unfurl_media=False
    )
    (message,) = workspace.messages
    assert (message.ts, message.channel, message.text, message.user, message.thread_ts) == (answer["ts"], INCIDENTS, "hi", BOT_USER, "")
    assert (message.blocks, message.metadata, message.edited, message.ephemeral) == ([HEADER], METADATA, False, "")
    assert answer["message"]["blocks"][0]["block_id"]
    assert workspace.calls[-1][0] == "chat.postMessage"
    assert workspace.calls[-1].arguments["unfurl_links"] is False
    assert workspace.calls[-1].error is None


async def test_each_ts_is_later_than_the_one_before(client: AsyncWebClient) -> None:
    posted = [(await client.chat_postMessage(channel=INCIDENTS, text="x"))["ts"] for _ in range(5)]
    assert sorted(set(posted)) == posted


@pytest.mark.parametrize(
    ("channel", "error"),
    [("C404", "channel_not_found"), ("#incidents", "channel_not_found"), (SECRET, "channel_not_found"), (RANDOM, "not_in_channel")],
)
async def test_where_the_bot_cannot_write(workspace: Workspace, client: AsyncWebClient, channel: str, error: str) -> None:
    assert await error_of(client.chat_postMessage(channel=channel, text="x")) == error
    assert await error_of(client.chat_update(channel=channel, ts="1", text="x")) == error
    assert (workspace.messages, workspace.calls[0].error) == ([], error)


async def test_threads_have_a_root(client: AsyncWebClient) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    reply = await client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=root["ts"])
    assert reply["message"]["thread_ts"] == root["ts"]
    assert await error_of(client.chat_postMessage(channel=INCIDENTS, text="x", thread_ts=reply["ts"])) == "cannot_reply_to_message"
    alone = await client.chat_postMessage(channel=INCIDENTS, text="x", thread_ts="1.000000")
    assert "thread_ts" not in alone["message"], "an answer to a message that is gone is posted in the channel"


async def test_an_update_keeps_what_it_does_not_name(workspace: Workspace, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=INCIDENTS, text="one", blocks=[HEADER], metadata=METADATA)
    await client.chat_update(channel=INCIDENTS, ts=posted["ts"], text="two")
    (message,) = workspace.messages
    assert (message.text, message.blocks, message.metadata, message.edited) == ("two", [HEADER], METADATA, True)
    await client.chat_update(channel=INCIDENTS, ts=posted["ts"], text="three", blocks=[])
    assert workspace.messages[0].blocks == []


async def test_updates_that_are_refused(workspace: Workspace, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=INCIDENTS, text="one")
    whispered = workspace.board.add(INCIDENTS, "psst", ephemeral=ALEX)
    foreign = workspace.board.add(INCIDENTS, "hello", user=ALEX)
    assert await error_of(client.chat_update(channel=INCIDENTS, ts="1.000000", text="x")) == "message_not_found"
    assert await error_of(client.chat_update(channel=INCIDENTS, ts=whispered.ts, text="x")) == "message_not_found"
    assert await error_of(client.chat_update(channel=INCIDENTS, ts=foreign.ts, text="x")) == "cant_update_message"
    assert await error_of(client.chat_update(channel=INCIDENTS, ts=posted["ts"], text="x" * 4_001)) == "msg_too_long"
    assert await error_of(client.api_call("chat.update", json={"channel": INCIDENTS, "ts": posted["ts"]})) == "no_text"


async def test_a_permalink_leads_to_the_page(workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    reply = await client.chat_postMessage(channel=INCIDENTS, text="reply", thread_ts=root["ts"])
    link = (await client.chat_getPermalink(channel=INCIDENTS, message_ts=root["ts"]))["permalink"]
    assert link == f"{workspace.url}/archives/{INCIDENTS}/p{root['ts'].replace('.', '')}"
    inner = (await client.chat_getPermalink(channel=INCIDENTS, message_ts=reply["ts"]))["permalink"]
    assert inner.endswith(f"?thread_ts={root['ts']}&cid={INCIDENTS}")
    async with http.get(inner) as page:
        assert page.status == 200
    assert await error_of(client.chat_getPermalink(channel=INCIDENTS, message_ts="1.000000")) == "message_not_found"
    assert await error_of(client.chat_getPermalink(channel=SECRET, message_ts="1.000000")) == "channel_not_found"


@pytest.mark.parametrize("metadata", ["{", "[]", {"event_type": "x"}, {"event_type": 1, "event_payload": {}}])
async def test_metadata_has_a_type_and_a_payload(client: AsyncWebClient, metadata: Any) -> None:
    asked = {"channel": INCIDENTS, "text": "x", "metadata": metadata}
    assert await error_of(client.api_call("chat.postMessage", json=asked)) == "invalid_metadata_format"


async def test_posts_are_limited_per_channel(workspace: Workspace, client: AsyncWebClient, clock: Clock) -> None:
    workspace.limit_posts(per_second=0.5, burst=2)
    for _ in range(2):
        await client.chat_postMessage(channel=INCIDENTS, text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=INCIDENTS, text="x")
    answer = caught.value.response
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "2")
    clock.advance(2)
    await client.chat_postMessage(channel=INCIDENTS, text="x")
    assert len(workspace.messages) == 3


async def test_the_next_call_of_a_method_can_fail(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.fail_next("chat.postMessage", "fatal_error")
    workspace.fail_next("chat.postMessage", status=503)
    workspace.fail_next("chat.postMessage", status=429)
    await client.auth_test()
    assert await error_of(client.chat_postMessage(channel=INCIDENTS, text="x")) == "fatal_error"
    for status, error in ((503, "internal_error"), (429, "ratelimited")):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=INCIDENTS, text="x")
        assert (caught.value.response.status_code, caught.value.response["error"]) == (status, error)
    assert caught.value.response.headers["Retry-After"] == "1"
    assert workspace.messages == []
    await client.chat_postMessage(channel=INCIDENTS, text="x")


async def test_a_dropped_answer_was_still_a_post(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.fail_next("chat.postMessage", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=INCIDENTS, text="x")
    assert [message.text for message in workspace.messages] == ["x"]
    assert workspace.calls[-1].error is None


async def test_a_fault_is_for_one_call(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.fail_next("auth.test", "fatal_error")
    answers = await asyncio.gather(*(client.auth_test() for _ in range(3)), return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, SlackApiError)]) == 1


async def test_waiting_for_a_message_that_is_still_to_come(workspace: Workspace, client: AsyncWebClient) -> None:
    async with asyncio.TaskGroup() as group:
        waited = group.create_task(workspace.wait_for(lambda message: message.edited))
        posted = await client.chat_postMessage(channel=INCIDENTS, text="one")
        await client.chat_update(channel=INCIDENTS, ts=posted["ts"], text="two")
    assert waited.result().text == "two"


async def test_waiting_for_a_message_tells_what_is_there_instead(workspace: Workspace, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel=INCIDENTS, text="something else")
    with pytest.raises(TimeoutError, match="something else"):
        await workspace.wait_for(lambda message: message.text == "x", timeout=0.01)


async def test_a_port_that_is_taken_is_said(workspace: Workspace, clock: Clock) -> None:
    other = Workspace(clock=clock)
    with pytest.raises(CompassError, match=r"Port \d+ cannot be used"):
        await other.start(int(workspace.url.rpartition(":")[2]))
