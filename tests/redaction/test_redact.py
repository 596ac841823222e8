"""Redaction: what is a secret, what is not, and what holds for any text."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compass_core.domain import AgentName, Gap, Incident, Investigation, Value
from compass_core.redaction.redact import HIDDEN, Redactor, expression, hidden
from compass_core.redaction.whole import redacted
from tests.bot.made import INVESTIGATION, conclusion, observation
from tests.redaction.ordinary import LOOKALIKES, ordinary
from tests.redaction.planted import Planted, planted

SECRETS = planted(seed=4)
# `\x85` and the like end a word as a space does
SPACES = st.sampled_from([" ", "\n", "\t", ", ", " | ", "\r\n"])
# parts of what secrets look like, so that they come together in ways nobody thought of
PARTS = st.sampled_from(
    [
        *"=:\"'\\<>{}[]()@/.,;&%- \n1aZ",
        *("password", "token", "secret", "api_key", "session", "cookie", "bearer ", "authorization", "Basic ", "://", "eyJhbGciOi.", "--"),
        *("<token-1>", "<email-22>", HIDDEN, "bob@example.com", "4242424242424242", "value", '\\"', "&quot;", "%3D", "İ", "\ud800"),
        *("AKIA" + "Q" * 8 + "7" * 8, "xox" + "b-1-2", "gh" + "p_" + "a1" * 18, "hunter2"),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PARTS, max_size=24).map("".join))


def leaks(value: str, text: str) -> bool:
    """Any twelve characters of the secret, or all of a shorter one."""
    return any(value[at : at + 12] in text for at in range(max(1, len(value) - 11)))


def test_there_is_enough_to_find() -> None:
    assert len(SECRETS) >= 300
    assert len({one.kind for one in SECRETS}) >= 100
    assert all(one.value in one.text for one in SECRETS)


@pytest.mark.parametrize("one", SECRETS, ids=lambda one: one.kind)
def test_planted_secrets_are_found(one: Planted) -> None:
    found = Redactor()(one.text)
    assert re.search(r"<[a-z]+-[0-9]>", found)
    assert not leaks(one.value, found)
    assert not leaks(one.value, hidden(one.text))
    assert HIDDEN in hidden(one.text)


def test_ordinary_lines_stay() -> None:
    redactor = Redactor()
    changed = [(line, now) for line in ordinary(20_000, seed=7) if (now := redactor(line)) != line]
    assert len(changed) <= 2, changed


def test_the_ordinary_lines_hold_all_that_looks_like_a_secret() -> None:
    lines = "\n".join(ordinary(20_000, seed=7))
    assert all(part in lines for one in LOOKALIKES for part in re.split(r"\{.*?\}+|\{\{|\}\}", one) if part)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("password: hunter2, retry", "password: <password-1>, retry"),
        (
            '{"a":"{\\"password\\":\\"p,\\\\\\"q\\",\\"user\\":\\"kim\\"}"}',
            '{"a":"{\\"password\\":\\"<password-1>\\",\\"user\\":\\"kim\\"}"}',
        ),
        ("{password=hunter2, user=kim} done.", "{password=<password-1>, user=kim} done."),
        ("password=a1,b2;user=kim", "password=<password-1>;user=kim"),
        ("postgres://app:p@ss@db:5432/x?password=p@ss&ssl=1", "postgres://app:<password-1>@db:5432/x?password=<password-1>&ssl=1"),
        ("dial app:hunter2@tcp(db:3306)/x", "dial app:<password-1>@tcp(db:3306)/x"),
        ("Cookie: a=1; b=2 status=200", "Cookie: <cookie-1> status=200"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer <token-1>"),
        ("<kim@example.com> kim@example.com bo@example.com", "<<email-1>> <email-1> <email-2>"),
        ("card 3782 822463 10005.", "card <card-1>."),
        ("password=[hidden] token=<token-9>", "password=[hidden] token=<token-9>"),
        ('"password":"never closed by this', '"password":"<password-1>'),
        ("the password is: changed", "the password is: changed"),
    ],
)
def test_what_is_around_a_secret_stays(text: str, told: str) -> None:
    assert Redactor()(text) == told


def test_one_value_has_one_placeholder_wherever_it_stands() -> None:
    redactor = Redactor()
    assert redactor("password=Hunter2x") == "password=<password-1>"
    assert redactor("redis://:Hunter2x@cache") == "redis://:<password-1>@cache"
    assert redactor('"token":"Hunter2x"') == '"token":"<password-1>"'
    assert Redactor()("token=Hunter2x") == "token=<token-1>"


def test_a_redactor_tells_nothing_of_what_it_saw() -> None:
    redactor = Redactor()
    redactor("password=Hunter2x token=Hunter3x")
    assert repr(redactor) == "<Redactor with 2 placeholders>"
    assert "Hunter" not in str(vars(redactor))


@given(TEXTS)
@example("<password-1>=password=<password-1>x")
@example("BASIC 00000¹")
def test_redacting_again_changes_nothing(text: str) -> None:
    redactor = Redactor()
    once = redactor(text)
    assert redactor(once) == once
    assert len(once) <= 16 * len(text)
    assert hidden(hidden(text)) == hidden(text)


@given(TEXTS, st.sampled_from(["[a-z]+", r"\d", "token-1", "<", ".", "İ|ss+"]))
def test_configured_expressions_never_grow_a_text_for_ever(text: str, configured: str) -> None:
    redactor = Redactor([re.compile(configured)])
    once = redactor(text)
    assert redactor(once) == once
    assert len(once) <= 16 * len(text)


@given(st.text(max_size=80), SPACES, st.sampled_from(SECRETS), SPACES, st.text(max_size=80))
def test_a_secret_is_found_in_any_surroundings(before: str, first: str, one: Planted, second: str, after: str) -> None:
    """A card number is the exception: after `order id` it is taken for one."""
    if one.kind != "card":
        assert one.value not in Redactor()(f"{before}{first}{one.text}{second}{after}")


@given(st.text(max_size=80), st.text(max_size=80))
def test_the_same_value_gets_the_same_placeholder(before: str, after: str) -> None:
    redactor = Redactor()
    token = "gh" + "p_" + "c3" * 18
    known = redactor(token)
    assert known in redactor(f"{before} {token} {after}")


@pytest.mark.parametrize(
    "text",
    [
        "=" * 50_000,
        'password:"' * 2_000,
        "a" * 50_000,
        "password='" + "y" * 50_000,
        'secret: "a b' * 4_000,
        "1-" * 8_000,
        "://" + "a:" * 20_000,
        "password=" + "y" * 50_000,
        "token=" * 2_000,
    ],
)
def test_long_texts_end(text: str) -> None:
    redactor = Redactor()
    assert redactor(redactor(text)) == redactor(text)


def test_configured_expressions_are_hidden() -> None:
    redactor = Redactor([expression("customer-[0-9]{6}")])
    assert redactor("customer-123456 and customer-654321, customer-123456") == "<custom-1> and <custom-2>, <custom-1>"
    assert hidden("for customer-123456", [expression("customer-[0-9]{6}")]) == "for [hidden]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a(", "not a regular expression: missing )"),
        ("a*", "matches the empty text"),
        ("(a+)+b", "repeats a group that itself varies"),
        ("(a|b)*c", "repeats a group"),
        ("((a)?b){2,}c", "repeats a group"),
        ("(?x)a # )\n(b+)+", "repeats a group"),
        ("x{9999999999999999999999}", "not a regular expression"),
    ],
)
def test_a_wrong_expression_is_told_and_not_quoted(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)) as wrong:
        expression(text)
    assert text not in str(wrong.value)


@pytest.mark.parametrize("text", [r"[(a+)+]x", r"\(a+\)+", "(?:ab)+", "(?P<n>ab|c)d", "a+b*c"])
def test_expressions_that_end_are_taken(text: str) -> None:
    assert expression(text).pattern == text


def test_every_text_of_a_value_is_redacted() -> None:
    at = datetime(2026, 1, 5, 14, tzinfo=UTC)
    secret = "password=Hunter2x"
    incident = Incident(id=secret, title=secret, services=(secret,), started_at=at, severity=secret, description=secret, origin=secret)
    seen = observation(summary=secret, query=secret, service=secret, reduction=secret, signal=secret, source=secret, unit=secret)
    whole = conclusion(
        investigation=Investigation(id="0f3a", incident=incident, started_at=at, budget=1),
        reason=secret,
        hypotheses=({**conclusion().hypotheses[0].model_dump(), "statement": secret, "service": secret},),
    )
    run = whole.runs[0]
    run = run.model_copy(update={"findings": run.findings.model_copy(update={"observations": (seen,)}), "reason": secret})
    told = redacted(whole.model_copy(update={"runs": (run,)}), Redactor())
    assert "Hunter2x" not in told.model_dump_json()
    assert told.model_dump_json().count("<password-1>") == 17
    assert type(told).model_validate_json(told.model_dump_json()) == told


def test_what_others_refer_to_stays() -> None:
    number = "4242424242424242"
    told = redacted(conclusion(investigation=INVESTIGATION.model_copy(update={"id": number})), Redactor())
    assert told.investigation.id == number
    assert told.hypotheses[0].evidence_for == ("A1",)
    assert told.runs[0].agent is AgentName.APPLICATION
    assert told == conclusion(investigation=INVESTIGATION.model_copy(update={"id": number}))
    assert redacted(observation(number), Redactor()).id == number


@pytest.mark.parametrize(
    "link",
    [
        "https://g/explore?x=password%3DHunter2x",
        "https://g/?left=%7B%22password%22%3A%22Hunter2x%22%7D",
        "https://g/?x=password%253DHunter2x",
        "https://kim:Hunter2x@g/",
    ],
)
def test_a_link_with_a_secret_is_dropped(link: str) -> None:
    assert redacted(observation(link=link), Redactor()).link is None
    assert redacted(observation(link=None), Redactor()).link is None


def test_other_links_stay() -> None:
    link = "https://g/explore?left=%7B%22expr%22%3A%22rate(x%7Bservice%3D%5C%22a%5C%22%7D%5B1m%5D)%22%7D&from=1773511065513"
    assert redacted(observation(link=link), Redactor()).link == link


def test_a_gap_keeps_its_reason() -> None:
    gap: Value = Gap(source="Loki", reason="rejected", detail="password=Hunter2x")
    assert redacted(gap, Redactor()).model_dump() == {"source": "Loki", "reason": "rejected", "detail": "password=<password-1>"}
