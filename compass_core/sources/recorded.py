"""Serves the telemetry of one recorded case through the ports of live sources."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from compass_core.domain import Environment, Gap, Incident, Window
from compass_core.errors import Reason
from compass_core.phrases import first_of
from compass_core.ports import Offload
from compass_core.readings import Change, Family, LogLine, Reading, Reduction, Selection, Series, Span
from compass_core.sources import recorded_files, recorded_metrics
from compass_core.sources.quoting import any_phrase, matching, quoted
from compass_core.sources.recorded_files import Case
from compass_core.sources.recorded_metrics import Metric

T = TypeVar("T", LogLine, Span, Change)

SOURCE = "recorded"
MOST_LINES = 200_000


class RecordedIncidents:
    """The one incident of a case directory, read when this is made; raises `CaseError` when `case.json` cannot be read."""

    place = "recorded case"

    def __init__(self, directory: Path) -> None:
        self._incident = recorded_files.incident(directory)

    async def find(self, reference: str) -> Incident | None:
        return self._incident if self._incident.id == reference else None

    async def known(self) -> tuple[str, ...]:
        return (self._incident.id,)


class Recorded:
    """Metrics, logs, traces and changes of one case directory, read when this is made; raises `CaseError` when it cannot be read.

    A case holds one environment, whichever is asked for.

    `without` names kinds of telemetry that are left out, as if they had not been recorded. `also` are directories of other times.
    """

    def __init__(self, directory: Path, offload: Offload, without: Collection[str] = (), also: Sequence[Path] = ()) -> None:
        self._case = recorded_files.load(directory, without, also)
        self._offload = offload
        self._holding: dict[tuple[str, ...], tuple[LogLine, ...]] = {}

    async def families(
        self, services: Sequence[str], names: Sequence[str], window: Window, environment: Environment = (), details: Sequence[str] = ()
    ) -> Reading[Family]:
        """The families with samples in the window; every service of those that were named (`*` at the end: any ending)."""
        families = (_family(metric, frozenset(services), names, window) for metric in self._case.metrics.values())
        return Reading(tuple(family for family in families if family), _gaps(self._case, "metrics"), source=SOURCE)

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        """The points of all selections; where a family was sampled less often than `step`, its own interval is the step."""
        work = partial(recorded_metrics.evaluate, self._case.metrics, selections, window, step)
        return Reading(await self._offload(work), source=SOURCE)

    async def log_lines(
        self, services: Sequence[str], window: Window, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[LogLine]:
        """The lines that hold a phrase; of more than 200,000 the newest."""
        wanted = frozenset(services)
        lines = tuple(line for line in _inside(await self._lines(phrases), window) if line.service in wanted)
        gaps = _gaps(self._case, "logs")
        if len(lines) > MOST_LINES:
            gaps += (Gap(source=SOURCE, reason=Reason.TRUNCATED, detail=f"the newest {MOST_LINES:,} of {len(lines):,} lines"),)
        return Reading(lines[-MOST_LINES:], gaps, _log_query(services, phrases), source=SOURCE)

    async def _lines(self, phrases: Sequence[str]) -> tuple[LogLine, ...]:
        """All lines that hold a phrase, looked for once."""
        logs, wanted = self._case.logs, tuple(phrases)
        if wanted and wanted not in self._holding:
            places = await self._offload(lambda: first_of(wanted, [line.line for line in logs]))
            self._holding[wanted] = tuple(line for line, place in zip(logs, places, strict=True) if place >= 0)
        return self._holding[wanted] if wanted else logs

    async def log_counts(
        self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[Series]:
        """A point at `t` ends a whole step and counts its lines, `(t - step, t]`; a service without any line in the case has no series."""
        lines = await self._lines(phrases)
        counts = await self._offload(partial(_counts, (self._case.logs, lines), services, (window, step), phrases))
        return Reading(counts, _gaps(self._case, "logs"), _log_query(services, phrases), source=SOURCE)

    async def spans(self, services: Sequence[str], window: Window, environment: Environment = ()) -> Reading[Span]:
        """Every span that starts in the window and is of a trace that touches one of the services."""
        inside, wanted = tuple(_inside(self._case.spans, window)), frozenset(services)
        touched = {span.trace_id for span in inside if span.service in wanted}
        query = f"{{{matching('resource.service.name', services)}}}"
        return Reading(tuple(span for span in inside if span.trace_id in touched), _gaps(self._case, "spans"), query, source=SOURCE)

    async def changes(self, services: Sequence[str], window: Window) -> Reading[Change]:
        """What was changed at these services in the window, as `changes.jsonl` tells it."""
        changes = tuple(change for change in _inside(self._case.changes, window) if change.service in services)
        return Reading(changes, query=f"{{{matching('service', services)}}}", source=SOURCE)


def _gaps(case: Case, kind: str) -> tuple[Gap, ...]:
    return () if kind in case.present else (Gap(source=SOURCE, reason=Reason.NO_DATA, detail=f"the case holds no {kind}"),)


def _family(metric: Metric, services: frozenset[str], names: Sequence[str], window: Window) -> Family | None:
    name = metric.name.removesuffix("_bucket") if metric.kind == "histogram" else metric.name
    named = any(known == n or (n.endswith("*") and known.startswith(n[:-1])) for n in names for known in (name, metric.name))
    start, end = window.start.timestamp(), window.end.timestamp()
    values: dict[str, set[str]] = {}
    for labels, begins, ends in metric.lives():
        if begins < end and ends >= start and (named or labels["service"] in services):
            for label, value in labels.items():
                values.setdefault(label, set()).add(value)
    members = tuple((service, service) for service in sorted(values.pop("service", ())))
    others = {label: frozenset(seen) for label, seen in values.items() if label != "le"}
    return Family(name, metric.kind, "service", members, others, metric.unit) if members else None


def _inside(timed: Iterable[T], window: Window) -> Iterator[T]:
    start, end = window.start.timestamp(), window.end.timestamp()
    return (one for one in timed if start <= one.t < end)


def _counts(
    logs: tuple[tuple[LogLine, ...], tuple[LogLine, ...]], services: Sequence[str], over: tuple[Window, float], phrases: Sequence[str]
) -> tuple[Series, ...]:
    (every, lines), (window, step) = logs, over
    if not any(True for _ in _inside(every, window)):  # of a time that was not recorded nothing is known, as a server would tell
        return ()
    wanted = frozenset(services or (line.service for line in every))
    ends = recorded_metrics.points(window, step) + step
    grid = ends[ends <= window.end.timestamp()]
    times: dict[str, list[float]] = {line.service: [] for line in every if line.service in wanted}
    for line in _inside(lines, window):
        if line.service in wanted:
            times[line.service].append(line.t)
    series = []
    for service, at in times.items():
        count = np.searchsorted(at, grid, "right") - np.searchsorted(at, grid - step, "right")
        selection = Selection("log_lines", "log_lines", Reduction.RAW, "service", ((service, service),))
        query = f"sum by (service) (count_over_time({_log_query((service,), phrases)}[{step:g}s]))"
        series.append(Series(selection, service, {"service": service}, grid, count.astype(np.float64), query, SOURCE, step=step))
    return tuple(series)


def _log_query(services: Sequence[str], phrases: Sequence[str]) -> str:
    matcher = f" |~ {quoted(f'(?i){any_phrase(phrases)}')}" if phrases else ""
    writers = matching("service", services) if services else 'service=~".+"'
    return f"{{{writers}}}{matcher}"
