"""The ways between services by metrics: what a call takes beyond what its callee takes for it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compass_core.analysis.metric_notes import of_shift, peer_of, stated
from compass_core.analysis.notes import LEAST, Note
from compass_core.analysis.shifts import Shift, shifts
from compass_core.domain import Observation
from compass_core.readings import Series
from compass_core.signals.catalogue import SIGNALS

CLOCKS: Mapping[str, str] = {"call_mean": "latency_mean", "call_p95": "latency_p95"}
"""The signal of a caller's clock, and that of its callee's for the same requests."""
BOTH = CLOCKS.keys() | CLOCKS.values()

Way = tuple[str, str]  # the caller and the callee


def of_ways(note: Note, series: Sequence[Series], services: Collection[str]) -> list[Observation]:
    """Ways that take longer than before, each told of its callee, or of its caller where more ways are slow, and all of them."""
    ways = _ways(stated([one for one in series if one.selection.signal in BOTH]), services)
    start = note.times.window.start.timestamp()
    moved = shifts([way for way, _ in ways.values()], [SIGNALS["way"]] * len(ways), start)
    slow: dict[Way, Shift] = {}
    for pair, (way, call), shift in zip(ways, ways.values(), moved, strict=True):
        score = shift.score * _share(way, call, start) if shift else 0.0
        if shift and score >= LEAST:
            slow[pair] = replace(shift, score=score)

    def end(way: Way) -> str:
        return max(reversed(way), key=lambda service: _all_slow(service, ways, slow))  # of equals the callee

    return [of_shift(note, ways[pair][0], SIGNALS["way"], shift, (end(pair),)) for pair, shift in slow.items()]


def _ways(series: Sequence[Series], services: Collection[str]) -> dict[Way, tuple[Series, Series]]:
    """For each caller and callee the time between them, and the call's."""
    own: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in series:
        if np.isfinite(one.v).any():
            own[one.selection.signal, one.service].append(one)
    found: dict[Way, tuple[Series, Series]] = {}
    for one in series:
        of_callee = CLOCKS.get(one.selection.signal, "")
        callee = peer_of(one) if of_callee else ""
        if callee in services and callee != one.service and (clocks := own.get((of_callee, callee))):
            clock = max(clocks, key=lambda each: float(np.nanmean(each.v)))  # of several the outermost, which tells most
            beyond = np.maximum(one.v - _at(one.t, clock), 0.0)
            selection = replace(one.selection, signal="way", unit="")
            way = replace(one, selection=selection, v=beyond, query=f"({one.query}) - on () ({clock.query})")
            found.setdefault((one.service, callee), (way, one))
    return found


def _at(t: NDArray[np.float64], clock: Series) -> NDArray[np.float64]:
    known = np.isfinite(clock.v)
    return np.interp(t, clock.t[known], clock.v[known], left=np.nan, right=np.nan)


def _share(way: Series, call: Series, start: float) -> float:
    """How much of what a call takes longer is taken on its way: where its callee is slow itself, the rest is their clocks'."""
    on_way, all_of_it = (_rise(one, start) for one in (way, call))
    return min(1.0, on_way / all_of_it) if on_way > 0 and all_of_it > 0 else 0.0


def _rise(one: Series, start: float) -> float:
    known = np.isfinite(one.v)
    before, window = one.v[known & (one.t < start)], one.v[known & (one.t >= start)]
    return float(np.median(window) - np.median(before)) if before.size and window.size else 0.0


def _all_slow(service: str, ways: Collection[Way], slow: Collection[Way]) -> int:
    """How many ways lead to it and from it, if all of them are slow."""
    ends = [way for way in ways if service in way]
    return len(ends) if all(way in slow for way in ends) else 0
