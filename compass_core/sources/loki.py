"""Reads log lines, and how many there are, from Loki."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import ceil, floor
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from compass_core.domain import Environment, Gap, Window
from compass_core.errors import Reason, SourceError
from compass_core.identity import OF_STREAMS, Thing, known_as, name_of, spellings
from compass_core.readings import LogLine, Reading, Reduction, Selection, Series
from compass_core.sources.http import Linker, Reader
from compass_core.sources.quoting import any_phrase, matching, quoted
from compass_core.sources.source import Source

LIMIT: Final = 5000
SECOND: Final = 10**9
QUERY: Final = "/loki/api/v1/query_range"
LABELS: Final = "/loki/api/v1/labels"
VALUES: Final = "/loki/api/v1/label/{}/values"
FEWEST_SILENT, SILENT_SHARE = 3, 0.1  # steps at the beginning without any line, after which Loki is asked whether it has any so old


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Names(_Answer):
    data: tuple[str, ...] = ()  # left out when there is none


class _Beside(_Answer):
    """What categorized answers hold beside a line; others have it among the stream's labels."""

    structured: dict[str, str] = Field(default={}, alias="structuredMetadata")
    parsed: dict[str, str] = {}


class _Stream(_Answer):
    stream: dict[str, str]
    values: tuple[tuple[int, str] | tuple[int, str, _Beside], ...]

    def lines(self, label: str, members: Mapping[str, str]) -> Iterator[tuple[int, LogLine]]:
        """Its lines, oldest first, with their nanoseconds."""
        service = members.get(self.stream[label], "")
        for at, line, *beside in reversed(self.values):
            labels = self.stream | {name: text for more in beside for name, text in (more.structured | more.parsed).items()}
            levels = (labels.get(name, "").lower() for name in ("detected_level", "level"))
            level = next((level for level in levels if level not in {"", "unknown"}), "")
            yield at, LogLine(at / SECOND, service, line, level, labels.get("trace_id", ""))


