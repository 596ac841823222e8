"""Untrusted text inside a query: nothing can break out of these strings and regular expressions."""

import json
import re
from collections.abc import Sequence


def quoted(text: str) -> str:
    """A double-quoted string of PromQL, LogQL and TraceQL, which share Go's escapes; JSON's are a part of those."""
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)


def any_of(texts: Sequence[str]) -> str:
    """A regular expression (RE2) of which each text is an alternative, letter by letter."""
    return "|".join(re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text) for text in texts)


def any_phrase(phrases: Sequence[str]) -> str:
    """As `any_of`, of phrases in which `#` is any digit."""
    return any_of(phrases).replace("#", "[0-9]")


def matching(name: str, values: Sequence[str], *, but: bool = False) -> str:
    """A matcher of a label or attribute: `name="one"`, or `name=~"one|two"`; with `but` of all other values, `name!="one"`."""
    one, several = ("!=", "!~") if but else ("=", "=~")
    return f"{name}{one}{quoted(values[0])}" if len(values) == 1 else f"{name}{several}{quoted(any_of(values))}"
