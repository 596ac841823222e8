"""Evaluates selections over recorded samples, as Prometheus 3 evaluates the query that each answer states.

An instant value is the last sample of the lookback (five minutes, or two of the family's own intervals; two intervals
where the series ends, as Prometheus marks it stale). A rate is Prometheus's: resets handled, extrapolated to the edges
of its range, which is `max(step, 4 sample intervals)` long.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compass_core.domain import Window
from compass_core.readings import INCREASE_SECONDS, Kind, Match, Reduction, Selection, Series
from compass_core.sources.promql import expression

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Groups = dict[tuple[str, ...], Floats]

_LOOKBACK = 300.0
_SAMPLES_IN_RANGE = 4
_FOLDS: Mapping[str, np.ufunc] = {"sum": np.add, "avg": np.add, "max": np.fmax, "min": np.fmin}


@dataclass(frozen=True, slots=True)
class Metric:
    """All series of one name, their samples end to end: series `i` owns `first[i]` up to `first[i + 1]`, never none.

    `t` ascends within a series, `v` is finite, `interval` is the usual time between samples in seconds (0: unknown).
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[Mapping[str, str], ...]
    first: Rows
    t: Floats
    v: Floats
    interval: float

    def lives(self) -> Iterator[tuple[Mapping[str, str], float, float]]:
        """Each series' labels with the times of its first and last sample."""
        return zip(self.labels, self.t[self.first[:-1]].tolist(), self.t[self.first[1:] - 1].tolist(), strict=True)

    def before(self, rows: Rows, at: Floats) -> Rows:
        """Per series and time: the last sample at or before it; an index below the series' first where there is none."""
        origin = self.t.min()
        width = self.t.max() - origin + 2.0
        # one ascending key over all series lets a single search serve them all
        key = np.repeat(np.arange(len(self.labels)) * width, np.diff(self.first)) + (self.t - origin)
        wanted = rows[:, None] * width + np.clip(at - origin, -1.0, width - 1.5)
        found: Rows = np.searchsorted(key, wanted, side="right") - 1
        return found

    def latest(self, rows: Rows, at: Floats) -> Floats:
        """The value of each series at each time, NaN where the lookback holds none."""
        found = self.before(rows, at)
        ended = found == self.first[rows + 1][:, None] - 1
        lookback = max(_LOOKBACK, 2 * self.interval)
        fresh = at - self.t[found] < np.where(ended, 2 * self.interval or lookback, lookback)
        return np.where((found >= self.first[rows][:, None]) & fresh, self.v[found], np.nan)

    def rates(self, rows: Rows, at: Floats, span: float) -> Floats:
        """The increase per second of each counter over the `span` seconds before each time, NaN below two samples."""
        last = self.before(rows, at)
        begin = np.maximum(self.before(rows, at - span) + 1, self.first[rows][:, None])
        known = last > begin
        lo, hi, end = begin[known], last[known], np.broadcast_to(at, known.shape)[known]
        step_up = np.diff(self.v)
        step_up = np.concatenate([[0.0], np.where(step_up < 0, self.v[1:], step_up), [0.0]])
        rise = np.add.reduceat(step_up, np.column_stack([lo + 1, hi + 1]).ravel())[::2]
        covered = self.t[hi] - self.t[lo]
        usual = covered / (hi - lo)
        head, tail = self.t[lo] - (end - span), end - self.t[hi]
        head = np.where(head >= 1.1 * usual, usual / 2, head)
        tail = np.where(tail >= 1.1 * usual, usual / 2, tail)
        # a counter starts at zero: it is not extrapolated to before that
        to_zero = np.divide(covered * self.v[lo], rise, out=np.full_like(rise, np.inf), where=(rise > 0) & (self.v[lo] >= 0))
        rates = np.full(known.shape, np.nan)
        rates[known] = rise * (covered + np.minimum(head, to_zero) + tail) / covered / span
        return rates


def points(window: Window, step: float) -> Floats:
    """`start + k·step` below the window's end, in unix seconds."""
    return window.start.timestamp() + np.arange(0.0, window.seconds, step)


def evaluate(metrics: Mapping[str, Metric], selections: Sequence[Selection], window: Window, step: float) -> tuple[Series, ...]:
    """The series of all selections; points that are not finite are left out, and so is a series without points."""
    with np.errstate(all="ignore"):  # NaN and infinity from odd recordings are dropped at the end
        return tuple(series for selection in selections for series in _series(metrics, selection, window, step))


def _series(metrics: Mapping[str, Metric], selection: Selection, window: Window, step: float) -> Iterator[Series]:
    quantile = selection.reduction is Reduction.QUANTILE
    names = (f"{selection.family}_bucket",) if quantile else filter(None, (selection.family, selection.over))
    used = [metrics.get(name) for name in names]
    interval = max((metric.interval for metric in used if metric), default=0.0)
    step = max(step, interval)
    span = math.ceil(max(step, _SAMPLES_IN_RANGE * interval))
    grid = points(window, step)
    services = dict(selection.members)
    for key, v in sorted(_reduced(used, selection, grid, span).items()):
        finite = np.isfinite(v)
        if finite.any():
            labels = {label: value for label, value in zip((selection.service_label, *selection.by), key, strict=True) if value}
            query = expression(replace(selection, members=((key[0], services[key[0]]),)), span)
            yield Series(selection, services[key[0]], labels, grid[finite], v[finite], query, "recorded", step=step)


