"""Spans as columns, and who calls whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compass_core.analysis import traces as module
from compass_core.analysis.traces import LONGEST_MS, traces
from compass_core.domain import Edge
from tests.analysis.spans import span

if TYPE_CHECKING:
    from compass_core.readings import Span


def parents(*spans: Span) -> list[int]:
    return [int(row) for row in traces(spans, ()).parent]


def edges(*spans: Span) -> tuple[Edge, ...]:
    return module.edges(traces(spans, ()))


# columns


def test_a_row_for_each_span_with_the_baseline_first() -> None:
    traced = traces([span("call", service="cart", t=5, ms=7, error=True)], [span("root"), span("call", "root", "cart", t=1)])
    assert traced.services == ("web", "cart")
    assert traced.operations == (("web", "root"), ("cart", "call"))
    assert (traced.service.tolist(), traced.operation.tolist()) == ([0, 1, 1], [0, 1, 1])
    assert traced.inside.tolist() == [False, False, True]
    assert traced.parent.tolist() == [-1, 0, -1]
    assert traced.leaf.tolist() == [False, True, True]
    assert (traced.t.tolist(), traced.ms.tolist(), traced.error.tolist()) == ([0, 1, 5], [100, 100, 7], [False, False, True])
    assert (traced.children.tolist(), traced.remote.tolist()) == ([1], [1])


def test_without_spans_the_columns_are_empty() -> None:
    traced = traces((), ())
    assert (traced.services, traced.parent.size, traced.remote.size) == ((), 0, 0)
    assert edges() == ()


def test_parents() -> None:
    assert parents(span("a"), span("b", "a"), span("c", "b")) == [-1, 0, 1]
    assert parents(span("b", "a"), span("a")) == [1, -1], "in any order"
    assert parents(span("a", "a")) == [-1], "its own parent"
    assert parents(span("a", "lost")) == [-1]
    assert parents(span("a", "b"), span("b", "a")) == [1, 0], "a cycle stays one"
    assert parents(span("a"), span("b", "a", trace="other")) == [-1, -1], "traces do not mix"
    assert parents(span("", ""), span("", "")) == [-1, -1], "no id is nobody's parent"


def test_of_two_spans_with_one_id_the_last_is_the_parent() -> None:
    assert parents(span("a"), span("a"), span("b", "a")) == [-1, -1, 1]
    assert parents(span("a", "a"), span("a", "a")) == [1, -1]


@pytest.mark.parametrize(
    ("ms", "read"),
    [(-5.0, 0.0), (12.5, 12.5), (1e308, LONGEST_MS), (float("inf"), LONGEST_MS), (float("-inf"), 0.0), (float("nan"), 0.0)],
)
def test_a_duration_is_one_that_can_be_measured(ms: float, read: float) -> None:
    assert traces([span("a", ms=ms)], ()).ms.tolist() == [read]


# who calls whom


def test_edges_by_parent_and_by_the_peer_that_a_client_names() -> None:
    spans = [
        span("root"),
        span("call", "root", kind="client", server_address="cart.shop"),
        span("serve", "call", "cart", kind="server", server_address="cart.shop"),
        span("select", "serve", "cart", kind="client", db_system="postgresql", server_address="cart-db:5432"),
        span("pay", "root", kind="client", peer_service="payment"),
        span("inner", "root", peer_service="nobody"),
    ]
    assert set(edges(*spans)) == {
        Edge(caller="web", callee="cart"),
        Edge(caller="cart", callee="cart-db", system="postgresql"),
        Edge(caller="web", callee="payment"),
    }


def test_a_call_that_is_answered_by_another_name_goes_to_whoever_answers() -> None:
    """`balancer` is where it was sent, `cart` what served it."""
    assert edges(span("call", kind="client", server_address="balancer"), span("serve", "call", "cart")) == (
        Edge(caller="web", callee="cart"),
    )


def test_a_call_within_the_service_does_not_hide_the_peer() -> None:
    """A client's span with a span of the same service beneath it still talks to its peer."""
    assert edges(span("call", kind="client", peer_service="cart"), span("send", "call")) == (Edge(caller="web", callee="cart"),)


def test_each_edge_once() -> None:
    calls = [span(name, kind="client", peer_service="cart") for name in "abc"]
    assert edges(*calls, span("root"), span("served", "root", "cart")) == (Edge(caller="web", callee="cart"),)


def test_a_database_stays_one_when_another_call_to_it_does_not_say_so() -> None:
    spans = [span("a", kind="client", peer_service="db", db_system="redis"), span("b", kind="client", peer_service="db")]
    assert edges(*spans) == edges(*spans[::-1]) == (Edge(caller="web", callee="db", system="redis"),)


def test_a_database_needs_no_kind() -> None:
    assert edges(span("select", db_system="mysql", peer_service="db")) == (Edge(caller="web", callee="db", system="mysql"),)


@pytest.mark.parametrize(
    "spans",
    [
        (span("a"), span("b", "a"), span("c", kind="client", peer_service="web")),
        (span("a"), span("b", "a", "cart", trace="other")),
        (span("a", "a"), span("b", "lost", "cart")),
        (span("a", service=""), span("b", "a", "cart")),
        (span("a"), span("b", "a", "")),
        (span("call", service="", kind="client", peer_service="cart"),),
        (span("serve", kind="server", peer_service="client"),),
        (span("take", kind="consumer", db_system="redis", peer_service="queue"),),
    ],
    ids=["itself", "another trace", "no parent", "no caller", "no callee", "nobody's call", "a server", "a consumer"],
)
def test_what_is_no_edge(spans: tuple[Span, ...]) -> None:
    assert edges(*spans) == ()


def test_a_cycle_calls_both_ways() -> None:
    assert set(edges(span("a", "b"), span("b", "a", "cart"))) == {Edge(caller="web", callee="cart"), Edge(caller="cart", callee="web")}


def test_calls_of_before_count_too() -> None:
    traced = traces([span("a")], [span("b"), span("c", "b", "cart")])
    assert module.edges(traced) == (Edge(caller="web", callee="cart"),)
