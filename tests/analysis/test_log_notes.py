"""From log lines to observations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from compass_core.analysis.log_notes import (
    NAMED,
    NEW_TEMPLATES,
    Writers,
    bursts,
    errors,
    exposure,
    hardly,
    named_by,
    of_phrases,
    of_templates,
)
from compass_core.analysis.notes import LEAST, Note
from compass_core.analysis.templates import templates
from compass_core.domain import AgentName, Edge, Observation, Window
from compass_core.readings import LogLine, Reading, Reduction, Selection, Series
from compass_core.signals.logs import kinds_of, phrases_of
from tests.analysis.test_notes import TIMES

NOTE = Note(AgentName.NETWORK, TIMES)
BEGIN, START = TIMES.baseline.start.timestamp(), TIMES.window.start.timestamp()
RATIO = 1 / 3  # the baseline is three times as long as the window
SERVICES = ("web", "orders", "orders-db", "db", "")


def lines(text: str, count: int, service: str = "web", begin: float = START, level: str = "error") -> list[LogLine]:
    return [LogLine(begin + n, service, text, level) for n in range(count)]


def kinds(window: list[LogLine], before: list[LogLine], ratio: float = RATIO) -> list[Observation]:
    read: Reading[LogLine] = Reading(query="{q}", link="l", source="Loki")
    return of_templates(NOTE, templates(errors(window), errors(before)), ratio, read, {})


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
    assert kinds(lines("no seat", 8), [], ratio=1) != []
    assert kinds(lines("no seat", 8), lines("no seat", 1, begin=BEGIN), ratio=1) == [], "a line before may as well have been two"


def test_as_many_in_a_shorter_time_are_worse() -> None:
    """Some lines of errors in an hour are every program's everyday life; as many in a few minutes are requests that fail."""
    read: Reading[LogLine] = Reading(query="{q}", link="l", source="Loki")

    def score(minutes: int) -> float:
        window = Window(start=TIMES.window.start, end=TIMES.window.start + timedelta(minutes=minutes))
        note = Note(AgentName.APPLICATION, replace(TIMES, window=window))
        return max((one.score for one in of_templates(note, templates(lines("no seat", 10), []), RATIO, read, {})), default=0.0)

    assert score(5) > 2 * score(20) > 4 * score(60)


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


def test_an_error_that_a_phrase_explains_is_not_one_of_unknown_cause() -> None:
    window = [*lines("connection reset", 5), *lines("no seat", 4), *lines("Caused by: java.io.IOException: no seat", 4)]
    assert {one.line for one in errors(window)} == {"no seat"}
    assert hardly(errors(window), window) == {"web"}
    assert hardly(errors(window), lines("no seat", 8)) == frozenset()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Lock wait timeout exceeded; connection timed out", "log_lock"),
        ("OSError: [Errno 122] Disk quota exceeded", "log_disk_full"),
        ("KnexTimeoutError: Knex: Timeout acquiring a connection", "log_connection_exhaustion"),
        ("FATAL:  remaining connection slots are reserved: too many connections", "log_server_full"),
        ("FATAL:  désolé, trop de clients sont déjà connectés", "log_server_full"),
        ("lookup orders on 10.96.0.10:53: server misbehaving", "log_dns"),
        ("remote error: tls: bad certificate", "log_tls"),
        ("rpc error: code = ResourceExhausted desc = slow down", "log_rate_limited"),
        ("EsRejectedExecutionException: rejected execution of coordinating operation", "log_rate_limited"),
        ("java.util.concurrent.RejectedExecutionException: Task rejected from ThreadPoolExecutor", "log_no_worker"),
        ("WARNING: [pool www] server reached pm.max_children setting (5), consider raising it", "log_no_worker"),
        ("SocketException (11): Resource temporarily unavailable (stock:8080)", "log_dns"),
        ("Error: Missing required environment variable SHOP_URL", "log_configuration"),
        ("ServerSelectionTimeoutError: no primary", "log_database_down"),
        ("ReplyError: OOM command not allowed", "log_out_of_memory"),
        ('"GET / HTTP/1.1" 503 UH no_healthy_upstream', "log_no_answer"),
        ("no seat left", ""),
    ],
)
def test_a_line_tells_of_one_kind_of_trouble_the_most_specific(text: str, kind: str) -> None:
    found = kinds_of([text])[0]
    assert (found.name if found else "") == kind


CALM = """INFO  Started OrdersApplication in 4.2 seconds (process running for 5.1)
LOG:  checkpoint complete: wrote 312 buffers (1.9%); 0 WAL file(s) added, 0 removed
LOG:  automatic vacuum of table "shop.orders": index scans: 1
1:M 02 Jun 2026 11:00:00.123 * Background saving terminated with success
{"t":{"$date":"2026-06-02T11:00:00Z"},"s":"I","c":"NETWORK","msg":"Connection ended","attr":{"connectionCount":11}}
2026-06-02T11:00:00.1Z 0 [Note] [MY-010914] Aborted connection count reset
[2026-06-02 11:00:00,123] INFO [GroupCoordinator 1]: Member joined group, rebalance timeout 60000 (kafka.coordinator.group)
10.1.2.3 - - [02/Jun/2026:11:00:00 +0000] "GET /errors HTTP/1.1" 200 512 "-" "failover-probe"
[2026-06-02T11:00:00.1Z] "GET /pay HTTP/1.1" 200 - via_upstream - "-" 0 91 5 4 "-" "curl" "10.0.0.7:8080"
I0602 11:00:00.123456       1 leaderelection.go:258] successfully acquired lease kube-system/scheduler
level=info ts=2026-06-02T11:00:00Z caller=head.go:1 component=tsdb msg="Head GC completed" errors=0
{"level":30,"time":1,"msg":"retry succeeded after connection reset","failed":0}
info: Microsoft.Hosting.Lifetime[14] Now listening on: http://[::]:8080, rate limit 100
I, [2026-06-02T11:00:00.1 #17]  INFO -- : Completed 200 OK in 5ms (ActiveRecord: 1.2ms)
INFO:     10.1.2.3:5000 - "GET /healthz HTTP/1.1" 200 OK
[INFO] 10.0.0.7:5000 - 17 "A IN shop.svc.cluster.local. udp 51" NXDOMAIN qr,aa,rd 144 0.0002s
10.1.2.3:5000 [02/Jun/2026:11:00:00.1] fe be/s1 0/0/1/2/3 200 212 - - ---- 1/1/0/0/0 0/0
2026-06-02 11:00:00 [info] <0.717.0> accepting AMQP connection, no error
{"@timestamp":"2026-06-02T11:00:00Z","log.level":"info","message":"0 errors, 0 timeouts, circuit breaker closed"}
[2026-06-02 11:00:00 +0000] [17] [INFO] Booting worker with pid: 18
DEBUG pool stats: too many connections: 0, deadlocks: 0"""


