"""The parts that Slack's messages are made of, as Block Kit; pure. No part lets Slack read markup, so text from outside is only text."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.words import more, printable, shown

Json = dict[str, Any]
T = TypeVar("T")

ROOM = 10_500  # of JSON: Slack takes about 13,000 characters, and does not say which it counts
MOST_BLOCKS = 50
LONGEST_LINK = 3_000
LONGEST_VALUE = 2_000
LONGEST_TEXT = 3_800  # of a message's text: `chat.update` takes 4,000


@dataclass(frozen=True, slots=True)
class Message:
    """What `chat.postMessage` takes; `text` says the same where blocks are not shown: in a notification, to a screen reader.

    A `whole` one is not shown at all where Slack does not take its blocks.
    """

    text: str
    blocks: list[Json]
    whole: bool = False


def message(blocks: list[Json]) -> Message:
    lines = [escaped(line, 400) for line in text_of(blocks).split("\n") if printable(line)]
    while len("\n".join(lines)) > LONGEST_TEXT:
        lines = [*lines[: len(lines) * 3 // 4], "…"]
    return Message("\n".join(lines) or "-", blocks)


def text_of(blocks: Iterable[Json], *, links: bool = False) -> str:
    """What these blocks show, line by line, without buttons; with `links`, their addresses behind what leads there."""
    return "\n".join(line for block in blocks for line in _lines(block, links=links))


def _lines(block: Json, *, links: bool) -> list[str]:
    match block:
        case {"type": "header", "text": {"text": text}}:
            return [text]
        case {"type": "rich_text_list", "elements": items}:
            return [f"• {line}" for item in items for line in _lines(item, links=links)]
        case {"type": "rich_text" | "context", "elements": inner}:
            return [line for each in inner for line in _lines(each, links=links)]
        case {"type": "plain_text", "text": text}:
            return str(text).split("\n")
        case {"type": "actions"}:
            return []
    told = (
        one.get("fallback") or one.get("channel_id") or one["text"] + (f" ({one['url']})" if links and "url" in one else "")
        for one in block["elements"]
    )
    return "".join(told).split("\n")


def words_of(blocks: Iterable[Json]) -> int:
    """How many words a person reads there, without the small print."""
    large = (block for block in blocks if block["type"] != "context")
    return sum(any(map(str.isalnum, word)) for word in text_of(large).split())


def fitting(build: Callable[[T], list[Json]], details: Sequence[T], most_words: int) -> list[Json]:
    """What `build` makes with the first, most generous of these details that Slack takes and that is short enough, else with the last."""
    blocks: list[Json] = []
    for detail in details:
        blocks = build(detail)
        if len(blocks) <= MOST_BLOCKS and len(json.dumps(blocks, ensure_ascii=False)) <= ROOM and words_of(blocks) <= most_words:
            break
    return blocks


def bullets(title: str, lines: Sequence[list[Json]], left: int = 0) -> list[Json]:
    """A list with a title, and how many are left out."""
    if not lines:
        return []
    items = [section(line) for line in (*lines, *([plain(rest)] for rest in more(left)))]
    bullets = {"type": "rich_text_list", "style": "bullet", "elements": items}
    return [{"type": "rich_text", "elements": [*([section([bold(title)])] if title else []), bullets]}]


def rich(*lines: list[Json]) -> Json:
    """Lines of parts; Slack reads no markup in them."""
    parts = [part for line in lines for part in (plain("\n"), *line)][1:]
    return {"type": "rich_text", "elements": [section(parts)]}


def section(parts: Iterable[Json]) -> Json:
    return {"type": "rich_text_section", "elements": [part for part in parts if part.get("text") != ""] or [plain("-")]}


def code_block(text: str) -> Json:
    """Text to be copied."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [plain(text)]}]}


def plain(text: str, *, code: bool = False) -> Json:
    return {"type": "text", "text": text, **({"style": {"code": True}} if code else {})}


def bold(text: str) -> Json:
    return {"type": "text", "text": text, "style": {"bold": True}}


def may_link(url: str | None) -> bool:
    """Whether Slack takes this as an address."""
    return url is not None and url.startswith(("https://", "http://")) and len(url) <= LONGEST_LINK and url.isprintable() and " " not in url


def link_to(url: str | None, text: str) -> Json:
    """A link, or the text alone where there is none to show."""
    return {"type": "link", "url": url, "text": text or "-"} if may_link(url) else plain(text)


def channel(name: str) -> Json:
    """A channel, which Slack names only to those who may see it."""
    return {"type": "channel", "channel_id": name}


def header(text: str) -> Json:
    return {"type": "header", "text": label(text, 140)}


def context(*lines: str) -> Json:
    """Small print."""
    text = "\n".join(shown(line, 700) for line in lines if printable(line)) or "-"
    return {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]}


def button(action: str, text: str, value: str) -> Json:
    return {"type": "button", "action_id": action, "text": label(text, 70), "value": shown(value, LONGEST_VALUE) or "-"}


def label(text: str, most: int) -> Json:
    """A text without markup, as titles, buttons and inputs have it."""
    return {"type": "plain_text", "text": shown(text, most), "emoji": False}


def buttons(*these: Json) -> Json:
    return {"type": "actions", "elements": list(these)}


def entry(name: str, title: str, element: Json, *, optional: bool = False) -> Json:
    return {"type": "input", "block_id": name, "label": label(title, 100), "optional": optional, "element": element}


def form(name: str, title: str, of: str, *blocks: Json) -> Json:
    """A modal that is filled in and sent; `of` comes back with it."""
    words = {"title": label(title, 24), "submit": label("Send", 24), "close": label("Cancel", 24)}
    return {"type": "modal", "callback_id": name, **words, "private_metadata": of, "blocks": list(blocks)}


def escaped(text: str, limit: int) -> str:
    """Text for where markup is read."""
    return shown(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
