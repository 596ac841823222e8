"""Where time is spent, and where it is laid."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.timing import (
    FEWEST,
    GROWN,
    SLOW_SPREADS,
    THROUGHOUT,
    Grown,
    Growth,
    Operation,
    changed,
    growths,
    slow_throughout,
)
from compass_core.analysis.traces import traces
from tests.analysis.spans import repeated, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.readings import Span

WINDOW = 10_000.0


def compared(before: Sequence[Span], after: Sequence[Span], times: int = 5) -> dict[Operation, Grown]:
    """Every operation of the same trace before and in the window, several times."""
    return {one.operation: one for one in changed(traces(repeated(*after, begin=WINDOW, times=times), repeated(*before, times=times)))}


def milliseconds(before: Sequence[Span], after: Sequence[Span]) -> dict[Operation, tuple[float, float]]:
    """What grew, before and in the window."""
    found = compared(before, after).values()
    return {one.operation: (round(one.baseline, 6), round(one.value, 6)) for one in found if one.spreads > GROWN}


def own(name: str, service: str = "web") -> Operation:
    return Operation("self_time", service, name)


def test_spans_count_as_often_as_they_stand_for() -> None:
    """Half of those that were read took five seconds, because failing ones were looked for; of all, one in a thousand does."""
    usual, slow = repeated(span("a", ms=20), times=10), repeated(span("a", ms=5000), begin=WINDOW, times=5)
    calm = repeated(span("a", ms=20), begin=WINDOW + 50, times=5)
    (whole,) = changed(traces([*slow, *calm], usual))
    (weighted,) = changed(traces([*(replace(one, weight=0.002) for one in slow), *(replace(one, weight=1.998) for one in calm)], usual))
    assert (whole.spreads > 100 * GROWN, weighted.spreads < GROWN) == (True, True)
    assert weighted.value == pytest.approx(20)


# self time


def self_time(*spans: Span) -> float:
    """Milliseconds of the first span itself, in a window like the time before."""
    return round(compared(spans, spans)[own(spans[0].name)].value, 6)


@pytest.mark.parametrize(
    ("children", "left"),
    [
        ([], 100),
        ([(0.010, 40)], 60),
        ([(0.010, 20), (0.050, 20)], 60),
        ([(0.010, 40), (0.030, 40)], 40),
        ([(0.010, 40), (0.010, 40), (0.010, 40)], 60),
        ([(0.010, 60), (0.020, 10), (0.050, 5)], 40),
        ([(0.050, 20), (0.010, 20)], 60),
        ([(0.080, 900)], 80),
        ([(-0.020, 50)], 70),
        ([(0.200, 50)], 100),
        ([(0.0, 100)], 0),
        ([(-1.0, 9000)], 0),
        ([(0.010, 0), (0.020, -5)], 100),
    ],
    ids=[
        "alone",
        "one",
        "in a row",
        "overlapping",
        "parallel",
        "nested",
        "in any order",
        "outlasting",
        "earlier",
        "later",
        "all",
        "around",
        "nothing",
    ],
)
def test_self_time_is_what_no_child_covers(children: list[tuple[float, float]], left: float) -> None:
    assert self_time(span("root"), *(span(f"child{k}", "root", t=t, ms=ms) for k, (t, ms) in enumerate(children))) == left


def test_the_children_of_a_child_are_its_own_business() -> None:
    assert self_time(span("root"), span("a", "root", ms=40), span("b", "a", ms=90)) == 60


@pytest.mark.parametrize("skew", [-3600.0, -180.0, -0.001, 0.1, 5.0, 3600.0])
def test_another_services_clock_may_be_wrong(skew: float) -> None:
    """Its child begins, for all that is known, with the span itself."""
    assert self_time(span("root"), span("serve", "root", "cart", t=skew, ms=30), span("inner", "root", t=0.05, ms=10)) == 60


@pytest.mark.parametrize("skew", [-3600.0, -180.0, 5.0])
def test_a_slow_callee_with_a_wrong_clock_is_not_its_callers_fault(skew: float) -> None:
    before = [span("root"), span("serve", "root", "cart", t=skew, ms=30), span("inner", "root", t=0.05, ms=10)]
    after = [span("root", ms=300), span("serve", "root", "cart", t=skew, ms=230), span("inner", "root", t=0.25, ms=10)]
    assert milliseconds(before, after) == {own("serve", "cart"): (30, 230)}


def test_a_huge_duration_elsewhere_takes_nothing_from_the_others() -> None:
    """All parents lie on one line when their children are added up."""
    assert self_time(span("root"), span("a", "root", t=0.010, ms=0.125), span("lost", ms=1e18), span("b", "lost", ms=1e300)) == 99.875


def test_cycles_and_orphans_have_self_time() -> None:
    before = [span("a", "b", ms=50), span("b", "a", ms=50), span("self", "self", ms=20), span("orphan", "lost", ms=20)]
    after = [span("a", "b", ms=50), span("b", "a", ms=50), span("self", "self", ms=220), span("orphan", "lost", ms=220)]
    assert milliseconds(before, after) == {own("self"): (20, 220), own("orphan"): (20, 220)}


# the way to a callee, and databases


def call(caller: str, callee: str, gap: float = 10.0, ms: float = 20.0) -> list[Span]:
    """A client's span, and the server's beneath it."""
    name = f"{caller}→{callee}"
    return [span(name, service=caller, kind="client", ms=ms + gap), span(f"{name} serve", name, callee, kind="server", ms=ms)]


def test_a_gap_is_what_a_client_waits_longer_than_its_server_works() -> None:
    assert milliseconds(call("web", "cart"), call("web", "cart", gap=260)) == {Operation("gap", "web", "web→cart", "cart"): (10, 260)}
    assert milliseconds(call("web", "cart"), call("web", "cart", ms=220)) == {own("web→cart serve", "cart"): (20, 220)}


def test_a_server_that_outlasts_its_client_is_no_negative_gap() -> None:
    before, after = call("web", "cart", gap=-70, ms=90), call("web", "cart", gap=230, ms=90)
    assert milliseconds(before, after) == {Operation("gap", "web", "web→cart", "cart"): (0, 230)}


def test_a_span_that_calls_twice_is_no_way() -> None:
    twice = [span("root"), span("a", "root", "cart", ms=10), span("b", "root", "cart", t=0.05, ms=10)]
    assert {one.measure for one in compared(twice, twice)} == {"self_time"}
    assert self_time(*twice) == 80


def test_time_in_a_database_is_that_of_the_one_called() -> None:
    select: dict[str, Any] = {"kind": "client", "db_system": "mysql", "net_peer_name": "cart-db"}
    assert milliseconds([span("select", ms=5, **select)], [span("select", ms=95, **select)]) == {
        Operation("database_time", "web", "select", "cart-db"): (5, 95)
    }
    driven = [span("select", **select), span("send", "select", ms=30)]
    assert set(compared(driven, driven)) == {own("select"), own("send")}, "what the client does around it is its own"


# growth


def test_too_few_spans_compare_nothing() -> None:
    slow, usual = span("root", ms=900), span("root")
    assert changed(traces(repeated(slow, times=FEWEST - 1, begin=WINDOW), repeated(usual))) == []
    assert changed(traces(repeated(slow, begin=WINDOW), repeated(usual, times=FEWEST - 1))) == []
    assert changed(traces((), ())) == []
    assert len(changed(traces(repeated(slow, times=FEWEST, begin=WINDOW), repeated(usual, times=FEWEST)))) == 1


def grown(before: Sequence[float], after: Sequence[float]) -> Grown:
    """One operation's spans; those of the window begin at `WINDOW`, one a second."""
    rows = [
        [span("root", ms=ms, trace=f"{begin + k}", t=begin + k) for k, ms in enumerate(part)]
        for begin, part in ((0.0, before), (WINDOW, after))
    ]
    (found,) = changed(traces(rows[1], rows[0]))
    return found


