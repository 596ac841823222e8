"""When the trouble began, told by steps of many series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compass_core.analysis.onset import Turn, began, turns
from compass_core.readings import Reduction, Selection, Series
from compass_core.signals.catalogue import SIGNALS

MINUTES = 180
TOLD = 120 * 60.0
ERRORS = SIGNALS["error_ratio"]


def failing(*spans: tuple[int, int], service: str = "web", usual: float = 0.002, then: float = 0.4) -> Series:
    """A share of failing requests, a point a minute, that is high in these spans of minutes."""
    t = 60.0 * np.arange(MINUTES, dtype=np.float64)
    bad = np.any([(t >= begin * 60) & (t < end * 60) for begin, end in spans] or [np.zeros(MINUTES, bool)], axis=0)
    noise = 1 + 0.1 * np.random.default_rng(3).standard_normal(MINUTES)
    return Series(
        Selection("error_ratio", "errors", Reduction.RAW, "service", ()), service, {}, t, np.where(bad, then, usual) * noise, "q", "m"
    )


def found(*series: Series, told: float = TOLD) -> list[Turn]:
    return turns(series, [SIGNALS[one.selection.signal] for one in series], told, MINUTES * 60.0)


def minutes(turn: Turn) -> float:
    return turn.at / 60


# turns


def test_what_began_before_the_incident_was_noticed_and_lasts() -> None:
    (turn,) = found(failing((85, MINUTES)))
    assert (minutes(turn), turn.since / 60, turn.service) == (85, 84, "web")
    assert turn.score > 0.5


def test_what_began_after_the_time_that_a_person_guessed() -> None:
    assert [minutes(turn) for turn in found(failing((150, MINUTES)), told=30 * 60)] == [150]


def test_what_ended_before_the_incident_was_noticed_did_not_begin_it() -> None:
    assert found(failing((85, 100))) == []


def test_what_is_over_now_counts_where_the_time_was_guessed() -> None:
    assert [minutes(turn) for turn in found(failing((100, 130)), told=30 * 60)] == [100]


def test_a_healthy_series_turns_nowhere() -> None:
    assert found(failing()) == []


def test_what_comes_every_hour_is_usual() -> None:
    assert found(failing((5, 10), (65, 70), (125, 130)), told=60 * 60) == []


def test_what_came_before_for_a_shorter_time_is_remembered() -> None:
    (turn,) = found(failing((70, 72), (110, MINUTES)))
    assert minutes(turn) == 110
    assert [at / 60 for at in turn.blips] == [70, 71]


def test_a_slope_is_no_turn() -> None:
    ramp = failing()
    assert found(replace(ramp, v=np.linspace(0.0, 0.4, MINUTES))) == []


def test_a_gap_is_no_turn() -> None:
    whole = failing()
    there = (whole.t < 80 * 60) | (whole.t > 90 * 60)
    assert found(replace(whole, t=whole.t[there], v=whole.v[there])) == []


@pytest.mark.parametrize("points", [0, 1, 5, 11])
def test_too_few_points_tell_nothing(points: int) -> None:
    whole = failing((3, MINUTES))
    assert found(replace(whole, t=whole.t[:points], v=whole.v[:points])) == []


@pytest.mark.parametrize(("then", "turned"), [(0.1, True), (0.6, False), (3.0, False)])
def test_traffic_turns_only_where_it_nearly_stops(then: float, turned: float) -> None:
    traffic = replace(
        failing((100, MINUTES), usual=20.0, then=20.0 * then), selection=Selection("request_rate", "r", Reduction.RAW, "s", ())
    )
    assert bool(found(traffic)) is turned


@pytest.mark.parametrize(("restarts", "turned"), [(1.0, False), (3.0, True)])
def test_one_restart_is_nothing(restarts: float, turned: bool) -> None:  # noqa: FBT001 - what is expected
    count = replace(failing((100, MINUTES), usual=0.0, then=restarts), selection=Selection("restarts", "r", Reduction.RAW, "s", ()))
    assert bool(found(count)) is turned


# when the trouble began


def of(service: str, minute: float, score: float = 0.9) -> Turn:
    return Turn(service, ERRORS.words, minute * 60 - 60, minute * 60, score, ())


def chosen(*turned: Turn, **weights: float) -> list[tuple[str, float]]:
    return [(turn.service, minutes(turn)) for turn in began(turned, TOLD, weights)]


def test_the_service_itself_tells_when_it_began() -> None:
    assert chosen(of("web", 100), web=1.0) == [("web", 100)]


def test_an_unrelated_services_old_trouble_does_not_move_the_window() -> None:
    assert chosen(of("legacy", 70), of("web", 115), web=1.0) == [("web", 115)]
    assert chosen(of("legacy", 70), web=1.0) == []


def test_where_nobody_knows_who_calls_whom_any_service_tells_it() -> None:
    assert chosen(of("cart", 100)) == [("cart", 100)]


def test_what_began_when_it_was_told_is_believed_first() -> None:
    assert chosen(of("legacy", 70), of("cart", 121)) == [("cart", 121)]


def test_several_services_at_one_time_outweigh_another_one() -> None:
    assert chosen(of("legacy", 70), of("cart", 100), of("web", 101)) == [("cart", 100), ("web", 101)]


def test_what_is_not_clear_tells_nothing() -> None:
    assert chosen(of("web", 100, score=0.1), web=1.0) == []
    assert chosen(of("cart", 100, score=0.4), web=1.0) == []
    assert chosen(of("cart", 100, score=0.4)) == [], "nobody knows whether it matters"
    assert chosen() == []


def test_shortly_before_it_was_noticed_several_faint_steps_at_one_time_tell_it() -> None:
    names = ("cart", "stock", "web")
    assert chosen(*(of(name, 114, 0.03) for name in names)) == [(name, 114) for name in names]
    assert chosen(of("web", 114, 0.03)) == [], "one alone is an accident"
    assert chosen(*(of(name, 90, 0.03) for name in names)) == [], "so is what is long over"
    assert chosen(*(of(name, 114, 0.03) for name in names), of("legacy", 70)) == [("legacy", 70)]