def _reduced(used: Sequence[Metric | None], selection: Selection, grid: Floats, span: float) -> Groups:
    rating = span if selection.reduction not in {Reduction.RAW, Reduction.RATIO, Reduction.PAST} else 0.0
    family = _Part(used[0], selection, selection.where)
    match selection.reduction:
        case Reduction.QUANTILE:
            return _quantiles(family.grouped(grid, rating, "sum", ("le",)), selection.quantile)
        case Reduction.INCREASE:
            span = max(span, INCREASE_SECONDS)
            return {key: v * span for key, v in family.grouped(grid, span, "sum").items()}
        case Reduction.RAW | Reduction.RATE | Reduction.PAST:
            values = family.grouped(grid, rating, selection.aggregate)
            if rating or selection.where == selection.over_where:
                return values
            unknown, every = np.full_like(grid, np.nan), _Part(used[0], selection, selection.over_where).grouped(grid, rating, "sum")
            return {key: np.where(np.isnan(v := values.get(key, unknown)), 0 * some, v) for key, some in every.items()}
    values, over = family.grouped(grid, rating, "sum"), _Part(used[-1], selection, selection.over_where)
    if selection.reduction in {Reduction.RATIO, Reduction.RATE_OF}:
        return {key: values[key] / divisor for key, divisor in over.grouped(grid, 0.0, selection.aggregate).items() if key in values}
    none = np.zeros_like(grid)
    return {key: np.fmax(values.get(key, none), none) / divisor for key, divisor in over.grouped(grid, rating, "sum").items()}


@dataclass(frozen=True, slots=True)
class _Part:
    """The family of a selection or its divisor, with the filter for it."""

    metric: Metric | None
    selection: Selection
    where: tuple[Match, ...]

    def grouped(self, grid: Floats, span: float, aggregate: str, extra: tuple[str, ...] = ()) -> Groups:
        """Per group the aggregate of its series at each time, of their rates where `span` is not 0."""
        if self.metric is None:
            return {}
        by = (self.selection.service_label, *self.selection.by, *extra)
        members = {value for value, _ in self.selection.members}
        rows: dict[tuple[str, ...], list[int]] = {}
        for row, labels in enumerate(self.metric.labels):
            if labels.get(by[0], "") in members and all((labels.get(m.label, "") in m.values) != m.but for m in self.where):
                rows.setdefault(tuple(labels.get(label, "") for label in by), []).append(row)
        if not rows:
            return {}
        order = np.array([row for group in rows.values() for row in group])
        starts = np.cumsum([0, *map(len, rows.values())])[:-1]
        values = self.metric.rates(order, grid, span) if span else self.metric.latest(order, grid)
        if self.selection.reduction is Reduction.PAST:
            values = np.where(np.isnan(values), values, values < grid)
        return dict(zip(rows, _fold(values, starts, aggregate), strict=True))


def _fold(values: Floats, starts: Rows, aggregate: str) -> Floats:
    present = np.add.reduceat(~np.isnan(values), starts, axis=0, dtype=np.intp)
    if aggregate in {"sum", "avg"}:
        values = np.where(np.isnan(values), 0.0, values)
    folded = _FOLDS[aggregate].reduceat(values, starts, axis=0) / (present if aggregate == "avg" else 1)
    return np.where(present > 0, folded, np.nan)


def _quantiles(buckets: Groups, quantile: float) -> Groups:
    bounds: dict[tuple[str, ...], dict[float, Floats]] = {}
    for (*key, le), rate in buckets.items():
        with suppress(ValueError):
            bounds.setdefault(tuple(key), {})[float(le)] = rate
    return {key: _quantile(sorted(rates.items()), quantile) for key, rates in bounds.items() if np.inf in rates and len(rates) > 1}


def _quantile(buckets: list[tuple[float, Floats]], quantile: float) -> Floats:
    """`histogram_quantile`: linear within a bucket, the highest finite bound when it lies beyond it."""
    upper = np.array([bound for bound, _ in buckets])
    counts = np.maximum.accumulate(np.nan_to_num(np.array([rate for _, rate in buckets])), axis=0)
    rank = quantile * counts[-1]
    at = np.minimum(np.argmax(counts >= rank, axis=0), len(upper) - 1)
    below = np.where(at > 0, np.take_along_axis(counts, np.maximum(at - 1, 0)[None], axis=0)[0], 0.0)
    within = np.take_along_axis(counts, at[None], axis=0)[0] - below
    low = np.where(at > 0, upper[at - 1], np.minimum(0.0, upper[0]))
    value = low + (upper[at] - low) * (rank - below) / within
    return np.where(counts[-1] > 0, np.where(at == len(upper) - 1, upper[-2], value), np.nan)
