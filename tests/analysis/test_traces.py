"""What spans say: who calls whom, where time goes, where errors start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.traces import Operation, edges, failures, growths
from compass_core.model import Edge
from compass_core.readings import Span
from tests.analysis.spans import repeated, span

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 10_000.0


def grown(before: Sequence[Span], after: Sequence[Span]) -> dict[Operation, tuple[float, float]]:
    """Median milliseconds before and after, of what grew."""
    return {
        one.operation: (round(one.baseline, 6), round(one.value, 6)) for one in growths(repeated(*after, begin=WINDOW), repeated(*before))
    }


# who calls whom


def test_edges() -> None:
    spans = [
        span("root"),
        span("call", "root", kind="client", server_address="cart.shop"),
        span("serve", "call", "cart", kind="server", server_address="cart.shop"),
        span("select", "serve", "cart", kind="client", db_system="postgresql", server_address="cart-db:5432"),
        span("pay", "root", kind="client", peer_service="payment"),
        span("inner", "root", peer_service="nobody"),
    ]
    assert set(edges(spans)) == {
        Edge(caller="web", callee="cart"),
        Edge(caller="cart", callee="cart-db", system="postgresql"),
        Edge(caller="web", callee="payment"),
    }


def test_a_database_stays_one_when_another_call_to_it_does_not_say_so() -> None:
    spans = [span("a", kind="client", peer_service="db", db_system="redis"), span("b", kind="client", peer_service="db")]
    assert edges(spans) == (Edge(caller="web", callee="db", system="redis"),)
    assert edges(spans[::-1]) == edges(spans)


def test_a_service_does_not_call_itself() -> None:
    assert edges([span("a"), span("b", "a"), span("c", kind="client", peer_service="web")]) == ()


def test_traces_do_not_mix() -> None:
    assert edges([span("a"), span("b", "a", "cart", trace="other")]) == ()


def test_broken_trees_have_no_edges() -> None:
    assert edges([span("a", "a"), span("b", "lost", "cart")]) == ()
    assert set(edges([span("a", "b"), span("b", "a", "cart")])) == {Edge(caller="web", callee="cart"), Edge(caller="cart", callee="web")}


# where time goes


def test_self_time_is_what_no_child_covers() -> None:
    before = [span("root"), span("a", "root", t=0.010, ms=40), span("b", "root", t=0.030, ms=40)]
    after = [span("root", ms=300), *before[1:]]
    assert grown(before, after) == {Operation("self_time", "web", "root"): (40, 240)}


def test_a_child_counts_no_longer_than_its_parent() -> None:
    """Work that goes on after the answer is not time of the answer."""
    before = [span("root", ms=50), span("late", "root", t=0.010, ms=5)]
    after = [span("root", ms=250), span("late", "root", t=0.010, ms=9_000)]
    assert Operation("self_time", "web", "root") not in grown(before, after)


@pytest.mark.parametrize("skew", [-3600.0, -0.001, 5.0, 3600.0])
def test_another_services_clock_may_be_wrong(skew: float) -> None:
    """Two callees, the second slows: that is their time, whatever their clocks show."""
    before = [span("root"), span("a", "root", "cart", t=skew, ms=10), span("b", "root", "cart", t=skew + 0.010, ms=20)]
    after = [span("root", ms=300), span("a", "root", "cart", t=skew, ms=10), span("b", "root", "cart", t=skew + 0.010, ms=220)]
    assert Operation("self_time", "web", "root") not in grown(before, after)
    assert Operation("self_time", "cart", "b") in grown(before, after)


def test_a_cycle_and_orphans_have_self_time() -> None:
    before = [span("a", "b", ms=50), span("b", "a", ms=50), span("self", "self", ms=20), span("orphan", "lost", ms=20)]
    after = [span("a", "b", ms=50), span("b", "a", ms=50), span("self", "self", ms=220), span("orphan", "lost", ms=220)]
    assert {one.name for one in grown(before, after)} == {"self", "orphan"}


def test_a_gap_is_the_way_to_the_callee() -> None:
    before = [span("call", kind="client"), span("serve", "call", "cart", ms=90)]
    after = [span("call", kind="client", ms=350), span("serve", "call", "cart", ms=90)]
    assert grown(before, after) == {Operation("gap", "web", "call", "cart"): (10, 260)}


def test_a_callee_that_outlasts_its_call_is_no_negative_gap() -> None:
    before = [span("call", kind="client", ms=20), span("serve", "call", "cart", ms=90)]
    after = [span("call", kind="client", ms=320), span("serve", "call", "cart", ms=90)]
    assert grown(before, after) == {Operation("gap", "web", "call", "cart"): (0, 230)}


def test_time_in_a_database_is_that_of_the_one_called() -> None:
    select = {"kind": "client", "db_system": "mysql", "net_peer_name": "cart-db"}
    found = grown([span("select", ms=5, **select)], [span("select", ms=95, **select)])  # type: ignore[arg-type]  # all are text
    assert found == {Operation("database_time", "web", "select", "cart-db"): (5, 95)}


def test_too_few_and_too_little_are_noise() -> None:
    slow, usual = [span("root", ms=300)], [span("root")]
    assert growths(repeated(*slow, times=2, begin=WINDOW), repeated(*usual)) == ()
    assert growths(repeated(*slow, begin=WINDOW), repeated(*usual, times=2)) == ()
    assert grown([span("root", ms=1)], [span("root", ms=4)]) == {}
    assert grown(slow, usual) == {}, "faster than it was"


def test_the_most_grown_comes_first_with_its_first_slow_span() -> None:
    before = [span("a"), span("b")]
    window = [*repeated(span("a"), begin=WINDOW - 100, times=2), *repeated(span("a", ms=900), span("b", ms=300), begin=WINDOW)]
    found = growths(window, repeated(*before))
    assert [one.operation.name for one in found] == ["a", "b"]
    assert (found[0].first, found[0].count) == (WINDOW, 7)


# where errors start


def test_an_error_starts_where_no_child_fails() -> None:
    spans = [span("root", error=True), span("call", "root", error=True, kind="client"), span("serve", "call", "cart", error=True)]
    (found,) = failures(repeated(*spans), [])
    assert (found.service, found.name, found.peer, found.count, found.share) == ("cart", "serve", "", 5, 1)


def test_a_failing_call_with_nothing_beneath_it_speaks_of_the_callee() -> None:
    failed = span("select", error=True, kind="client", db_system="redis", server_address="cache:6379", exception_message="refused")
    (found,) = failures(repeated(failed), repeated(span("select", kind="client", db_system="redis", server_address="cache:6379")))
    assert (found.peer, found.system, found.message, found.baseline_share) == ("cache", "redis", "refused", 0)
    answered = [span("call", error=True, kind="client", server_address="cart"), span("serve", "call", "cart")]
    (found,) = failures(repeated(*answered), [])
    assert (found.service, found.peer) == ("web", ""), "the callee answered: the caller did not wait, or did not understand"


def test_a_failing_server_does_not_blame_the_name_it_serves_under() -> None:
    (found,) = failures(repeated(span("serve", error=True, kind="server", server_address="shop.example")), [])
    assert (found.service, found.peer) == ("web", "")


def test_errors_that_always_were_are_not_news() -> None:
    mixed = [span("a", error=True), span("a")]
    assert failures(repeated(*mixed, begin=WINDOW), repeated(*mixed)) == ()
    assert failures(repeated(span("a"), begin=WINDOW), repeated(*mixed)) == ()


def test_the_most_frequent_failure_comes_first() -> None:
    found = failures([*repeated(span("a", error=True), times=2), *repeated(span("b", error=True), begin=500)], [])
    assert [(one.name, one.count, one.first) for one in found] == [("b", 5, 500), ("a", 2, 0)]
    assert found[0].score > found[1].score


ids = st.sampled_from(["", "a", "b", "c", "d"])
anything = st.builds(
    Span,
    st.sampled_from(["t", "u"]),
    ids,
    ids,
    st.sampled_from(["web", "cart", ""]),
    st.sampled_from(["x", "y"]),
    st.floats(-1e6, 2e9),
    st.floats(-1e3, 1e9),
    st.booleans(),
    st.sampled_from(["client", "server", ""]),
    st.dictionaries(st.sampled_from(["db.system", "server.address", "peer.service", "exception.message"]), st.text(max_size=5)),
)


@given(st.lists(anything, max_size=20), st.lists(anything, max_size=20))
def test_no_trace_is_too_odd(window: list[Span], baseline: list[Span]) -> None:
    services = {one.service for one in window}
    assert all(edge.caller in services - {""} and edge.callee not in {"", edge.caller} for edge in edges(window))
    times = {one.t for one in window}
    for growth in growths(window, baseline):
        assert 0 < growth.score <= 1
        assert growth.value > growth.baseline
        assert growth.first in times
    for failure in failures(window, baseline):
        assert 0 < failure.score <= 1
        assert failure.baseline_share < failure.share <= 1
        assert failure.first in times
