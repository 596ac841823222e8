"""Everything Slack shows, as Block Kit, a file a message; pure. Keeps Slack's limits: it never fails.

A message that would grow too large or too long is built again with less detail, and says how much is left out.
"""

from bot.blocks.details import HYPOTHESES, LONGEST_NOTE, correction, details, parse_show, told
from bot.blocks.elements import Json, Message, text_of
from bot.blocks.final import final
from bot.blocks.lists import cost, declared, help_text, home, refusal, status
from bot.blocks.root import root
from bot.blocks.update import agent_update

__all__ = [
    "HYPOTHESES", "LONGEST_NOTE", "Json", "Message", "agent_update", "correction", "cost", "declared", "details", "final",
    "help_text", "home", "parse_show", "refusal", "root", "status", "text_of", "told",
]  # fmt: skip