@pytest.mark.parametrize("text", CALM.splitlines())
def test_what_a_program_writes_in_passing_does_not_alarm(text: str) -> None:
    window = lines(text, 60, level="")
    assert kinds(window, []) == []
    for agent in AgentName:
        assert of_phrases(NOTE, phrases_of(agent), Reading(tuple(window)), Reading(), Writers(RATIO, SERVICES)) == []


def test_lines_that_tell_a_kind_of_trouble() -> None:
    (found,) = told(lines("read: Connection RESET by peer", 30), lines("connection reset", 3, begin=BEGIN))
    assert found.summary == "web: 30 log lines: connections broken, usually 1: read: Connection RESET by peer"
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
        ("connection refused at com.acme.orders.Client", "web"),
        ("connection refused: com.acme.orders", "orders"),
    ],
)
def test_a_refused_connection_is_said_of_the_service_that_the_line_names(text: str, service: str) -> None:
    assert [found.service for found in told(lines(text, 30), [])] == [service]


@pytest.mark.parametrize(
    "text",
    [
        "orders-db: Error 1114 (HY000): The table 't' is full",
        "connect orders-db:3306: Error 1040: Too many connections",
        "unexpected end of JSON input from orders-db",
        "orders-db: Deadlock found when trying to get lock",
    ],
)
def test_so_is_what_only_the_one_that_was_asked_can_lack(text: str) -> None:
    window = Reading(tuple(lines(text, 30)))
    found = [one for agent in AgentName for one in of_phrases(NOTE, phrases_of(agent), window, Reading(), Writers(RATIO, SERVICES))]
    assert [one.service for one in found] == ["orders-db"]


def test_what_most_of_its_callers_do_not_find_is_the_fault_of_who_finds_it() -> None:
    """One of three waits too short a time, or asks at a wrong address."""
    known = Writers(RATIO, SERVICES, callers={"orders": ("web", "db", "orders-db")})

    def said(text: str, *writing: str) -> set[str]:
        window = Reading(tuple(line for one in writing for line in lines(text, 30, one)))
        found = [one for agent in AgentName for one in of_phrases(NOTE, phrases_of(agent), window, Reading(), known)]
        return {one.service for one in found}

    for text in ("orders: context deadline exceeded", "orders:80: connection refused", "orders: unexpected end of JSON input"):
        assert said(text, "web") == {"web"}
        assert said(text, "web", "db") == {"orders"}
    assert said("orders: Error 1040: Too many connections", "web") == {"orders"}, "that is its own word"


def test_a_database_writes_of_itself_and_names_its_client() -> None:
    window = Reading(tuple(lines("user=orders FATAL: remaining connection slots are reserved", 30, "db")))
    writers = Writers(RATIO, SERVICES, frozenset({"db"}))
    (found,) = of_phrases(NOTE, phrases_of(AgentName.DATABASE), window, Reading(), writers)
    assert found.service == "db"


def test_lines_of_errors_tell_who_calls_whom() -> None:
    said = lines("orders answered 500", NAMED)
    assert named_by(said, SERVICES) == [Edge(caller="web", callee="orders")]
    assert named_by(said[1:], SERVICES) == [], "a name may come by chance"
    assert named_by([*said, *lines("web hung up", NAMED + 1, "orders")], SERVICES) == [Edge(caller="orders", callee="web")]
    assert named_by(lines("web: it is me", 30), SERVICES) == []


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
        found = [*told(lines(text, 30), []), *kinds(lines(text.replace("connection reset", "no seat"), 30), [])]
        assert len(found) == 2
        assert all(one.summary.isprintable() and len(one.model_dump_json()) < 2000 for one in found)


def test_errors_that_come_in_bursts_anyway_are_less_unusual_when_more_come() -> None:
    """As many before, one by one or all in one minute: the latter will come again."""
    steadily = [replace(line, t=BEGIN + 100 * n) for n, line in enumerate(lines("no seat left, error", 36))]
    at_once = lines("no seat left, error", 36, begin=BEGIN)
    usually = [bursts(TIMES.baseline, before) for before in (steadily, at_once, at_once[:3])]
    assert usually[0] == {"web": 1}
    assert usually[1]["web"] > 10
    assert usually[2] == {}, "a few say nothing"
    window = lines("no seat left, error", 60)
    scores = [of_templates(NOTE, templates(window, steadily), RATIO, Reading(), often)[0].score for often in ({}, {"web": 12.0})]
    assert scores[1] < scores[0] / 2
