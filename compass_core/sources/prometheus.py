"""Reads metrics from Prometheus, or from what speaks its API."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

import numpy as np

from compass_core.errors import Reason, SourceError
from compass_core.http import shaped
from compass_core.model import Gap, Reading, Reduction, Series, service_name
from compass_core.sources import promql
from compass_core.sources.prometheus_families import Wanted, families

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from compass_core.http import Linker, Reader
    from compass_core.model import Family, Selection, Window
    from compass_core.ports import Offload

T = TypeVar("T")

SERIES: Final = "/api/v1/series"
METADATA: Final = "/api/v1/metadata"
QUERY: Final = "/api/v1/query"
QUERY_RANGE: Final = "/api/v1/query_range"
MOST_SERIES: Final = 20_000
MOST_POINTS: Final = 11_000
LONGEST_QUERY: Final = 5_500
UNKNOWN_INTERVAL: Final = 60.0
_OF_INCREASES: Final = frozenset({Reduction.RATE, Reduction.RATE_RATIO, Reduction.QUANTILE})
_WORTH_SPLITTING: Final = frozenset({Reason.REJECTED, Reason.TOO_LARGE, Reason.TIMEOUT})


@dataclass(frozen=True, slots=True)
class _Listing:
    series: tuple[Mapping[str, str], ...] = ()
    cut: bool = False
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class _Query:
    selection: Selection
    text: str
    link: str | None
    step: float


@dataclass(frozen=True, slots=True)
class _Answer:
    queries: Sequence[_Query]
    series: tuple[Series, ...] = ()
    warnings: tuple[str, ...] = ()
    error: SourceError | None = None


class Prometheus:
    """Metrics for one investigation. `link` gives a Grafana link; without one, `public_url` leads to Prometheus' own page."""

    def __init__(self, reader: Reader, offload: Offload, *, service_labels: tuple[str, ...], link: Linker | None, public_url: str) -> None:
        self._reader = reader
        self._offload = offload
        self._service_labels = service_labels
        self._link = link
        self._public_url = public_url.rstrip("/")
        self._metadata: Mapping[str, Any] | None = None
        self._intervals: dict[str, float] = {}
        self._once = asyncio.Lock()

    async def families(self, services: Sequence[str], names: Sequence[str], window: Window) -> Reading[Family]:
        """Which families exist for these services, or, whatever their service, with these names (`*` at the end: any ending)."""
        wanted = Wanted(frozenset(filter(None, services)), tuple(filter(None, names)), self._service_labels)
        parts = _packed(sorted(wanted.services), _length, LONGEST_QUERY // 4)
        matches = [promql.of_services(label, part) for part in parts for label in self._service_labels]
        matches += [promql.of_names(part) for part in _packed(wanted.names, _length, LONGEST_QUERY // 4)]
        listings = await _together(self._listed(part, window) for part in _packed(matches, _length, LONGEST_QUERY))
        errors = [listing.error for listing in listings if listing.error]
        if errors and len(errors) == len(listings):
            raise errors[0]
        listed = [labels for listing in listings for labels in listing.series]
        found = await self._parsed(SERIES, partial(families, listed, wanted, await self._described() if listed else {}))
        gaps = [self._gap(error.reason, error.detail) for error in errors]
        if any(listing.cut for listing in listings):
            gaps.append(self._gap(Reason.TRUNCATED, f"more than {MOST_SERIES:,} series: some metrics were not looked at"))
        return Reading(found, tuple(gaps), source=self._reader.name)

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        """The points of all selections, many in one request; where one is refused or takes too long, its halves are asked."""
        steps = math.ceil(window.seconds / step)
        if steps > MOST_POINTS:
            gap = self._gap(Reason.REJECTED, f"{steps:,} points for each series are more than {MOST_POINTS:,}: ask with a longer step")
            return Reading(gaps=(gap,), source=self._reader.name)
        await self._measure(selections, window)
        queries = [
            _Query(selection, text, await self._linked(text, window), step)
            for selection in selections
            for text in _texts(selection, self._seconds(selection, step))
        ]
        start = window.start.timestamp()
        grid = (("start", f"{start:.3f}"), ("end", f"{start + (steps - 1) * step:.3f}"), ("step", f"{step:.3f}"))
        batches = _packed(queries, lambda query: _length(promql.tagged(query.text, "000 or ")), LONGEST_QUERY)
        answers = [answer for found in await _together(self._batch(batch, grid) for batch in batches) for answer in found]
        errors = [answer.error for answer in answers if answer.error]
        if errors and len(errors) == len(answers):
            raise errors[0]
        return Reading(tuple(one for answer in answers for one in answer.series), self._gaps(answers), source=self._reader.name)

    async def _listed(self, matches: Sequence[str], window: Window) -> _Listing:
        span = (("start", f"{window.start.timestamp():.3f}"), ("end", f"{window.end.timestamp():.3f}"), ("limit", str(MOST_SERIES)))
        try:
            answer = await self._reader.json(SERIES, [*(("match[]", match) for match in matches), *span])
            listed = await self._parsed(SERIES, lambda: tuple(dict(labels) for labels in answer["data"]))
        except SourceError as error:
            return _Listing(error=error)
        return _Listing(listed, cut=len(listed) >= MOST_SERIES or bool(answer.get("warnings")))

    async def _described(self) -> Mapping[str, Any]:
        async with self._once:
            if self._metadata is not None:
                return self._metadata
            try:
                answer = await self._reader.json(METADATA)
                metadata = await self._parsed(METADATA, lambda: dict(answer["data"]))
            except SourceError:
                metadata = {}  # the names of the families tell their kind as well
            self._metadata = metadata
            return metadata

    async def _measure(self, selections: Sequence[Selection], window: Window) -> None:
        """How often each family gets a point: of two systems in one Prometheus, one may be scraped and the other push once a minute."""
        async with self._once:
            new = {_increasing(one): one for one in selections if one.members and _increasing(one) not in self._intervals}
            new.pop("", None)
            self._intervals.update(dict.fromkeys(new, UNKNOWN_INTERVAL))
            asked = [(family, promql.tagged(promql.samples(one), str(k))) for k, (family, one) in enumerate(new.items())]
            for part in _packed(asked, lambda pair: _length(pair[1]), LONGEST_QUERY):
                query = " or ".join(text for _, text in part)
                try:
                    answer = await self._reader.json(QUERY, [("query", query), ("time", f"{window.end.timestamp():.3f}")])
                    counts = await self._parsed(QUERY, partial(_counts, answer, tuple(new)))
                except SourceError:
                    continue  # the longest interval stays assumed: a rate over too many points is only smoother
                self._intervals.update({family: min(120 / count, UNKNOWN_INTERVAL) for family, count in counts.items()})

    def _seconds(self, selection: Selection, step: float) -> int:
        """Four points always hold an increase, also where one scrape is missed."""
        return math.ceil(max(step, 4 * self._intervals.get(_increasing(selection), UNKNOWN_INTERVAL)))

    async def _linked(self, query: str, window: Window) -> str | None:
        link = await self._link(query, window) if self._link else None
        if link or not self._public_url:
            return link
        end = f"{window.end:%Y-%m-%d %H:%M:%S}"
        shown = {"g0.expr": query, "g0.tab": "0", "g0.range_input": f"{math.ceil(window.seconds)}s", "g0.end_input": end}
        return f"{self._public_url}/graph?{urlencode(shown)}"

    async def _batch(self, queries: Sequence[_Query], grid: Sequence[tuple[str, str]]) -> list[_Answer]:
        text = " or ".join(promql.tagged(query.text, str(k)) for k, query in enumerate(queries))
        try:
            answer = await self._reader.json(QUERY_RANGE, [("query", text), *grid])
            return [await self._parsed(QUERY_RANGE, partial(_answered, answer, queries, self._reader.name))]
        except SourceError as error:
            half = len(queries) // 2
            if not half or error.reason not in _WORTH_SPLITTING:
                return [_Answer(queries, error=error)]
        halves = await _together(self._batch(part, grid) for part in (queries[:half], queries[half:]))
        return halves[0] + halves[1]

    async def _parsed(self, path: str, parse: Callable[[], T]) -> T:
        return await self._offload(shaped(self._reader.name, path, parse))

    def _gaps(self, answers: Sequence[_Answer]) -> tuple[Gap, ...]:
        gaps = [self._gap(Reason.TRUNCATED, warning) for answer in answers for warning in answer.warnings]
        for answer in answers:
            if answer.error:
                signals = ", ".join(dict.fromkeys(query.selection.signal for query in answer.queries))
                gaps.append(self._gap(answer.error.reason, f"{signals}: {answer.error.detail}"))
        return tuple(dict.fromkeys(gaps))

    def _gap(self, reason: Reason, detail: str) -> Gap:
        return Gap(source=self._reader.name, reason=reason, detail=detail)


def _texts(selection: Selection, seconds: int) -> list[str]:
    """One expression, or several that share the members among them where one would be too long for a URL."""
    text = promql.expression(selection, seconds)
    half = len(selection.members) // 2
    if not half or _length(text) <= LONGEST_QUERY:
        return [text] if selection.members else []
    members = (selection.members[:half], selection.members[half:])
    return [text for part in members for text in _texts(replace(selection, members=part), seconds)]


def _increasing(selection: Selection) -> str:
    """The family that a selection takes increases of, '' for none."""
    return selection.over or selection.family if selection.reduction in _OF_INCREASES else ""


def _counts(answer: Any, families: Sequence[str]) -> dict[str, float]:
    found = {families[int(item["metric"][promql.TAG])]: float(item["value"][1]) for item in answer["data"]["result"]}
    return {family: count for family, count in found.items() if count > 0}


def _answered(answer: Any, queries: Sequence[_Query], source: str) -> _Answer:
    series = tuple(_series(item, queries, source) for item in answer["data"]["result"] if "values" in item)  # else a native histogram
    return _Answer(queries, series, tuple(str(warning)[:200] for warning in answer.get("warnings") or ()))


def _series(item: Any, queries: Sequence[_Query], source: str) -> Series:
    labels = dict(item["metric"])
    query = queries[int(labels.pop(promql.TAG))]
    selection = query.selection
    value = labels.get(selection.service_label, "")
    service = dict(selection.members).get(value) or service_name(value, selection.service_label)
    points = np.array([(float(at), float(text)) for at, text in item["values"]], dtype=np.float64)
    t, v = points[:, 0], points[:, 1]
    if (np.diff(t) <= 0).any():
        msg = "times must ascend"
        raise ValueError(msg)
    v[~np.isfinite(v)] = np.nan
    return Series(selection, service, labels, t, v, query.text, source, query.link, query.step)


async def _together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


def _packed(items: Sequence[T], size: Callable[[T], int], most: int) -> list[Sequence[T]]:
    """The items in their order, in as few parts as fit below `most`; a larger one has a part of its own."""
    parts: list[list[T]] = []
    room = 0
    for item in items:
        room -= size(item)
        if room < 0:
            parts.append([])
            room = most - size(item)
        parts[-1].append(item)
    return list(parts)


def _length(text: str) -> int:
    return len(quote_plus(text)) + len("&match[]=")
