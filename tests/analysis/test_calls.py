"""Where errors start, and where requests run otherwise than before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from compass_core.analysis import calls
from compass_core.analysis.calls import FEWEST_BEFORE, FEWEST_NEW, TIMES_MORE, Detour, Failure
from compass_core.analysis.traces import traces
from tests.analysis.spans import repeated, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.readings import Span

WINDOW = 10_000.0
USUAL = 30  # times that a trace is repeated


def failures(window: Sequence[Span], before: Sequence[Span] = ()) -> tuple[Failure, ...]:
    return calls.failures(traces(window, before))


def failing(*spans: Span, before: Sequence[Span] = ()) -> Failure:
    (found,) = failures(repeated(*spans, begin=WINDOW), repeated(*before))
    return found


# where errors start


def test_what_was_read_for_failing_counts_as_often_as_it_fails() -> None:
    """Five of ten spans that were read failed, because these were looked for: of all, one in five does."""
    window = [replace(one, weight=0.4) for one in repeated(span("serve", error=True), begin=WINDOW)]
    window += [replace(one, weight=1.6) for one in repeated(span("serve"), begin=WINDOW + 50)]
    (found,) = failures(window)
    assert (found.count, found.total) == (5, 10)
    assert found.share == pytest.approx(0.2)


def test_a_way_that_only_failing_requests_take_is_not_new_because_they_were_looked_for() -> None:
    usual = repeated(span("serve"), span("get", "serve"), times=USUAL)
    window = repeated(span("serve", error=True), times=3, begin=WINDOW) + repeated(span("serve"), span("get", "serve"), begin=WINDOW + 50)
    assert calls.detours(traces(window, usual))
    rare = [replace(one, weight=0.01 if one.t < WINDOW + 50 else 1.6) for one in window]
    assert calls.detours(traces(rare, usual)) == ()


def test_an_error_starts_where_nothing_beneath_it_fails() -> None:
    chain = [span("root", error=True), span("call", "root", error=True, kind="client"), span("serve", "call", "cart", error=True)]
    found = failing(*chain, span("log", "serve", "cart"))
    assert (found.service, found.name, found.peer, found.count, found.share) == ("cart", "serve", "", 5, 1)


def test_errors_that_meet_start_in_both_places() -> None:
    found = failures(repeated(span("root", error=True), span("a", "root", "cart", error=True), span("b", "root", "user", error=True)))
    assert {(one.service, one.name) for one in found} == {("cart", "a"), ("user", "b")}


def test_a_caller_that_does_not_fail_hides_nothing() -> None:
    assert failing(span("root"), span("serve", "root", "cart", error=True)).service == "cart"


def test_a_failing_call_with_nothing_beneath_it_names_the_callee() -> None:
    select = {"kind": "client", "db_system": "redis", "server_address": "cache:6379"}
    found = failing(span("get", error=True, exception_message="refused", **select), before=[span("get", **select)])  # type: ignore[arg-type]  # all are text
    assert (found.service, found.peer, found.system, found.message, found.baseline_share) == ("web", "cache", "redis", "refused", 0)


def test_a_call_that_fails_for_one_of_many_callers_fails_at_the_caller() -> None:
    def asked(*failing: str) -> set[tuple[str, str]]:
        every = [span(name, service=name, kind="client", server_address="cache") for name in ("web", "cart", "user")]
        now = [replace(one, error=one.service in failing) for one in every]
        return {(one.service, one.peer) for one in failures(repeated(*now), repeated(*every))}

    assert asked("web") == {("web", "")}
    assert asked("web", "cart") == {("web", "cache"), ("cart", "cache")}


def test_a_call_that_was_answered_fails_at_the_caller() -> None:
    """It did not wait, or did not understand."""
    found = failing(span("call", error=True, kind="client", server_address="cart"), span("serve", "call", "cart"))
    assert (found.service, found.peer) == ("web", "")


def test_a_server_does_not_blame_the_name_it_serves_under() -> None:
    found = failing(span("serve", error=True, kind="server", server_address="shop.example"))
    assert (found.service, found.peer) == ("web", "")


def test_shares_are_of_all_spans_of_the_operation() -> None:
    """Also where those that fail end early and the others are answered."""
    well = [span("call", kind="client", peer_service="cart"), span("serve", "call", "cart")]
    lost = span("call", kind="client", peer_service="cart", error=True)
    (found,) = failures([*repeated(*well, times=30, begin=WINDOW), *repeated(lost, times=10, begin=WINDOW + 100)], repeated(*well))
    assert (found.peer, found.count, found.share, found.first) == ("cart", 10, 0.25, WINDOW + 100)
    assert failures([*repeated(*well, times=999, begin=WINDOW), *repeated(lost, times=3, begin=WINDOW)], repeated(*well)) == ()


def test_calls_of_one_operation_to_two_databases_are_told_apart() -> None:
    good, bad = ({"kind": "client", "db_system": "mysql", "peer_service": name} for name in ("good-db", "bad-db"))
    found = failing(span("select", **good), span("select2", **bad, error=True))  # type: ignore[arg-type]  # all are text
    assert (found.peer, found.share) == ("bad-db", 1)


def test_errors_that_always_were_are_not_news() -> None:
    mixed = [span("a", error=True), span("b")]
    assert failures(repeated(*mixed, begin=WINDOW), repeated(*mixed)) == ()
    assert failures(repeated(span("a"), begin=WINDOW), repeated(*mixed)) == ()
    assert failures((), repeated(*mixed)) == failures(()) == ()
    some = [*repeated(span("a", error=True), times=1), *repeated(span("a"), times=9, begin=50)]
    (more,) = failures(repeated(span("a", error=True), begin=WINDOW), some)
    assert more.baseline_share == 0.1
    assert more.score < failing(span("a", error=True)).score


def test_the_most_frequent_failure_comes_first_and_few_say_less() -> None:
    found = failures([*repeated(span("a", error=True), times=2), *repeated(span("b", error=True), begin=500)])
    assert [(one.name, one.count, one.first) for one in found] == [("b", 5, 500), ("a", 2, 0)]
    assert found[0].score / (5 / 6) == pytest.approx(found[1].score / (2 / 3))


# where requests run otherwise


def detours(before: Sequence[Span], *ways: Sequence[Span], times: int = USUAL) -> tuple[Detour, ...]:
    """The usual way before, and so many times each of these in the window."""
    window = [one for k, way in enumerate(ways) for one in repeated(*way, times=times, begin=WINDOW + 1000 * k)]
    return found_in(window, repeated(*before, times=USUAL))


def found_in(window: Sequence[Span], before: Sequence[Span]) -> tuple[Detour, ...]:
    """Of a recording that goes on after the last of these spans."""
    return calls.detours(traces([*window, span("later", service="other", t=10 * WINDOW)], before))


def one(before: Sequence[Span], *ways: Sequence[Span]) -> Detour:
    (found,) = detours(before, *ways)
    return found


def under(parent: str, *names: str, service: str = "web") -> list[Span]:
    """Calls within a service, one after another."""
    return [span(name, parent, service, t=k / 100, ms=5) for k, name in enumerate(names)]


def call(parent: str, service: str = "cart", t: float = 0.05, caller: str = "web") -> list[Span]:
    """A call to another service, which works and answers."""
    name = f"call {service}"
    return [
        span(name, parent, caller, t=t, kind="client"),
        span(f"serve {service}", name, service),
        span(f"work {service}", f"serve {service}", service),
    ]


def test_what_runs_as_ever_is_no_detour() -> None:
    usual = [span("root"), *under("root", "check", "store", "answer")]
    assert detours(usual, usual) == ()
    assert detours(usual, [usual[0], *usual[:0:-1]]) == (), "in another order"
    assert detours(usual, [*usual, span("again", "root")], usual)[0].lacks == (), "more calls are another way too"
    assert calls.detours(traces((), ())) == ()


def test_requests_that_end_early_inside_a_service_are_its_own() -> None:
    found = one([span("root"), *under("root", "check", "store", "answer")], [span("root"), *under("root", "check")])
    assert (found.service, found.at, found.name, found.lacks, found.stops) == ("web", "web", "root", ("store", "answer"), "check")
    assert (found.count, found.total, found.share, found.first) == (USUAL, USUAL, 1, WINDOW)
    assert found.score > 0.5


def test_requests_that_still_ran_when_the_recording_ended_are_not_cut_short() -> None:
    slow = [span("root", ms=60_000), *under("root", "check", "store", "answer")]
    cut = repeated(*slow[:2], times=5, begin=WINDOW)
    before = repeated(*slow, times=USUAL)
    assert calls.detours(traces(cut, before)) == ()
    assert [one.count for one in found_in(cut, before)] == [5], "it went on, and they made no more calls"


def test_the_order_of_the_spans_says_nothing() -> None:
    usual, stopped = [*call("root", t=0.01), *under("root", "answer"), span("root")], [*call("root", t=0.01), span("root")]
    before, window = repeated(*usual, times=USUAL), repeated(*stopped, times=USUAL, begin=WINDOW)
    found = found_in(window, before)
    assert [(one.service, one.stops) for one in found] == [("web", "call cart")]
    assert found_in(window[::-1], before[::-1]) == found


def test_requests_without_any_call_left_are_the_services_own() -> None:
    found = one([span("root"), *under("root", "check", "store")], [span("root")])
    assert (found.service, found.lacks, found.stops) == ("web", ("check", "store"), "")


def test_a_callee_that_vanished() -> None:
    """Its callers' spans are there, its own are not."""
    found = one([span("root"), *call("root")], [span("root"), call("root")[0]])
    assert (found.service, found.at, found.name, found.lacks) == ("cart", "web", "call cart", ("serve cart",))


