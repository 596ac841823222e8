from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.command import Command, Declare, Show, Stop, parse_budget
from bot.command import parse as parsed
from compass_core.domain import AgentName, Request
from compass_core.errors import RefusalError

NOW = datetime(2026, 1, 5, 14, 3, tzinfo=UTC)


def parse(text: str) -> Command:
    return parsed(text, NOW)


def asked(text: str) -> Request:
    command = parse(text)
    assert isinstance(command, Request)
    return command


def refused(text: str) -> str:
    with pytest.raises(RefusalError) as refusal:
        parse(text)
    return str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "investigate INC-42",
        "Investigate  INC-42 ",
        "investigate “INC-42”",
        "investigate <http://INC-42|INC-42>",
        "investigate\u200b INC\u200b-42\n",
    ],
)
def test_an_incident_by_its_id(text: str) -> None:
    assert asked(text) == Request(reference="INC-42")


@pytest.mark.parametrize("dashes", ["--", "—", "–", "−", "-", "––"])
@pytest.mark.parametrize("equals", [" ", "="])
def test_a_service_and_since_when_however_the_dashes_arrive(dashes: str, equals: str) -> None:
    text = f"investigate {dashes}service{equals}shop/check_out:2.x {dashes}since{equals}45m {dashes}budget{equals}2.50 {dashes}only{equals}Database"
    assert asked(text) == Request(
        service="shop/check_out:2.x", since=timedelta(minutes=45), budget=Decimal("2.50"), only=AgentName.DATABASE
    )


def test_slack_markup_is_taken_back() -> None:
    assert asked("investigate <#C024BE7LR|inc-42>").reference == "inc-42"
    assert asked("investigate <@U1>").reference == "@U1"
    assert asked("investigate --service <http://api.example.com|api.example.com> --since 5m").service == "api.example.com"
    assert parse("declare a &lt; b &amp; c --service s --since 5m") == Declare("a < b & c", "s", timedelta(minutes=5))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Show("help")),
        ("  ", Show("help")),
        ("help", Show("help")),
        ("status", Show("status")),
        ("LIST", Show("list")),
        ("history `INC-7`", Show("history", "INC-7")),
        ("cost", Show("cost")),
    ],
)
def test_short_commands(text: str, command: object) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    "text", ["declare can't pay — slow --service checkout --since 20m", 'declare --service checkout --since 20m "can\'t pay — slow"']
)
def test_declare(text: str) -> None:
    assert parse(text) == Declare("can't pay — slow", "checkout", timedelta(minutes=20))


