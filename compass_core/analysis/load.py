"""What a load average holds now: the kernel tells a mean of the last minute, in which a change takes minutes to show."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from compass_core.readings import Series

MINUTE = 60.0
OF_A_MINUTE = re.compile(r"(.*_)?load_?(average|avg)?_?1m?")
FORMULA = "# the middle of a minute of (v - k * v before) / (1 - k), k = exp(-seconds between them / 60)"


def unaveraged(series: Sequence[Series]) -> list[Series]:
    """The series, load averages of one minute as how many processes ran or waited then: of a minute the middle, so that bursts pass."""
    return [_now(one) if one.selection.signal == "load" and OF_A_MINUTE.fullmatch(one.selection.family) else one for one in series]


def _now(one: Series) -> Series:
    known = np.isfinite(one.v)
    t, v = one.t[known], one.v[known]
    if t.size < 2 or not np.all(np.diff(t) > 0):  # noqa: PLR2004 - one point has none before it
        return one
    kept = np.exp(-np.diff(t) / MINUTE)
    at, held = t[1:], np.maximum(0.0, (v[1:] - kept * v[:-1]) / (1 - kept))
    return replace(one, t=at, v=_middles(at, held), query=f"{one.query} {FORMULA}")


def _middles(t: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each point the median of those that are half a minute near."""
    first, after = np.searchsorted(t, t - MINUTE / 2), np.searchsorted(t, t + MINUTE / 2, side="right")
    return np.array([np.median(v[i:j]) for i, j in zip(first, after, strict=True)])
