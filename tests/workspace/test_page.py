"""The page's endpoints: what they show, what they do, and whom they refuse."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.workspace import ALEX, INCIDENTS, SAM
from bot.workspace.board import CHANNELS

if TYPE_CHECKING:
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

    from tests.workspace.strict import Workspace


async def state_of(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    line = await stream.content.readline()
    assert await stream.content.readline() == b"\n"
    state: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return state


async def test_the_page_follows_the_channel(workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{workspace.url}/page/events") as stream:
        before = await state_of(stream)
        assert (before["messages"], before["hint"]) == ([], "/compass investigate INC-1")
        root = await client.chat_postMessage(channel=INCIDENTS, text="root")
        assert [message["text"] for message in (await state_of(stream))["messages"]] == ["root"]
        workspace.board.add(INCIDENTS, "not for you", ephemeral=SAM)
        assert len((await state_of(stream))["messages"]) == 1
        async with http.get(f"{workspace.url}/page/events?user={SAM}") as of_sam:
            assert [message["text"] for message in (await state_of(of_sam))["messages"]] == ["root", "not for you"]
        await client.chat_update(channel=INCIDENTS, ts=root["ts"], text="changed")
        assert [message["text"] for message in (await state_of(stream))["messages"]] == ["changed"]
        await workspace.stop()
        assert await stream.content.read() == b""


async def test_a_tab_that_is_closed_is_no_error(
    workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    stream = await http.get(f"{workspace.url}/page/events")
    await state_of(stream)
    stream.close()
    await asyncio.sleep(0)  # the server's turn to hear of it
    for text in ("first", "second"):
        await client.chat_postMessage(channel=INCIDENTS, text=text)
    await workspace.stop()
    assert caplog.records == []


async def test_the_page_allows_only_its_own_script(workspace: Workspace, http: aiohttp.ClientSession) -> None:
    async with http.get(workspace.url) as first, http.get(workspace.url) as second:
        policy, html = first.headers["Content-Security-Policy"], await first.text()
        nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
        assert f'<script nonce="{nonce}">' in html
        assert html.count("<script") == 1
        assert "default-src 'none'" in policy
        assert nonce not in second.headers["Content-Security-Policy"]
        assert "innerHTML" not in html
        assert "{{" not in html


async def test_a_command_that_fails_says_so_on_the_page(workspace: Workspace, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{workspace.url}/page/command", json={"text": "/compass help"}) as answer:
        assert await answer.json() == {"error": "dispatch_failed"}
    assert "dispatch_failed" in workspace.messages[0].text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("click", {"ts": "1", "action_id": "x"}, 404),
        ("click", {"ts": "", "action_id": "x"}, 404),
        ("shortcut", {"ts": "1", "callback_id": "x"}, 404),
        ("submit", {"values": "{}"}, 404),
        ("click", {"ts": "1"}, 400),
        ("command", [], 400),
        ("command", "x", 400),
        ("dance", {}, 404),
    ],
)
async def test_a_request_that_makes_no_sense(workspace: Workspace, http: aiohttp.ClientSession, path: str, body: Any, status: int) -> None:
    async with http.post(f"{workspace.url}/page/{path}", json=body) as answer:
        assert answer.status == status


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/page/events"), ("POST", "/page/command"), ("POST", "/page/click")])
async def test_other_sites_are_refused(
    workspace: Workspace, http: aiohttp.ClientSession, headers: dict[str, str], method: str, path: str
) -> None:
    async with http.request(
        method, f"{workspace.url}{path}", headers=headers, json={"text": "help", "ts": "1", "action_id": "x"}
    ) as answer:
        assert answer.status == 403
    assert workspace.messages == []


async def test_a_form_of_another_site_is_refused(workspace: Workspace, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{workspace.url}/page/command", data='{"text": "help"}', headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415


async def test_somebody_else_writes_in_another_channel(workspace: Workspace, http: aiohttp.ClientSession) -> None:
    other = list(CHANNELS)[1]
    for thread_ts in ("", "first"):
        about = {"text": "hello", "channel": other, "user": SAM, "thread_ts": thread_ts and workspace.messages[0].ts}
        async with http.post(f"{workspace.url}/page/write", json=about) as answer:
            assert await answer.json() == {"error": ""}
    first, second = workspace.messages
    assert (first.channel, first.user, second.thread_ts) == (other, SAM, first.ts)


async def test_the_apps_home_is_each_persons_own(workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{workspace.url}/page/events") as stream:
        assert (await state_of(stream))["home"] is None
        view = {"type": "home", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Recent"}}]}
        workspace.board.homes[ALEX] = {"id": "H1"} | view
        workspace.board.notify()
        assert (await state_of(stream))["home"]["blocks"] == view["blocks"]
    async with http.post(f"{workspace.url}/page/home", json={}) as answer:
        assert answer.status == 200, "the bot is not here and does not hear of it"


async def test_an_upload_is_shown_once_it_is_complete(workspace: Workspace, client: AsyncWebClient, http: aiohttp.ClientSession) -> None:
    file = {"filename": "a.png", "content": b"png", "title": "A", "alt_txt": "what it shows"}
    await client.files_upload_v2(file_uploads=[file], channel=INCIDENTS)
    (message,) = workspace.messages
    assert (message.files[0]["alt_txt"], message.files[0]["title"]) == ("what it shows", "A")
    async with http.get(message.files[0]["url_private"]) as shown, http.get(f"{workspace.url}/files/F9") as unknown:
        assert (await shown.read(), unknown.status) == (b"png", 404)
