"""Log templates: lines that differ in numbers, ids, addresses and a few words alone are one."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from compass_core.analysis.lines import message
from compass_core.readings import LogLine

LONGEST = 300  # characters of a line that make its template
LIKE = 0.7  # of two templates with equally many words: this share of equal words makes them one, after He et al., Drain (2017)
MOST_LIKE = 40  # templates of one length that a new one is compared with
ANY = "<*>"

_MASKS = (
    (re.compile(r"https?://\S+"), "<url>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)?|\b\d\d:\d\d:\d\d[.,]?\d*"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<addr>"),
    (re.compile(r"\b(?=\w*\d)[0-9a-fA-F]{8,}\b"), "<id>"),
    (re.compile(r"(?<![A-Za-z])-?\d+(?:\.\d+)?"), "<n>"),
)


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of line of one service: how often it came in the window and before, and its first time in the window.

    `shared`: how many services write lines of this kind.
    """

    service: str
    text: str
    example: str
    count: int
    before: int
    first: float
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
            message(lines[0].line),
            len(lines),
            usual[service, text],
            min(line.t for line in lines),
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