def test_growth_is_in_spreads_of_what_was_usual() -> None:
    """Spread: half of 90 % − median, a tenth of the median, and a millisecond; as many before as in the window."""
    found = grown([100.0] * 20, [211.0] * 20)
    assert (found.value, found.baseline, found.count) == (211, 100, 20)
    assert found.spreads == pytest.approx(111 / 11 / math.sqrt(2))
    assert found.total == pytest.approx(111 * 20)
    assert grown([100.0] * 8 + [200.0] * 2, [222.0] * 20).spreads == pytest.approx((122 - 100 / 9) / (100 / 2 + 11) / math.sqrt(3)), (
        "with a wider spread"
    )


def test_the_order_of_the_spans_says_nothing() -> None:
    before, after = [span("root"), *call("web", "cart")], [span("root", ms=300), *call("web", "cart", gap=260)]
    assert milliseconds(before[::-1], after[::-1]) == milliseconds(before, after)


def test_what_becomes_faster_or_stays_does_not_grow() -> None:
    assert grown([300.0] * 20, [100.0] * 20).spreads == 0
    assert grown([1.0] * 20, [2.5] * 20).spreads < GROWN, "a millisecond or two are nothing"
    usual = [100.0 + 37 * k % 60 for k in range(60)]
    assert abs(grown(usual, usual[::-1]).spreads) < 0.1


