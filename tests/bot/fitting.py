"""What every message of Slack's must keep."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

from bot.blocks.elements import words_of
from tests.workspace.limits import check_message, check_view, markup, nodes

if TYPE_CHECKING:
    from bot import blocks


def fits(message: blocks.Message, most_words: int = 0) -> None:
    check_message(message.text, message.blocks)
    assert message.text.strip()
    assert len(json.dumps(message.blocks, ensure_ascii=False)) < 12_000
    assert len(message.text) + len(shown(message)) < 10_000
    assert len(message.text) < 4_000
    assert not most_words or words_of(message.blocks) <= most_words
    found = markup(message.text, message.blocks)
    assert all(one.startswith(("https://", "http://")) for one in found), "nobody is pinged, and links are those of observations"
    _printable(message.text + shown(message))


def fits_a_modal(view: blocks.Json) -> None:
    check_view(view)
    assert all(one.startswith(("https://", "http://")) for one in markup("", view["blocks"]))
    _printable("".join(node["text"] for node in nodes(view["blocks"]) if isinstance(node.get("text"), str)))


def shown(message: blocks.Message) -> str:
    return "".join(node["text"] for node in nodes(message.blocks) if isinstance(node.get("text"), str))


def _printable(text: str) -> None:
    assert not [char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf"}]