def test_the_deepest_that_behaves_otherwise() -> None:
    """`cart` no longer stores, and so `web` no longer answers."""
    usual = [span("root"), *call("root"), *under("root", "answer"), *under("serve cart", "store", service="cart")]
    stopped = [span("root"), *call("root")]
    found = one(usual, stopped)
    assert (found.service, found.at, found.name, found.lacks) == ("cart", "cart", "serve cart", ("store",))


def test_requests_that_stop_after_one_callee_in_several_ways_have_it_in_common() -> None:
    """It runs as ever, but what it answers ends the requests."""
    usual = [span("root"), *under("root", "check", "prepare"), *call("root"), span("answer", "root", t=0.09)]
    first = [span("root"), *under("root", "check"), *call("root")]
    second = [span("root"), *under("root", "check", "prepare"), *call("root")]
    found = one(usual, first, second)
    assert (found.service, found.at, found.name, found.stops, found.count) == ("cart", "web", "root", "call cart", 2 * USUAL)


def test_requests_that_stop_after_a_callee_in_one_way_stop_by_themselves() -> None:
    usual = [span("root"), *call("root"), span("answer", "root", t=0.09)]
    assert one(usual, [span("root"), *call("root")]).service == "web"


def test_two_operations_that_stop_after_one_callee_have_it_in_common() -> None:
    def requests(root: str, *, answer: bool) -> list[Span]:
        last = [span(f"answer {root}", root, t=0.09)] if answer else []
        made = span(f"call {root}", root, t=0.05, kind="client")
        return [span(root), made, span("serve", made.span_id, "cart"), *last]

    usual = [*requests("buy", answer=True), *requests("look", answer=True)]
    found = one(usual, [*requests("buy", answer=False), *requests("look", answer=False)])
    assert (found.service, found.count) == ("cart", 2 * USUAL)