@pytest.mark.parametrize(("slow", "of"), [(1, 5), (1, 49), (2, 50), (3, 100)])
def test_outliers_make_no_growth(slow: int, of: int) -> None:
    assert grown([100.0] * of, [90_000.0] * slow + [100.0] * (of - slow)).spreads == 0
    assert grown([100.0] * of, [90_000.0] * (slow + 2) + [100.0] * of).spreads > 10, "more of them are no outliers"


@pytest.mark.parametrize(("slow", "of"), [(1, 12), (1, 49), (2, 50), (3, 100)])
def test_outliers_before_hide_no_growth(slow: int, of: int) -> None:
    assert grown([90_000.0] * slow + [100.0] * (of - slow), [400.0] * of).spreads > 10


def test_growth_begins_with_the_first_slow_span() -> None:
    found = grown([100.0] * 20, [100.0] * 3 + [100 + SLOW_SPREADS * 11 + 1] * 9)
    assert found.first == WINDOW + 3
    assert grown([100.0] * 20, [100.0] * 9).first == WINDOW, "where none is slow, with the first"


def test_score() -> None:
    operation = Operation("self_time", "web", "root")
    scores = [
        Growth(operation, "web", 9, 1, 5, spreads, share, 0, even=False).score
        for spreads, share in ((GROWN, 1), (20, 1), (20, 0.25), (1e9, 1))
    ]
    assert scores[0] == 0
    assert scores[2] == pytest.approx(scores[1] / 2)
    assert scores[3] == 1


# where it is laid


def laid(before: Sequence[Span], after: Sequence[Span]) -> list[tuple[str, str]]:
    return [(one.operation.measure, one.service) for one in growths(list(compared(before, after).values()))]


def test_of_each_service_the_most_grown_operation_speaks_for_all() -> None:
    found = growths(
        list(
            compared(
                [span("a"), span("b"), span("c", service="cart")], [span("a", ms=300), span("b", ms=900), span("c", service="cart", ms=200)]
            ).values()
        )
    )
    assert [(one.service, one.operation.name, one.value) for one in found] == [("web", "b", 900), ("cart", "c", 200)]
    assert [round(one.share, 3) for one in found] == [round(1000 / 1100, 3), round(100 / 1100, 3)]
    assert found[0].score > found[1].score


def test_a_database_is_the_one_that_is_slow_for_all_its_callers() -> None:
    def select(service: str, ms: float) -> Span:
        return span("select", service=service, kind="client", db_system="mysql", peer_service="db", ms=ms, trace=service)

    assert laid([select("web", 5), select("cart", 5)], [select("web", 300), select("cart", 400)]) == [("database_time", "db")]
    nameless = [span("select", kind="client", db_system="mysql", ms=ms) for ms in (5, 300)]
    assert laid(nameless[:1], nameless[1:]) == [("database_time", "web")], "where it is not named, at the caller"


