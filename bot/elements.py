"""The parts that Slack's messages are made of, as Block Kit; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.words import more, printable, shown, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

Json = dict[str, Any]

LONGEST_LINK = 3_000


def bullets(title: str, lines: Sequence[list[Json]], left: int) -> list[Json]:
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
    """Parts in one paragraph."""
    return {"type": "rich_text_section", "elements": [part for part in parts if part["text"]] or [plain("-")]}


def code_block(text: str) -> Json:
    """Text to be copied."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [plain(text)]}]}


def plain(text: str, *, code: bool = False) -> Json:
    """Text as it is."""
    return {"type": "text", "text": text, **({"style": {"code": True}} if code else {})}


def bold(text: str) -> Json:
    """Text in bold."""
    return {"type": "text", "text": text, "style": {"bold": True}}


def may_link(url: str | None) -> bool:
    """Whether Slack takes this as an address."""
    return url is not None and url.startswith(("https://", "http://")) and len(url) <= LONGEST_LINK and url.isprintable() and " " not in url


def link_to(url: str | None, text: str) -> Json:
    """A link, or the text alone where there is none to show."""
    return {"type": "link", "url": url, "text": text or "-"} if may_link(url) else plain(text)


def header(text: str) -> Json:
    """The title of a message."""
    return {"type": "header", "text": {"type": "plain_text", "text": shown(text, 140), "emoji": False}}


def context(mrkdwn: str) -> Json:
    """Only for our own words: markup in them is read."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": mrkdwn, "verbatim": True}]}


def local_time(at: datetime) -> str:
    """A time that Slack shows in the reader's own time zone, after the one in UTC."""
    return f"{utc(at)} (<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%H:%M} UTC> here)"


def escaped(text: str, limit: int) -> str:
    """Text from outside for where markup is read."""
    return shown(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fallback(*lines: str) -> str:
    """What is shown where blocks are not, as in a notification."""
    return "\n".join(escaped(line, 400) for line in lines if printable(line)) or "-"
