"""The page's endpoints: what they show, what they do, and whom they refuse."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.workspace import INCIDENTS, SAM

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
    [("click", {"ts": "1", "action_id": "x"}, 404), ("click", {"ts": "1"}, 400), ("command", [], 400), ("command", "x", 400)],
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
