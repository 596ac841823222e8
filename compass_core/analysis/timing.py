"""Where time is spent: each operation's own time, the way between two services, and calls to databases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from compass_core.analysis.shifts import grade
from compass_core.identity import peer
from compass_core.signals.spans import database_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from compass_core.analysis.traces import Floats, Rows, Traces

FEWEST = 4  # spans of one operation, in the window and before, that make a comparison
GROWN = 2.0  # growth in spreads that is no accident
SCALE = 3.0  # of the logarithm of a growth's score, in spreads
SLOW_SPREADS = 3.0
LEAST_SPREAD_MS = 1.0
RELATIVE_SPREAD = 0.1
THROUGHOUT = 0.4
QUICKEST, EVEN = 0.1, 2 / 3  # the share of spans that are the quickest, and of the middle one's growth that makes theirs as large
OUTLIERS = 50  # one span in so many, and one more, may be slow for reasons of its own

SERVING, CALLING = ("server", "consumer", "internal"), ("client", "producer")  # kinds of spans that are no calls, and that are

Measure = Literal["self_time", "gap", "database_time"]


class Operation(NamedTuple):
    """What was measured where. `peer` is the callee of a gap or of a database call."""

    measure: Measure
    service: str
    name: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Growth:
    """Milliseconds that 90 % of the spans stay below, in the window and before; `first`: start of its first slow span, unix seconds.

    `spreads`: growth of the mean excess over the usual median, in spreads of the baseline, ÷ √(1 + spans in the window ÷ before): few
    before say little of what is usual. `share`: of the time by which everything grew in the window. `service` is where it is laid: for a
    way the service that the slow ways have in common. `even`: what takes longer does so for the quickest as well.
    """

    operation: Operation
    service: str
    value: float
    baseline: float
    count: int
    spreads: float
    share: float
    first: float
    even: bool

    @property
    def score(self) -> float:
        """`grade` × √share."""
        return grade(self.spreads, GROWN, SCALE) * math.sqrt(self.share)


@dataclass(frozen=True, slots=True)
class Slowness:
    """A service in which unrelated things take longer: so many of its own operations and of the ways to and from it."""

    service: str
    grown: int
    known: int
    first: float
    score: float


def growths(grown: Sequence[Grown]) -> tuple[Growth, ...]:
    """The most grown operation of each measure and service, the highest score first."""
    total = sum(one.total for one in grown if one.spreads > GROWN) or 1.0
    laid = [*_at_their_service(grown, total), *_common_ways([one for one in grown if one.operation.measure == "gap"], total)]
    return tuple(sorted((one for one in laid if one.score > 0), key=lambda growth: -growth.score))


def slow_throughout(grown: Sequence[Grown]) -> tuple[Slowness, ...]:
    """Services that lack something all their work needs: three or more, and `THROUGHOUT`, of what is known of them takes longer.

    An operation of their own must be among it, which a slow network does not touch, and a way to or from them, on which a request is
    quick now and then: who waits for one thing alone still takes requests at once. The score is that of the most grown.
    """
    found = []
    for service, known in _by_end(grown).items():
        slow = [one for one in known if one.spreads > GROWN]
        both = any(one.own and one.operation.measure == "self_time" for one in slow)
        both &= any(one.operation.measure == "gap" and not one.even for one in slow)
        if len(slow) >= max(3.0, THROUGHOUT * len(known)) and both:
            score = grade(max(one.spreads for one in slow), GROWN, SCALE)
            found.append(Slowness(service, len(slow), len(known), min(one.first for one in slow), score))
    return tuple(sorted(found, key=lambda slow: -slow.score))


@dataclass(frozen=True, slots=True)
class Grown:
    """One operation's growth; `total`: milliseconds by which its spans of the window grew together.

    `own`: it is no call whose other end nobody traced. `even`: the quickest grew by about as much as the middle one, as by a delay on
    the way, while what waits for its turn is let through at once now and then.
    """

    operation: Operation
    value: float
    baseline: float
    count: int
    spreads: float
    total: float
    first: float
    own: bool = True
    even: bool = False


class _Measured(NamedTuple):
    """A measurement a span: which operation, how many milliseconds."""

    operations: Sequence[Operation]
    operation: Rows
    ms: Floats
    own: Sequence[bool]


def _at_their_service(grown: Sequence[Grown], total: float) -> Iterator[Growth]:
    """What is slow to one of its callers alone is not slow itself: calls to a database count by the share of its callers' that grew."""
    groups: dict[tuple[str, str], list[Grown]] = {}
    working = {one.operation.service for one in grown if one.operation.measure == "self_time" and one.own}
    for one in grown:
        if one.operation.measure != "gap" and (one.own or one.operation.measure != "self_time" or one.operation.service not in working):
            where = one.operation.peer if one.operation.measure == "database_time" else ""
            groups.setdefault((one.operation.measure, where or one.operation.service), []).append(one)
    for (measure, service), every in groups.items():
        if alike := [one for one in every if one.spreads > GROWN]:
            common = _common(alike, every) if measure == "database_time" else 1.0
            yield _laid(service, alike, sum(one.total for one in alike) / total * common, common)


