"""What a person does in a real browser, on a laptop and a phone, in light and dark; what was seen is kept as pictures in `SHOTS`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from bot import demo
from bot.workspace import ALEX, INCIDENTS, SAM
from tests.workspace.browser import CHROMIUM, LAPTOP, PHONE, opened, shot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page
    from slack_bolt.context.ack.async_ack import AsyncAck
    from slack_bolt.context.respond.async_respond import AsyncRespond
    from slack_sdk.web.async_client import AsyncWebClient

    from tests.workspace.strict import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM and not os.environ.get("CI"), reason="needs Chromium")]

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
DATES = "<!date^86400^{date_short_pretty} {time}|then> <!date^86400^{unheard}|later>"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63f80f0001010100b138f6140000000049454e44ae426082"
)
HEIGHT = "[...document.querySelectorAll('#replies article')].reduce((all, each) => all + each.offsetHeight + 14, 0)"
WAYS = [(LAPTOP, "light"), (LAPTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


@pytest.mark.parametrize(("size", "scheme"), WAYS, ids=["laptop-light", "laptop-dark", "phone-light", "phone-dark"])
async def test_a_newcomer_goes_through_the_demo(size: tuple[int, int], scheme: str) -> None:
    """Types, watches the updates come in their order, opens a chart, asks, raises the budget, says what is right and what is wrong."""
    name = f"{'x'.join(map(str, size))}-{scheme}"
    async with demo._running(0, None, 0.3) as (workspace, _, _), opened(workspace.url, size, dark=scheme == "dark") as page:
        await _watches(page)
        print(f"{name}: {await page.evaluate(HEIGHT) / size[1]:.1f} screens")
        await shot(page, f"{name}-2-thread")
        await _opens_a_chart(page, name)
        await _asks(page, name)
        await _judges(page, name)
        await _raises(page)
        await shot(page, f"{name}-5-raised")
        await page.get_by_role("button", name="Close the thread").click()
        await expect(page.get_by_role("button", name="replies: open the thread")).to_be_focused()
        await shot(page, f"{name}-1-channel")


async def _watches(page: Page) -> None:
    await page.get_by_role("button", name="--budget 0.004").click()
    await expect(page.get_by_label("Message or command")).to_have_value("/compass investigate INC-42 --budget 0.004")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="open the thread").click()
    replies = page.locator("#replies article")
    for place, begins in enumerate(("INC-42", "Application", "Database", "Network")):
        await expect(replies.nth(place)).to_contain_text(begins)
    await expect(replies).to_have_count(6)
    await expect(replies.first).to_contain_text("✓ network")
    assert "$0.0000" not in (await replies.nth(1).locator(".context").text_content() or ""), "a model's call costs"
    await expect(page.get_by_role("button", name="Raise the budget and go on")).to_be_visible()
    await _the_answer_is_seen(page)


async def _opens_a_chart(page: Page, name: str) -> None:
    await page.get_by_role("button", name="Open the chart 1. bookings-db: connection exhaustion").click()
    large = page.get_by_role("dialog", name="Chart")
    await expect(large.get_by_role("img")).to_be_visible()
    await expect(large.locator("tr")).to_have_count(21)
    await shot(page, f"{name}-3-chart")
    await page.keyboard.press("Escape")
    await expect(large).to_be_hidden()


async def _asks(page: Page, name: str) -> None:
    await page.get_by_label("Reply in the thread").fill("@Compass why not events-catalog?")
    await page.keyboard.press("Enter")
    await expect(page.locator("#replies article")).to_have_count(8)
    await expect(page.locator("#replies article").last).to_contain_text("events-catalog")
    await shot(page, f"{name}-4-asked")


async def _judges(page: Page, name: str) -> None:
    replies, modal = page.locator("#replies article"), page.locator("#modal")
    await replies.nth(5).get_by_role("button", name="Wrong: it was …").click()
    await modal.get_by_label("Note for the thread").fill("it was the card reader")
    await shot(page, f"{name}-4-modal")
    await modal.get_by_role("button", name="Send").click()
    await expect(modal).to_be_hidden()
    await expect(replies.last).to_contain_text("card reader")
    await replies.nth(5).get_by_role("button", name="Right", exact=True).click()
    await expect(replies.last).to_contain_text("right")


async def _raises(page: Page) -> None:
    await page.get_by_role("button", name="Raise the budget and go on").first.click()
    await expect(page.locator("#replies article", has_text="/ $0.008").last).to_be_visible()
    await expect(page.locator("#replies article").last).to_contain_text("finished")


async def _the_answer_is_seen(page: Page) -> None:
    """A thread opens at its end, and there the answer stands."""
    await page.get_by_role("button", name="Close the thread").click()
    await page.get_by_role("button", name="replies: open the thread").click()
    await expect(page.locator("#replies article").last.get_by_text("1. bookings-db: connection exhaustion,")).to_be_in_viewport()
    await expect(page.locator("#replies article").last.get_by_role("button", name="Change …")).to_be_in_viewport()


async def test_a_person_stops_what_takes_too_long() -> None:
    async with demo._running(0, None, 600.0) as (workspace, _, _), opened(workspace.url) as page:
        await page.get_by_label("Message or command").fill("/compass investigate INC-42")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages article").last).to_contain_text("▸ application")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator("#messages")).to_contain_text("Stopped by alex")
        await expect(page.get_by_role("button", name="Re-investigate")).to_be_visible()
        await shot(page, "stopped")


async def test_a_person_changes_what_is_investigated() -> None:
    async with demo._running(0) as (workspace, _, _), opened(workspace.url, PHONE) as page:
        await page.get_by_label("Message or command").fill("/compass investigate INC-43")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="5 replies: open the thread").wait_for()
        await page.locator("#messages").get_by_role("button", name="Change …").click()
        modal = page.get_by_role("dialog")
        await modal.get_by_label("Budget").fill("a lot")
        await modal.locator("#submit").click()
        await expect(modal.get_by_label("Budget")).to_have_attribute("aria-invalid", "true")
        await expect(modal.get_by_label("Budget")).to_have_value("a lot")
        await shot(page, "change")
        await modal.get_by_label("Until").fill("")
        await modal.get_by_label("Budget").fill("2")
        await modal.locator("#submit").click()
        await expect(modal).to_be_hidden()
        await page.get_by_role("button", name="replies: open the thread").click()
        await expect(page.locator("#replies")).to_contain_text("$0.0000 / $2.00")
        await expect(page.locator("#replies article").last).to_contain_text("finished")


FIELD = {"type": "plain_text_input", "action_id": "a", "placeholder": plain("such as checkout")}
CHOICE = {"type": "static_select", "action_id": "b", "options": [{"text": plain(one), "value": one} for one in ("one", "two")]}
INPUTS = [
    {"type": "input", "block_id": "service", "label": plain("Service"), "element": FIELD},
    {"type": "input", "block_id": "agent", "label": plain("Agent"), "optional": True, "element": CHOICE},
]
MODAL = {"type": "modal", "callback_id": "m", "title": plain("Look"), "submit": plain("Go"), "close": plain("Cancel"), "blocks": INPUTS}


@pytest.fixture
async def heard(workspace: Workspace, client: AsyncWebClient) -> AsyncIterator[list[Any]]:
    """An app with a command, a button that uploads, a shortcut with a modal that refuses what is sent first, and a home."""
    app, heard = AsyncApp(client=client), list[Any]()
    workspace.shortcuts = {"look": "Look at this"}

    @app.command("/compass")
    async def investigate(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        await respond(text=f"heard {body['text']}")
        again = {"type": "button", "text": plain("Again"), "action_id": "again", "value": "i1"}
        root = await client.chat_postMessage(channel=body["channel_id"], text="root")
        await client.chat_postMessage(
            channel=INCIDENTS, text="final", thread_ts=root["ts"], blocks=[{"type": "actions", "elements": [again]}]
        )

    @app.action("again")
    async def again(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        file = {"filename": "a.png", "content": PNG, "title": "A chart", "alt_txt": "errors rise"}
        await client.files_upload_v2(file_uploads=[file], channel=INCIDENTS, thread_ts=body["message"]["thread_ts"])

    @app.shortcut("look")
    async def look(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("m")
    async def sent(ack: AsyncAck, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        heard.append((values["service"]["a"]["value"], (values["agent"]["b"]["selected_option"] or {}).get("value")))
        await (ack(response_action="errors", errors={"service": "Nobody knows it"}) if len(heard) == 1 else ack())

    @app.event("app_home_opened")
    async def home(event: dict[str, Any]) -> None:
        workspace.board.homes[event["user"]] = {"id": "H1", "type": "home", "blocks": [{"type": "header", "text": plain("Recent")}]}
        workspace.board.notify()

    handler = AsyncSocketModeHandler(app, workspace.app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call] # slack-bolt has no type there
    yield heard
    await handler.close_async()  # type: ignore[no-untyped-call] # the same


@pytest.mark.usefixtures("heard")
async def test_who_has_no_mouse_types_and_reads_a_thread(workspace: Workspace) -> None:
    async with opened(workspace.url) as page:
        press = page.keyboard.press
        await expect(page.locator("#empty")).to_be_visible()
        await page.keyboard.type("/compass investigate INC-1")
        await press("Enter")
        await expect(page.locator("article.ephemeral")).to_contain_text("only visible to you")
        await expect(page.locator("#said")).to_contain_text("compass: ")
        await page.get_by_role("button", name="1 reply: open the thread").focus()
        await press("Enter")
        await expect(page.get_by_label("Reply in the thread")).to_be_focused()
        await page.get_by_role("button", name="Again").focus()
        await press("Enter")
        await expect(page.get_by_role("img", name="errors rise")).to_be_visible()
        await page.get_by_label("Reply in the thread").focus()
        await press("Escape")
        await expect(page.get_by_role("complementary", name="Thread")).to_be_hidden()
        await expect(page.get_by_role("button", name="2 replies: open the thread")).to_be_focused()


async def test_a_modal_is_filled_in_and_says_what_is_wrong_with_it(workspace: Workspace, heard: list[Any]) -> None:
    workspace.board.add(INCIDENTS, "an alert", user=SAM)
    async with opened(workspace.url) as page:
        service, press = page.get_by_label("Service"), page.keyboard.press
        await page.get_by_role("button", name="More actions").focus()
        await press("Enter")
        await expect(page.get_by_role("button", name="Look at this")).to_be_focused()
        await press("Enter")
        await expect(service).to_be_focused()
        await page.keyboard.type("chekout")
        await press("Enter")
        await expect(service).to_have_accessible_description("Nobody knows it")
        await expect(service).to_be_focused()
        await expect(service).to_have_value("chekout")
        await shot(page, "refused")
        await page.get_by_label("Agent").select_option("two")
        await service.fill("checkout")
        await press("Enter")
        await expect(page.get_by_role("dialog", name="Look")).to_be_hidden()
        assert heard == [("chekout", None), ("checkout", "two")]


@pytest.mark.usefixtures("heard")
async def test_there_are_other_channels_other_people_and_the_apps_home(workspace: Workspace) -> None:
    async with opened(workspace.url) as page:
        await page.get_by_role("button", name="Compass", exact=True).click()
        await expect(page.get_by_role("heading", name="Recent")).to_be_visible()
        await page.get_by_role("button", name="# shop-oncall").click()
        await expect(page.get_by_role("button", name="# shop-oncall")).to_have_attribute("aria-current", "page")
        await expect(page.locator("#empty")).to_be_visible()
        await page.get_by_label("You are").select_option("sam")
        await page.get_by_label("Message or command").fill("hello")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("article", name="sam: hello")).to_be_visible()
        assert workspace.board.homes.keys() == {ALEX}


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
