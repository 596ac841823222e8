"""From log lines to observations."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from compass_core.analysis.log_notes import NEW_TEMPLATES, Writers, exposure, of_phrases, of_templates
from compass_core.analysis.notes import LEAST, Note
from compass_core.analysis.templates import templates
from compass_core.domain import AgentName, Observation
from compass_core.readings import LogLine, Reading, Reduction, Selection, Series
from compass_core.signals.logs import phrases_of
from tests.analysis.test_notes import TIMES

NOTE = Note(AgentName.NETWORK, TIMES)
BEGIN, START = TIMES.baseline.start.timestamp(), TIMES.window.start.timestamp()
RATIO = 1 / 3  # the baseline is three times as long as the window
SERVICES = ("web", "orders", "orders-db", "db", "")


def lines(text: str, count: int, service: str = "web", begin: float = START, level: str = "error") -> list[LogLine]:
    return [LogLine(begin + n, service, text, level) for n in range(count)]


def kinds(window: list[LogLine], before: list[LogLine], ratio: float = RATIO) -> list[Observation]:
    return of_templates(NOTE, templates(window, before), ratio, Reading(query="{q}", link="l", source="Loki"))


def told(window: list[LogLine], before: list[LogLine], ratio: float = RATIO) -> list[Observation]:
    read = Reading(tuple(window), query="{q}", link="l", source="Loki")
    return of_phrases(NOTE, phrases_of(AgentName.NETWORK), read, Reading(tuple(before)), Writers(ratio, SERVICES))


# kinds of lines


def test_a_new_kind_of_line() -> None:
    (found,) = kinds(lines("no seat for 7", 20), [])
    assert found.summary == "web: 20 lines of a new kind: no seat for 7"
    assert (found.signal, found.query, found.link, found.source) == ("new_errors", "{q}", "l", "Loki")
    assert (found.value, found.baseline_value) == (20, 0)
    assert found.reduction == "lines of one template over the window; usually: lines before × other lines in the window ÷ before"
    assert found.onset == TIMES.window.start


def test_more_lines_of_a_known_kind_count_less() -> None:
    (found,) = kinds(lines("no seat", 20), lines("no seat", 3, begin=BEGIN))
    assert found.summary == "web: 20 lines, usually 1: no seat"
    assert LEAST < found.score < kinds(lines("no seat", 20), [])[0].score
    assert kinds(lines("no seat", 20), lines("no seat", 60, begin=BEGIN)) == []


def test_what_a_busier_window_explains_is_nothing() -> None:
    """Four times as many other lines were written."""
    assert kinds(lines("no seat", 40), lines("no seat", 10, begin=BEGIN)) != []
    assert kinds(lines("no seat", 40), lines("no seat", 10, begin=BEGIN), ratio=4) == []


def test_lines_that_tell_of_no_error_are_not_told() -> None:
    assert kinds(lines("no seat", 200, level="info"), []) == []
    assert kinds([*lines("no seat", 200, level="info"), *lines("out", 20)], [])[0].value == 20


def test_a_line_or_two_are_no_news() -> None:
    assert kinds(lines("no seat", 1), []) == []
    assert kinds(lines("no seat", 3), [], ratio=1) == []
    assert kinds(lines("no seat", 5), [], ratio=1) != []
    assert kinds(lines("no seat", 5), lines("no seat", 1, begin=BEGIN), ratio=1) == [], "a line before may as well have been two"


def test_what_several_services_write_is_passed_on_and_not_begun() -> None:
    shared = [line for service in "abcdefghi" for line in lines("upstream failed", 20, service)]
    found = kinds([*lines("no seat", 20, "a"), *shared], [])
    assert found[0].value == found[1].value == 20
    assert found[0].summary == "a: 20 lines of a new kind: no seat"
    assert {one.score for one in found[1:]} == {found[1].score}
    assert found[1].score < found[0].score


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("java.lang.NullPointerException: no seat", "new_exceptions"),
        ("Traceback (most recent call last):", "new_exceptions"),
        ("panic: no seat", "new_exceptions"),
        ("assertion failed", "new_exceptions"),
        ("order failed", "new_errors"),
    ],
)
def test_exceptions_are_told_from_other_errors(text: str, signal: str) -> None:
    assert [one.signal for one in kinds(lines(text, 20), [])] == [signal]


def test_the_strongest_kinds_of_each_service_are_told() -> None:
    words = ("one", "two", "three", "four", "five", "six", "seven")
    usual = [line for word in words for line in lines(word, 30, begin=BEGIN)]
    window = [line for word in words for line in lines(word, 100)] + lines("brand new", 100) + lines("other", 12, "cart")
    found = kinds(window, usual)
    assert found[0].summary == "web: 100 lines of a new kind: brand new"
    assert [one.service for one in found].count("web") == NEW_TEMPLATES
    assert [one.service for one in found].count("cart") == 1


# how much was written


def counts(before: float, window: float) -> list[Series]:
    """So many lines in each half minute; a point ends its step."""
    t = BEGIN + 30.0 * np.arange(1, 161, dtype=np.float64)
    v = np.where(t <= START, before, window)
    return [Series(Selection("log_lines", "log_lines", Reduction.RAW, "service", ()), "web", {}, t, v, "q", "s", step=30.0)]


def test_exposure_is_what_else_was_written_in_the_window_and_before() -> None:
    assert exposure(TIMES, counts(10, 10), counts(0, 0)) == pytest.approx(RATIO)
    assert exposure(TIMES, counts(10, 30), counts(0, 0)) == pytest.approx(3 * RATIO)
    assert exposure(TIMES, counts(10, 30), counts(0, 20)) == pytest.approx(RATIO), "errors are not what they are compared with"
    assert exposure(TIMES, [*counts(10, 10), *counts(10, 30)], counts(0, 0)) == pytest.approx(2 * RATIO)


@pytest.mark.parametrize(("before", "window", "errors"), [(0, 10, 0), (10, 0, 0), (10, 10, 10), (float("nan"), 10, 0)])
def test_where_the_rest_says_nothing_it_is_the_time(before: float, window: float, errors: float) -> None:
    assert exposure(TIMES, counts(before, window), counts(errors, errors)) == pytest.approx(RATIO)
    assert exposure(TIMES, (), ()) == pytest.approx(RATIO)


# phrases


def test_lines_that_tell_a_kind_of_trouble() -> None:
    (found,) = told(lines("read: Connection RESET by peer", 30), lines("connection reset", 3, begin=BEGIN))
    assert found.summary == "web: 30 lines tell: connections broken, usually 1: read: Connection RESET by peer"
    assert (found.signal, found.value, found.baseline_value, found.query) == ("log_connection_reset", 30, 1, "{q}")
    assert (found.onset, found.link, found.source) == (TIMES.window.start, "l", "Loki")
    assert found.score > 0.5
    assert told(lines("all is well", 30), []) == []


def test_as_many_as_usual_score_nothing() -> None:
    (found,) = told(lines("connection reset", 10), lines("connection reset", 30, begin=BEGIN))
    assert found.score == 0
    assert told(lines("connection reset", 10), lines("connection reset", 3, begin=BEGIN), ratio=4)[0].score == 0


def test_each_kind_and_service_is_told() -> None:
    window = [*lines("connection reset", 5), *lines("no such host", 5, begin=START + 60), *lines("connection reset", 5, "orders")]
    assert {(one.service, one.signal) for one in told(window, [])} == {
        ("web", "log_connection_reset"),
        ("web", "log_dns"),
        ("orders", "log_connection_reset"),
    }
    assert max(one.onset for one in told(window, []) if one.onset) == TIMES.window.start + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("dial tcp orders-db.shop:5432: connection refused", "orders-db"),
        ("http://orders:80/x: connection refused", "orders"),
        ("orders asked db: connection refused", "orders"),
        ("db asked orders-db of orders: connection refused", "orders-db"),
        ("o.db: connection refused", "db"),
        ("feedback-db2: connection refused", "web"),
        ("connection refused", "web"),
        ("web: connection refused", "web"),
        ("web asked orders: connection reset", "web"),
    ],
)
def test_a_refused_connection_is_said_of_the_service_that_the_line_names(text: str, service: str) -> None:
    assert [found.service for found in told(lines(text, 30), [])] == [service]


def test_where_no_other_service_is_known_it_is_the_one_that_wrote() -> None:
    read = Reading(tuple(lines("orders: connection refused", 5)))
    for services in ((), ("",), ("web",)):
        (found,) = of_phrases(NOTE, phrases_of(AgentName.NETWORK), read, Reading(), Writers(RATIO, services))
        assert found.service == "web"


def test_a_refused_connection_is_compared_with_those_of_the_same_service() -> None:
    refused = "dial tcp orders-db:5432: connection refused"
    (found,) = told(lines(refused, 30), lines(refused, 90, begin=BEGIN))
    assert (found.service, found.baseline_value, found.score) == ("orders-db", 30, 0)


# text


def test_hostile_lines_make_small_plain_observations() -> None:
    hostile = [
        '{"msg": "connection reset \\ud83d\\u0000"}',
        "connection reset \x1b[2J\x07" + "x" * 100_000,
        "connection reset\r\n<!channel>",
    ]
    for text in hostile:
        found = [*told(lines(text, 30), []), *kinds(lines(text, 30), [])]
        assert len(found) == 2
        assert all(one.summary.isprintable() and len(one.model_dump_json()) < 2000 for one in found)