def test_a_quoted_word_is_no_flag() -> None:
    assert parse('declare "--since is odd" --service a --since 1h') == Declare("--since is odd", "a", timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("investigate", "which incident"),
        ('investigate "', "which incident"),
        ('investigate " "', "which incident"),
        ("investigate INC-1 --service a --since 5m", "not both"),
        ("investigate checkout --since 5m", "type --service checkout --since"),
        ("investigate INC-1 --in shop", "--in namespace=shop"),
        ("investigate --service a --since 20 fortnights", "03:00"),
        ("investigate --service a", "since when"),
        ("investigate --since 5m", "which service"),
        ("investigate INC-1 --budgt 5", "Did you mean --budget?"),
        ("investigate INC-1 --title x", "There is no --title"),
        ("investigate INC-1 --budget", "--budget needs a value"),
        ("investigate INC-1 --budget --only database", "--budget needs a value"),
        ("investigate INC-1 --budget=", "--budget needs a value"),
        ("investigate INC-1 --budget 1 --budget 2", "given twice"),
        ("investigate INC-1 --only databse", "Did you mean database?"),
        ("investigate --service a{b} --since 5m", "--service cannot be"),
        ("investigate " + "x" * 300, "too long"),
        ("investigte INC-1", "Did you mean investigate?"),
        ("INC-42", "/compass investigate"),
        ("declare --service a --since 5m", "what is wrong"),
        ("declare slow --since 5m", "--service is missing"),
        ("declare slow --service a", "--since is missing"),
        ("investigate " + "x" * 10_000, "10,012 characters"),
        ("cost --days 7", "cost takes nothing behind it"),
        ("status INC-1", "status takes nothing behind it"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_shows_the_form(text: str, told: str) -> None:
    refusal = refused(text)
    assert told in refusal
    assert "/compass" in refusal or "such as" in refusal or "it is application" in refusal
    assert len(refusal) < 800


@pytest.mark.parametrize("text", ["-3", "nan", "inf", "1e9", "abc", "$", "1001", "1e999", "1_0", "-0", "\u0665", ""])
def test_a_budget_that_is_none(text: str) -> None:
    with pytest.raises(RefusalError, match="US dollars"):
        parse_budget(text)


@pytest.mark.parametrize(("text", "budget"), [("0", "0"), ("5", "5"), ("$5", "5"), ("0.001", "0.001"), ("1000", "1000")])
def test_a_budget(text: str, budget: str) -> None:
    assert parse_budget(text) == Decimal(budget)


@pytest.mark.parametrize(
    "decorated",
    [
        "`INC-42`",
        "*INC-42*",
        "_INC-42_",
        "~INC-42~",
        "#INC-42",
        "INC-42.",
        "(INC-42),",
        "'INC-42'",
        "\u2018INC-42\u2019",
        "«INC-42»",
        "*`INC-42`*:",
    ],
)
def test_an_id_however_it_is_decorated(decorated: str) -> None:
    assert asked(f"investigate {decorated}").reference == "INC-42"
    assert parse(f"stop {decorated}") == Stop("INC-42")


@pytest.mark.parametrize("typed", ["INC\u201142", "INC\u201342", "incident INC-42", "the alert `INC-42`", "INC-42\u201d"])
def test_an_id_as_editors_and_habit_write_it(typed: str) -> None:
    assert asked(f"investigate {typed}").reference == "INC-42"


def test_a_name_of_several_words_and_one_that_ends_in_a_bracket() -> None:
    assert asked("investigate High error rate").reference == "High error rate"
    assert asked("investigate Disk full (node)").reference == "Disk full (node)"


def test_a_link_is_taken_whole_unless_it_has_a_name() -> None:
    link = "https://alerts.example.com/#/alerts?silenced=false&filter=%7Balertname%3D%22Slow%22%7D" + "&x=1" * 100
    assert asked(f"investigate <{link.replace('&', '&amp;')}>").reference == link
    assert asked(f"investigate <{link}|View the alert>").reference == link
    assert asked(f"investigate <{link}|Slow>").reference == "Slow"


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        ("20 m", 20),
        ("20min", 20),
        ("2 hours", 120),
        ("1h30m", 90),
        ("13:00", 63),
        ("2026-01-05T15:00+02:00", 63),
        ("2 h ago", 120),
        ("`20m`", 20),
        ("20 min.", 20),
        ("\u201820m\u2019", 20),
    ],
)
def test_since_when_may_be_several_words(typed: str, minutes: int) -> None:
    wanted = Request(service="checkout", since=timedelta(minutes=minutes))
    assert asked(f"investigate --service checkout --since {typed}") == wanted
    assert asked(f"investigate --since {typed} --service=checkout") == wanted
    assert parse(f"declare --since {typed} It is slow --service `checkout`") == Declare(
        "It is slow", "checkout", timedelta(minutes=minutes)
    )


@pytest.mark.parametrize(
    "typed", ["--namespace shop --cluster eu-1", "--in namespace=shop --in cluster=eu-1", '--in namespace="shop",cluster=eu-1']
)
def test_where_it_is(typed: str) -> None:
    assert asked(f"investigate INC-1 {typed}").environment == (("namespace", "shop"), ("cluster", "eu-1"))


@pytest.mark.parametrize("verb", ["stop", "cancel", "Abort"])
def test_stop(verb: str) -> None:
    assert parse(verb) == Stop()


WORDS = st.sampled_from(
    [
        "investigate",
        "declare",
        "status",
        "stop",
        "--service",
        "—since",
        "--in",
        "a=b",
        "`",
        "*",
        "20",
        "hours",
        "03:00",
        "<https://a.b/c|d e>",
        "--budget=",
        '"',
        "“",
        "<#C1|",
        ">",
        "5m",
        "a",
        "-3",
        "&lt;",
        "\x00",
    ]
)


@given(st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=12).map(" ".join)))
def test_whatever_is_typed_is_a_command_or_a_refusal(text: str) -> None:
    try:
        command = parse(text)
    except RefusalError as refusal:
        assert str(refusal)  # noqa: PT017 - either way is right
    else:
        assert isinstance(command, Request | Declare | Stop | Show)
        if isinstance(command, Request):
            assert bool(command.reference) != bool(command.service)