def _common_ways(ways: Sequence[Grown], total: float) -> Iterator[Growth]:
    """A service that is slow to reach is slow on all its ways; its callers are slow on one of theirs alone.

    So a way counts for both its ends, times the share of each end's ways (by the root of their calls) that grew.
    """
    for service, alike in _by_end(ways).items():
        grown = [one for one in alike if one.spreads > GROWN]
        if grown:
            common = _common(grown, alike)
            yield _laid(service, grown, sum(one.total for one in grown) / total * common, common)


def _common(some: Sequence[Grown], every: Sequence[Grown]) -> float:
    return sum(math.sqrt(one.count) for one in some) / sum(math.sqrt(one.count) for one in every)


def _by_end(grown: Sequence[Grown]) -> dict[str, list[Grown]]:
    """By service what is known of it: its operations, and the ways that begin or end there."""
    ends: dict[str, list[Grown]] = {}
    for one in grown:
        for service in {one.operation.service, one.operation.peer if one.operation.measure == "gap" else ""} - {""}:
            ends.setdefault(service, []).append(one)
    return ends


def _laid(service: str, alike: Sequence[Grown], share: float, common: float) -> Growth:
    most = max(alike, key=lambda one: one.spreads)
    grown = (most.value, most.baseline, most.count, most.spreads * common, min(1.0, share), most.first, most.even)
    return Growth(most.operation, service, *grown)


def _measured(traced: Traces) -> _Measured:
    """Self time = duration − time in children, gap = client − server duration, database time = duration of a call without children.

    Where the call itself was not traced, what the caller's span lasts longer than the callee's is the caller's own work.
    """
    child, remote = traced.children, traced.remote
    beneath = np.bincount(traced.parent[child], minlength=len(traced.spans))
    callee = np.full(len(traced.spans), -1)
    callee[traced.parent[remote]] = remote
    kinds = np.array([span.kind for span in traced.spans])
    way = (callee >= 0) & (beneath == 1) & ~np.isin(kinds, SERVING)
    ms = traced.ms - _covered(traced)
    ms[way] = np.maximum(0.0, traced.ms[way] - traced.ms[callee[way]])
    numbers: dict[Operation, int] = {}
    own: list[bool] = []
    rows = np.empty(len(traced.spans), np.intp)
    for key, members in _alike(np.where(way, traced.service[callee], -1), _databases(traced), traced.operation):
        at = members[0]
        service, name = traced.operations[traced.operation[at]]
        if way[at]:
            operation = Operation("gap", service, name, traced.services[traced.service[callee[at]]])
        elif key[1]:
            operation = Operation("database_time", service, name, peer(traced.spans[at]))
        else:
            operation = Operation("self_time", service, name)
        if operation not in numbers:
            numbers[operation] = len(numbers)
            own.append(kinds[at] not in CALLING)
        rows[members] = numbers[operation]
    return _Measured(tuple(numbers), rows, ms, own)


def _databases(traced: Traces) -> Rows:
    """For each row the number of the database that a leaf calls, 0 for none."""
    numbers = {"": 0}
    found = np.zeros(len(traced.spans), np.intp)
    for i in np.flatnonzero(traced.leaf).tolist():
        span = traced.spans[i]
        if span.attributes and database_system(span):
            found[i] = numbers.setdefault(f"{peer(span)} ", len(numbers))
    return found


