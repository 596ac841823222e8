"""How far series moved, and since when."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compass_core.analysis import shifts as module
from compass_core.analysis.shifts import LARGEST, LOOK_BACK_SECONDS, Shift, grade, shifts
from compass_core.domain import AgentName
from compass_core.readings import Reduction, Selection, Series
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.signal import WEAK, Scale, Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = 30.0
BEFORE = 120
START = 1_000_000.0
NAN, INF = math.nan, math.inf
SELECTION = Selection("made", "made", Reduction.RAW, "service", ())


def series(before: Sequence[float], window: Sequence[float]) -> Series:
    """Points every half minute; the window begins at `START`."""
    v = np.array([*before, *window], dtype=np.float64)
    t = START + STEP * np.arange(-len(before), len(window), dtype=np.float64)
    return Series(SELECTION, "web", {}, t, v, "q", "made", step=STEP)


ANYTHING = Scale("change", 1e-9, 2e-9, 3e-9)  # whatever moves is very bad: the score is the surprise


def signal(direction: Any = "up", scale: Scale = ANYTHING) -> Signal:
    return Signal("made", AgentName.APPLICATION, "made", "", scale, WEAK, (), direction=direction)


def moved(before: Sequence[float], window: Sequence[float], direction: Any = "up", **more: Any) -> Shift:
    (found,) = shifts([series(before, window)], [signal(direction, **more)], START)
    assert found is not None
    return found


def noise(scale: float = 1.0, level: float = 100.0, size: int = BEFORE) -> list[float]:
    return list(level + scale * np.random.default_rng(7).standard_normal(size))


# rises and falls


def test_a_rise() -> None:
    found = moved(noise(), noise(size=5) + [140.0] * 35)
    assert found.value == 140
    assert found.baseline == pytest.approx(100, abs=0.5)
    assert found.score > 0.1
    assert found.spreads > 3
    assert found.onset == START + 5 * STEP
    assert not found.falls


@pytest.mark.parametrize("direction", ["down", "both"])
def test_a_fall_is_told_by_its_minimum(direction: str) -> None:
    found = moved(noise(), [20.0] * 20 + [60.0] * 20, direction)
    assert (found.value, found.falls, found.onset) == (20, True, START)
    assert found.score > 0.2
    assert found.spreads < -3


def test_a_rise_and_a_fall_alike_count_the_same() -> None:
    up, down = (moved([100.0] * BEFORE, [level] * 40, "both") for level in (200.0, 0.0))
    assert (up.spreads, up.score, up.falls) == (-down.spreads, down.score, not down.falls)
    assert moved([1000.0] * BEFORE, [700.0] * 40, "both").falls
    assert not moved([1000.0] * BEFORE, [1300.0] * 40, "both").falls


@pytest.mark.parametrize(("direction", "level"), [("up", 20.0), ("down", 200.0)])
def test_what_moves_in_the_good_direction_is_nothing(direction: str, level: float) -> None:
    found = moved(noise(), [level] * 40, direction)
    assert (found.score, found.onset) == (0, None)


def test_availability_is_bad_when_it_falls_and_good_when_it_rises() -> None:
    availability = SIGNALS["availability"]
    worse, better = shifts([series([0.99] * BEFORE, [0.7] * 40), series([0.7] * BEFORE, [0.99] * 40)], [availability] * 2, START)
    assert worse is not None
    assert (worse.falls, worse.value, worse.onset) == (True, 0.7, START)
    assert worse.score > 0.1
    assert better is not None
    assert better.score == 0


def test_requests_that_no_longer_succeed_are_requests_that_fail() -> None:
    """Availability and error ratio tell the same thing from two ends."""
    good, bad = [0.998, 0.999, 1.0, 0.999] * 30, [0.95, 0.96] * 20
    succeeding, failing = series(good, bad), series([1 - one for one in good], [1 - one for one in bad])
    one, other = shifts([succeeding, failing], [SIGNALS["availability"], SIGNALS["error_ratio"]], START)
    assert one is not None
    assert other is not None
    assert one.score > 0.5
    assert one.score == pytest.approx(other.score, abs=0.05)


def test_the_farther_the_higher() -> None:
    scores = [moved(noise(), [level] * 40).score for level in (100, 130, 160, 300, 1000, 1e6)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0, 1)


# what is no shift


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_noise_is_no_shift(scale: float, direction: str) -> None:
    values = noise(scale, size=BEFORE + 40)
    assert moved(values[:BEFORE], values[BEFORE:], direction).score == 0


@pytest.mark.parametrize(("spikes", "size"), [(1, 2), (1, 5), (7, 40)])
def test_a_few_points_are_not_a_level(spikes: int, size: int) -> None:
    found = moved(noise(), [100.0] * (size - spikes) + [900.0] * spikes)
    assert (found.value, found.score, found.onset) == (900, 0, None)


def test_of_one_point_alone_half_is_believed() -> None:
    alone, two = moved([100.0] * BEFORE, [150.0]), moved([100.0] * BEFORE, [150.0] * 2)
    assert alone.spreads == pytest.approx(0.5 * two.spreads)


def test_a_level_that_the_baseline_reached_regularly_is_usual() -> None:
    assert moved([400.0 if at % 10 == 0 else 100.0 for at in range(BEFORE)], [400.0] * 40).score == 0
    hours = [100 + 50 * math.sin(at / 8) for at in range(BEFORE + 40)]
    assert moved(hours[:BEFORE], [150.0] * 40, "both").score == 0


def test_a_level_that_a_short_baseline_reached_once_counts_half() -> None:
    steady = [100.0] * 50
    new, seen = moved(steady, [200.0] * 40), moved([201.0, *steady[1:]], [200.0] * 40)
    assert seen.spreads == pytest.approx(0.5 * new.spreads)
    assert moved([199.0, *steady[1:]], [200.0] * 40).spreads == pytest.approx(new.spreads), "it went beyond that"


def test_of_a_long_baseline_one_extreme_point_says_nothing() -> None:
    assert moved([*[100.0] * 119, 900.0], [200.0] * 40).spreads == moved([100.0] * 120, [200.0] * 40).spreads


def test_a_ramp_that_goes_on_is_no_shift() -> None:
    ramp = [float(at) for at in range(BEFORE + 40)]
    assert moved(ramp[:BEFORE], ramp[BEFORE:]).score == 0
    assert moved(ramp[:BEFORE], [10 * at for at in ramp[BEFORE:]]).score > 0, "now it climbs faster"


def test_what_moves_a_little_is_nothing_however_steady_it_was() -> None:
    ratio = Scale("change", 0.01, 0.05, 0.25)
    assert moved([0.0] * BEFORE, [0.002] * 40, scale=ratio).score == 0
    assert moved([0.0] * BEFORE, [0.5] * 40, scale=ratio).score == 1
    assert moved([0.4, 0.6] * 60, [0.6] * 40, scale=ratio).score == 0, "bad as it is, it is usual"
    assert moved([7.0] * BEFORE, [7.0] * 40).score == 0


# short baselines


@pytest.mark.parametrize("points", [0, 1, 2])
def test_below_three_points_nothing_is_usual(points: int) -> None:
    found = moved([1.0] * points, [900.0] * 40)
    assert (found.value, found.baseline, found.spreads, found.score, found.onset) == (900, None, 0, 0, None)


def test_the_more_points_a_baseline_has_the_more_it_says() -> None:
    spreads = [moved([100.0] * points, [200.0] * 40).spreads for points in (3, 10, 60, 120)]
    assert spreads == sorted(spreads)
    assert spreads[0] == pytest.approx(spreads[-1] * (3 / 5) / (120 / 122))


# levels that are bad in themselves


NEAR = Scale("level", 0.8, 0.9, 0.98)
ANSWERS = Scale("level", 0.9, 0.5, 0.0)


def test_a_level_that_is_bad_in_itself() -> None:
    assert moved([0.3] * BEFORE, [0.6] * 40, scale=NEAR).score == 0
    assert moved([0.3] * BEFORE, [0.99] * 40, scale=NEAR).score > 0.5
    assert moved([0.95] * BEFORE, [0.96] * 40, scale=NEAR).score == 0, "it was as bad before"
    assert moved([1.0] * BEFORE, [0.0] * 40, "down", scale=ANSWERS).score > 0.5


def test_without_a_baseline_only_a_level_speaks() -> None:
    found = moved([], [0.5] * 3 + [0.95] * 7, scale=NEAR)
    assert found.baseline is None
    assert found.score > 0.3
    assert moved([], [0.95] * 10).score == 0
    assert moved([], [0.0] * 10, "down", scale=ANSWERS).score > 0.3
    assert moved([], [1.0] * 10, "down", scale=ANSWERS).score == 0
    assert moved([0.95, 0.95], [0.5] * 10, scale=NEAR).score == 0, "it was bad, and is not"


SAW = [0.15 + 0.08 * (i % 11) for i in range(40)]  # from 15 % to 95 % and again, four times


def test_what_fills_up_again_and_again_is_as_bad_as_its_peaks() -> None:
    assert moved([0.15] * BEFORE, SAW, scale=NEAR).score > 0.5
    assert moved([1.0] * BEFORE, [1.0 - value for value in SAW], "down", scale=ANSWERS).score > 0.5
    assert moved(SAW * 3, SAW, scale=NEAR).score == 0, "it always did"
    assert moved([0.15] * BEFORE, [0.5] * 39 + [0.95], scale=NEAR).score == 0, "one peak does not come back"
    assert moved([0.15] * BEFORE, [0.5] * 10 + [0.95] + [0.5] * 29, scale=NEAR).score == 0, "neither does an early one"
    assert moved([0.15] * 60 + [0.97] + [0.15] * 59, SAW, scale=NEAR).score == 0, "that high it was before"


# onset


def test_the_onset_may_lie_before_the_window() -> None:
    assert moved(noise() + [150.0] * 4, [150.0] * 40).onset == START - 4 * STEP
    assert moved(noise(size=2000) + [150.0] * 40, [150.0] * 40).onset == START - LOOK_BACK_SECONDS


@pytest.mark.parametrize("direction", ["up", "both"])
@pytest.mark.parametrize("minutes", [1, 5, 10])
def test_trouble_that_began_before_its_alert_is_not_what_is_usual(minutes: int, direction: str) -> None:
    early = int(60 * minutes / STEP)
    begun, sudden = moved(noise(size=BEFORE - early) + [300.0] * early, [300.0] * 40, direction), moved(noise(), [300.0] * 40, direction)
    assert begun.score > 0.9 * sudden.score
    assert begun.onset == START - early * STEP


def test_points_before_the_window_that_came_and_went_are_usual() -> None:
    assert moved([100.0] * 60 + [300.0] * 9 + [100.0] * 51, [300.0] * 40).score == 0
    assert moved([100.0] * 10 + [300.0] * 12, [300.0] * 40).score == 0, "more than half of all that is known"
    assert moved([100.0] * 15 + [300.0] * 5, [300.0] * 40).score > 0.1, "a quarter of it may be the trouble"


def test_one_point_beyond_is_no_onset() -> None:
    assert moved(noise(), [150.0] + [100.0] * 9 + [150.0] * 30).onset == START + 10 * STEP


def test_what_comes_and_goes_is_believed_by_half() -> None:
    lasting = moved([100.0] * BEFORE, [100.0] * 20 + [150.0] * 20)
    passing = moved([100.0] * BEFORE, [150.0, 100.0] * 20)
    assert (passing.spreads, passing.onset) == (lasting.spreads, None)
    assert 0 < passing.score == lasting.score / 2


def test_it_began_within_the_step_before_its_onset_or_where_nothing_was_measured() -> None:
    assert moved(noise(), [100.0] * 3 + [150.0] * 37).uncertainty == STEP
    gap = moved(noise(), [100.0] * 3 + [NAN] * 5 + [150.0] * 32)
    assert (gap.onset, gap.uncertainty) == (START + 8 * STEP, 6 * STEP)
    assert moved([NAN] * BEFORE, [0.95] * 10, scale=NEAR).uncertainty == STEP


# points that are no measurement


def test_points_that_measure_nothing_are_left_out() -> None:
    clean = moved(noise(), [150.0] * 30)
    odd = moved([NAN, INF, *noise(), -INF, LARGEST], [NAN, INF, -LARGEST, *[150.0] * 30, LARGEST * 10])
    assert (odd.value, odd.baseline, odd.spreads, odd.score) == (clean.value, clean.baseline, clean.spreads, clean.score)
    assert odd.onset == START + 3 * STEP


def test_the_largest_float_is_no_deviation_to_compute() -> None:
    found = moved([0.0] * BEFORE, [5.0] * 39 + [1.7e308])
    assert (found.value, found.score, found.onset) == (5, 1, START)


@pytest.mark.parametrize("window", [[], [NAN, INF], [LARGEST]])
def test_no_point_in_the_window(window: list[float]) -> None:
    assert shifts([series(noise(), window)], [signal()], START) == (None,)
    assert shifts([], [], START) == ()


# many at once

values = st.floats() | st.sampled_from([0.0, 1.0, 100.0, 1e308, -1e308, 5e-324, NAN, INF])
kinds = st.builds(
    signal, st.sampled_from(["up", "down", "both"]), st.sampled_from([ANYTHING, NEAR, Scale("times", 1.5, 3.0, 10.0, least=0.1)])
)
many = st.lists(st.tuples(st.lists(values, max_size=8), st.lists(values, max_size=8), kinds), max_size=8)


@example([([0.0, 0.0, 1.0, 1.0, 5e-324], [-1.0], signal("up", ANYTHING))], 1)  # a ratio to so little is no number
@given(many, st.integers(1, 40))
def test_each_series_is_judged_as_if_it_were_alone(given_: list[tuple[list[float], list[float], Signal]], cells: int) -> None:
    """In one block, in small ones, and one by one; but for its family, of which there is one here for each."""
    alike = [series(before, window) for before, window, _ in given_]
    made = [replace(one, selection=replace(one.selection, family=str(at))) for at, one in enumerate(alike)]
    asked = [kind for _, _, kind in given_]
    alone = tuple(shifts([one], [kind], START)[0] for one, kind in zip(made, asked, strict=True))
    assert shifts(made, asked, START) == alone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_CELLS", cells)
        assert shifts(made, asked, START) == alone
    for found, (_, window, kind) in zip(alone, given_, strict=True):
        if found is not None:
            assert 0 <= found.score <= 1
            assert found.value in window
            assert found.falls <= (kind.direction != "up")
            assert (found.onset is not None) <= (found.score > 0)


def test_a_long_series_among_short_ones() -> None:
    """Blocks of like length: a thousand short series and one long one do not become a thousand long rows."""
    short, long = series([1.0] * 5, [9.0] * 5), series(noise(size=30_000), [900.0] * 3_000)
    found = shifts([short] * 500 + [long] + [short] * 500, [signal()] * 1001, START)
    assert len({*found[:500], *found[501:]}) == 1
    assert (found[500],) == shifts([long], [signal()], START)
    assert max(len(block) * 33_000 for block in module._blocks([short] * 500 + [long]) if 500 in block) <= module.MOST_CELLS


def test_series_of_different_times() -> None:
    late = replace(series([1.0] * 60, [5.0] * 20), t=START + 7.5 + 10 * np.arange(-60.0, 20.0), step=10.0)
    found = shifts([series(noise(), [150.0] * 40), late], [signal(), signal()], START)
    assert [one.onset for one in found if one] == [START, START + 7.5]
    assert [one.uncertainty for one in found if one] == [STEP, 10]


# the scale


def test_grade() -> None:
    assert [round(grade(spreads), 2) for spreads in (-5, 0, 3, 10, 35, 1e9, INF)] == [0, 0, 0, 0.44, 1, 1, 1]
    assert grade(NAN) == 0
    assert grade(2, normal=2, scale=1) == 0
    assert grade(2 + math.expm1(2.0), normal=2, scale=1) == pytest.approx(1)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_larger_deviation_is_never_less_unusual(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= grade(low) <= grade(high) <= 1


def test_a_series_at_zero_is_as_steady_as_its_family() -> None:
    """From nothing to 7 is much for itself, and little beside the 100 that others of its family show."""
    quiet, busy = series([0.0] * BEFORE, [7.0] * 40), series([100.0] * BEFORE, [100.0] * 40)
    (alone,), (beside, _) = (shifts(each, [signal()] * len(each), START) for each in ([quiet], [quiet, busy]))
    assert alone is not None
    assert beside is not None
    assert alone.score == 1.0
    assert beside.score < 0.5
    other = replace(busy, selection=replace(busy.selection, signal="something else"))
    assert shifts([quiet, other], [signal()] * 2, START)[0] == alone, "of another signal nothing is to be learnt"


def test_a_fault_that_ended_within_the_window_is_seen() -> None:
    assert moved(noise(), [150.0] * 7 + [100.0] * 33).score > 0.2
    assert moved(noise(), [100.0] * 33 + [150.0] * 7).score == 0, "what began late does not last yet"
