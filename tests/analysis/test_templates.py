"""Which lines are of one kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.templates import ANY, LONGEST, MOST_LIKE, template, templates
from compass_core.readings import LogLine

TRACE = """Traceback (most recent call last):
  File "/app/orders.py", line 91, in place
ValueError: no seat"""


def line(text: str, t: float = 0.0, service: str = "web", level: str = "") -> LogLine:
    return LogLine(t, service, text, level)


# what varies


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("timeout after 4000 ms on 10.0.0.7:5432", "timeout after <n> ms on <addr>"),
        ("order 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed", "order <id> failed"),
        ("trace 4bf92f3577b34da6a3ce929d0e0e4736 lost", "trace <id> lost"),
        ("request ccbfb776 refused", "request <id> refused"),
        ("the facade failed", "the facade failed"),
        ("GET https://shop.example/a?b=1 failed", "GET <url> failed"),
        ("took 12ms, retry #3 of x1", "took <n>ms, retry #<n> of x1"),
        ("until 2026-01-05T14:03:00.123Z or 14:03:00,5", "until <time> or <time>"),
        ("2026-01-05T14:03:00.123Z ERROR no seat left", "ERROR no seat left"),
        ("2026-01-05 14:03:00.123 UTC [4615] FATAL:  too many", "FATAL: too many"),
        ("[2026-01-05 14:03:00] no seat", "no seat"),
        ("  a   b\tc ", "a b c"),
        ("balance is -3.5", "balance is <n>"),
        (TRACE, "Traceback (most recent call last):"),
        ("", ""),
    ],
)
def test_what_varies_is_masked(text: str, kind: str) -> None:
    assert template(text) == kind


def test_deep_and_long_lines() -> None:
    assert template('{"a":' * 100_000).startswith('{"a":')
    assert len(template("x" * 1_000_000)) == LONGEST
    assert len(template(json.dumps({"msg": "no " * 400_000}))) <= LONGEST
    assert len(template(bytes(range(256)).decode("latin-1") * 4000)) <= LONGEST


@given(st.text(max_size=400) | st.binary(max_size=400).map(lambda raw: raw.decode("latin-1")))
def test_no_line_is_too_odd(text: str) -> None:
    kind = template(text)
    assert len(kind) <= 3 * LONGEST, "a mask may be longer than what it hides"
    assert "\n" not in kind
    assert template(text) == kind


# which are alike


def kinds(*texts: str) -> dict[str, int]:
    return {kind.text: kind.count for kind in templates([line(text) for text in texts], ())}


def test_a_word_that_varies_becomes_any() -> None:
    assert kinds("no seat left for anna", "no seat left for bo", "no seat left for chen") == {f"no seat left for {ANY}": 3}


@pytest.mark.parametrize(
    "texts",
    [
        ("anna lost her seat again", "bo lost her seat again"),
        ("no seat left for anna", "no seat left for anna today"),
        ("no seat left for anna", "no way out of here"),
        ("no seat left for anna today", "no seat left in this row"),
        ("cannot open", "cannot close"),
    ],
    ids=["the first word", "the length", "one word alike", "half of the words alike", "two words are one alike"],
)
def test_what_keeps_lines_apart(texts: tuple[str, str]) -> None:
    assert kinds(*texts) == dict.fromkeys(texts, 1)


def test_services_keep_lines_apart() -> None:
    found = templates([line("no seat left for anna", service="web"), line("no seat left for bo", service="cart")], ())
    assert [(kind.service, kind.text, kind.shared) for kind in found] == [
        ("web", "no seat left for anna", 1),
        ("cart", "no seat left for bo", 1),
    ]


def test_a_kind_of_before_is_the_same_kind_when_its_words_vary() -> None:
    (found,) = templates([line("no seat left for anna")], [line("no seat left for bo"), line("no seat left for chen")])
    assert (found.text, found.count, found.before) == (f"no seat left for {ANY}", 1, 2)


def test_a_new_kind_is_compared_with_the_latest_of_its_length_alone() -> None:
    others = [" ".join(["no", *(letter * k for letter in "bcdefg")]) for k in range(1, MOST_LIKE + 1)]
    first, second = "no seat left for anna at all", "no seat left for bo at all"
    assert len(kinds(first, *others[1:], second)) == MOST_LIKE
    assert len(kinds(first, *others, second)) == MOST_LIKE + 2


# counts


def test_kinds_are_counted_for_each_service() -> None:
    window = [line("took 5 ms", 30), line("took 7 ms", 20), line("no seat", 25), line("took 5 ms", 40, "cart")]
    found = templates(window, [line("took 9 ms"), line("no seat", service="cart"), line("gone")])
    assert [(kind.service, kind.text, kind.count, kind.before, kind.first, kind.shared) for kind in found] == [
        ("web", "took <n> ms", 2, 1, 20, 2),
        ("web", "no seat", 1, 0, 25, 2),
        ("cart", "took <n> ms", 1, 0, 40, 2),
    ]
    assert found[0].example == "took 5 ms"
    assert templates([], window) == ()


lines = st.lists(
    st.builds(LogLine, st.floats(0, 1e6), st.sampled_from(["web", "cart"]), st.lists(st.sampled_from("abc1"), max_size=6).map(" ".join)),
    max_size=30,
)


@given(lines, lines)
def test_every_line_is_of_one_kind(window: list[LogLine], before: list[LogLine]) -> None:
    found = templates(window, before)
    assert sum(kind.count for kind in found) == len(window)
    assert sum(kind.before for kind in found) <= len(before)
    assert len({(kind.service, kind.text) for kind in found}) == len(found)
    assert [kind.count for kind in found] == sorted((kind.count for kind in found), reverse=True)
    for service in ("web", "cart"):
        times = [one.t for one in window if one.service == service]
        assert min(times, default=None) == min((kind.first for kind in found if kind.service == service), default=None)
