"""What is missing: series that end, traffic that stops, a service that writes nothing more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from compass_core.analysis.notes import at
from compass_core.analysis.wording import amount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from compass_core.analysis.notes import Note
    from compass_core.domain import Edge, Observation
    from compass_core.readings import Series

PATIENCE = 180.0  # seconds without any point: a scrape or two may fail
HISTORY = 900.0  # seconds for which a thing must have been there
STEADY = 0.8  # of the time of its history: what comes and goes is not missing when it goes
TOGETHER = 300.0  # seconds: what begins so near the end of something else may be the same under another name
MOST = 0.5  # where more than this share of all ends at once, whoever collects it has failed
STOPPED = 0.1  # of the usual traffic
SILENT_LINES = 20.0  # lines that should have come meanwhile: by chance none of so many comes once in 500 million times
FEWER = frozenset({"instances", "replicas_available"})
TROUBLE = 0.25  # a score that says that something is wrong


@dataclass(frozen=True, slots=True)
class Gone:
    """A service of which every series ended: its last point (unix seconds) and its longest series."""

    service: str
    last: float
    series: Series


def gone(series: Iterable[Series], until: float) -> tuple[Gone, ...]:
    """Services that had been there all the time and of which no point is left before `until`.

    Not those that go on under another name (one that has the same families and begins then), and none where most end: then nothing
    was collected.
    """
    by_service: dict[str, list[Series]] = {}
    for one in series:
        known = np.isfinite(one.v) & (one.t < until)
        if one.service and known.any():
            by_service.setdefault(one.service, []).append(replace(one, t=one.t[known], v=one.v[known]))
    lasting = [Gone(name, *_longest(every)) for name, every in by_service.items()]
    steady = [one for one in lasting if _is_steady(one.series, one.last)]
    ended = [one for one in steady if one.last + max(PATIENCE, 3 * one.series.step) < until]
    if len(ended) > max(1.0, MOST * len(steady)):
        return ()
    return tuple(one for one in ended if not _renamed(one, by_service))


def of_gone(note: Note, ended: Iterable[Gone]) -> list[Observation]:
    """Observations of those that ended in the window, or just before it; what was dead before is no news."""
    start, length = note.times.window.start.timestamp(), note.times.window.seconds
    return [
        note.observation(
            one.service,
            "absent",
            "all of its metrics end",
            1.0,
            source=one.series.source,
            reduction="the last point of any of its series",
            onset=at(one.last + one.series.step),
            onset_within=one.series.step,
            query=one.series.query,
            link=one.series.link,
            step=one.series.step,
        )
        for one in ended
        if start - TOGETHER <= one.last < start + length
    ]


def of_silence(note: Note, counts: Sequence[Series]) -> list[Observation]:
    """Services that wrote lines all the time and then none until the window's end. `counts` are all lines in each step."""
    found, writing = [], 0
    begin, start, end = (each.timestamp() for each in (note.times.baseline.start, note.times.window.start, note.times.window.end))
    for one in counts:
        written = one.t[one.v > 0]
        before = written[(written > begin) & (written <= start)]
        if not before.size:
            continue
        writing += 1
        last = float(written[-1])
        rate = float(one.v[(one.t > begin) & (one.t <= start)].sum()) / note.times.baseline.seconds
        pauses = np.diff(np.concatenate([[begin], before]))
        if last > start - TOGETHER and (end - last) * rate >= SILENT_LINES and pauses.max() < (end - last) / 2:
            found.append(_silent(note, one, last, rate))
    return found if len(found) <= max(1.0, MOST * writing) else []


def of_stopped(observations: Sequence[Observation], edges: Iterable[Edge], affected: Collection[str]) -> list[Observation]:
    """Where the traffic of one or many services first stops: at those that no other of them calls.

    Where nobody knows who calls whom, at the affected ones, whose way in may be broken.
    """
    stopped = {seen.service: seen for seen in observations if seen.signal == "request_rate_drop" and _stopped(seen)}
    called = {edge.callee for edge in edges if edge.caller in stopped and edge.callee != edge.caller}
    known = any(edge.caller in stopped or edge.callee in stopped for edge in edges)
    first = [name for name in stopped if (name not in called if known else name in affected or len(stopped) == 1)]
    words = "of all services stop here first: look at what is before it (ingress, DNS, CDN)" if len(stopped) > 2 else "stop"  # noqa: PLR2004
    return [
        stopped[name].model_copy(
            update={"signal": "traffic_stopped", "summary": f"{stopped[name].summary}: requests {words}", "score": stopped[name].score}
        )
        for name in first
    ]


def on_purpose(observations: Iterable[Observation]) -> frozenset[str]:
    """Services with fewer instances on purpose: fewer are wanted, or the traffic is served as before."""
    best: dict[str, dict[str, float]] = {}
    for seen in observations:
        signals = best.setdefault(seen.service, {})
        signals[seen.signal] = max(seen.score, signals.get(seen.signal, 0.0))
    return frozenset(name for name, signals in best.items() if _fewer_wanted(signals) or _served(signals))


def _fewer_wanted(signals: Mapping[str, float]) -> bool:
    return signals.get("replicas_wanted", 0.0) > 0


def _served(signals: Mapping[str, float]) -> bool:
    felt = ("error_ratio", "latency_p95", "request_rate_drop", "up")
    return "request_rate" in signals and not any(signals.get(name, 0.0) >= TROUBLE for name in felt)


def _longest(every: Sequence[Series]) -> tuple[float, Series]:
    """The last point of any, and the series with the most."""
    return max(float(one.t[-1]) for one in every), max(every, key=lambda one: one.t.size)


def _is_steady(one: Series, last: float) -> bool:
    lived = last - float(one.t[0])
    return lived >= HISTORY and one.t.size * one.step >= STEADY * lived


def _renamed(one: Gone, by_service: Mapping[str, Sequence[Series]]) -> bool:
    families = {each.selection.family for each in by_service[one.service]}
    for name, every in by_service.items():
        begin = min(float(each.t[0]) for each in every)
        alike = {each.selection.family for each in every} & families
        if name != one.service and abs(begin - one.last) <= TOGETHER and 2 * len(alike) >= len(families):
            return True
    return False


def _stopped(seen: Observation) -> bool:
    return seen.score >= TROUBLE and seen.value is not None and seen.value <= STOPPED * (seen.baseline_value or 0.0)


def _silent(note: Note, one: Series, last: float, rate: float) -> Observation:
    seconds = note.times.window.end.timestamp() - last
    return note.observation(
        one.service,
        "log_silence",
        f"writes no more log lines, usually {amount(rate * seconds)} in {seconds / 60:.0f} minutes",
        1.0,
        source=one.source,
        value=0.0,
        baseline_value=rate * seconds,
        reduction="lines since the last one; usually: mean over the baseline × that time",
        onset=at(last + one.step),
        onset_within=one.step,
        query=one.query,
        link=one.link,
        step=one.step,
    )
