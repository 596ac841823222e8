"""Reads log lines, and how many there are, from Loki."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import ceil, floor
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from compass_core.errors import Reason, SourceError
from compass_core.http import shaped
from compass_core.model import Gap, LogLine, Reading, Reduction, Selection, Series, service_name
from compass_core.sources.quoting import any_of, matching, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from compass_core.http import Linker, Reader
    from compass_core.model import Window
    from compass_core.ports import Offload

T = TypeVar("T")

LIMIT: Final = 5000
SECOND: Final = 10**9
QUERY: Final = "/loki/api/v1/query_range"
LABELS: Final = "/loki/api/v1/labels"


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Names(_Answer):
    """Loki leaves `data` out when there is none."""

    data: tuple[str, ...] = ()


class _Beside(_Answer):
    """What categorized answers hold beside a line; others have it among the stream's labels."""

    structured: dict[str, str] = Field(default={}, alias="structuredMetadata")
    parsed: dict[str, str] = {}


class _Stream(_Answer):
    stream: dict[str, str]
    values: tuple[tuple[int, str] | tuple[int, str, _Beside], ...]

    def lines(self, label: str) -> Iterator[tuple[int, LogLine]]:
        """Its lines, oldest first, with their nanoseconds."""
        for at, line, *beside in reversed(self.values):
            labels = self.stream | {name: text for more in beside for name, text in (more.structured | more.parsed).items()}
            levels = (labels.get(name, "").lower() for name in ("detected_level", "level"))
            level = next((level for level in levels if level not in {"", "unknown"}), "")
            yield at, LogLine(at / SECOND, service_name(self.stream[label], label), line, level, labels.get("trace_id", ""))


class _Streams(_Answer):
    result: tuple[_Stream, ...]


class _Points(_Answer):
    metric: dict[str, str]
    values: tuple[tuple[FiniteFloat, FiniteFloat], ...]