def test_a_database_that_is_slow_to_one_of_its_callers_alone_is_hardly_slow() -> None:
    """A caller waits for a connection of its own pool within its calls."""

    def slow(*callers: str) -> float:
        every = ("web", "cart", "user")
        select = [Grown(Operation("database_time", one, "select", "db"), 900, 9, 100, 50 * (one in callers), 8, 0) for one in every]
        (found,) = growths(select)
        return found.spreads

    assert slow("web") < slow("web", "cart") < slow("web", "cart", "user") == 50


WAYS = (("web", "cart"), ("web", "user"), ("admin", "cart"), ("admin", "user"))


@pytest.mark.parametrize(
    ("slow", "first"),
    [
        ({("web", "cart"), ("admin", "cart")}, "cart"),
        ({("web", "cart"), ("web", "user")}, "web"),
        ({("admin", "cart"), ("admin", "user")}, "admin"),
    ],
)
def test_of_caller_and_callee_the_one_that_is_slow_on_all_its_ways(slow: set[tuple[str, str]], first: str) -> None:
    before = [one for way in WAYS for one in call(*way)]
    after = [one for way in WAYS for one in call(*way, gap=260 if way in slow else 10)]
    found = growths(list(compared(before, after).values()))
    assert {one.operation.measure for one in found} == {"gap"}
    assert found[0].service == first
    assert all(one.score < found[0].score for one in found[1:])


def test_a_way_that_few_calls_take_counts_less() -> None:
    """`web` calls `cart` often and slowly, `user` seldom and as fast as ever; `admin` reaches `cart` as fast as ever."""
    ways = [
        Grown(Operation("gap", "web", "a", "cart"), 260, 10, 100, 50, 25_000, 0),
        Grown(Operation("gap", "web", "b", "user"), 10, 10, 4, 0, 0, 0),
    ]
    ways.append(Grown(Operation("gap", "admin", "c", "cart"), 10, 10, 100, 0, 0, 0))
    assert {one.service: round(one.spreads, 1) for one in growths(ways)} == {"web": round(50 * 10 / 12, 1), "cart": 25}


def test_nothing_grown_is_laid_nowhere() -> None:
    assert laid([span("a"), *call("web", "cart")], [span("a"), *call("web", "cart")]) == []
    assert growths([]) == ()


# slow throughout


def one(name: str, spreads: float, service: str = "web", peer: str = "", first: float = 0.0) -> Grown:
    return Grown(Operation("gap" if peer else "self_time", service, name, peer), 9, 1, 5, spreads, 8, first)


def test_a_service_whose_unrelated_operations_take_longer() -> None:
    (found,) = slow_throughout([one("a", 9, first=7), one("b", 30, first=5), one("call", 9, peer="cart", first=7), one("c", 0)])
    assert (found.service, found.grown, found.known, found.first) == ("web", 3, 4, 5)
    assert found.score > 0.5


def test_what_waits_for_something_else_still_takes_requests_at_once() -> None:
    slow = [one("a", 9), one("b", 9), one("c", 9)]
    assert slow_throughout(slow) == ()
    assert slow_throughout([*slow, one("call", 0, "front", peer="web")]) == ()


def test_a_call_whose_other_end_is_not_traced_is_not_its_own_work() -> None:
    """All that goes out of `web` takes longer, and nothing of its own: that is the network."""

    def at(wait: float, work: float = 5.0) -> list[Span]:
        ask = [span(f"ask{n}", "serve", kind=kind, ms=20 + wait) for n, kind in enumerate(("client", "producer"))]
        serve = span("serve", "call", kind="server", ms=50 + wait + work)
        return [span("call", service="front", kind="client", ms=100 + 2 * wait + work), serve, *ask]

    slow = [one for one in compared(at(0), at(260)).values() if one.spreads > GROWN and one.operation.measure == "self_time"]
    assert {one.operation.name: one.own for one in slow} == {"ask0": False, "ask1": False}
    way = one("call", 9, "front", peer="web")
    assert slow_throughout([*slow, way]) == ()
    assert slow_throughout([*slow, way, one("work", 9)]) != ()


