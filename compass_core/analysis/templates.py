"""Log templates: lines that differ in numbers, ids and addresses alone are one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compass_core.readings import LogLine

LONGEST_LINE = 4_000  # characters of a line that are read
LONGEST = 300  # characters of a line that make its template
MESSAGE_FIELDS = ("msg", "message", "log", "event", "body")
ERROR_FIELDS = ("error", "err", "exception", "exception.message")

_PAIR = re.compile(r'\b([a-z][\w.]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_LEAD = re.compile(r"^[\[(]?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d|\s+UTC)?[\])]?\s*(?:\[\d+\]\s*)?")
_MASKS = (
    (re.compile(r"https?://\S+"), "<url>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\b\d\d:\d\d:\d\d[.,]?\d*"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<addr>"),
    (re.compile(r"\b(?=\w*\d)[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"(?<![A-Za-z])-?\d+(?:\.\d+)?"), "<n>"),
)


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of line of one service: how often it came in the window and before, and its first time in the window."""

    service: str
    text: str
    example: str
    count: int
    before: int
    first: float


def template(line: str) -> str:
    """The line's message without what varies, at most `LONGEST` characters: `timeout after <n> ms on <addr>`."""
    text = message(line)[:LONGEST]
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return " ".join(text.split())


def message(line: str) -> str:
    """What a line says: the message and error fields of JSON and logfmt, else its first line without the time before it."""
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            return line
    else:
        line = _LEAD.sub("", line[:LONGEST_LINE].partition("\n")[0], count=1)
        fields = {name: quoted or plain for name, quoted, plain in _PAIR.findall(line)}
        if not any(name in fields for name in MESSAGE_FIELDS):  # a sentence with a pair in it, not logfmt
            return line
    said = [fields[name] for names in (MESSAGE_FIELDS, ERROR_FIELDS) for name in names if isinstance(fields.get(name), str)]
    return ": ".join(said) or line


def templates(window: Iterable[LogLine], baseline: Iterable[LogLine]) -> tuple[Template, ...]:
    """Every template that occurs in the window, with its count in both, the most frequent first."""
    before: dict[tuple[str, str], int] = defaultdict(int)
    for line in baseline:
        before[line.service, template(line.line)] += 1
    found: dict[tuple[str, str], list[LogLine]] = defaultdict(list)
    for line in window:
        found[line.service, template(line.line)].append(line)
    kinds = [
        Template(service, text, message(lines[0].line), len(lines), before[service, text], min(line.t for line in lines))
        for (service, text), lines in found.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: -kind.count))