def _alike(*columns: Rows) -> Iterator[tuple[tuple[int, ...], Rows]]:
    """The rows of each combination of values, of which none is below −1."""
    sizes = [int(column.max()) + 2 for column in columns]
    number = np.ravel_multi_index(tuple(column + 1 for column in columns), sizes)
    order = np.argsort(number, kind="stable")
    ends = np.flatnonzero(np.diff(number[order], append=-1)) + 1
    for rows in np.split(order, ends[:-1]):
        yield tuple(int(column[rows[0]]) for column in columns), rows


def _covered(traced: Traces) -> Floats:
    """Milliseconds of each span in which at least one child runs; another service's child that its clock puts outside begins with it."""
    child = traced.children
    above = traced.parent[child]
    begin = (traced.t[child] - traced.t[above]) * 1000
    outside = (traced.service[child] != traced.service[above]) & ~((begin >= 0) & (begin < traced.ms[above]))
    begin = np.where(outside, 0.0, begin)
    end = np.clip(begin + traced.ms[child], 0.0, traced.ms[above])
    begin = np.clip(begin, 0.0, traced.ms[above])
    order = np.lexsort((begin, above))
    above, begin, end = above[order], begin[order], end[order]
    # each parent on a stretch of its own of one line, so that one running maximum serves all of them
    shift = np.concatenate([[0.0], np.cumsum(traced.ms + 1.0)])[:-1][above]
    reached = np.concatenate([[-1.0], np.maximum.accumulate(end + shift)[:-1]]) if len(child) else np.empty(0)
    new = np.maximum(0.0, end + shift - np.maximum(begin + shift, reached))
    found: Floats = np.minimum(np.bincount(above, weights=new, minlength=len(traced.spans)), traced.ms)
    return found


def changed(traced: Traces) -> list[Grown]:
    """Every operation with `FEWEST` spans in the window and before, and by how much its time grew."""
    if not traced.spans:
        return []
    found = []
    measured, inside, t = _measured(traced), traced.inside, traced.t
    order = np.lexsort((measured.ms, inside, measured.operation))
    number, is_inside, ms, weight = measured.operation[order], inside[order], measured.ms[order], traced.weight[order]
    bounds = np.searchsorted(number * 2 + is_inside, np.arange(2 * len(measured.operations) + 1))
    for i, operation in enumerate(measured.operations):
        first, middle, last = bounds[2 * i : 2 * i + 3].tolist()
        before, after = (_Times(ms[begin:end], weight[begin:end]) for begin, end in ((first, middle), (middle, last)))
        if min(before.size, after.size) < FEWEST:
            continue
        usual = before.quantile(0.5)
        spread = (before.quantile(0.9) - usual) / 2 + RELATIVE_SPREAD * usual + LEAST_SPREAD_MS
        growth = after.excess(usual) - before.excess(usual)
        slow = order[middle:last][after.ms > usual + SLOW_SPREADS * spread]
        begun = t[slow if slow.size else order[middle:last]].min()
        total = max(0.0, growth) * float(after.weight.sum())
        found.append(
            Grown(
                operation,
                after.quantile(0.9),
                before.quantile(0.9),
                after.size,
                growth / spread / math.sqrt(1 + after.size / before.size),
                total,
                float(begun),
                measured.own[i],
                after.quantile(QUICKEST) - before.quantile(QUICKEST) >= EVEN * max(LEAST_SPREAD_MS, after.quantile(0.5) - usual),
            )
        )
    return found


class _Times(NamedTuple):
    """Ascending milliseconds, each as often as its weight says."""

    ms: Floats
    weight: Floats

    @property
    def size(self) -> int:
        return self.ms.size

    def excess(self, usual: float) -> float:
        """The mean of what is above the usual, without the few largest."""
        kept = max(1, self.size - 1 - self.size // OUTLIERS)
        return float(np.average(np.maximum(self.ms[:kept] - usual, 0.0), weights=self.weight[:kept]))

    def quantile(self, q: float) -> float:
        """Between two of them in proportion, or where they weigh differently the one at that place."""
        if np.ptp(self.weight) > 0:
            upto = np.cumsum(self.weight)
            return float(self.ms[np.searchsorted(upto, q * upto[-1])])
        place = q * (self.size - 1)
        low = int(place)
        return float(self.ms[low] + (self.ms[min(low + 1, self.size - 1)] - self.ms[low]) * (place - low))
