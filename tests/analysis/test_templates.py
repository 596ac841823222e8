"""Which lines are of one kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.templates import LONGEST, message, template, templates
from compass_core.readings import LogLine

TRACE = """Traceback (most recent call last):
  File "/app/orders.py", line 91, in place
ValueError: no seat"""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("timeout after 4000 ms on 10.0.0.7:5432", "timeout after <n> ms on <addr>"),
        ("order 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed", "order <id> failed"),
        ("trace 4bf92f3577b34da6a3ce929d0e0e4736 lost", "trace <id> lost"),
        ("request ccbfb776 refused", "request <id> refused"),
        ("the facade failed", "the facade failed"),
        ("GET https://shop.example/a?b=1 failed", "GET <url> failed"),
        ("2026-01-05T14:03:00.123Z ERROR no seat left", "ERROR no seat left"),
        ("2026-01-05 14:03:00.123 UTC [4615] FATAL:  too many", "FATAL: too many"),
        ("  a   b\tc ", "a b c"),
        ("balance is -3.5", "balance is <n>"),
        (TRACE, "Traceback (most recent call last):"),
        ("", ""),
    ],
)
def test_what_varies_is_masked(line: str, kind: str) -> None:
    assert template(line) == kind


@pytest.mark.parametrize(
    ("line", "said"),
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
    ],
)
def test_what_a_line_says(line: str, said: str) -> None:
    assert message(line) == said


def test_a_pair_in_a_sentence_does_not_hide_the_sentence() -> None:
    assert message("ERROR order failed error=timeout after 3 tries") == "ERROR order failed error=timeout after 3 tries"


def test_deep_and_long_lines() -> None:
    assert template('{"a":' * 100_000).startswith('{"a":')
    assert len(template("x" * 1_000_000)) == LONGEST
    assert len(template(json.dumps({"msg": "no " * 400_000}))) <= LONGEST
    assert len(template(bytes(range(256)).decode("latin-1") * 4000)) <= LONGEST


def line(text: str, t: float = 0.0, service: str = "web") -> LogLine:
    return LogLine(t, service, text)


def test_kinds_are_counted_for_each_service() -> None:
    window = [line("took 5 ms", 30), line("took 7 ms", 20), line("no seat", 25), line("took 5 ms", 40, "cart")]
    found = templates(window, [line("took 9 ms"), line("no seat", service="cart")])
    assert [(kind.service, kind.text, kind.count, kind.before, kind.first) for kind in found] == [
        ("web", "took <n> ms", 2, 1, 20),
        ("web", "no seat", 1, 0, 25),
        ("cart", "took <n> ms", 1, 0, 40),
    ]
    assert found[0].example == "took 5 ms"
    assert templates([], window) == ()


@given(st.text(max_size=400) | st.binary(max_size=400).map(lambda raw: raw.decode("latin-1")))
def test_no_line_is_too_odd(text: str) -> None:
    kind = template(text)
    assert len(kind) <= 2 * LONGEST, "a mask may be longer than what it hides"
    assert "\n" not in kind
    assert template(text) == kind


@given(st.dictionaries(st.sampled_from(["msg", "message", "error", "x"]), st.none() | st.text() | st.integers() | st.lists(st.text())))
def test_any_json_line(fields: dict[str, object]) -> None:
    said = message(json.dumps(fields))
    assert all(value in said for value in (fields.get("msg"), fields.get("error")) if isinstance(value, str))
