"""From what spans say to observations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from compass_core.analysis.calls import detours, failures
from compass_core.analysis.notes import Note
from compass_core.analysis.span_notes import LISTED, of_detours, of_failures, of_growths, of_slowness
from compass_core.analysis.timing import changed, growths, slow_throughout
from compass_core.analysis.traces import traces
from compass_core.domain import AgentName
from compass_core.readings import Reading, Span
from tests.analysis.spans import repeated, span
from tests.analysis.test_notes import TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.analysis.traces import Traces
    from compass_core.domain import Observation

NOTE = Note(AgentName.APPLICATION, TIMES)
BEGIN, START = TIMES.baseline.start.timestamp(), TIMES.window.start.timestamp()
READ: Reading[Span] = Reading(query="{traces}", link="l", source="Tempo")


def traced(window: Sequence[Span], before: Sequence[Span], times: int = 5) -> Traces:
    """Of a recording that goes on after the last of these spans."""
    later = span("later", service="other", t=START + 600)
    return traces([*repeated(*window, begin=START, times=times), later], repeated(*before, begin=BEGIN, times=times))


def asked(found: Observation) -> tuple[object, ...]:
    return found.source, found.query, found.link, found.onset


ASKED = ("Tempo", "{traces}", "l", TIMES.window.start)


def call(gap: float) -> list[Span]:
    return [span("call", kind="client", ms=90 + gap), span("serve", "call", "cart", ms=90)]


def select(ms: float) -> Span:
    return span("select", kind="client", db_system="x", peer_service="db", ms=ms)


def test_growths_are_said_of_the_one_that_takes_longer() -> None:
    found = of_growths(
        NOTE, growths(changed(traced([span("own", ms=400), *call(410), select(600)], [span("own"), *call(10), select(100)]))), READ
    )
    assert [(one.service, one.signal, one.summary) for one in found if one.signal != "delay"] == [
        ("db", "database_time", "db: calls from web (select) 600 ms, usually 100 ms"),
        ("web", "self_time", "web: own itself 400 ms, usually 100 ms"),
    ]
    assert {one.summary for one in found if one.signal == "delay"} == {
        "web: the way to cart (call) 410 ms, usually 10 ms",
        "cart: the way from web (call) 410 ms, usually 10 ms",
    }
    assert {asked(one) for one in found} == {ASKED}
    assert {one.unit for one in found} == {"ms"}
    (own,) = (one for one in found if one.signal == "self_time")
    assert (own.value, own.baseline_value) == (400, 100)
    assert own.reduction == "90th percentile over 5 spans of the window (duration − time in child spans); usually: before"


def test_every_measure_says_its_formula() -> None:
    found = of_growths(
        NOTE, growths(changed(traced([span("own", ms=400), *call(410), select(600)], [span("own"), *call(10), select(100)]))), READ
    )
    formulas = {one.signal: one.reduction.partition("(")[2].partition(")")[0] for one in found}
    assert formulas == {
        "self_time": "duration − time in child spans",
        "delay": "client span − server span beneath it",
        "database_time": "duration of database client spans",
    }


def test_slowness() -> None:
    slow, usual = ([*(span(name, ms=ms * at) for at, name in enumerate("ab", 2)), *call(ms)] for ms in (300, 50))
    grown = [replace(one, even=False) for one in changed(traced(slow, usual))]
    (found,) = of_slowness(NOTE, slow_throughout(grown), READ)
    assert found.summary == "web: 3 of 3 operations and ways to and from it take longer than before"
    assert (found.signal, found.value, found.score) == ("slow_throughout", 3, round(slow_throughout(grown)[0].score, 4))
    assert found.reduction == "operations and ways whose time grew beyond their usual spread"
    assert asked(found) == ASKED


@pytest.mark.parametrize(("status", "signal"), [("429", "rate_limited"), ("500", "failing_spans")])
def test_calls_that_fail_since_too_many_come_tell_of_a_limit(status: str, signal: str) -> None:
    call = span("call", error=True, kind="client")
    refused = replace(call, attributes={"peer.service": "cart", "http.response.status_code": status})
    (found,) = of_failures(NOTE, failures(traced([refused], [])), READ)
    assert (found.service, found.signal) == ("cart", signal)


def test_failures() -> None:
    failed = [span("serve", error=True, exception_message="no seat\n" + "x" * 500)]
    (found,) = of_failures(NOTE, failures(traces([*repeated(*failed, begin=START), *repeated(span("serve"), begin=START + 60)], ())), READ)
    assert found.summary.startswith("web: serve fails in 50% of its spans (10 read), usually 0%: no seat xxx")
    assert len(found.summary) < 250
    assert (found.signal, found.value, found.baseline_value, found.unit) == ("failing_spans", 0.5, 0, "ratio")
    assert found.reduction == "failing spans without a failing child ÷ spans of the operation, as often as each stands for, over the window"
    assert asked(found) == ASKED


def test_a_failing_call_is_said_of_the_callee() -> None:
    (found,) = of_failures(NOTE, failures(traced([span("call", error=True, kind="client", peer_service="cart")], [])), READ)
    assert found.summary == "cart: call from web fails in 100% of its spans (5 read), usually 0%"


def test_the_number_of_spans_is_that_of_the_operation() -> None:
    """Those that were read, not only those that failed."""
    window = [*repeated(span("serve", error=True), begin=START, times=3), *repeated(span("serve"), begin=START + 60, times=8)]
    (found,) = of_failures(NOTE, failures(traces(window, ())), READ)
    assert found.summary == "web: serve fails in 27.3% of its spans (11 read), usually 0%"


def run(*calls: str, service: str = "web") -> list[Span]:
    return [span("root", service=service), *(span(name, "root", service, t=k / 100, ms=5) for k, name in enumerate(calls))]


def test_detours() -> None:
    (found,) = of_detours(NOTE, detours(traced(run("check"), run("check", "store", "answer"), times=20)), READ)
    assert found.summary == "web: root takes another path than before in 20 of 20 spans, without store, answer, ending after check"
    assert (found.signal, found.value, found.baseline_value) == ("detour", 20, 0)
    assert found.reduction == "spans of the window that call other operations than those before"
    assert asked(found) == ASKED


def test_a_detour_lists_a_few_of_the_calls_that_are_missing() -> None:
    (found,) = of_detours(NOTE, detours(traced(run(), run("a", "b", "c", "d", "e"), times=20)), READ)
    assert LISTED == 3
    assert found.summary == "web: root takes another path than before in 20 of 20 spans, without a, b, c …"
    (found,) = of_detours(NOTE, detours(traced(run(), run("a", "b", "c"), times=20)), READ)
    assert found.summary == "web: root takes another path than before in 20 of 20 spans, without a, b, c"


def test_calls_that_were_added_are_no_end() -> None:
    (found,) = of_detours(NOTE, detours(traced(run("a", "retry"), run("a"), times=20)), READ)
    assert found.summary == "web: root takes another path than before in 20 of 20 spans"


def test_a_detour_that_starts_at_a_callee_names_where_it_shows() -> None:
    """`cart` answers no more: `web` shows it."""
    (found,) = of_detours(NOTE, detours(traced([span("call", kind="client")], call(10), times=20)), READ)
    assert found.summary == "cart: web (call) takes another path than before in 20 of 20 spans, without serve"
