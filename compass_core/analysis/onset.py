"""When the trouble began, from many series over a long time: where a level steps to a worse one and stays there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compass_core.analysis.shifts import LARGEST, MAD_TO_SIGMA, NORMAL_SPREADS, RELATIVE_SPREAD, grade
from compass_core.readings import Series
from compass_core.signals.signal import Signal

Floats = NDArray[np.float64]


BEFORE, AFTER = 3600.0, 1800.0  # seconds on both sides of a step that are compared
SAME = 180.0  # seconds: what begins so close together began together
APART = 600.0  # seconds between two steps of one series
MOST_STEPS = 3  # of one series
FEWEST, NEAR = 10, 5  # points before a step at least; points beside it that tell a step from a slope
LARGEST_STEP = 20.0  # spreads: beyond that, longer counts and higher does not
CONTRAST = 6.0  # standard errors between the two means: of a hundred places in noise none is so far
LASTS, LASTING = 0.8, 600.0  # of the points until the incident was noticed, and for so many seconds, are bad
AGAIN = frozenset({"restarts"})  # once is nothing: a pod is moved, a version replaced
RARELY = 0.1  # of the points before were as bad
STOPPED = 0.2  # of its usual level: less traffic than that is trouble, and not the time of the day
CLEAR = 0.25  # the least score × weight that may tell when it began
FAINT, ENOUGH = 0.05, 0.1  # what any step counts, and what is enough together …
SOON = 600.0  # … in so many seconds before the incident was noticed: a window that begins there loses nothing
TRUST = 1.5  # a begin that was told counts so much more than one that was found
UNKNOWN = 0.5  # weight of a service where nobody knows who calls whom


@dataclass(frozen=True, slots=True)
class Turn:
    """Something became worse, `words` say what: after the point at `since`, `at` the next one (unix seconds).

    `blips` are the times before at which it had been as bad, for shorter than now.
    """

    service: str
    words: str
    since: float
    at: float
    score: float
    blips: tuple[float, ...]


def turns(series: Sequence[Series], signals: Sequence[Signal], told: float, until: float) -> list[Turn]:
    """Where each series turned for the worse, before `until`; what began before `told` still lasted then.

    What lasted as long before is usual and no turn, nor is a slope.
    """
    return [turn for one, signal in zip(series, signals, strict=True) for turn in _of_series(one, signal, told, until)]


def began(found: Sequence[Turn], told: float, weights: Mapping[str, float]) -> tuple[Turn, ...]:
    """The turns, at one time, that tell best when the trouble began, the earliest first; none where no turn is clear.

    A time counts as much as the services that turned at it: each its highest score × its weight. Where the weights are empty nobody
    knows which services matter. Shortly before the incident was noticed several that are not clear tell it as well.
    """
    best: tuple[Turn, ...] = ()
    unclear: tuple[Turn, ...] = ()
    most, faint = 0.0, ENOUGH
    for together in _together(sorted(found, key=lambda turn: turn.at)):
        scores: dict[str, float] = {}
        for turn in together:
            weight = weights.get(turn.service, 0.0) if weights else UNKNOWN
            scores[turn.service] = max(scores.get(turn.service, 0.0), weight * turn.score)
        clear = max(scores.values()) >= CLEAR
        total = sum(scores.values()) * (TRUST if abs(together[0].at - told) <= SAME else 1.0)
        if clear and total > most:
            best, most = tuple(turn for turn in together if scores[turn.service] >= CLEAR and turn.score >= CLEAR), total
        moved = sum((weights.get(service, 0.0) if weights else UNKNOWN) * FAINT + score for service, score in scores.items())
        if told - SOON <= together[0].at <= told and moved >= faint:
            unclear, faint = tuple(together), moved
    return best or unclear


def _together(ordered: Sequence[Turn]) -> Iterator[list[Turn]]:
    held: list[Turn] = []
    for turn in ordered:
        if held and turn.at - held[0].at > SAME:
            yield held
            held = []
        held.append(turn)
    if held:
        yield held


def _of_series(one: Series, signal: Signal, told: float, until: float) -> Iterator[Turn]:
    sane = np.abs(one.v) < LARGEST
    t, v = one.t[sane], one.v[sane]
    ends = np.arange(FEWEST, max(FEWEST, t.size - 1))
    ends = ends[t[ends] < until]
    if not ends.size:
        return
    sign = 1.0 if signal.direction == "up" else -1.0
    contrast = sign * _contrast(t, v, ends)
    for _ in range(MOST_STEPS):
        at = int(contrast.argmax())
        if contrast[at] < CONTRAST:
            return
        if turn := _turn(one, signal, (t, sign * v), int(ends[at]), told):
            yield turn
        contrast[np.abs(t[ends] - t[ends[at]]) < APART] = 0.0


def _contrast(t: Floats, v: Floats, ends: NDArray[np.intp]) -> Floats:
    """For each place the mean after it less the mean before it, in standard errors."""
    middle = np.median(v)
    noise = MAD_TO_SIGMA * np.median(np.abs(np.diff(v))) / np.sqrt(2)
    spread = max(noise, RELATIVE_SPREAD * abs(middle), 1e-12)
    total = np.concatenate([[0.0], np.cumsum(np.clip((v - middle) / spread, -LARGEST_STEP, LARGEST_STEP))])
    first, last = np.searchsorted(t, t[ends] - BEFORE), np.searchsorted(t, t[ends] + AFTER)
    before, after = ends - first, last - ends
    means = (total[last] - total[ends]) / after - (total[ends] - total[first]) / before
    contrast: Floats = means * np.sqrt(before * after / (before + after))
    return contrast


def _turn(one: Series, signal: Signal, points: tuple[Floats, Floats], at: int, told: float) -> Turn | None:
    """The step at a place, if it is one; `points` are signed so that more is worse."""
    t, v = points
    first, last = np.searchsorted(t, [t[at] - BEFORE, t[at] + AFTER])
    before, beside = v[first:at], v[at : at + NEAR]
    usual = float(np.median(before))
    noise = MAD_TO_SIGMA * float(np.median(np.abs(before - usual)))
    spread = max(noise, RELATIVE_SPREAD * abs(usual), 1e-12)
    step = float(np.median(beside)) - usual
    slope = float(np.median(beside)) - float(np.median(before[-NEAR:])) < step / 2
    if (
        step <= max(NORMAL_SPREADS * spread, signal.name in AGAIN)
        or slope
        or (signal.direction == "both" and step < (1 - STOPPED) * abs(usual))
    ):
        return None
    bad = v - usual > step / 2
    until_told = bad[at : max(at + NEAR, np.searchsorted(t, max(told, t[at] + LASTING), "right"))]
    usually = bad[first:at].mean() > RARELY or _longest(bad[first:at]) >= np.count_nonzero(bad[at:last])
    if usually or until_told.mean() < LASTS:
        return None
    while at > first + 1 and v[at - 1] - usual > NORMAL_SPREADS * spread:
        at -= 1
    falls = signal.direction != "up"
    sign = -1.0 if falls else 1.0
    score = grade(step / spread) * signal.scale.severity(sign * (usual + step), sign * usual, falls=falls)
    blips = t[first:at][bad[first:at]]
    return Turn(one.service, f"{signal.words} of {one.service} changed", float(t[at - 1]), float(t[at]), score, tuple(blips.tolist()))


def _longest(bad: NDArray[np.bool_]) -> int:
    """Points of the longest run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
