"""Reads metrics from Prometheus, or from what speaks its API."""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

import numpy as np

from compass_core.domain import Environment, Window
from compass_core.errors import Reason, SourceError
from compass_core.identity import NAMING, PLACING
from compass_core.readings import Family, Match, Reading, Reduction, Selection, Series
from compass_core.sources import promql
from compass_core.sources.http import Linker, Reader
from compass_core.sources.prometheus_families import Wanted, families, native_histograms, spelled_out
from compass_core.sources.source import Source, parted, together

T = TypeVar("T")
V = TypeVar("V")

SERIES: Final = "/api/v1/series"
LABELS: Final = "/api/v1/labels"
METADATA: Final = "/api/v1/metadata"
QUERY: Final = "/api/v1/query"
QUERY_RANGE: Final = "/api/v1/query_range"
MOST_SERIES: Final = 20_000
NAMES: Final = "/api/v1/label/__name__/values"
LONGEST_LINE: Final = 7_000  # of a GET: many servers and proxies take no longer line than 8 KiB
LONGEST_FORM: Final = 16_000  # VictoriaMetrics takes no longer query than 16 KiB
MOST_BY_NAME: Final = 6  # listings of a server that takes one name at a time
UNKNOWN_INTERVAL: Final = 60.0
_OF_INCREASES: Final = frozenset({Reduction.RATE, Reduction.RATE_RATIO, Reduction.RATE_OF, Reduction.QUANTILE})
_WORTH_SPLITTING: Final = frozenset({Reason.REJECTED, Reason.TOO_LARGE, Reason.TIMEOUT})
_EXACT_NAMES: Final = re.compile(r"__name__|exact metric name")
_LIMIT: Final = "results truncated due to limit"
_HARMLESS: Final = re.compile(r"PromQL info: |" + _LIMIT)  # of the latter there is a gap with its number


