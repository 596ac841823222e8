"""From log lines to observations."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from compass_core.analysis.lines import continues, level, message, severe
from compass_core.analysis.notes import LEAST, Note, Times, asked
from compass_core.analysis.shifts import grade
from compass_core.analysis.templates import Template
from compass_core.analysis.wording import amount
from compass_core.domain import Edge, Observation, Window
from compass_core.readings import LogLine, Reading, Series
from compass_core.signals.logs import A_MINUTE, HEARSAY, TOLD_CALMLY, TOLD_OF_PEERS, kinds_of
from compass_core.signals.signal import Signal

NEW_TEMPLATES = 5
MOSTLY = 0.5  # of the lines that hold words of errors: from there on their counts are those of errors
_EXCEPTION = re.compile(r"exception|traceback|panic|stack ?trace|segfault|assert", re.IGNORECASE)
NAMED = 5  # lines that name the same other service are no accident
SLICES, ENOUGH = 12, 10  # of the baseline in which lines are counted, and lines that tell how they come
UNSEEN = 0.5  # lines of a kind that a baseline without any may still have missed
NORMAL, SCALE = 2.0, 1.5  # standard deviations of a count that are no accident, and the scale of their logarithm


def exposure(times: Times, every: Iterable[Series], errors: Iterable[Series]) -> float:
    """How much more was written in the window than before, errors left out: what a count before is multiplied by.

    `every` and `errors` count all lines and those that tell of errors in each step. Where the rest says nothing, window ÷ baseline
    in seconds.
    """
    start = times.window.start.timestamp()
    before, after = (
        sum(sign * float(one.v[(one.t > start) == late].sum()) for sign, part in ((1, every), (-1, errors)) for one in part)
        for late in (False, True)
    )
    return after / before if before > 0 and after > 0 else times.window.seconds / times.baseline.seconds


def bursts(baseline: Window, lines: Iterable[LogLine]) -> dict[str, float]:
    """By service how much more the number of its lines varies than that of accidents: variance ÷ mean over `SLICES` of the baseline.

    At least 1, and told only where there are enough.
    """
    written: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        written[line.service].append(line.t)
    span = (baseline.start.timestamp(), baseline.end.timestamp())
    counts = {service: np.histogram(t, SLICES, span)[0] for service, t in written.items() if len(t) >= ENOUGH}
    return {service: max(1.0, float(count.var() / count.mean())) for service, count in counts.items() if count.any()}


def of_templates(
    note: Note, templates: Iterable[Template], ratio: float, lines: Reading[LogLine], usually: Mapping[str, float]
) -> list[Observation]:
    """Kinds of lines of errors that are new or come more often than the `ratio` of exposures explains, the strongest of each service.

    Score: grade of (count − expected) ÷ √((expected + 1) × (1 + ratio) × services that write the same × `bursts` as usual), × how bad so
    many more a minute are. A short time before says little of what is usual, and what several services write is passed on, not begun.
    """
    best: dict[str, list[Observation]] = {}
    scored, minutes = [], note.times.window.seconds / 60
    for one in templates:
        expected = (one.before + UNSEEN) * ratio
        variance = (expected + 1) * (1 + ratio) * one.shared * usually.get(one.service, 1.0)
        surprise = grade((one.count - expected) / variance**0.5, NORMAL, SCALE)
        scored.append((surprise * A_MINUTE.severity(one.count / minutes, expected / minutes), one))
    for score, one in sorted(scored, key=lambda pair: (-pair[0], pair[1].before)):
        if score < LEAST or len(best.setdefault(one.service, [])) >= NEW_TEMPLATES:
            continue
        usual = one.before * ratio
        best[one.service].append(
            note.observation(
                one.service,
                "new_exceptions" if _EXCEPTION.search(one.example) else "new_errors",
                f"{one.count} lines{f', usually {amount(usual)}' if one.before else ' of a new kind'}: {one.example[:160]}",
                round(score, 4),
                value=one.count,
                baseline_value=usual,
                reduction="lines of one template over the window; usually: lines before × other lines in the window ÷ before",
                **asked(lines.of(one.service), one.first),
            )
        )
    return [seen for kinds in best.values() for seen in kinds]


class Writers(NamedTuple):
    """Who writes lines, and the ratio of exposures of window and baseline. A database writes of itself, whomever it names.

    `callers` are those of each service, as far as they are known.
    """

    ratio: float
    services: Collection[str]
    databases: Collection[str] = ()
    callers: Mapping[str, Collection[str]] = {}


def of_phrases(
    note: Note, kinds: Iterable[Signal], window: Reading[LogLine], before: Reading[LogLine], writers: Writers
) -> list[Observation]:
    """Lines that tell of a kind of trouble, at the service that wrote them, or, for what is told of peers, that they name.

    What most of a peer's callers do not find is the fault of who finds it: of its own patience, address or way there.
    """
    found = []
    usually = _by_kind(kinds, before.values, writers)
    for (kind, service), lines in _by_kind(kinds, window.values, writers).items():
        usual = len(usually.get((kind, service), ())) * writers.ratio
        score = grade((len(lines) - usual) / (usual + 1) ** 0.5, NORMAL, SCALE) * kind.scale.severity(len(lines), usual)
        found.append(
            note.observation(
                service,
                kind.name,
                f"{len(lines)} log lines: {kind.words}, usually {amount(usual)}: {message(lines[0].line)[:160]}",
                score,
                value=len(lines),
                baseline_value=usual,
                reduction="lines with these phrases over the window; usually: lines before × other lines in the window ÷ before",
                **asked(window.of(lines[0].service), lines[0].t),
            )
        )
    return found


def errors(lines: Sequence[LogLine]) -> tuple[LogLine, ...]:
    """Those that tell of an error and not, by a phrase, why; of a stack trace the first line."""
    kinds = kinds_of([line.line for line in lines])
    return tuple(line for line, kind in zip(lines, kinds, strict=True) if not kind and not continues(line.line) and severe(line))


def named_by(lines: Iterable[LogLine], services: Collection[str]) -> list[Edge]:
    """Who calls whom, as lines of errors tell that name another service: what fails is what was called."""
    names = _names(services)
    count = Counter((line.service, _named(line, names)) for line in lines)
    pairs = ((*pair, often) for pair, often in count.items() if pair[0] in services)
    return [Edge(caller=one, callee=other) for one, other, often in pairs if one != other and often >= NAMED and often > count[other, one]]


def hardly(some: Iterable[LogLine], every: Iterable[LogLine]) -> frozenset[str]:
    """Services of whose lines these are less than half."""
    own, all_of = (Counter(line.service for line in lines) for lines in (some, every))
    return frozenset(service for service, count in all_of.items() if own[service] < MOSTLY * count)


def _by_kind(kinds: Iterable[Signal], lines: Sequence[LogLine], writers: Writers) -> Mapping[tuple[Signal, str], list[LogLine]]:
    wanted, found, names = {kind.name for kind in kinds}, defaultdict(list), _names(writers.services)
    for line, kind in zip(lines, kinds_of([line.line for line in lines]), strict=True):
        if kind and kind.name in wanted and (kind.name in TOLD_CALMLY or level(line) != "calm"):
            of_peer = kind.name in TOLD_OF_PEERS and line.service not in writers.databases
            found[kind, _named(line, names) if of_peer else line.service].append(line)
    for kind, peer in [key for key in found if key[0].name in HEARSAY]:
        tell = {line.service for line in found[kind, peer]}
        if peer not in tell and len(tell) < MOSTLY * len(writers.callers.get(peer, ())):
            for line in found.pop((kind, peer)):
                found[kind, line.service].append(line)
    return found


def _names(services: Collection[str]) -> re.Pattern[str]:
    """Any of these as a word; of two that begin alike the longer. Within `org.acme.web.Servlet` it is part of a class's name."""
    longest = sorted(filter(None, services), key=lambda one: (-len(one), one))
    any_of = f"(?:{'|'.join(map(re.escape, longest)) or '(?!)'})"
    return re.compile(rf"(?<![\w.-]){any_of}(?![\w-])|(?<![\w-]){any_of}(?![\w-]|\.\w)")


def _named(line: LogLine, names: re.Pattern[str]) -> str:
    """The longest other service that the line names, else the one that wrote it."""
    return max((one for one in names.findall(line.line) if one != line.service), key=len, default=line.service)
