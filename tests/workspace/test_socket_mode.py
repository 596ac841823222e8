"""The real slack-bolt app, by its real Socket Mode client, in the workspace."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.workspace import ALEX, BOT_USER, INCIDENTS, SAM, TEAM
from tests.workspace.limits import SlackError
from tests.workspace.strict import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slack_bolt.context.ack.async_ack import AsyncAck
    from slack_sdk.web.async_client import AsyncWebClient

    from tests.workspace.conftest import Clock
    from tests.workspace.strict import Workspace

BUTTON: dict[str, Any] = {
    "type": "actions",
    "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Again"}, "action_id": "again", "value": "i1"}],
}

ALL: dict[str, Any] = {"text": {"type": "plain_text", "text": "All"}, "value": "all"}
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "A form"},
    "close": {"type": "plain_text", "text": "Cancel"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "name",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "said"},
        },
        {
            "type": "input",
            "block_id": "kind",
            "label": {"type": "plain_text", "text": "Kind"},
            "element": {"type": "static_select", "action_id": "kind", "options": [ALL], "initial_option": ALL},
        },
    ],
}


@asynccontextmanager
async def connected(workspace: Workspace, app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(app, workspace.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call] # slack-bolt has no type there
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call] # the same


class Bot:
    """Acknowledges, unless it is silent, and keeps what it was sent."""

    def __init__(self, client: AsyncWebClient, *, silent: bool = False) -> None:
        self.app = AsyncApp(client=client)
        self.seen: list[dict[str, Any]] = []
        self.silent = silent
        self.app.command("/compass")(self.listen)
        self.app.action("again")(self.listen)
        self.app.event("app_mention")(self.listen)
        self.app.shortcut("look")(self.listen)
        self.app.view("form")(self.check)

    async def listen(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        self.seen.append(body)
        if not self.silent:
            await ack()

    async def check(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        self.seen.append(body)
        wrong = not body["view"]["state"]["values"]["name"]["said"]["value"]
        await (ack(response_action="errors", errors={"name": "Say a name"}) if wrong else ack())


async def test_a_command_reaches_the_app_and_its_ack_is_timed(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)
    async with connected(workspace, bot.app):
        result = await workspace.command(" investigate <INC-1> & 'x' ", user=SAM)
    assert result.ack_seconds is not None
    assert 0 <= result.ack_seconds < 0.5
    assert result.error == ""
    body = bot.seen[0]
    assert (body["command"], body["text"], body["user_id"], body["channel_id"], body["channel_name"], body["team_id"]) == (
        "/compass",
        "investigate &lt;INC-1&gt; &amp; 'x'",
        SAM,
        INCIDENTS,
        "incidents",
        TEAM,
    )
    assert body["trigger_id"]
    assert body["response_url"] == result.response_url


async def test_without_an_ack_the_person_sees_a_timeout(workspace: Workspace, client: AsyncWebClient) -> None:
    async with connected(workspace, Bot(client, silent=True).app):
        result = await workspace.command("investigate INC-1")
    assert (result.error, result.ack_seconds) == ("operation_timeout", None)
    assert "operation_timeout" in workspace.messages[0].text
    assert workspace.messages[0].ephemeral == ALEX


async def test_without_an_app_the_person_sees_that(workspace: Workspace) -> None:
    assert (await workspace.command("help")).error == "dispatch_failed"


async def test_a_click_carries_the_message_and_the_button(workspace: Workspace, client: AsyncWebClient) -> None:
    root = await client.chat_postMessage(channel=INCIDENTS, text="root")
    posted = await client.chat_postMessage(channel=INCIDENTS, text="done", blocks=[BUTTON], thread_ts=root["ts"])
    bot = Bot(client)
    async with connected(workspace, bot.app):
        result = await workspace.click(INCIDENTS, posted["ts"], "again")
    body = bot.seen[0]
    assert result.error == ""
    assert body["type"] == "block_actions"
    assert body["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": INCIDENTS,
        "is_ephemeral": False,
        "thread_ts": root["ts"],
    }
    assert body["message"]["thread_ts"] == root["ts"]
    assert body["message"]["blocks"][0]["elements"] == BUTTON["elements"]
    assert body["actions"][0]["value"] == "i1"
    assert body["actions"][0]["block_id"] == body["message"]["blocks"][0]["block_id"]
    assert float(body["actions"][0]["action_ts"]) > 0
    assert body["user"]["team_id"] == body["team"]["id"] == TEAM


async def test_only_a_button_that_is_there_now_can_be_clicked(workspace: Workspace, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=INCIDENTS, text="done", blocks=[BUTTON])
    await client.chat_update(channel=INCIDENTS, ts=posted["ts"], text="running", blocks=[])
    with pytest.raises(LookupError, match="has no button 'again'"):
        await workspace.click(INCIDENTS, posted["ts"], "again")
    with pytest.raises(LookupError, match="no message 1"):
        await workspace.click(INCIDENTS, "1", "again")


def modal(*action_ids: str) -> dict[str, Any]:
    words = {name: {"type": "plain_text", "text": name} for name in ("title", "close")}
    return {
        "type": "modal",
        **words,
        "blocks": [{"type": "actions", "elements": [{**BUTTON["elements"][0], "action_id": one} for one in action_ids]}],
    }


async def test_a_modal_opens_once_for_a_trigger_and_its_buttons_carry_it(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)
    async with connected(workspace, bot.app):
        posted = await client.chat_postMessage(channel=INCIDENTS, text="final", blocks=[BUTTON])
        await workspace.click(INCIDENTS, posted["ts"], "again", user=SAM)
        trigger = bot.seen[0]["trigger_id"]
        opened = await client.views_open(trigger_id=trigger, view=modal("again"))
        assert (await refusal(client.views_open(trigger_id=trigger, view=modal("again")))) == "invalid_trigger_id"
        assert (await refusal(client.views_update(view_id="V0", view=modal("again")))) == "not_found"
        assert (await refusal(client.views_update(view_id=opened["view"]["id"], view={"type": "modal"}))) == "invalid_arguments"
        await workspace.turn("again", user=SAM)
        assert (bot.seen[1]["view"]["id"], bot.seen[1]["actions"][0]["value"]) == (opened["view"]["id"], "i1")
        assert "response_url" not in bot.seen[1]
        await client.views_update(view_id=opened["view"]["id"], view=modal("other"))
        with pytest.raises(LookupError, match="again"):
            await workspace.turn("again", user=SAM)
    assert list(workspace.board.views) == [SAM]
    workspace.close_view(SAM)
    assert workspace.board.views == {}


async def refusal(call: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


async def test_a_response_url_answers_the_person_five_times(workspace: Workspace, client: AsyncWebClient) -> None:
    async with connected(workspace, Bot(client).app):
        result = await workspace.command("help")
    webhook = AsyncWebhookClient(result.response_url)
    answers = [await webhook.send(text=f"answer {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert "used_url" in answers[5].body
    assert [message.text for message in workspace.messages] == [f"answer {n}" for n in range(5)]
    assert {message.ephemeral for message in workspace.messages} == {ALEX}


async def test_a_response_url_ends_after_half_an_hour(workspace: Workspace, client: AsyncWebClient, clock: Clock) -> None:
    async with connected(workspace, Bot(client).app):
        result = await workspace.command("help", channel=SECRET)
    webhook = AsyncWebhookClient(result.response_url)
    assert (await webhook.send(text="in time")).status_code == 200
    assert (workspace.messages[0].channel, workspace.messages[0].ephemeral) == (SECRET, ALEX)
    clock.advance(30 * 60)
    late = await webhook.send(text="late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)
    assert len(workspace.messages) == 1


async def test_a_response_url_keeps_slacks_limits(workspace: Workspace, client: AsyncWebClient) -> None:
    async with connected(workspace, Bot(client).app):
        result = await workspace.command("help")
    refused = await AsyncWebhookClient(result.response_url).send(text="x", blocks=[{"type": "header"}])
    assert (refused.status_code, "invalid_blocks" in refused.body) == (400, True)


async def test_the_app_comes_back_when_asked_to(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)
    async with connected(workspace, bot.app) as handler:
        first, told = handler.client.current_session, asyncio.Event()

        async def listen(*_: Any) -> None:
            if handler.client.current_session is not first:
                told.set()

        handler.client.message_listeners.append(listen)
        await workspace.disconnect()
        async with asyncio.timeout(5):
            await told.wait()
        assert (await workspace.command("help")).error == ""
    assert [call.method for call in workspace.calls].count("apps.connections.open") == 2


async def test_a_ticket_opens_one_connection_once(workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
    opened = await client.apps_connections_open(app_token=workspace.app_token)
    async with http.ws_connect(opened["url"]) as socket:
        hello = await socket.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(opened["url"])
        await socket.send_json({"envelope_id": "unknown"})
        await socket.send_str("no json")
        delivered = asyncio.create_task(workspace.command("help"))
        envelope = await socket.receive_json()
        assert envelope["type"] == "slash_commands"
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        assert (await delivered).error == ""


async def test_stopping_ends_the_connections(workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
    opened = await client.apps_connections_open(app_token=workspace.app_token)
    async with http.ws_connect(opened["url"]) as socket:
        await socket.receive_json()
        stopping = asyncio.create_task(workspace.stop())
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        await stopping


async def test_the_app_hears_of_messages_that_name_it_alone(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)
    async with connected(workspace, bot.app):
        root = await workspace.write("payments are down")
        asked = await workspace.write("@compass why <not> redis?", thread_ts=root.ts, user=SAM)
    (body,) = bot.seen
    event = body["event"]
    assert (event["type"], event["user"], event["channel"], event["team"]) == ("app_mention", SAM, INCIDENTS, TEAM)
    assert (event["thread_ts"], event["ts"]) == (root.ts, asked.ts)
    assert event["text"] == f"<@{BOT_USER}> why &lt;not&gt; redis?"


async def test_a_shortcut_brings_the_message_and_may_open_a_modal(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)
    async with connected(workspace, bot.app):
        alert = await workspace.write("", attachments=({"title": "HighErrorRate"},))
        result = await workspace.shortcut(INCIDENTS, alert.ts, "look", user=SAM)
        body = bot.seen[0]
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)
    assert result.error == ""
    assert (body["type"], body["user"]["id"], body["message_ts"]) == ("message_action", SAM, alert.ts)
    assert body["message"]["attachments"] == [{"title": "HighErrorRate"}]
    assert workspace.board.views[SAM]["callback_id"] == "form"


async def test_a_modal_stays_with_what_was_typed_until_it_is_right(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)
    async with connected(workspace, bot.app):
        alert = await workspace.write("x")
        await workspace.shortcut(INCIDENTS, alert.ts, "look")
        await client.views_open(trigger_id=bot.seen[0]["trigger_id"], view=FORM)
        await workspace.submit({"name": ""})
        assert workspace.board.views[ALEX]["errors"] == {"name": "Say a name"}
        await workspace.submit({"name": "checkout"})
    assert ALEX not in workspace.board.views
    values = bot.seen[-1]["view"]["state"]["values"]
    assert values["name"]["said"] == {"type": "plain_text_input", "value": "checkout"}
    assert values["kind"]["kind"]["selected_option"]["value"] == "all", "what was not touched is as it was offered"


async def test_an_answer_to_a_modal_that_slack_does_not_take(workspace: Workspace, client: AsyncWebClient) -> None:
    bot = Bot(client)

    async def wrong(ack: AsyncAck) -> None:
        await ack(response_action="errors", errors={"nobody": "?"})

    bot.app.view("other")(wrong)
    async with connected(workspace, bot.app):
        alert = await workspace.write("x")
        await workspace.shortcut(INCIDENTS, alert.ts, "look")
        await client.views_open(trigger_id=bot.seen[0]["trigger_id"], view=FORM | {"callback_id": "other"})
        with pytest.raises(SlackError, match="bad_response"):
            await workspace.submit({"name": "x"})
