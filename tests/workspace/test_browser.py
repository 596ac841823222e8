"""The page in a real browser: a command typed, a thread that grows, a button clicked, and nothing that runs from a message."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from bot.workspace import INCIDENTS
from tests.workspace.browser import CHROMIUM, opened

if TYPE_CHECKING:
    from slack_bolt.context.ack.async_ack import AsyncAck
    from slack_bolt.context.respond.async_respond import AsyncRespond
    from slack_sdk.web.async_client import AsyncWebClient

    from tests.workspace.strict import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="needs Chromium")]

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
DATES = "<!date^86400^{date_short_pretty} {time}|then> <!date^86400^{unheard}|later>"
BUTTON = {
    "type": "actions",
    "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Again"}, "action_id": "again", "value": "i1"}],
}


async def test_a_person_investigates_in_the_page(workspace: Workspace, client: AsyncWebClient) -> None:
    app = AsyncApp(client=client)

    @app.command("/compass")
    async def investigate(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        await respond(text=f"heard {body['text']}")
        root = await client.chat_postMessage(channel=body["channel_id"], text="root")
        await client.chat_postMessage(channel=body["channel_id"], text="final", thread_ts=root["ts"], blocks=[BUTTON])

    @app.action("again")
    async def again(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        await client.chat_postMessage(
            channel=INCIDENTS, text=f"again {body['actions'][0]['value']}", thread_ts=body["message"]["thread_ts"]
        )

    handler = AsyncSocketModeHandler(app, workspace.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call] # slack-bolt has no type there
    try:
        async with opened(workspace.url) as page:
            await expect(page.locator("#empty")).to_be_visible()
            await page.get_by_role("button", name="/compass investigate INC-1").click()
            await page.keyboard.press("Enter")
            await expect(page.locator("article.ephemeral .text")).to_have_text("heard investigate INC-1")
            await expect(page.locator("#empty")).to_be_hidden()
            await page.get_by_role("button", name="1 reply: open the thread").click()
            await page.locator("#replies").get_by_role("button", name="Again").click()
            await expect(page.locator("#replies article").last).to_contain_text("again i1")
            assert await page.locator(".status").all_text_contents() == ["", ""]
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call] # the same


async def test_whatever_a_message_holds_is_shown_and_not_run(workspace: Workspace, client: AsyncWebClient) -> None:
    marked = {"type": "context", "elements": [{"type": "mrkdwn", "text": f"*bold* &lt;b&gt; {EVIL}"}, {"type": "mrkdwn", "text": DATES}]}
    link = {"type": "link", "url": "javascript:document.title='owned'", "text": "query"}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": EVIL}, link]}]}
    await client.chat_postMessage(channel=INCIDENTS, text=EVIL)
    await client.chat_postMessage(channel=INCIDENTS, text="x", blocks=[marked, rich])
    async with opened(workspace.url) as page:
        await expect(page.locator("article")).to_have_count(2)
        await expect(page.locator(".context b")).to_have_text("bold")
        await expect(page.locator(".context > *").first).to_have_text(f"bold <b> {EVIL}")
        dates = await page.locator(".context > *").last.text_content() or ""
        assert "19" in dates
        assert "then" not in dates
        assert dates.endswith("later")
        await expect(page.locator("main img, main script, main a")).to_have_count(0)
        await expect(page).to_have_title("# incidents - local workspace")
