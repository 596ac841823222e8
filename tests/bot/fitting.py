"""What every message of Slack's must keep."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

from tests.workspace.limits import check_message, markup, nodes

if TYPE_CHECKING:
    from bot import blocks


def fits(message: blocks.Message) -> None:
    check_message(message.text, message.blocks)
    assert message.text.strip()
    assert len(json.dumps(message.blocks, ensure_ascii=False)) < 12_000
    assert len(message.text) + len(shown(message)) < 10_000
    assert len(message.text) < 4_000
    found = markup(message.text, message.blocks)
    assert not [one for one in found if one.startswith(("!", "@", "#")) and not one.startswith("!date^")]
    assert all(one.startswith(("https://", "http://", "!date^")) for one in found)
    assert not [char for char in message.text + shown(message) if char != "\n" and unicodedata.category(char) in {"Cc", "Cf"}]


def shown(message: blocks.Message) -> str:
    return "".join(node["text"] for node in nodes(message.blocks) if isinstance(node.get("text"), str))
