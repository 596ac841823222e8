"""What a line says, and how bad its writer takes it to be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.lines import LONGEST_LINE, Level, continues, level, message, severe
from compass_core.readings import LogLine


def line(text: str, level: str = "") -> LogLine:
    return LogLine(0.0, "web", text, level)


# what it says


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"level": "error", "msg": "no seat", "err": "conflict"}', "no seat: conflict"),
        ('{"message": "no seat", "error": {"code": 1}}', "no seat"),
        ('{"level": "error"}', '{"level": "error"}'),
        ('{"msg": 3}', '{"msg": 3}'),
        ('{"msg": "cut', '{"msg": "cut'),
        ('{"n": ' + "9" * 5000 + "}", '{"n": ' + "9" * 5000 + "}"),
        ('ts=2026-01-05T14:03:00Z level=error msg="no seat left" err=conflict req=1', "no seat left: conflict"),
        ('level=error msg="say \\"no\\""', 'say \\"no\\"'),
        ("[error] no seat", "[error] no seat"),
        ("plain\nsecond", "plain"),
        ("ERROR order failed error=timeout after 3 tries", "ERROR order failed error=timeout after 3 tries"),
    ],
)
def test_what_a_line_says(text: str, said: str) -> None:
    assert message(text) == said


@given(st.dictionaries(st.sampled_from(["msg", "message", "error", "x"]), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_any_json_line(fields: dict[str, object]) -> None:
    said = message(json.dumps(fields))
    assert all(value in said for value in (fields.get("msg"), fields.get("error")) if isinstance(value, str))


# how bad it is


@pytest.mark.parametrize(
    ("text", "level", "is_severe"),
    [
        ("all is well", "error", True),
        ("all is well", "fatal", True),
        ("failed to fetch user info", "info", False),
        ("failed to fetch user info", "warn", False),
        ("failed to fetch user info", "", True),
        ("failed to fetch user info", "unspecified", True),
        ("retry INFO failed", "", False),
        ("2026-01-05 14:03:00 ERROR no seat", "", True),
        ("2026-01-05 14:03:00 WARN request failed", "", False),
        ("[error] no seat", "", True),
        ("(info) request failed", "", False),
        ('{"level": "error", "msg": "no seat"}', "", True),
        ('{"severity":"WARNING","msg":"request failed"}', "", False),
        ("lvl=info msg=failed", "", False),
        ("level=crit msg=out", "", True),
        ("an information desk error", "", True),
        ("no errors? all is well", "", False),
        ("sync done, errors: 0, failures=0", "", False),
        ("all is well", "", False),
        ("x" * 300 + " INFO failed", "", True),
        ("x" * LONGEST_LINE + " failed", "", False),
        ("java.lang.NullPointerException", "", True),
        ("", "", False),
    ],
)
def test_what_tells_of_an_error(text: str, level: str, is_severe: bool) -> None:  # noqa: FBT001 - one of the cases' values
    assert severe(line(text, level=level)) is is_severe


STYLES: list[tuple[str, Level]] = [
    # structured: pino and bunyan, GELF, Monolog, Python, Logback, OpenTelemetry, Google Cloud, Elastic, Serilog, zap, MongoDB, journald
    ('{"level":50,"time":1,"msg":"no seat"}', "severe"),
    ('{"level":40,"msg":"no seat, trying again"}', "warning"),
    ('{"level":30,"msg":"errors=0 failed=0"}', "calm"),
    ('{"name":"web","level":60,"msg":"no seat","v":0}', "severe"),
    ('{"version":"1.1","short_message":"no seat","level":3}', "severe"),
    ('{"version":"1.1","short_message":"error rate is low","level":6}', "calm"),
    ('{"message":"no seat","level":400,"level_name":"ERROR"}', "severe"),
    ('{"message":"failed once","level":300}', "warning"),
    ('{"levelno":40,"message":"no seat"}', "severe"),
    ('{"level_value":20000,"message":"0 errors"}', "calm"),
    ('{"body":"no seat","severityNumber":17}', "severe"),
    ('{"body":"failed before, fine now","severityNumber":9,"severityText":"INFO"}', "calm"),
    ('{"severity":"CRITICAL","textPayload":"no seat"}', "severe"),
    ('{"log.level":"error","message":"no seat","ecs.version":"1.6.0"}', "severe"),
    ('{"log":{"level":"error"},"message":"no seat"}', "severe"),
    ('{"@t":"2026-06-02T11:00:00Z","@mt":"no seat","@l":"Fatal"}', "severe"),
    ('{"L":"ERROR","M":"no seat"}', "severe"),
    ('{"t":{"$date":"2026-06-02T11:00:00Z"},"s":"E","c":"NETWORK","msg":"no seat"}', "severe"),
    ('{"t":{"$date":"2026-06-02T11:00:00Z"},"s":"I","c":"NETWORK","msg":"error counters reset"}', "calm"),
    ('{"PRIORITY":"3","MESSAGE":"no seat"}', "severe"),
    ('{"Timestamp":"2026-06-02T11:00:00Z","LogLevel":"Error","Message":"no seat"}', "severe"),
    ('{"level":"ERROR+2","msg":"no seat"}', "severe"),
    ('t=2026-06-02T11:00:00Z lvl=eror msg="no seat"', "severe"),
    ('time=2026-06-02T11:00:00Z level=INFO msg="request failed, tried again"', "calm"),
    # wrapped: docker, CRI, syslog, colours
    ('{"log":"2026-06-02 11:00:00 ERROR no seat\\n","stream":"stdout","time":"2026-06-02T11:00:00Z"}', "severe"),
    ('{"log":"{\\"level\\":30,\\"msg\\":\\"0 errors\\"}\\n","stream":"stderr","time":"2026-06-02T11:00:00Z"}', "calm"),
    ('2026-06-02T11:00:00.123456789Z stderr F {"level":"error","msg":"no seat"}', "severe"),
    ("2026-06-02T11:00:00.123456789Z stderr F INFO all errors are gone", "calm"),
    ("<11>Jun  2 11:00:00 host web[17]: no seat", "severe"),
    ("<14>Jun  2 11:00:00 host web[17]: errors are gone", "calm"),
    ("<27>1 2026-06-02T11:00:00Z host web 17 - - no seat", "severe"),
    ("\x1b[2m2026-06-02T11:00:00Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mshop\x1b[0m: 0 errors, 2 failed before", "calm"),
    ("\x1b[31mERROR\x1b[0m no seat", "severe"),
    # text: klog, Ruby, Tornado, .NET, Serilog, nginx, Apache, MySQL, Python, Go, Redis, winston, PostgreSQL in other languages
    ("E0602 11:00:00.123456       1 lease.go:330] lock is held by another", "severe"),
    ("I0602 11:00:00.123456       1 sync.go:88] resync finished, errors: 2", "calm"),
    ("E, [2026-06-02T11:00:00.1 #17] ERROR -- : no seat", "severe"),
    ("I, [2026-06-02T11:00:00.1 #17]  INFO -- : error page rendered", "calm"),
    ("[E 260602 11:00:00 web:12] no seat", "severe"),
    ("fail: Shop.Checkout[13]\n      no seat", "severe"),
    ("info: Shop.Sync[4]\n      finished after 2 errors", "calm"),
    ("[11:00:00 ERR] no seat", "severe"),
    ("[11:00:00 INF] 2 errors were mended", "calm"),
    ("2026/06/02 11:00:00 [emerg] 1#1: no seat", "severe"),
    ("2026/06/02 11:00:00 [notice] 1#1: exit of a worker after an error", "calm"),
    ("[Tue Jun 02 11:00:00.1 2026] [core:error] [pid 17] no seat", "severe"),
    ("2026-06-02T11:00:00.1Z 0 [Note] [MY-010051] error log is open", "calm"),
    ("2026-06-02 11:00:00,123 - web - ERROR - no seat", "severe"),
    ("INFO:root:failed before, fine now", "calm"),
    ("2026-06-02T11:00:00.000Z\terror\tweb/main.go:12\tno seat", "severe"),
    ("2026-06-02T11:00:00.000Z\tinfo\tweb/main.go:12\terror budget is full", "calm"),
    ("2026-06-02T11:00:00.123+0000 E  STORAGE  [conn1] no seat", "severe"),
    ("1:M 02 Jun 2026 11:00:00.123 * Background saving terminated without error", "calm"),
    ("error: no seat", "severe"),
    ("warn: failed once", "warning"),
    ("2026-06-02 11:00:00 UTC [17] FEHLER:  kein Platz", "severe"),
    ("2026-06-02 11:00:00 UTC [17] ОШИБКА:  нет мест", "severe"),
    # access logs
    ('10.1.2.3 - - [02/Jun/2026:11:00:00 +0000] "POST /pay HTTP/1.1" 502 150 "-" "curl"', "severe"),
    ('10.1.2.3 - - [02/Jun/2026:11:00:00 +0000] "GET /error HTTP/1.1" 200 512 "-" "failover/1"', "calm"),
    ('INFO:     10.1.2.3:5000 - "GET /pay HTTP/1.1" 500 Internal Server Error', "severe"),
    ('[GIN] 2026/06/02 - 11:00:00 | 503 |  12.3ms | 10.1.2.3 | GET "/pay"', "severe"),
    ("Completed 500 Internal Server Error in 5ms", "severe"),
    ("10.1.2.3:5000 [02/Jun/2026:11:00:00.1] fe be/s1 0/0/1/-1/3 503 212 - - SC-- 1/1/0/0/0 0/0", "severe"),
    ('{"level":"info","msg":"request done","status":503}', "severe"),
    ('{"method":"GET","path":"/failed","status":200}', "calm"),
]


@pytest.mark.parametrize(("text", "expected"), STYLES)
def test_every_common_way_of_telling_a_level(text: str, expected: Level) -> None:
    assert level(line(text)) == expected


@pytest.mark.parametrize(
    ("text", "of_source", "expected"),
    [
        ("2026-06-02 11:00:00 ERROR no seat", "unknown", "severe"),
        ("2026-06-02 11:00:00 INFO 2 failed before", "error", "calm"),  # a collector's guess, or written to stderr
        ("moved to the ERROR queue", "info", "calm"),
        ('{"level":50,"msg":"no seat"}', "info", "severe"),
    ],
)
def test_the_text_tells_more_than_its_source(text: str, of_source: str, expected: Level) -> None:
    assert level(line(text, of_source)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"log":"no seat\\n","stream":"stdout","time":"2026-06-02T11:00:00Z"}', "no seat"),
        ('2026-06-02T11:00:00.1Z stdout F {"level":"error","msg":"no seat"}', "no seat"),
        ("<11>Jun  2 11:00:00 host web[17]: no seat", "no seat"),
        ("fail: Shop.Checkout[13]\n      no seat", "no seat"),
        ('{"Timestamp":"2026-06-02T11:00:00Z","LogLevel":"Error","Message":"no seat"}', "no seat"),
        ('{"message":"no seat","error":{"message":"conflict"}}', "no seat: conflict"),
    ],
)
def test_the_message_is_found_in_what_wraps_it(text: str, said: str) -> None:
    assert message(text) == said


def test_a_stack_trace_is_its_first_line() -> None:
    trace = (
        "\tat shop.Pay.run(Pay.java:40)",
        "Caused by: java.io.IOException: no seat",
        "\t... 31 more",
        '  File "/app/a.py", line 9, in b',
    )
    assert all(map(continues, trace))
    assert not any(map(continues, ("ERROR no seat", "java.io.IOException: no seat", "  indented, but a sentence")))


@given(
    st.text(max_size=400)
    | st.dictionaries(st.sampled_from(["level", "status", "s", "log", "stream"]), st.none() | st.text() | st.integers()).map(json.dumps)
)
def test_any_line_has_a_level(text: str) -> None:
    assert level(line(text)) in {"severe", "warning", "calm", ""}