@dataclass(frozen=True, slots=True)
class _Listing:
    """The labels of each series, and what is missing."""

    series: tuple[Mapping[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Query:
    """What is asked; increases are taken over `seconds`."""

    selection: Selection
    seconds: int
    step: float
    native: frozenset[str]

    @property
    def text(self) -> str:
        return promql.expression(self.selection, self.seconds, self.native)


class Prometheus(Source):
    """Metrics for one investigation. `link` gives a Grafana link; without one, `public_url` leads to Prometheus' own page."""

    def __init__(self, reader: Reader, *, service_labels: tuple[str, ...], link: Linker | None, public_url: str) -> None:
        super().__init__(reader, link)
        self._service_labels = service_labels
        self._public_url = public_url.rstrip("/")
        self._metadata: Mapping[str, Any] | None = None
        self._intervals: dict[str, float] = {}
        self._once = asyncio.Lock()
        self._one_name = False
        self._naming: tuple[str, ...] = ()
        self._native: set[str] = set()

    async def families(
        self, services: Sequence[str], names: Sequence[str], window: Window, environment: Environment = (), details: Sequence[str] = ()
    ) -> Reading[Family]:
        """Which families exist for these services, or, whatever their service, with these names (`*` at the end: any ending)."""
        wanted = Wanted(frozenset(filter(None, services)), tuple(filter(None, names)), self._service_labels, environment)
        span = (("start", f"{window.start.timestamp():.3f}"), ("end", f"{window.end.timestamp():.3f}"), ("limit", str(MOST_SERIES)))
        parts = _packed(sorted(wanted.services), _length, LONGEST_LINE // 4)
        naming = await self._existing(span[:2]) if parts else ()
        matches = [promql.of_services(label, part, environment) for part in parts for label in naming]
        counted = await self._counted(wanted, window, details) if details and wanted.names and not self._one_name else []
        if not counted or isinstance(counted[0], SourceError):
            counted = []
            matches += [promql.of_names(part, environment) for part in _packed(wanted.names, _length, LONGEST_LINE // 4)]
        answers = counted if self._one_name else [*counted, *await self._listings(matches, span)]
        self._one_name = self._one_name or any(_one_name_at_a_time(answer) for answer in answers)
        listings, errors = parted(await self._by_name(wanted, span) if self._one_name else answers)
        listed = [labels for listing in listings for labels in listing.series]
        metadata = await self._described() if listed else {}
        native = native_histograms(listed, metadata)
        self._native |= native
        found = await self._reader.read(SERIES, partial(families, spelled_out(listed, native), wanted, metadata))
        gaps = [self._reader.gap(error.reason, error.detail) for error in errors]
        gaps += [self._reader.gap(Reason.TRUNCATED, text) for listing in listings for text in listing.missing]
        return Reading(found, tuple(dict.fromkeys(gaps)), source=self._reader.name)

    async def _counted(self, wanted: Wanted, window: Window, details: Sequence[str]) -> list[_Listing | SourceError]:
        """As `_listings` of the named families, aggregated by the server: at the end of the window, and in the middle of it."""
        labels = dict.fromkeys((*self._service_labels, *NAMING, *PLACING, *(label for label, _ in wanted.environment), *details))
        text = promql.counted(wanted.names, labels, wanted.environment)
        times = (window.end.timestamp(), window.end.timestamp() - window.seconds / 2)
        asked = [("query", text)]
        return await together(self._reader.attempt(QUERY, _grouped, [*asked, ("time", f"{at:.3f}")], form=True) for at in times)

    async def _listings(self, matches: Sequence[str], span: Sequence[tuple[str, str]]) -> list[_Listing | SourceError]:
        async def ask(part: Sequence[str]) -> _Listing | SourceError:
            return await self._reader.attempt(SERIES, _listed, [*(("match[]", match) for match in part), *span], form=True)

        asked = await together(self._halved(part, ask) for part in _packed(matches, _length, self._longest))
        return [answer for halves in asked for _, answer in halves]

    async def _by_name(self, wanted: Wanted, span: Sequence[tuple[str, str]]) -> list[_Listing | SourceError]:
        """As `_listings`, for a server that takes only the exact name of one metric, as Google's does."""
        names = await self._reader.ask(NAMES, lambda answer: [str(name) for name in answer["data"]], span[:2])
        pattern = re.compile(promql.pattern_of(wanted.names))
        chosen = [name for name in names if wanted.services or pattern.fullmatch(name)]
        parts = _packed([promql.of_name(name) for name in chosen], _length, self._longest)
        answers = [answer for part in parts[:MOST_BY_NAME] for answer in await self._listings(part, span)]
        left = sum(map(len, parts[MOST_BY_NAME:]))
        told = f"the server lists one metric at a time: {left:,} of {len(chosen):,} metrics were not looked at"
        return [*answers, *([_Listing((), (told,))] if left else [])]

    @property
    def _longest(self) -> int:
        return LONGEST_FORM if self._reader.forms else LONGEST_LINE

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        """The points of all selections, many in one request; where one is refused or takes too long, its halves are asked."""
        await self._measure(selections, window)
        queries = [_Query(one, self._seconds(one, step), step, frozenset(self._native)) for one in selections if one.members]
        start, last = window.start.timestamp(), math.ceil(window.seconds / step) - 1
        grid = (("start", f"{start:.3f}"), ("end", f"{start + last * step:.3f}"), ("step", f"{step:.3f}"))
        batches = _packed(queries, lambda query: _length(promql.tagged(query.text, "000 or ")), self._longest)

        async def ask(part: Sequence[_Query]) -> Reading[Series] | SourceError:
            text = " or ".join(promql.tagged(query.text, str(k)) for k, query in enumerate(part))
            return await self._reader.attempt(QUERY_RANGE, partial(self._answered, part), [("query", text), *grid], form=True)

        asked = [each for found in await together(self._halved(batch, ask) for batch in batches) for each in found]
        good, _ = parted([answer for _, answer in asked])
        gaps = [gap for answer in good for gap in answer.gaps]
        for batch, answer in asked:
            if isinstance(answer, SourceError):
                signals = ", ".join(dict.fromkeys(query.selection.signal for query in batch))
                gaps.append(self._reader.gap(answer.reason, f"{signals}: {answer.detail}"))
        found = [replace(one, link=await self._linked(one.query, window)) for answer in good for one in answer.values]
        return Reading(tuple(found), tuple(dict.fromkeys(gaps)), source=self._reader.name)

    async def _existing(self, span: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        """The labels that may name a service, of those that there are; all where the server does not tell."""
        async with self._once:
            if not self._naming:
                told = await self._reader.attempt(LABELS, lambda answer: frozenset(map(str, answer["data"])), span)
                every = tuple(dict.fromkeys((*self._service_labels, *NAMING)))
                self._naming = every if isinstance(told, SourceError) else tuple(label for label in every if label in told) or every
        return self._naming

    async def _described(self) -> Mapping[str, Any]:
        async with self._once:
            if self._metadata is None:
                said = await self._reader.attempt(METADATA, lambda answer: dict(answer["data"]))
                self._metadata = {} if isinstance(said, SourceError) else said  # the names of the families tell their kind as well
            return self._metadata

    async def _measure(self, selections: Sequence[Selection], window: Window) -> None:
        """How often each family gets a point: of two systems in one Prometheus, one may be scraped and the other push once a minute."""
        async with self._once:
            new = {_increasing(one): one for one in selections if one.members and _increasing(one) not in self._intervals}
            new.pop("", None)
            self._intervals.update(dict.fromkeys(new, UNKNOWN_INTERVAL))
            texts = [promql.tagged(promql.samples(one, self._native), str(k)) for k, one in enumerate(new.values())]
            for part in _packed(texts, _length, self._longest):
                params = [("query", " or ".join(part)), ("time", f"{window.end.timestamp():.3f}")]
                counts = await self._reader.attempt(QUERY, partial(_counts, families=tuple(new)), params, form=True)
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

    async def _halved(
        self, items: Sequence[T], ask: Callable[[Sequence[T]], Awaitable[V | SourceError]]
    ) -> list[tuple[Sequence[T], V | SourceError]]:
        """The answer to all of these, or to each half where the whole is refused or is too much."""
        answer, half = await ask(items), len(items) // 2
        worth = isinstance(answer, SourceError) and answer.reason in _WORTH_SPLITTING and not _one_name_at_a_time(answer)
        if not half or not worth or not self._reader.may_halve():
            return [(items, answer)]
        halves = await together(self._halved(part, ask) for part in (items[:half], items[half:]))
        return halves[0] + halves[1]

    def _answered(self, queries: Sequence[_Query], answer: Any) -> Reading[Series]:
        results = [item for item in answer["data"]["result"] if "values" in item]  # else a native histogram
        gaps = tuple(self._reader.gap(Reason.TRUNCATED, text) for text in _missing(answer))
        members = [dict(query.selection.members) for query in queries]
        found = (_series(item, queries, members, self._reader.name) for item in results)
        return Reading(tuple(one for one in found if one), gaps)


def _listed(answer: Any) -> _Listing:
    listed = tuple(dict(labels) for labels in answer["data"])
    cut = len(listed) >= MOST_SERIES or _LIMIT in (answer.get("warnings") or ())
    many = (f"more than {len(listed):,} series: some metrics were not looked at",) if cut else ()
    return _Listing(listed, many + _missing(answer))


def _grouped(answer: Any) -> _Listing:
    return _Listing(tuple(dict(item["metric"]) for item in answer["data"]["result"]), _missing(answer))


def _missing(answer: Any) -> tuple[str, ...]:
    """What the server says is missing from its answer, in its own words where it has some."""
    warnings = [str(warning) for warning in answer.get("warnings") or () if not _HARMLESS.match(str(warning))]
    return (*(["the answer is partial: a part of its storage did not answer"] if answer.get("isPartial") else []), *warnings)


def _one_name_at_a_time(answer: object) -> bool:
    return isinstance(answer, SourceError) and answer.reason is Reason.REJECTED and bool(_EXACT_NAMES.search(answer.detail))


def _increasing(selection: Selection) -> str:
    """The family that a selection takes increases of, '' for none."""
    if selection.reduction not in _OF_INCREASES:
        return ""
    return selection.family if selection.reduction is Reduction.RATE_OF else selection.over or selection.family


def _counts(answer: Any, families: Sequence[str]) -> dict[str, float]:
    counts = {families[int(item["metric"][promql.TAG])]: float(item["value"][1]) for item in answer["data"]["result"]}
    return {family: count for family, count in counts.items() if count > 0}


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
    return Series(selection, service, labels, t, v, promql.expression(narrow, query.seconds, query.native), source, step=query.step)


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
