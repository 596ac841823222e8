"""The lists of this room: what secrets are called, what vendors give out, where secrets stand, and which words are none."""

import re
from functools import cache
from pathlib import Path


def rows(name: str) -> tuple[list[str], ...]:
    """The columns of each line of a list that is no remark."""
    text = Path(__file__).with_name(f"{name}.tsv").read_text(encoding="utf-8")
    return tuple(line.split("\t") for line in text.splitlines() if not line.startswith("#"))


@cache
def words(name: str) -> str:
    """One of the lists of `words.tsv`, as a pattern that takes any of its words."""
    return "(?:" + "|".join(word for each, listed in rows("words") if each == name for word in listed.split()) + ")"


@cache
def pattern(name: str) -> re.Pattern[str]:
    """As `words`, compiled; capital letters or not."""
    return re.compile(words(name), re.IGNORECASE)