def test_a_call_that_is_lost_now_and_then_and_ends_requests_only_now() -> None:
    """Half of the calls had no span beneath them before, which says nothing; that requests end there does."""
    answered = [span("root"), *call("root"), span("answer", "root", t=0.09)]
    unseen = [span("root"), call("root")[0], span("answer", "root", t=0.09)]
    before = [*repeated(*answered, times=USUAL), *repeated(*unseen, times=USUAL, begin=500)]
    (found,) = found_in(repeated(span("root"), call("root")[0], times=USUAL, begin=WINDOW), before)
    assert (found.service, found.at, found.name) == ("cart", "web", "root")


def test_two_places_share_the_detours() -> None:
    def job(*names: str) -> list[Span]:
        return [span("job", service="cart"), *under("job", *names, service="cart")]

    before = [*repeated(span("root"), *under("root", "a", "b"), times=USUAL), *repeated(*job("c", "d"), times=USUAL, begin=500)]
    window = [*repeated(span("root"), *under("root", "a"), times=30, begin=WINDOW), *repeated(*job("c"), times=10, begin=WINDOW + 500)]
    found = found_in(window, before)
    assert [(one.service, one.count, one.share) for one in found] == [("web", 30, 0.75), ("cart", 10, 0.25)]
    assert found[0].score > found[1].score


@pytest.mark.parametrize(
    ("usually", "new", "seen"), [(FEWEST_BEFORE, FEWEST_NEW, True), (FEWEST_BEFORE - 1, 9, False), (99, FEWEST_NEW - 1, False)]
)
def test_too_few_are_no_detour(usually: int, new: int, seen: bool) -> None:  # noqa: FBT001 - one of the case's values
    before, window = (
        repeated(span("root"), *under("root", "a", "b"), times=usually),
        repeated(span("root"), *under("root", "a"), times=new, begin=WINDOW),
    )
    assert bool(found_in(window, before)) is seen


def test_a_way_that_was_seldom_counts_when_it_comes_many_times_as_often() -> None:
    usual, seldom = [span("root"), *under("root", "a", "b")], [span("root"), *under("root", "a")]
    before = [*repeated(*usual, times=95), *repeated(*seldom, times=5, begin=500)]

    def window(often: int) -> list[Span]:
        return [*repeated(*usual, times=100 - often, begin=WINDOW), *repeated(*seldom, times=often, begin=WINDOW + 500)]

    assert 100 * 5.5 / 101 * TIMES_MORE > 27
    assert found_in(window(27), before) == ()
    (found,) = found_in(window(40), before)
    assert (found.count, found.total) == (40, 100)


def test_an_operation_that_runs_in_ever_new_ways_is_not_unusual() -> None:
    """Half of its requests make a call that none made before; so they did before the window."""

    def requests(*calls: str, begin: float) -> list[Span]:
        return [one for k, name in enumerate(calls) for one in repeated(span("root"), *under("root", "a", name), times=1, begin=begin + k)]

    window = requests(*["a"] * 9, *["p", "q", "r"] * 3, begin=WINDOW)
    varied = requests(*(f"x{k}" if k % 2 else "a" for k in range(60)), begin=0)
    steady = requests(*["a"] * 60, begin=0)
    (noisy,), (calm,) = (found_in(window, before) for before in (varied, steady))
    assert noisy.count == calm.count == 9
    assert noisy.score < calm.score / 2
