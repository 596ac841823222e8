"""How far a series moved, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.shifts import ALARMING, LARGEST, LOOK_BACK_SECONDS, Shift, shift, squash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STEP = 30.0
BEFORE = 120
START = 1_000_000.0
NAN, INF = float("nan"), float("inf")


def moved(before: list[float], window: list[float], direction: Any = "up", **more: Any) -> Shift:
    """What is seen of a series whose window begins at `START`."""
    v = np.array([*before, *window], dtype=np.float64)
    t: Floats = START + STEP * np.arange(-len(before), len(window), dtype=np.float64)
    found = shift(t, v, START, direction, **more)
    assert found is not None
    return found


def noise(scale: float = 1.0, level: float = 100.0, size: int = BEFORE) -> list[float]:
    return list(level + scale * np.random.default_rng(7).standard_normal(size))


def test_a_rise() -> None:
    found = moved(noise(), noise(size=5) + [140.0] * 35)
    assert found.value == 140
    assert found.baseline == pytest.approx(100, abs=0.5)
    assert found.score > 0.5
    assert found.onset == START + 5 * STEP
    assert not found.falls


def test_a_fall_is_told_by_its_minimum() -> None:
    for direction in ("down", "both"):
        found = moved(noise(), [20.0] * 40, direction)
        assert (found.value, found.falls, found.onset) == (20, True, START)
        assert found.score > 0.5
        assert found.spreads < -3


@pytest.mark.parametrize(("direction", "window"), [("up", [20.0] * 40), ("down", [200.0] * 40)])
def test_what_moves_in_the_good_direction_is_nothing(direction: str, window: list[float]) -> None:
    found = moved(noise(), window, direction)
    assert (found.score, found.onset) == (0, None)


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 5.0, 20.0])
def test_noise_does_not_score(scale: float) -> None:
    values = noise(scale, size=BEFORE + 40)
    for direction in ("up", "down", "both"):
        assert moved(values[:BEFORE], values[BEFORE:], direction).score == 0


def test_a_few_high_points_are_not_a_shift() -> None:
    assert moved(noise(), [100.0] * 35 + [900.0] * 5).score == 0


def test_a_series_that_always_had_such_bursts_does_not_score() -> None:
    bursts = [400.0 if at % 10 == 0 else 100.0 for at in range(BEFORE)]
    assert moved(bursts, [400.0 if at % 4 == 0 else 100.0 for at in range(40)]).score == 0


def test_a_constant_series_moves_by_its_floor() -> None:
    assert moved([0.0] * BEFORE, [0.02] * 40, floor=0.05).score == 0
    assert moved([0.0] * BEFORE, [0.5] * 40, floor=0.05).score > 0.5
    assert moved([7.0] * BEFORE, [7.0] * 40).score == 0


def test_the_onset_may_lie_before_the_window() -> None:
    assert moved(noise() + [150.0] * 4, [150.0] * 40).onset == START - 4 * STEP
    assert moved(noise(size=2000) + [150.0] * 40, [150.0] * 40).onset == START - LOOK_BACK_SECONDS


def test_one_point_beyond_is_no_onset() -> None:
    window = [150.0] + [100.0] * 9 + [150.0] * 30
    assert moved(noise(), window).onset == START + 10 * STEP


def test_a_level_that_is_bad_in_itself() -> None:
    before = [0.80, 0.88] * 60
    calm = moved(before, [0.93] * 40, floor=0.05)
    assert calm.score == 0
    assert moved(before, [0.93] * 40, floor=0.05, level=0.9).score == ALARMING
    assert moved([0.95] * BEFORE, [0.96] * 40, floor=0.05, level=0.9).score == 0, "it was as bad before"
    assert moved(before, [0.89] * 40, floor=0.05, level=0.9).score == 0
    assert moved([1.0] * BEFORE, [0.0] * 40, "down", floor=0.3, level=0.5).score >= ALARMING


def test_without_a_baseline_only_a_level_speaks() -> None:
    assert moved([], [0.95] * 10).score == 0
    found = moved([], [0.95] * 10, level=0.9)
    assert (found.baseline, found.score, found.onset) == (None, ALARMING, START)
    assert moved([], [0.0] * 10, "down", level=0.5).falls
    assert moved([], [1.0] * 10, "down", level=0.5).score == 0


def test_gaps_are_left_out() -> None:
    with_gaps = moved([NAN, INF, *noise(), -INF], [NAN, 150.0, NAN, *([150.0] * 20), INF])
    assert with_gaps.value == 150
    assert with_gaps.onset == START + STEP
    assert moved(noise(), [LARGEST * 2, 100.0]).value == 100


@pytest.mark.parametrize("window", [[], [NAN, INF]])
def test_no_point_in_the_window(window: list[float]) -> None:
    v = np.array([*noise(), *window])
    t: Floats = START + STEP * np.arange(-BEFORE, len(window), dtype=np.float64)
    assert shift(t, v, START) is None


def test_one_point() -> None:
    assert moved([], [3.0]).value == 3
    assert moved([1.0], [3.0]).score > 0.5


def test_squash() -> None:
    assert [squash(spreads) for spreads in (-5, 0, 3, 8, 13, INF)] == [0, 0, 0, 0.5, 0.75, 1]
    assert squash(NAN) == 0


values = st.floats(width=64) | st.sampled_from([0.0, 1.0, 1e308, -1e308, 5e-324, NAN, INF])


@given(
    st.lists(values, max_size=30),
    st.integers(-5, 35),
    st.sampled_from(["up", "down", "both"]),
    st.floats(0, 1e9),
    st.none() | st.floats(-1e9, 1e9),
)
def test_no_series_is_too_odd(points: list[float], begins: int, direction: Any, floor: float, level: float | None) -> None:
    v: Floats = np.array(points, dtype=np.float64)
    t: Floats = START + STEP * np.arange(v.size, dtype=np.float64)
    found = shift(t, v, START + STEP * begins, direction, floor=floor, level=level)
    if found is None:
        return
    assert 0 <= found.score <= 1
    assert found.value in points
    assert found.baseline is None or np.isfinite(found.baseline)
    assert found.onset is None or found.onset in t
