"""Shifts: how far a series moved from its baseline, and when that began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Direction = Literal["up", "down", "both"]

NORMAL_SPREADS = 3.0  # deviations up to this many spreads are what a quiet series does by itself
HALVING_SPREADS = 5.0  # each so many spreads more halve what is missing from a score of 1
RELATIVE_SPREAD = 0.05  # no series is taken to be steadier than 5 % of its own median
MAD_TO_SIGMA = 1.4826  # a normal distribution's standard deviation ÷ its median absolute deviation
SUSTAINED = 0.8  # the window's level is this quantile: a fifth of it must be beyond
LOOK_BACK_SECONDS = 600.0  # an alert fires after its cause: an onset may lie so far before the window
LARGEST = 1e150  # no measurement; beyond it sums and differences overflow
ALARMING = 0.6  # the least score of a series that is at a level which is bad in itself


@dataclass(frozen=True, slots=True)
class Shift:
    """`value`: extreme over the window; `baseline`: median before it, None where there is none; `onset` in unix seconds.

    `spreads` is the signed deviation of the window's sustained level from the baseline, in spreads of the baseline.
    """

    value: float
    baseline: float | None
    spreads: float
    score: float
    onset: float | None
    falls: bool


def squash(spreads: float) -> float:
    """0 up to `NORMAL_SPREADS`, then 1 − 2^(−excess ÷ `HALVING_SPREADS`)."""
    return float(1.0 - 2.0 ** (-max(0.0, spreads - NORMAL_SPREADS) / HALVING_SPREADS))


def shift(
    t: NDArray[np.float64],
    v: NDArray[np.float64],
    start: float,
    direction: Direction = "both",
    *,
    floor: float = 0.0,
    level: float | None = None,
) -> Shift | None:
    """Compare the points at or after `start` with those before it; None when the window holds no finite point.

    `floor` is the smallest spread that matters, in the series' own unit; `level` is bad in itself once it was not so
    in the baseline. Without a baseline only `level` can make a score.
    """
    sane = np.abs(v) < LARGEST
    t, v = t[sane], v[sane]
    before, window = v[t < start], v[t >= start]
    if not window.size:
        return None
    middle = float(np.median(before)) if before.size else None
    falls = direction == "down" or (direction == "both" and middle is not None and float(np.median(window)) < middle)
    value = float(window.min() if falls else window.max())
    if middle is None:
        alarming = level is not None and (value <= level if falls else value >= level)
        return Shift(value, None, 0.0, ALARMING if alarming else 0.0, float(t[0]) if alarming else None, falls)
    sign = -1.0 if falls else 1.0
    spread = _spread(before, middle, sign, floor)
    sustained = float(np.quantile(window, 1 - SUSTAINED if falls else SUSTAINED))
    spreads = sign * (sustained - middle) / spread
    score = squash(spreads)
    if level is not None and spreads > 1 and sign * (sustained - level) >= 0 > sign * (middle - level):
        score = max(score, ALARMING)
    onset = _onset(t, sign * (v - middle) / spread, start) if score > 0 else None
    return Shift(value, middle, sign * spreads, score, onset, falls)


def _spread(before: NDArray[np.float64], middle: float, sign: float, floor: float) -> float:
    """The usual deviation: robust, but not smaller than half of what one point in twenty does in that direction."""
    mad = float(np.median(np.abs(before - middle))) * MAD_TO_SIGMA
    tail = sign * (float(np.quantile(before, 0.95 if sign > 0 else 0.05)) - middle) / 2
    return max(mad, tail, floor / NORMAL_SPREADS, RELATIVE_SPREAD * abs(middle), 1e-12)


def _onset(t: NDArray[np.float64], deviations: NDArray[np.float64], start: float) -> float | None:
    """The first point from which most of four points in a row deviate, looking back a little before the window."""
    beyond = deviations > NORMAL_SPREADS
    for i in np.flatnonzero(beyond & (t >= start - LOOK_BACK_SECONDS)):
        following = beyond[i : i + 4]
        if following.mean() > 0.5:  # noqa: PLR2004 - more than half is what "most" means
            return float(t[i])
    return None
