"""Shifts: how far each of many series moved from its baseline, and when that began."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compass_core.readings import Series
from compass_core.signals.signal import Signal

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


NORMAL_SPREADS = 3.0  # deviations up to this many spreads are what a quiet series does by itself
SCALE_SPREADS = 5.0  # of the logarithm by which unusual things are told apart
FULL_SCORE = 2.0  # the logarithm that makes a surprise of 1: a deviation of 35 spreads
RELATIVE_SPREAD = 0.01  # no series is taken to be steadier than 1 % of what it usually comes to
MAD_TO_SIGMA = 1.4826  # a normal distribution's standard deviation ÷ its median absolute deviation
SUSTAINED = 0.8  # the window's level is this quantile, the lower neighbour: one point alone is not a level
FEWEST_EARLY = 5  # points of the window's first half that make a level of their own
FEWEST = 3  # points of a baseline that say what is usual
RARE = 0.99  # of a long baseline the extreme that was usual; of a short one its very extreme
LONG = 100
SEEN_BEFORE = 0.5  # what is left of a deviation that the baseline reached as well
PASSING = 0.5  # what is left of one that comes and goes, and never lasts for most of four points
LOOK_BACK_SECONDS = 600.0  # an alert fires after its cause: an onset may lie so far before the window
UNSETTLED = 0.25  # so the end of a baseline, that long or this share of it, does not tell what is usual
LARGEST = 1e150  # no measurement; beyond it sums and differences overflow
UNKNOWN = 0.5  # surprise of a value of which nobody knows what is usual
STEEP = 0.1  # an onset deviates by so much of what it comes to
MOST_CELLS = 2_000_000  # of one block of series that is computed at once


@dataclass(frozen=True, slots=True)
class Shift:
    """`value`: extreme over the window; `baseline`: median before it, None where that is not known.

    `spreads` is the signed deviation of the window's sustained level from the baseline, in spreads of the baseline.
    `onset` in unix seconds is the first point that deviates for long: it began in the `uncertainty` seconds before that, a step,
    or longer where points are missing.
    """

    value: float
    baseline: float | None
    spreads: float
    score: float
    onset: float | None
    uncertainty: float
    falls: bool


def grade(spreads: float, normal: float = NORMAL_SPREADS, scale: float = SCALE_SPREADS) -> float:
    """How unusual a deviation is, from 0 to 1: of a series 0 up to 3 spreads, 0.17 at 5, 0.44 at 10, 1 from 35 on.

    ln(1 + (spreads − normal) ÷ scale) ÷ `FULL_SCORE`: a logarithm, so that the scores of several signals can be added up.
    """
    return min(1.0, math.log1p(max(0.0, spreads - normal) / scale) / FULL_SCORE)


def shifts(series: Sequence[Series], signals: Sequence[Signal], start: float) -> tuple[Shift | None, ...]:
    """Compare each series' points at or after `start` (unix seconds) with those before it, by its signal's direction and scale.

    Score = surprise (`grade`) × severity (the signal's scale, in the series' own unit): whether it moved, and whether anybody suffers;
    of what never lasts `PASSING`.
    None where the window holds no finite point. Without a baseline of three points only a value that is bad in itself has a score.
    Trouble that began in the last `LOOK_BACK_SECONDS` before `start` and lasts is not taken for what is usual.
    """
    found: list[Shift | None] = [None] * len(series)
    for block in _blocks(series):
        rows, t, v = _together([series[i] for i in block])
        first, last = np.full(len(block), start), np.full(len(block), start)
        np.minimum.at(first, rows, t)
        np.maximum.at(last, rows, t)
        calm = t < start - np.minimum(LOOK_BACK_SECONDS, UNSETTLED * (start - first))[rows]
        half = (start + last[rows]) / 2
        times = (t < start, calm, (t >= start) & (t < half), (t >= start) & (t >= half), t >= start)
        before, *parts, window = (_sorted(rows[part], v[part], len(block)) for part in times)
        with np.errstate(all="ignore"):  # rows without points are NaN, and are not asked for
            floors = RELATIVE_SPREAD * _sizes(before, [series[i] for i in block], [signals[i] for i in block])
            sides = {sign: _deviations((before, *parts, window), sign, floors) for sign in (1.0, -1.0)}
        for row, i in enumerate(block):
            if window.count[row]:
                found[i] = _shift(series[i], signals[i], start, before, window, {sign: side[:, row] for sign, side in sides.items()}, row)
    return tuple(found)


def _blocks(series: Sequence[Series]) -> Iterator[list[int]]:
    """Series of like length together, so that one long series does not make a row of every other as long."""
    block: list[int] = []
    for i in sorted(range(len(series)), key=lambda i: series[i].t.size):
        if block and (len(block) + 1) * series[i].t.size > MOST_CELLS:
            yield block
            block = []
        block.append(i)
    if block:
        yield block


def _together(series: Sequence[Series]) -> tuple[Rows, Floats, Floats]:
    rows = np.repeat(np.arange(len(series)), [one.t.size for one in series])
    t, v = np.concatenate([one.t for one in series]), np.concatenate([one.v for one in series])
    sane = np.abs(v) < LARGEST
    return rows[sane], t[sane], v[sane]


@dataclass(frozen=True, slots=True)
class _Sorted:
    """One row a series: its `count` values ascending, then NaN."""

    values: Floats
    count: Rows

    def at(self, place: Rows) -> Floats:
        """The value of each row at a place in it."""
        found: Floats = self.values[np.arange(len(place)), np.clip(place, 0, self.values.shape[1] - 1)]
        return found

    def level(self) -> Floats:
        """What is reached for long: `SUSTAINED`, never by one point alone."""
        return self.at((SUSTAINED * (self.count - 1)).astype(np.intp))

    def quantile(self, q: float) -> Floats:
        """Interpolated linearly."""
        place = q * np.maximum(self.count - 1, 0)
        low = place.astype(np.intp)
        value = self.at(low)
        return value + (self.at(np.minimum(low + 1, self.count - 1)) - value) * (place - low)


def _sorted(rows: Rows, v: Floats, n: int) -> _Sorted:
    count = np.bincount(rows, minlength=n)
    first = np.cumsum(count) - count
    values = np.full((n, max(1, int(count.max(initial=1)))), np.nan)
    values[rows, np.arange(rows.size) - first[rows]] = v
    values.sort(axis=1)
    return _Sorted(values, count)


def _sizes(before: _Sorted, series: Sequence[Series], signals: Sequence[Signal]) -> Floats:
    """What each series usually comes to: its median; of a share that is bad when it falls, what that lacks to the whole.

    Of one that was at zero it is the middle of those of its signal and family that were not, if there are any: what is much of a number
    of anything they tell, of a share everybody knows.
    """
    share = np.array([one.unit == "ratio" for one in signals])
    falls = np.array([one.direction == "down" for one in signals])
    median = before.quantile(0.5)
    own = np.nan_to_num(np.where(share & falls, np.maximum(1 - median, 0.0), np.abs(median)))
    alike = [(one.selection.signal, one.selection.family) for one in series]
    siblings: dict[tuple[str, str], list[float]] = {key: [] for key in alike}
    for key, size in zip(alike, own.tolist(), strict=True):
        siblings[key] += [size] if size else []
    middle = {key: float(np.median(sizes)) for key, sizes in siblings.items() if sizes}
    return np.where((own > 0) | share, own, [middle.get(key, 0.0) for key in alike])


def _deviations(parts: Sequence[_Sorted], sign: float, floors: Floats) -> Floats:
    """Rows of: deviation in spreads, the spread, the sustained level, the median before, the level that is reached again and again.

    A column for each series.
    `parts`: the baseline, as much of it as the trouble cannot have reached, the first and the second half of the window, the window.
    """
    before = parts[0]
    middle = before.quantile(0.5)
    usual, early, late, seen = (_Sorted(np.sort(sign * (part.values - middle[:, None]), axis=1), part.count) for part in parts[1:])
    absolute = _Sorted(np.sort(np.abs(usual.values), axis=1), usual.count)
    # robust, but not smaller than half of what one point in twenty does in that direction
    spread = np.maximum.reduce(
        [
            absolute.quantile(0.5) * MAD_TO_SIGMA,
            usual.quantile(0.95) / 2,
            floors,
            np.full_like(middle, 1e-12),
        ]
    )
    # what began with the window may have ended before it does
    first = np.where(early.count >= FEWEST_EARLY, early.level(), -np.inf)
    sustained = np.maximum(seen.level(), first)
    deviation = sustained / spread * np.where(seen.count > 1, 1.0, SEEN_BEFORE) * before.count / (before.count + 2)
    reached = np.where(before.count < LONG, usual.quantile(1.0), usual.quantile(RARE))
    deviation *= np.where(sustained < reached, SEEN_BEFORE, 1.0)
    peak = np.minimum(early.quantile(1.0), late.quantile(1.0))
    again = np.where(peak > np.fmax(usual.quantile(1.0), sustained), peak, sustained)  # was never reached before, and is in both halves
    return np.stack([deviation, spread, sign * sustained + middle, middle, sign * again + middle])


def _shift(  # noqa: PLR0917, PLR0913 - one row of everything that was computed for all of them
    series: Series, signal: Signal, start: float, before: _Sorted, window: _Sorted, sides: dict[float, Floats], row: int
) -> Shift:
    known = bool(before.count[row] >= FEWEST)
    falls = signal.direction == "down" or (signal.direction == "both" and known and sides[-1.0][0] > sides[1.0][0])
    sign = -1.0 if falls else 1.0
    value = float(window.values[row, 0] if falls else window.values[row, window.count[row] - 1])
    v = np.where(np.abs(series.v) < LARGEST, series.v, np.nan)
    if not known:
        score = UNKNOWN * signal.scale.severity(float(window.quantile(0.5)[row]), None, falls=falls)
        return Shift(value, None, 0.0, score, None, series.step, falls)
    deviation, spread, sustained, middle, again = (float(each) for each in sides[sign])
    bad = again if signal.scale.of == "level" else sustained  # memory that fills until it is emptied is at its limit now and then
    score = grade(deviation) * signal.scale.severity(bad, middle, falls=falls)
    onset = _onset(series.t, sign * (v - middle) / spread, start, STEEP * deviation) if score > 0 else None
    lasts = 1.0 if onset is not None else PASSING
    return Shift(value, middle, sign * deviation, lasts * score, *_began(series, v, onset), falls)


def _began(series: Series, v: Floats, onset: int | None) -> tuple[float | None, float]:
    """The time of a point, and how long before it nothing was measured."""
    if onset is None:
        return None, series.step
    known = series.t[:onset][np.isfinite(v[:onset])]
    at = float(series.t[onset])
    return at, max(series.step, at - float(known[-1])) if known.size else series.step


def _onset(t: Floats, deviations: Floats, start: float, least: float) -> int | None:
    """The first point from which most of four points in a row deviate, looking back a little before the window."""
    beyond = deviations > max(NORMAL_SPREADS, least)
    for i in np.flatnonzero(beyond & (t >= start - LOOK_BACK_SECONDS)):
        following = beyond[i : i + 4]
        if following.mean() > 0.5:  # noqa: PLR2004 - more than half is what "most" means
            return int(i)
    return None