class _Matrix(_Answer):
    result: tuple[_Points, ...]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The streams of the wanted services: pairs of a value of `label` and its service."""

    label: str
    members: tuple[tuple[str, str], ...]

    def query(self, phrases: Sequence[str]) -> str:
        lines = f"{{{matching(self.label, [value for value, _ in self.members])}}}"
        return f"{lines} |~ {quoted(f'(?i)({any_of(phrases)})')}" if phrases else lines

    def counting(self, phrases: Sequence[str], step: str) -> str:
        return f"sum by ({self.label}) (count_over_time({self.query(phrases)} [{step}]))"

    def absent(self, services: Sequence[str], source: str) -> tuple[Gap, ...]:
        missing = sorted(set(services) - {service for _, service in self.members})
        return (Gap(source=source, reason=Reason.NO_DATA, detail=f"no log stream of {', '.join(missing)}"),) if missing else ()


class Loki:
    """`ports.Logs`, for one investigation."""

    def __init__(self, reader: Reader, offload: Offload, *, service_labels: Sequence[str], link: Linker | None) -> None:
        self._reader = reader
        self._offload = offload
        self._service_labels = tuple(service_labels)
        self._link = link
        self._limit = LIMIT
        self._names: dict[tuple[str, str], tuple[str, ...]] = {}
        self._lock = asyncio.Lock()

    async def log_lines(self, services: Sequence[str], window: Window, phrases: Sequence[str]) -> Reading[LogLine]:
        """The newest lines, 5,000 or as many as the server allows; a gap says where the cut is."""
        chosen = await self._choose(services, window)
        gaps = chosen.absent(services, self._reader.name)
        if not chosen.members:
            return Reading(gaps=gaps, source=self._reader.name)
        query = chosen.query(phrases)
        lines = await self._parsed(QUERY, partial(_lines, await self._newest(query, window), chosen.label))
        if len(lines) >= self._limit:
            since = await self._parsed(QUERY, lambda: f"{datetime.fromtimestamp(lines[0].t, UTC):%H:%M:%S} UTC")
            cut = f"only the newest {len(lines):,} lines were read, back to {since}"
            gaps += (Gap(source=self._reader.name, reason=Reason.TRUNCATED, detail=cut),)
        link = await self._link(query, window) if self._link else None
        return Reading(values=lines, gaps=gaps, query=query, link=link, source=self._reader.name)

    async def log_counts(self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str]) -> Reading[Series]:
        """One series per value of the service label; `t` ends its step and is a multiple of it, as Loki has it; whole steps only."""
        chosen = await self._choose(services, window)
        gaps = chosen.absent(services, self._reader.name)
        grid = _grid(window, step)
        if not chosen.members or not grid.size:
            return Reading(gaps=gaps, source=self._reader.name)
        width = f"{step:.0f}s" if float(step).is_integer() else f"{step * 1000:.0f}ms"
        query = chosen.counting(phrases, width)
        # Loki refuses a start that is also the end; a point after the grid, which this may bring, is dropped.
        span = [("start", str(round(grid[0] * SECOND))), ("end", str(round(grid[-1] * SECOND) + 1)), ("step", width)]
        answer = await self._reader.json(QUERY, [("query", query), *span])
        counts = await self._parsed(QUERY, partial(_counts, answer, chosen.label, grid, step))
        selection = Selection("log_lines", "log_lines", Reduction.RAW, chosen.label, chosen.members)
        series = []
        for value, service in chosen.members:
            own = _Chosen(chosen.label, ((value, service),)).counting(phrases, width)
            link = await self._link(own, window) if self._link else None
            points = counts.get(value, np.zeros_like(grid))
            series.append(Series(selection, service, {chosen.label: value}, grid, points, own, self._reader.name, link, step))
        return Reading(values=tuple(series), gaps=gaps, query=query, source=self._reader.name)

    async def _newest(self, query: str, window: Window) -> Any:
        try:
            return await self._ask(query, window)
        except SourceError as error:
            lower = re.search(r"max entries limit.*\(\d+ > (\d+)\)", error.detail)
            if lower is None:
                raise
            self._limit = int(lower[1])
        return await self._ask(query, window)

    async def _ask(self, query: str, window: Window) -> Any:
        params = [("query", query), *_times(window), ("limit", str(self._limit)), ("direction", "backward")]
        return await self._reader.json(QUERY, params, {"X-Loki-Response-Encoding-Flags": "categorize-labels"})

    async def _choose(self, services: Sequence[str], window: Window) -> _Chosen:
        """By the first configured label that names one of the services; calls that run at once share what they discover."""
        async with self._lock:
            known = await self._discovered(LABELS, window)
            for label in (label for label in self._service_labels if label in known):
                values = await self._discovered(f"/loki/api/v1/label/{label}/values", window)
                members = tuple((value, service) for value in values if (service := service_name(value, label)) in services)
                if members:
                    return _Chosen(label, members)
        return _Chosen("", ())

    async def _discovered(self, path: str, window: Window) -> tuple[str, ...]:
        """The labels are asked for once, their values once for each window: a service may be silent in one of them."""
        key = (path, "" if path == LABELS else str(window))
        if not self._names.get(key):
            answer = await self._reader.json(path, _times(window))
            self._names[key] = await self._parsed(path, lambda: _Names.model_validate(answer).data)
        return self._names[key]

    async def _parsed(self, path: str, parse: Callable[[], T]) -> T:
        return await self._offload(shaped(self._reader.name, path, parse))


def _lines(answer: Any, label: str) -> tuple[LogLine, ...]:
    """The lines of all streams, merged: one line may be a stream of its own, and there is no order between streams."""
    streams = _Streams.model_validate(answer["data"]).result
    return tuple(line for _, line in sorted((line for stream in streams for line in stream.lines(label)), key=itemgetter(0)))


def _counts(answer: Any, label: str, grid: NDArray[np.float64], step: float) -> dict[str, NDArray[np.float64]]:
    """The counts on the grid by value of the label. A step without lines is absent from the answer and is 0 here."""
    counts = {}
    for points in _Matrix.model_validate(answer["data"]).result:
        row = counts[points.metric[label]] = np.zeros_like(grid)
        for at, count in points.values:
            place = round((at - grid[0]) / step)
            if 0 <= place < grid.size:
                row[place] = count
    return counts


def _grid(window: Window, step: float) -> NDArray[np.float64]:
    """The ends of the whole steps inside the window; Loki aligns steps to multiples of their length."""
    ends = range(ceil(window.start.timestamp() / step) + 1, floor(window.end.timestamp() / step) + 1)
    return np.array([end * step for end in ends], dtype=np.float64)


def _times(window: Window) -> list[tuple[str, str]]:
    """In nanoseconds: Loki reads shorter numbers as seconds or as 1970."""
    return [(name, str(round(at.timestamp() * 1_000_000) * 1000)) for name, at in (("start", window.start), ("end", window.end))]
