"""In which order observations are told, and what all of them have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.notes import Note, Times, at, numbered
from compass_core.analysis.wording import LONGEST
from compass_core.domain import AgentName, Observation, Window
from tests.fakes import START, observation

APPLICATION, DATABASE, _ = AgentName
TIMES = Times(Window(start=START, end=START + timedelta(minutes=20)), Window(start=START - timedelta(hours=1), end=START), 30)


def seen(signal: str, service: str, score: float, minutes: float | None = None) -> Observation:
    onset = None if minutes is None else START + timedelta(minutes=minutes)
    return observation(APPLICATION, service=service, signal=signal, score=score).model_copy(update={"onset": onset})


def order(*observations: Observation, affected: str = "web", most: int = 40) -> list[str]:
    return [f"{one.id} {one.signal} {one.service}" for one in numbered(APPLICATION, observations, {affected}, most)]


def test_the_strongest_of_each_signal_before_the_second_of_any() -> None:
    assert order(
        seen("latency_p95", "a", 0.9), seen("latency_p95", "b", 1.0), seen("error_ratio", "c", 0.6), seen("error_ratio", "d", 0.5)
    ) == ["A1 latency_p95 b", "A2 error_ratio c", "A3 latency_p95 a", "A4 error_ratio d"]


def test_of_equals_the_one_that_began_first_and_the_more_telling_signal() -> None:
    assert order(seen("error_ratio", "a", 1.0, 5), seen("error_ratio", "b", 0.98, 2), seen("error_ratio", "c", 1.0)) == [
        "A1 error_ratio b",
        "A2 error_ratio a",
        "A3 error_ratio c",
    ]
    assert order(seen("cpu_usage", "a", 0.9), seen("unheard_of", "a", 0.9), seen("deploy", "a", 0.9)) == [
        "A1 deploy a",
        "A2 cpu_usage a",
        "A3 unheard_of a",
    ]


def test_what_is_nothing_unusual_is_kept_of_the_affected_alone_and_comes_last() -> None:
    assert order(seen("up", "web", 0.0), seen("up", "far", 0.04), seen("cpu_usage", "far", 0.06)) == ["A1 cpu_usage far", "A2 up web"]


def test_no_more_than_most_and_named_by_the_agent() -> None:
    found = numbered(DATABASE, [seen("up", f"s{number}", 0.9) for number in range(50)], (), 3)
    assert [one.id for one in found] == ["D1", "D2", "D3"]
    assert numbered(DATABASE, [], (), 3) == ()


@given(st.permutations([seen(signal, service, score) for signal in ("up", "deploy") for service in "abc" for score in (0.2, 0.9)]))
def test_the_order_does_not_depend_on_who_answered_first(observations: list[Observation]) -> None:
    assert order(*observations) == order(*sorted(observations, key=lambda one: (one.signal, one.service, one.score)))


def test_times() -> None:
    assert (TIMES.all.start, TIMES.all.end) == (TIMES.baseline.start, TIMES.window.end)


def test_an_observation_is_one_printable_line_that_begins_with_its_service() -> None:
    note = Note(APPLICATION, TIMES)
    told = note.observation("web", "new_errors", "5 lines: \x1b[31mno\nseat\ud83d \u202e" + "x" * 5000, 0.5, source="s", query="q")
    assert told.summary.startswith("web: 5 lines: [31mno seat xxx")
    assert len(told.summary) == LONGEST
    assert told.window == TIMES.window
    assert note.observation("", "deploy", "edge 2", 0.5, source="s", query="q").summary == "edge 2"


@pytest.mark.parametrize("t", [None, float("nan"), float("inf"), -1.0, 1e18])
def test_a_time_that_no_clock_shows_is_no_time(t: float | None) -> None:
    assert at(t) is None


def test_a_time() -> None:
    assert at(0.5) == datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)


def test_of_who_writes_of_errors_it_is_told_whether_requests_fail() -> None:
    calm = [seen("error_ratio", "cart", 0.0), seen("error_ratio", "stock", 0.0), seen("latency_p95", "cart", 0.0)]
    assert order(*calm, seen("new_errors", "cart", 0.4), affected="") == ["A1 new_errors cart", "A2 error_ratio cart"]
    (one,) = numbered(DATABASE, calm, (), 9, [seen("new_errors", "cart", 0.4)])
    assert one.service == "cart", "an agent before this one read the lines"
