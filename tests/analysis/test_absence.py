"""What is missing, and what only seems to be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compass_core.analysis.absence import (
    collected_until,
    counted,
    gone,
    of_gone,
    of_silence,
    of_stopped,
    of_surge,
    on_purpose,
    signs_of_life,
)
from compass_core.analysis.notes import Note
from compass_core.domain import AgentName, Edge
from compass_core.readings import Reduction, Selection, Series
from tests.agents.asking import TIMES
from tests.analysis.spans import span
from tests.fakes import observation

if TYPE_CHECKING:
    from compass_core.domain import Observation

BEGIN, NOON, END = (each.timestamp() for each in (TIMES.baseline.start, TIMES.window.start, TIMES.window.end))
NOTE = Note(AgentName.APPLICATION, TIMES)
MINUTE = 60.0
SPAN = span("select", service="orders-db")
NEAR = ("orders-db", "pay")


def there(service: str, *spans: tuple[float, float], family: str = "up", value: float = 1.0) -> Series:
    """A point a minute in these spans of minutes after the window's start."""
    t = np.arange(BEGIN, END, MINUTE, dtype=np.float64)
    inside = np.any([(t >= NOON + first * MINUTE) & (t < NOON + last * MINUTE) for first, last in spans], axis=0)
    selection = Selection(family, family, Reduction.RAW, "service", ((service, service),))
    return Series(selection, service, {}, t[inside], np.full(t[inside].size, value), f"{family}({service})", "made", step=MINUTE)


OTHERS = tuple(there(name, (-60, 30)) for name in ("web", "cart", "stock"))


def missing(*series: Series) -> list[str]:
    return [seen.service for seen in of_gone(NOTE, gone((*OTHERS, *series), END), NEAR)]


# series that end


def test_a_service_vanishes() -> None:
    (seen,) = of_gone(NOTE, gone((*OTHERS, there("orders-db", (-60, 2))), END), NEAR)
    assert (seen.service, seen.signal, seen.score) == ("orders-db", "absent", 1)
    assert seen.onset is not None
    assert seen.onset.timestamp() == NOON + 2 * MINUTE
    assert seen.query == "up(orders-db)"


def test_a_service_that_still_works_is_only_not_measured_any_more() -> None:
    ended = gone((*OTHERS, there("orders-db", (-60, 2))), END)

    def told(lines: float, spans: float) -> list[str]:
        written = there("orders-db", (-60, lines), family="lines")
        signs = signs_of_life((written, there("cart", (-60, 30), value=0.0)), [replace(SPAN, t=NOON + spans * MINUTE)])
        return [seen.service for seen in of_gone(NOTE, ended, NEAR, signs)]

    assert told(2, 2) == ["orders-db"]
    assert told(20, 2) == []
    assert told(2, 20) == []


def test_a_service_of_which_something_is_still_measured_is_there() -> None:
    assert missing(there("cart-db", (-60, 2)), there("cart-db", (-60, 30), family="pg_up")) == []


def test_a_scrape_that_failed_comes_back() -> None:
    assert missing(there("orders-db", (-60, 2), (10, 30))) == []
    assert missing(there("orders-db", (-60, 28))) == [], "it has hardly failed yet"


def test_what_was_dead_before_is_no_news() -> None:
    assert missing(there("legacy", (-60, -20))) == []


def test_what_comes_and_goes_is_not_missing_when_it_goes() -> None:
    assert missing(there("nightly", (-60, -50), (-40, -30), (-20, -10), (0, 5))) == []
    assert missing(there("job", (-4, 3))) == [], "it has no history"


def test_where_most_end_nothing_was_collected() -> None:
    series = [there(name, (-60, 2)) for name in ("web", "cart", "stock")] + [there("mail", (-60, 30))]
    assert gone(series, END) == ()
    assert collected_until(series, END) == NOON + MINUTE
    assert collected_until((*OTHERS, there("orders-db", (-60, 2))), END) is None


def test_what_goes_on_under_another_name_is_not_missing() -> None:
    assert missing(there("pay", (-60, 2)), there("pay-v2", (2, 30))) == []
    assert missing(there("pay", (-60, 2)), there("new", (2, 30), family="jvm")) == ["pay"], "another thing began then"


