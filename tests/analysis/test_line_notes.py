"""From log lines and spans to observations."""

from __future__ import annotations

import pytest

from compass_core.analysis.log_notes import NEW_TEMPLATES, of_phrases, of_templates
from compass_core.analysis.metric_notes import of_changes
from compass_core.analysis.notes import Note
from compass_core.analysis.span_notes import of_failures, of_growths
from compass_core.analysis.templates import templates
from compass_core.analysis.traces import failures, growths
from compass_core.model import AgentName, Observation
from compass_core.readings import Change, LogLine, Reading, Span
from compass_core.signals.logs import phrases_of
from tests.analysis.spans import repeated, span
from tests.analysis.test_notes import TIMES

NOTE = Note(AgentName.NETWORK, TIMES)
BEGIN, START = TIMES.baseline.start.timestamp(), TIMES.window.start.timestamp()
SERVICES = ("web", "orders", "orders-db", "db", "")


def lines(text: str, count: int, service: str = "web", begin: float = START) -> list[LogLine]:
    return [LogLine(begin + n, service, text) for n in range(count)]


def kinds(window: list[LogLine], before: list[LogLine]) -> list[Observation]:
    return of_templates(NOTE, templates(window, before), Reading(query="{q}", link="l", source="Loki"))


def told(window: list[LogLine], before: list[LogLine]) -> list[Observation]:
    return of_phrases(
        NOTE, phrases_of(AgentName.NETWORK), Reading(tuple(window), query="{q}", source="Loki"), Reading(tuple(before)), SERVICES
    )


def test_a_new_kind_of_line() -> None:
    (found,) = kinds(lines("no seat for 7", 20), [])
    assert found.summary == "web: 20 lines of a new kind: no seat for 7"
    assert (found.signal, found.query, found.link, found.source) == ("new_errors", "{q}", "l", "Loki")
    assert "lines of one template" in found.reduction
    assert found.onset == TIMES.window.start


def test_more_lines_of_a_known_kind_count_less() -> None:
    """The baseline is three times as long as the window."""
    (found,) = kinds(lines("no seat", 20), lines("no seat", 3, begin=BEGIN))
    assert found.summary == "web: 20 lines, usually 1: no seat"
    assert found.score < kinds(lines("no seat", 20), [])[0].score
    assert kinds(lines("no seat", 20), lines("no seat", 60, begin=BEGIN)) == []


def test_the_strongest_kinds_of_each_service_are_told() -> None:
    words = ("one", "two", "three", "four", "five", "six", "seven")
    usual = [line for word in words for line in lines(word, 30, begin=BEGIN)]
    window = [line for word in words for line in lines(word, 200)] + lines("brand new", 12) + lines("other", 12, "cart")
    found = kinds(window, usual)
    assert found[0].summary == "web: 12 lines of a new kind: brand new"
    assert [one.service for one in found].count("web") == NEW_TEMPLATES
    assert [one.service for one in found].count("cart") == 1


def test_lines_that_tell_a_kind_of_trouble() -> None:
    (found,) = told(lines("read: Connection RESET by peer", 30), lines("connection reset", 3, begin=BEGIN))
    assert found.summary == "web: 30 lines tell: connections broken, usually 1: read: Connection RESET by peer"
    assert (found.signal, found.value, found.baseline_value, found.query) == ("log_connection_reset", 30, 1, "{q}")
    assert found.score > 0.9
    assert told(lines("all is well", 30), []) == []


@pytest.mark.parametrize(
    ("line", "service"),
    [
        ("dial tcp orders-db.shop:5432: connection refused", "orders-db"),
        ("http://orders:80/x: connection refused", "orders"),
        ("orders asked db: connection refused", "orders"),
        ("feedback-db2: connection refused", "web"),
        ("connection refused", "web"),
        ("web: connection refused", "web"),
    ],
)
def test_a_refused_connection_is_said_of_the_service_that_the_line_names(line: str, service: str) -> None:
    (found,) = told(lines(line, 30), [])
    assert found.service == service


def test_hostile_lines_make_small_plain_observations() -> None:
    hostile = [
        '{"msg": "connection reset \\ud83d\\u0000"}',
        "connection reset \x1b[2J\x07" + "x" * 100_000,
        "connection reset\r\n<!channel>",
    ]
    for one in [found for line in hostile for found in (*told(lines(line, 30), []), *kinds(lines(line, 30), []))]:
        assert one.summary.isprintable()
        assert len(one.model_dump_json()) < 2000


@pytest.mark.parametrize("dots", range(20, 320, 7))
def test_what_is_cut_holds_no_part_of_a_secret(dots: int) -> None:
    """A password of which the cut leaves no `@` behind it could not be told from a port."""
    text = f"connection reset token={'a1' * 80} {'.' * dots} postgres://app:{'Hunter2x' * 6}@db"
    failing = of_failures(NOTE, failures(repeated(span("serve", error=True, exception_message=text)), []), Reading())
    changed = of_changes(NOTE, Reading((Change(START, "web", text, "deploy", "{q}", "Grafana"),)))
    found = (*told(lines(text, 30), []), *kinds(lines(text, 30), []), *failing, *changed)
    assert len(found) == 4
    assert [one.summary for one in found if "Hunter" in one.summary] == []


# spans


def test_growths_are_said_of_the_one_that_takes_longer() -> None:
    usual = [
        span("own"),
        span("call", kind="client"),
        span("serve", "call", "cart"),
        span("select", kind="client", db_system="x", peer_service="db"),
    ]
    slow = [
        span("own", ms=400),
        span("call", kind="client", ms=500),
        usual[2],
        span("select", kind="client", ms=600, db_system="x", peer_service="db"),
    ]
    reading: Reading[Span] = Reading(query="{traces}", link="l", source="Tempo")
    found = of_growths(NOTE, growths(repeated(*slow, begin=START), repeated(*usual)), reading)
    assert {one.signal: one.summary for one in found} == {
        "self_time": "web: own itself 400 ms, usually 100 ms",
        "gap": "cart: way from web (call) 400 ms, usually 0 ms",
        "database_time": "db: calls from web (select) 600 ms, usually 100 ms",
    }
    assert {(one.query, one.link, one.source, one.unit, one.onset) for one in found} == {
        ("{traces}", "l", "Tempo", "ms", TIMES.window.start)
    }
    assert all("median over 5 spans" in one.reduction for one in found)


def test_of_each_service_the_most_grown_operation_is_told() -> None:
    found = of_growths(NOTE, growths(repeated(span("a", ms=300), span("b", ms=900)), repeated(span("a"), span("b"))), Reading())
    assert [one.summary for one in found] == ["web: b itself 900 ms, usually 100 ms"]


def test_failures() -> None:
    failed = [span("serve", error=True, exception_message="no seat\n" + "x" * 500), span("serve")]
    (found,) = of_failures(NOTE, failures(repeated(*failed), []), Reading(query="{traces}", source="Tempo"))
    assert found.summary.startswith("web: serve fails in 50% of 10 spans, usually 0%: no seat xxx")
    assert (found.value, found.baseline_value, found.unit, found.query) == (0.5, 0, "ratio", "{traces}")
    call = span("call", error=True, kind="client", peer_service="cart")
    (found,) = of_failures(NOTE, failures(repeated(call), []), Reading())
    assert found.summary == "cart: call from web fails in 100% of 5 spans, usually 0%"
