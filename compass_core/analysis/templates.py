"""Log templates: lines that differ in numbers, ids, addresses and a few words alone are one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from compass_core.readings import LogLine

LONGEST_LINE = 4_000  # characters of a line that are read
LONGEST = 300  # characters of a line that make its template
LIKE = 0.7  # of two templates with equally many words: this share of equal words makes them one, after He et al., Drain (2017)
MOST_LIKE = 40  # templates of one length that a new one is compared with
MESSAGE_FIELDS = ("msg", "message", "log", "event", "body")
ERROR_FIELDS = ("error", "err", "exception", "exception.message")
SEVERE = frozenset({"error", "err", "fatal", "critical", "crit", "severe", "panic", "alert", "emergency"})
MILD = frozenset({"trace", "debug", "info", "notice", "information", "warn", "warning"})
ANY = "<*>"

_PAIR = re.compile(r'\b([a-z][\w.]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_LEAD = re.compile(r"^[\[(]?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d|\s+UTC)?[\])]?\s*(?:\[\d+\]\s*)?")
_MASKS = (
    (re.compile(r"https?://\S+"), "<url>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)?|\b\d\d:\d\d:\d\d[.,]?\d*"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<addr>"),
    (re.compile(r"\b(?=\w*\d)[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"(?<![A-Za-z])-?\d+(?:\.\d+)?"), "<n>"),
)
_LEVELS = "|".join(sorted(SEVERE | MILD))
# in capitals, in brackets or in a field: the same words in a sentence say nothing of its level
_SAYS_LEVEL = re.compile(rf"\b({_LEVELS.upper()})\b|(?i:(?:level|severity|lvl)\W{{1,4}}({_LEVELS})\b|[\[(]({_LEVELS})[\])])")
_SAYS_TROUBLE = re.compile(r"error|exception|fatal|panic|traceback|critical|severe|fail", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of line of one service: how often it came in the window and before, and its first time in the window.

    `severe`: its lines tell of an error. `shared`: how many services write lines of this kind.
    """

    service: str
    text: str
    example: str
    count: int
    before: int
    first: float
    severe: bool
    shared: int


def template(line: str) -> str:
    """The line's message without what varies, at most `LONGEST` characters: `timeout after <n> ms on <addr>`."""
    return " ".join([word if word.isalpha() else _masked(word) for word in message(line)[:LONGEST].split()])


@lru_cache(maxsize=50_000)
def _masked(word: str) -> str:
    if any(char.isdigit() for char in word) or "://" in word:
        for pattern, mask in _MASKS:
            word = pattern.sub(mask, word)
    return word


def message(line: str) -> str:
    """What a line says: the message and error fields of JSON and logfmt, else its first line without the time before it."""
    fields = _fields(line)
    if fields is None:
        return _LEAD.sub("", line[:LONGEST_LINE].partition("\n")[0], count=1)
    said = (fields.get(name) for names in (MESSAGE_FIELDS, ERROR_FIELDS) for name in names)
    return ": ".join(text for text in said if isinstance(text, str)) or line


def severe(line: LogLine) -> bool:
    """It tells of an error: by its level, by the level in its text, or, where neither is there, by its words."""
    level = line.level
    if level not in SEVERE and level not in MILD:
        named = _SAYS_LEVEL.search(line.line[:LONGEST])
        level = named[named.lastindex or 0].lower() if named else ""
    return level in SEVERE or (level not in MILD and bool(_SAYS_TROUBLE.search(line.line[:LONGEST_LINE])))


def templates(window: Iterable[LogLine], baseline: Iterable[LogLine]) -> tuple[Template, ...]:
    """Every template that occurs in the window, with its count in both, the most frequent first."""
    before: dict[tuple[str, str], int] = defaultdict(int)
    for line in baseline:
        before[line.service, template(line.line)] += 1
    found: dict[tuple[str, str], list[LogLine]] = defaultdict(list)
    for line in window:
        found[line.service, template(line.line)].append(line)
    merged = _merged([*found, *before])
    usual: dict[tuple[str, str], int] = defaultdict(int)
    for key, count in before.items():
        usual[merged[key]] += count
    alike: dict[tuple[str, str], list[LogLine]] = defaultdict(list)
    for key, lines in found.items():
        alike[merged[key]] += lines
    writers: dict[str, set[str]] = defaultdict(set)
    for service, text in merged.values():
        writers[text].add(service)
    kinds = [
        Template(
            service,
            text,
            message(lines[0].line)[:LONGEST],
            len(lines),
            usual[service, text],
            min(line.t for line in lines),
            severe(lines[0]),
            len(writers[text]),
        )
        for (service, text), lines in alike.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: -kind.count))


def _merged(keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[str, str]]:
    """For each service and template those that it is counted with: words that vary between like templates become `ANY`."""
    groups: dict[tuple[str, int], list[list[str]]] = defaultdict(list)
    member: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        if key not in member:
            words = key[1].split()
            alike = groups[key[0], len(words)]
            group = next((one for one in alike[-MOST_LIKE:] if _like(one, words)), None)
            if group is None:
                group = list(words)
                alike.append(group)
            else:
                group[:] = [mine if mine == other else ANY for mine, other in zip(group, words, strict=True)]
            member[key] = group
    return {key: (key[0], " ".join(group)) for key, group in member.items()}


def _like(group: list[str], words: list[str]) -> bool:
    """The first word decides alone: it is what a line is about more often than a value."""
    return group[:1] == words[:1] and sum(map(str.__eq__, group, words)) >= max(LIKE * len(words), 2)


def _fields(line: str) -> Mapping[str, object] | None:
    """The fields of a line of JSON or logfmt, None for any other."""
    if line.startswith("{"):
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            return {}
    if "=" not in line[:LONGEST_LINE]:
        return None
    fields = {name: quoted or plain for name, quoted, plain in _PAIR.findall(line[:LONGEST_LINE].partition("\n")[0])}
    return fields if any(name in fields for name in MESSAGE_FIELDS) else None  # a sentence with a pair in it is not logfmt