def test_a_delay_on_the_way_is_that_of_the_quickest_as_well() -> None:
    """What waits for its turn on a busy processor is let through at once now and then."""

    def way(*gaps: float) -> Grown:
        before = [one for n in range(20) for one in repeated(*call("web", "cart"), begin=n, times=1)]
        after = [one for n, gap in enumerate(gaps) for one in repeated(*call("web", "cart", gap=gap), begin=WINDOW + n, times=1)]
        (found,) = (one for one in changed(traces(after, before)) if one.operation.measure == "gap")
        return found

    assert way(*(200.0 + n for n in range(20))).even
    assert not way(*([10.0, 60.0, 110.0, 210.0] * 5)).even
    own_work = [one("a", 9), one("b", 9)]
    waits = replace(one("call", 9, "front", peer="web"), even=False)
    assert slow_throughout([*own_work, waits]) != ()
    assert slow_throughout([*own_work, replace(waits, even=True)]) == ()


def test_where_the_call_is_not_traced_what_is_longer_than_the_callee_is_the_callers_own_work() -> None:
    serve = [span("serve", kind="server", ms=100), span("answer", "serve", "cart", kind="server", ms=60)]
    slow = [span("serve", kind="server", ms=400), *serve[1:]]
    assert milliseconds(serve, slow) == {own("serve"): (40, 340)}


def test_the_ways_to_and_from_it_are_part_of_it() -> None:
    ways = [one("call", 9, "front", peer="web"), one("ask", 9, "edge", peer="web")]
    (found,) = slow_throughout([one("a", 9), *ways, one("b", 0, "front"), one("c", 0, "front"), one("d", 0, "edge")])
    assert (found.service, found.grown, found.known) == ("web", 3, 3)
    assert slow_throughout([*ways, one("call", 9, "web", peer="cart")]) == (), "a slow network touches no operation"


def test_one_operation_or_a_few_of_many_are_not_throughout() -> None:
    assert slow_throughout([one("a", 90)]) == ()
    assert slow_throughout([one("a", 90), one("call", 9, "front", peer="web")]) == (), "who calls one slow operation waits for it"
    few = [*(one(f"{k}", 9) for k in range(2)), one("call", 9, peer="cart")]
    assert slow_throughout([*few, *(one(f"calm{k}", GROWN) for k in range(int(3 / THROUGHOUT) - 3))]) != ()
    assert slow_throughout([*few, *(one(f"calm{k}", GROWN) for k in range(int(3 / THROUGHOUT) - 2))]) == ()


def test_the_highest_score_first() -> None:
    both = (("web", 1), ("cart", 10))
    found = slow_throughout(
        [one(name, 9 * often, service, peer) for service, often in both for name, peer in (("a", ""), ("b", ""), ("c", "db"))]
    )
    assert [slow.service for slow in found] == ["cart", "web"]


@given(
    st.lists(
        st.builds(
            Grown,
            st.builds(
                Operation,
                st.sampled_from(["self_time", "gap", "database_time"]),
                st.sampled_from("abc"),
                st.just("x"),
                st.sampled_from("abc"),
            ),
            st.floats(0, 1e9),
            st.floats(0, 1e9),
            st.integers(4, 10**6),
            st.floats(-1e9, 1e9),
            st.floats(0, 1e12),
            st.floats(0, 1e9),
        ),
        max_size=12,
    )
)
def test_shares_and_scores_stay_within_one(given_: list[Grown]) -> None:
    found = growths(given_)
    assert all(0 < growth.score <= 1 and 0 <= growth.share <= 1 for growth in found)
    assert [growth.score for growth in found] == sorted((growth.score for growth in found), reverse=True)
    assert all(0 <= slow.score <= 1 and slow.grown >= 3 for slow in slow_throughout(given_))