def test_an_exporter_ends_with_what_it_tells_of() -> None:
    assert missing(there("orders-db", (-60, 2), family="pg_up"), there("exporter", (-60, 3))) == ["orders-db"]


def test_the_end_of_what_has_nothing_to_do_with_it_says_less() -> None:
    one, other = of_gone(NOTE, gone((*OTHERS, there("orders-db", (-60, 2)), there("mail", (-60, 2))), END), NEAR)
    assert one.score > other.score


# lines that stop


def lines(service: str, *spans: tuple[float, float], count: float = 9.0) -> Series:
    return there(service, *spans, family="lines", value=count)


def silent(*counts: Series) -> list[str]:
    return [seen.service for seen in of_silence(NOTE, (lines("web", (-60, 30)), lines("cart", (-60, 30)), *counts), NEAR)]


def test_a_service_writes_no_more() -> None:
    (seen,) = of_silence(NOTE, (lines("web", (-60, 30)), lines("cart", (-60, 30)), lines("pay", (-60, 3))), NEAR)
    assert (seen.service, seen.signal) == ("pay", "log_silence")
    assert "usually 2" in seen.summary
    assert seen.onset is not None
    assert NOON + 2 * MINUTE <= seen.onset.timestamp() <= NOON + 4 * MINUTE


def test_zeros_are_no_lines() -> None:
    stopped = there("pay", (-60, 30), family="lines", value=9.0)
    stopped.v[stopped.t > NOON] = 0.0
    assert silent(stopped) == ["pay"]


@pytest.mark.parametrize(
    "counts",
    [
        lines("pay", (-60, 20), (25, 30)),
        lines("pay", (-60, -30)),
        lines("pay", (-60, 3), count=0.1),
        lines("pay", (-60, -50), (-20, 3)),
        lines("pay", (5, 10)),
    ],
    ids=["it writes again", "silent before", "few lines", "as long before", "no history"],
)
def test_silence_that_says_nothing(counts: Series) -> None:
    assert silent(counts) == []


def test_where_most_are_silent_nothing_was_collected() -> None:
    assert of_silence(NOTE, [lines(name, (-60, 3)) for name in ("web", "cart", "stock")] + [lines("mail", (-60, 30))], NEAR) == []


# traffic that stops


def seen(service: str, signal: str, score: float = 0.7, **more: Any) -> Observation:
    return observation(AgentName.APPLICATION, service=service, signal=signal, score=score).model_copy(update=more)


def drop(service: str, value: float = 0.4) -> Observation:
    return seen(service, "request_rate_drop", value=value, baseline_value=20.0)


def stopped(*observations: Observation, edges: tuple[tuple[str, str], ...] = (), affected: tuple[str, ...] = ("web",)) -> list[str]:
    calls = [Edge(caller=caller, callee=callee) for caller, callee in edges]
    return [one.service for one in of_stopped(observations, calls, affected)]


def test_traffic_that_stops_everywhere_points_up_the_chain() -> None:
    calls = (("gateway", "web"), ("web", "cart"), ("cart", "stock"))
    (first,) = of_stopped(
        [drop(name) for name in ("cart", "gateway", "stock", "web")], [Edge(caller=a, callee=b) for a, b in calls], ("web",)
    )
    assert (first.service, first.signal) == ("gateway", "traffic_stopped")
    assert "look at what is before it" in first.summary


def test_where_nobody_knows_who_calls_whom_the_affected_one_is_the_way_in() -> None:
    assert stopped(drop("web"), drop("cart"), drop("stock")) == ["web"]
    assert stopped(drop("cart"), drop("stock"), affected=("mail",)) == []


def test_one_service_without_traffic() -> None:
    assert stopped(drop("cart"), edges=(("web", "cart"),)) == ["cart"]


def test_less_traffic_is_not_none() -> None:
    assert stopped(drop("web", value=9.0)) == []


# more traffic


def more(service: str, signal: str = "request_rate") -> Observation:
    return seen(service, signal, value=60.0, baseline_value=20.0)


def surging(*observations: Observation, edges: tuple[str, ...] = (), affected: tuple[str, ...] = ("web",)) -> list[str]:
    calls = [Edge(caller=pair.split()[0], callee=pair.split()[1]) for pair in edges]
    return [one.service for one in of_surge(observations, calls, affected)]


