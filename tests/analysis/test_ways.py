"""The ways between services, by what both ends of a call measure."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from compass_core.analysis.notes import Note
from compass_core.analysis.ways import of_ways
from compass_core.domain import AgentName, Observation
from compass_core.readings import Series
from tests.analysis.test_metric_notes import series
from tests.analysis.test_notes import TIMES

NOTE = Note(AgentName.NETWORK, TIMES)
ALL = ("web", "api", "cart", "db")


def call(caller: str, callee: str, now: float, before: float = 0.02) -> Series:
    return series("call_mean", now, caller, before, by={"server_address": callee})


def serves(service: str, now: float = 0.02, before: float = 0.02) -> Series:
    return series("latency_mean", now, service, before)


def told(*given: Series) -> list[Observation]:
    return sorted(of_ways(NOTE, given, ALL), key=lambda seen: -seen.score)


def test_what_a_call_takes_beyond_its_callees_own_time_is_the_ways() -> None:
    (found,) = told(call("web", "api", 0.15, 0.021), serves("api", 0.05))
    assert found.summary == "api: network latency from web 100 ms, usually 1 ms"
    assert (found.signal, found.service, found.onset) == ("way", "api", TIMES.window.start)
    assert found.query == "(sum(call_mean)) - on () (sum(latency_mean))"
    assert found.score > 0.5


def test_a_callee_that_is_slow_itself_has_no_slow_way() -> None:
    """Two clocks never tell quite the same."""
    assert told(call("web", "api", 2.05, 0.021), serves("api", 2.0)) == []
    assert told(call("web", "api", 0.021, 0.021), serves("api")) == []


def test_without_the_callees_clock_nothing_is_known_of_the_way() -> None:
    assert told(call("web", "api", 0.15)) == []
    assert told(call("web", "elsewhere", 0.15), serves("elsewhere")) == [], "it is not looked at"
    silent = replace(serves("api"), v=serves("api").v * math.nan)
    assert told(call("web", "api", 0.15), silent) == []


def test_of_several_clocks_of_a_callee_the_outermost_counts() -> None:
    """A proxy in front of it measures what waits before it."""
    behind, proxy = serves("api", 0.02), replace(serves("api", 0.14), query="proxy")
    assert told(call("web", "api", 0.15, 0.021), behind, proxy) == []
    (found,) = told(call("web", "api", 0.3, 0.021), behind, proxy)
    assert found.query.endswith("(proxy)"), "the query is of the clock that was taken"


@pytest.mark.parametrize(
    ("slow", "calm", "blamed"),
    [
        ("web-api", "", "api"),
        ("web-api cart-api", "web-db", "api"),
        ("web-api web-cart", "", "web"),
        ("web-api api-cart api-db", "", "api"),
        ("web-api", "web-cart", "api"),
        ("web-api", "cart-api", "web"),
    ],
)
def test_the_end_of_which_all_ways_are_slow_is_blamed(slow: str, calm: str, blamed: str) -> None:
    ways = [(*pair.partition("-")[::2], now) for pairs, now in ((slow, 0.15), (calm, 0.021)) for pair in pairs.split()]
    calls = [call(caller, callee, now, 0.021) for caller, callee, now in ways]
    assert {seen.service for seen in told(*calls, *map(serves, ALL))} == {blamed}
