"""Reads metrics from Prometheus, or from what speaks its API."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import quote_plus, urlencode

import numpy as np

from compass_core.errors import Reason, SourceError
from compass_core.readings import Match, Reading, Reduction, Series
from compass_core.sources import promql
from compass_core.sources.http import shaped
from compass_core.sources.prometheus_families import Wanted, families
from compass_core.sources.source import Source, parted, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from compass_core.domain import Window
    from compass_core.ports import Offload
    from compass_core.readings import Family, Selection
    from compass_core.sources.http import Linker, Reader

    _Asked: TypeAlias = "tuple[Sequence[_Query], Reading[Series] | SourceError]"

T = TypeVar("T")

SERIES: Final = "/api/v1/series"
METADATA: Final = "/api/v1/metadata"
QUERY: Final = "/api/v1/query"
QUERY_RANGE: Final = "/api/v1/query_range"
MOST_SERIES: Final = 20_000
LONGEST_QUERY: Final = 7_000  # many servers and proxies take no longer line than 8 KiB
MOST_SPLITS: Final = 8  # of an investigation: a server that refuses everything must not use up what it may ask
UNKNOWN_INTERVAL: Final = 60.0
_OF_INCREASES: Final = frozenset({Reduction.RATE, Reduction.RATE_RATIO, Reduction.QUANTILE})
_WORTH_SPLITTING: Final = frozenset({Reason.REJECTED, Reason.TOO_LARGE, Reason.TIMEOUT})


@dataclass(frozen=True, slots=True)
class _Query:
    """What is asked; increases are taken over `seconds`."""

    selection: Selection
    seconds: int
    step: float

    @property
    def text(self) -> str:
        return promql.expression(self.selection, self.seconds)


class Prometheus(Source):
    """Metrics for one investigation. `link` gives a Grafana link; without one, `public_url` leads to Prometheus' own page."""

    def __init__(self, reader: Reader, offload: Offload, *, service_labels: tuple[str, ...], link: Linker | None, public_url: str) -> None:
        super().__init__(reader, offload, link)
        self._service_labels = service_labels
        self._public_url = public_url.rstrip("/")
        self._metadata: Mapping[str, Any] | None = None
        self._intervals: dict[str, float] = {}
        self._once = asyncio.Lock()
        self._splits = MOST_SPLITS

    async def families(self, services: Sequence[str], names: Sequence[str], window: Window) -> Reading[Family]:
        """Which families exist for these services, or, whatever their service, with these names (`*` at the end: any ending)."""
        wanted = Wanted(frozenset(filter(None, services)), tuple(filter(None, names)), self._service_labels)
        parts = _packed(sorted(wanted.services), _length, LONGEST_QUERY // 4)
        matches = [promql.of_services(label, part) for part in parts for label in self._service_labels]
        matches += [promql.of_names(part) for part in _packed(wanted.names, _length, LONGEST_QUERY // 4)]
        span = (("start", f"{window.start.timestamp():.3f}"), ("end", f"{window.end.timestamp():.3f}"), ("limit", str(MOST_SERIES)))
        listings, errors = parted(
            await together(
                self._try(SERIES, _listed, [*(("match[]", match) for match in part), *span])
                for part in _packed(matches, _length, LONGEST_QUERY)
            )
        )
        listed = [labels for series, _ in listings for labels in series]
        metadata = await self._described() if listed else {}
        found = await self._offload(shaped(self._name, SERIES, partial(families, listed, wanted, metadata)))
        gaps = [self._gap(error.reason, error.detail) for error in errors]
        if any(cut for _, cut in listings):
            gaps.append(self._gap(Reason.TRUNCATED, f"more than {MOST_SERIES:,} series: some metrics were not looked at"))
        return Reading(found, tuple(gaps), source=self._name)

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        """The points of all selections, many in one request; where one is refused or takes too long, its halves are asked."""
        await self._measure(selections, window)
        queries = [_Query(one, self._seconds(one, step), step) for one in selections if one.members]
        start, last = window.start.timestamp(), math.ceil(window.seconds / step) - 1
        grid = (("start", f"{start:.3f}"), ("end", f"{start + last * step:.3f}"), ("step", f"{step:.3f}"))
        batches = _packed(queries, lambda query: _length(promql.tagged(query.text, "000 or ")), LONGEST_QUERY)
        asked = [each for found in await together(self._batch(batch, grid) for batch in batches) for each in found]
        good, _ = parted([answer for _, answer in asked])
        gaps = [gap for answer in good for gap in answer.gaps]
        for batch, answer in asked:
            if isinstance(answer, SourceError):
                signals = ", ".join(dict.fromkeys(query.selection.signal for query in batch))
                gaps.append(self._gap(answer.reason, f"{signals}: {answer.detail}"))
        found = [replace(one, link=await self._linked(one.query, window)) for answer in good for one in answer.values]
        return Reading(tuple(found), tuple(dict.fromkeys(gaps)), source=self._name)

    async def _described(self) -> Mapping[str, Any]:
        async with self._once:
            if self._metadata is None:
                said = await self._try(METADATA, lambda answer: dict(answer["data"]))
                self._metadata = {} if isinstance(said, SourceError) else said  # the names of the families tell their kind as well
            return self._metadata

    async def _measure(self, selections: Sequence[Selection], window: Window) -> None:
        """How often each family gets a point: of two systems in one Prometheus, one may be scraped and the other push once a minute."""
        async with self._once:
            new = {_increasing(one): one for one in selections if one.members and _increasing(one) not in self._intervals}
            new.pop("", None)
            self._intervals.update(dict.fromkeys(new, UNKNOWN_INTERVAL))
            texts = [promql.tagged(promql.samples(one), str(k)) for k, one in enumerate(new.values())]
            for part in _packed(texts, _length, LONGEST_QUERY):
                params = [("query", " or ".join(part)), ("time", f"{window.end.timestamp():.3f}")]
                counts = await self._try(QUERY, partial(_counts, families=tuple(new)), params)
                if not isinstance(counts, SourceError):  # else the longest stays: a rate over too many points is only smoother
                    self._intervals.update({family: min(120 / count, UNKNOWN_INTERVAL) for family, count in counts.items()})

    def _seconds(self, selection: Selection, step: float) -> int:
        """Over how long increases are taken: four intervals always hold one, also where a sample was missed."""
        return math.ceil(max(step, 4 * self._intervals.get(_increasing(selection), UNKNOWN_INTERVAL)))

    async def _linked(self, query: str, window: Window) -> str | None:
        link = await super()._linked(query, window)
        if link or not self._public_url:
            return link
        end = f"{window.end:%Y-%m-%d %H:%M:%S}"
        shown = {"g0.expr": query, "g0.tab": "0", "g0.range_input": f"{math.ceil(window.seconds)}s", "g0.end_input": end}
        return f"{self._public_url}/graph?{urlencode(shown)}"

    async def _batch(self, queries: Sequence[_Query], grid: Sequence[tuple[str, str]]) -> list[_Asked]:
        text = " or ".join(promql.tagged(query.text, str(k)) for k, query in enumerate(queries))
        answer = await self._try(QUERY_RANGE, partial(self._answered, queries), [("query", text), *grid])
        half = len(queries) // 2
        if not half or not self._splits or not isinstance(answer, SourceError) or answer.reason not in _WORTH_SPLITTING:
            return [(queries, answer)]
        self._splits -= 1
        halves = await together(self._batch(part, grid) for part in (queries[:half], queries[half:]))
        return halves[0] + halves[1]

    def _answered(self, queries: Sequence[_Query], answer: Any) -> Reading[Series]:
        results = [item for item in answer["data"]["result"] if "values" in item]  # else a native histogram
        gaps = tuple(self._gap(Reason.TRUNCATED, str(warning)[:200]) for warning in answer.get("warnings") or ())
        members = [dict(query.selection.members) for query in queries]
        found = (_series(item, queries, members, self._name) for item in results)
        return Reading(tuple(one for one in found if one), gaps)


def _listed(answer: Any) -> tuple[list[Mapping[str, str]], bool]:
    """The labels of each series, and whether there are more."""
    listed: list[Mapping[str, str]] = [dict(labels) for labels in answer["data"]]
    return listed, len(listed) >= MOST_SERIES or bool(answer.get("warnings"))


def _increasing(selection: Selection) -> str:
    """The family that a selection takes increases of, '' for none."""
    return selection.over or selection.family if selection.reduction in _OF_INCREASES else ""


def _counts(answer: Any, families: Sequence[str]) -> dict[str, float]:
    found = {families[int(item["metric"][promql.TAG])]: float(item["value"][1]) for item in answer["data"]["result"]}
    return {family: count for family, count in found.items() if count > 0}


def _series(item: Any, queries: Sequence[_Query], members: Sequence[Mapping[str, str]], source: str) -> Series | None:
    """One result; None for one that only a shortened list of members let in."""
    labels = dict(item["metric"])
    at = int(labels.pop(promql.TAG))
    query, selection = queries[at], queries[at].selection
    value = labels.get(selection.service_label, "")
    service = members[at].get(value)
    if service is None:
        return None
    points = np.array([(float(at), float(text)) for at, text in item["values"]], dtype=np.float64)
    t, v = points[:, 0], points[:, 1]
    if (np.diff(t) <= 0).any():
        raise ValueError("times must ascend")
    v[~np.isfinite(v)] = np.nan
    own = tuple(Match(label, (labels.get(label, ""),)) for label in selection.by)
    narrow = replace(selection, members=((value, service),), where=(*selection.where, *own), over_where=(*selection.over_where, *own))
    return Series(selection, service, labels, t, v, promql.expression(narrow, query.seconds), source, step=query.step)


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