def test_more_requests_to_most_services_come_in_at_the_affected_one() -> None:
    (first,) = of_surge([more("web"), more("cart"), more("db", "db_transactions")], [Edge(caller="web", callee="cart")], ("web",))
    assert (first.service, first.signal) == ("web", "surge")
    assert first.summary.endswith("as 3 of 3 services get more")


def test_where_the_affected_one_is_called_they_come_in_at_who_calls_others_and_is_not_called() -> None:
    assert surging(more("web"), more("gate"), more("cart"), edges=("gate web", "web cart")) == ["gate"]
    assert surging(more("cart"), more("gate"), more("stock"), edges=("gate cart",)) == ["gate"], "who calls nobody is no way in"


def test_they_come_in_where_most_of_them_are_called_from_also_if_nobody_counts_them_there() -> None:
    """The alert is of a service far down; the gate's own requests are not measured."""
    graph = ("gate web", "gate cart", "cart stock", "page card")
    (first,) = of_surge(
        [more("web"), more("stock"), more("card")], [Edge(caller=a, callee=b) for a, b in map(str.split, graph)], ("stock",)
    )
    assert first.service == "gate"
    assert first.summary.startswith("gate: ")
    assert first.summary.endswith("as 3 of 3 services get more")


def test_who_gets_no_more_lets_no_more_in() -> None:
    """A caller that asks again brings more to those beneath it, and is asked as often as before."""
    assert surging(more("web"), more("cart"), more("stock"), edges=("lb web", "web cart", "web stock")) == ["web"], "it is the alert's"
    calm = seen("gate", "request_rate", score=0.0)
    assert surging(more("web"), more("cart"), more("stock"), calm, edges=("gate web", "gate cart", "gate stock"), affected=("gate",)) == []


def test_where_nobody_knows_who_calls_whom_they_come_in_at_the_affected_one() -> None:
    assert surging(more("web"), more("cart"), more("stock")) == ["web"]
    assert surging(more("web"), more("cart"), more("stock"), affected=("far",)) == []


def test_where_they_come_in_is_told_once() -> None:
    """Of a few databases alone another way in looks as likely."""
    loaded = [more(name, "db_transactions") for name in ("a-db", "b-db", "c-db")]
    calls = [Edge(caller="cart", callee=f"{name}-db") for name in "abc"]
    (first,) = of_surge(loaded, calls, ("cart",))
    assert first.service == "cart"
    assert of_surge(loaded, calls, ("cart",), [first.model_copy(update={"service": "gate"})]) == []


def test_more_requests_to_a_few_are_a_fault_that_makes_them_ask_again() -> None:
    assert surging(more("web"), more("cart")) == []
    less = [drop(name) for name in ("a", "b", "c")]
    assert surging(more("web"), more("cart"), more("db"), *less) == []


# fewer instances


def pods(*spans: tuple[float, float]) -> list[Series]:
    selection = Selection("instances", "up", Reduction.RAW, "pod", tuple((f"cart-{n}", "cart") for n in range(len(spans))))
    return [replace(there("cart", one), selection=selection, query=f"up(cart-{n})") for n, one in enumerate(spans)]


def test_instances_are_counted_over_the_pods_that_are_there() -> None:
    """Three, of which two end; one that is replaced is one all the time."""
    (one,) = counted(pods((-60, 30), (-60, 5), (-60, 5)))
    assert [one.v[one.t < NOON].tolist()[0], one.v[-1]] == [3, 1]
    assert one.query == "sum(up(cart-0) or up(cart-1) or up(cart-2))"
    (replaced,) = counted(pods((-60, 5), (5, 30)))
    assert set(replaced.v.tolist()) == {1}


def test_other_series_stay_as_they_are() -> None:
    assert counted(OTHERS) == list(OTHERS)


def test_fewer_instances_on_purpose() -> None:
    scaled = on_purpose(
        [seen("web", "instances"), seen("web", "replicas_wanted"), seen("cart", "instances"), seen("cart", "request_rate", 0.0)]
    )
    assert scaled == {"web", "cart"}


def test_fewer_instances_that_are_missed() -> None:
    assert on_purpose([seen("web", "instances"), seen("web", "request_rate", 0.0), seen("web", "error_ratio")]) == frozenset()
    assert on_purpose([seen("web", "instances"), drop("web")]) == frozenset()
    assert on_purpose([seen("web", "instances")]) == frozenset(), "nobody knows what they served"