class _Points(_Answer):
    metric: dict[str, str]
    values: tuple[tuple[FiniteFloat, FiniteFloat], ...]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The streams of the wanted services: pairs of a value of `label` and its service; `within` are labels and their values or none."""

    label: str = ""
    members: tuple[tuple[str, str], ...] = ()
    within: Environment = ()
    everyone: bool = False

    def query(self, phrases: Sequence[str]) -> str:
        writers = f'{self.label}=~".+"' if self.everyone else matching(self.label, [value for value, _ in self.members])
        lines = f"{{{', '.join((writers, *(matching(label, ('', value)) for label, value in self.within)))}}}"
        return f"{lines} |~ {quoted(f'(?i)({any_phrase(phrases)})')}" if phrases else lines

    def counting(self, phrases: Sequence[str], step: str) -> str:
        return f"sum by ({self.label}) (count_over_time({self.query(phrases)} [{step}]))"


class Loki(Source):
    """`ports.Logs`, for one investigation."""

    def __init__(self, reader: Reader, *, service_labels: Sequence[str], link: Linker | None) -> None:
        super().__init__(reader, link)
        self._service_labels = tuple(dict.fromkeys((*service_labels, *OF_STREAMS)))
        self._limit = LIMIT
        self._names: dict[tuple[str, str], tuple[str, ...]] = {}
        self._lock = asyncio.Lock()

    async def log_lines(
        self, services: Sequence[str], window: Window, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[LogLine]:
        """The newest lines, 5,000 or as many as the server allows; a gap says where the cut is."""
        chosen, gaps = await self._choose(services, window, environment) if services else (_Chosen(), ())
        if not chosen.members:
            return Reading(gaps=gaps, source=self._reader.name)
        query = chosen.query(phrases)
        lines, since = await self._newest(query, window, chosen)
        if len(lines) >= self._limit:
            gaps += (self._reader.gap(Reason.TRUNCATED, f"only the newest {len(lines):,} lines were read, back to {since}"),)
        return Reading(lines, gaps, query, await self._linked(query, window), self._reader.name)

    async def log_counts(
        self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[Series]:
        """One series per value of the service label; `t` ends its step and is a multiple of it, as Loki has it; whole steps only."""
        chosen, gaps = await self._choose(services, window, environment)
        ends = range(ceil(window.start.timestamp() / step) + 1, floor(window.end.timestamp() / step) + 1)
        if not chosen.members or not ends:
            return Reading(gaps=gaps, source=self._reader.name)
        grid = np.array([end * step for end in ends], dtype=np.float64)
        width = f"{step:.0f}s" if float(step).is_integer() else f"{step * 1000:.0f}ms"
        query = chosen.counting(phrases, width)
        # Loki refuses a start that is also the end; a point after the grid, which this may bring, is dropped.
        span = [("start", str(round(grid[0] * SECOND))), ("end", str(round(grid[-1] * SECOND) + 1)), ("step", width)]
        counts = await self._reader.ask(QUERY, lambda answer: _counts(answer, chosen.label, grid, step), [("query", query), *span])
        told, clipped = await self._told(counts, grid, window, chosen.label)
        selection = Selection("log_lines", "log_lines", Reduction.RAW, chosen.label, chosen.members)
        series = []
        for value, service in chosen.members:
            own = replace(chosen, members=((value, service),), everyone=False).counting(phrases, width)
            points = counts.get(value, np.zeros_like(grid))[told:]
            link = await self._linked(own, window)
            series.append(Series(selection, service, {chosen.label: value}, grid[told:], points, own, self._reader.name, link, step))
        return Reading(tuple(series), gaps + clipped, query, source=self._reader.name)

    async def _told(
        self, counts: Mapping[str, NDArray[np.float64]], grid: NDArray[np.float64], window: Window, label: str
    ) -> tuple[int, tuple[Gap, ...]]:
        """The first step of which Loki tells, and a gap where it is not the first: lines that are too old it leaves out without a word."""
        some = np.flatnonzero(sum(counts.values(), np.zeros_like(grid)))
        first = int(some[0]) if some.size else 0
        if first < max(FEWEST_SILENT, grid.size * SILENT_SHARE):
            return 0, ()
        silent = Window(start=window.start, end=datetime.fromtimestamp(grid[first - 1], UTC))
        if await self._discovered(VALUES.format(label), silent):
            return 0, ()
        return first, (self._reader.gap(Reason.NO_DATA, _nothing(silent)),)

    async def _newest(self, query: str, window: Window, chosen: _Chosen) -> tuple[tuple[LogLine, ...], str]:
        parse, headers = partial(_lines, chosen=chosen), {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
        asked = [("query", query), *_times(window), ("direction", "backward")]
        try:
            return await self._reader.ask(QUERY, parse, [*asked, ("limit", str(self._limit))], headers)
        except SourceError as error:
            lower = re.search(r"max entries limit.*\(\d+ > (\d+)\)", error.detail)
            if lower is None:
                raise
            self._limit = int(lower[1])
        return await self._reader.ask(QUERY, parse, [*asked, ("limit", str(self._limit))], headers)

    async def _choose(self, services: Sequence[str], window: Window, bound: Environment) -> tuple[_Chosen, tuple[Gap, ...]]:
        """By the first label that names one of the services; calls that run at once share what they discover."""
        chosen, something = _Chosen(), False
        async with self._lock:
            known = await self._discovered(LABELS, window)
            within = tuple((label, value) for label, value in spellings(bound, namespaces=True) if label in known)
            for label in (label for label in self._service_labels if label in known):
                values = await self._discovered(VALUES.format(label), window)
                something = something or bool(values)
                chosen = _Chosen(label, _members(label, values, services), within, everyone=not services)
                if chosen.members:
                    break
        if not something:
            return chosen, (self._reader.gap(Reason.NO_DATA, _nothing(window)),)
        missing = ", ".join(sorted(set(services) - {service for _, service in chosen.members}))
        return chosen, (self._reader.gap(Reason.NO_DATA, f"no log stream of {missing}"),) if missing else ()

    async def _discovered(self, path: str, window: Window) -> tuple[str, ...]:
        """The labels are asked for once, their values once for each window: a service may be silent in one of them."""
        key = (path, "" if path == LABELS else str(window))
        if not self._names.get(key):
            self._names[key] = await self._reader.ask(path, lambda answer: _Names.model_validate(answer).data, _times(window))
        return self._names[key]


def _members(label: str, values: Sequence[str], services: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The values that name a wanted service, each with it; all where none is wanted."""
    things = [Thing(label, value, name) for value in values if (name := name_of(value, label))]
    listed = {(label, one.name) for one in things}
    named = ((one.value, known_as(one, services, listed)) for one in things)
    return tuple((value, service) for value, service in named if service in services or not services)


def _lines(answer: Any, chosen: _Chosen) -> tuple[tuple[LogLine, ...], str]:
    """The lines of all streams, merged, and the time of the oldest: there is no order between streams, and a line may be one of its own."""
    members = dict(chosen.members)
    streams = [_Stream.model_validate(stream) for stream in answer["data"]["result"]]
    lines = tuple(
        line for _, line in sorted((line for stream in streams for line in stream.lines(chosen.label, members)), key=itemgetter(0))
    )
    return lines, f"{datetime.fromtimestamp(lines[0].t, UTC):%H:%M:%S} UTC" if lines else ""


def _counts(answer: Any, label: str, grid: NDArray[np.float64], step: float) -> dict[str, NDArray[np.float64]]:
    """The counts on the grid by value of the label. A step without lines is absent from the answer and is 0 here."""
    counts = {}
    for points in map(_Points.model_validate, answer["data"]["result"]):
        row = counts[points.metric[label]] = np.zeros_like(grid)
        for at, count in points.values:
            place = round((at - grid[0]) / step)
            if 0 <= place < grid.size:
                row[place] = count
    return counts


def _nothing(window: Window) -> str:
    return (
        f"Loki tells of no line at all from {window.start:%H:%M} to {window.end:%H:%M} UTC: "
        "no stream has a label that names a service, or lines so old are not kept or not shown (max_query_lookback)"
    )


def _times(window: Window) -> list[tuple[str, str]]:
    """In nanoseconds: Loki reads shorter numbers as seconds or as 1970."""
    return [(name, str(round(at.timestamp() * 1_000_000) * 1000)) for name, at in (("start", window.start), ("end", window.end))]
