"""Every limit that Slack puts on a message: the greatest that passes, the first that does not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace.board import Message
from tests.workspace.limits import SlackError, check_message, check_view, links, mentions

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def header(text: str, **more: Any) -> Json:
    return {"type": "header", "text": plain(text), **more}


def context(*texts: str) -> Json:
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain("Go"), **more}


def actions(*buttons: Json) -> Json:
    return {"type": "actions", "elements": list(buttons)}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def run(text: str, **more: Any) -> Json:
    return {"type": "text", "text": text, **more}


def rich_section(*elements: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(elements)}


EVERYTHING = [
    header("Title"),
    context("*a*", "b"),
    actions(button(action_id="a", value="1"), button()),
    rich(
        rich_section(run("x", style={"bold": True}), {"type": "link", "url": "https://x", "text": "x"}),
        {"type": "rich_text_list", "style": "bullet", "elements": [rich_section(run("one")), rich_section(run("two"))]},
        {"type": "rich_text_preformatted", "elements": [run("code")]},
    ),
]


def problems(*blocks: Any) -> list[str]:
    with pytest.raises(SlackError) as caught:
        check_message("x", list(blocks))
    assert caught.value.name == "invalid_blocks"
    return list(caught.value.body["response_metadata"]["messages"])


def test_what_the_bot_may_use() -> None:
    check_message("x", EVERYTHING)
    check_message("", EVERYTHING)


@pytest.mark.parametrize(
    ("fits", "refused"),
    [
        (header("x" * 150), header("x" * 151)),
        (context("x" * 3_000), context("x" * 3_001)),
        (context("x"), context("")),
        (context(*["x"] * 10), context(*["x"] * 11)),
        (actions(*[button()] * 25), actions(*[button()] * 26)),
        (actions(button(value="x" * 2_000)), actions(button(value="x" * 2_001))),
        (actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256))),
        (actions({"type": "button", "text": plain("x" * 75)}), actions({"type": "button", "text": plain("x" * 76)})),
        (rich(rich_section({"type": "link", "url": "x" * 3_000})), rich(rich_section({"type": "link", "url": "x" * 3_001}))),
        (actions(button(action_id="a"), button(action_id="b")), actions(button(action_id="a"), button(action_id="a"))),
        (rich(rich_section(run("x", style={"code": True}))), rich(rich_section(run("x", style={"code": "yes"})))),
    ],
)
def test_each_limit(fits: Json, refused: Json) -> None:
    check_message("x", [fits])
    assert len(problems(refused)) == 1


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ({"type": "heading"}, "blocks/0"),
        ("text", "blocks/0"),
        ({"type": ["header"]}, "blocks/0"),
        ({"type": "header", "text": mrkdwn("x")}, "blocks/0/header/text/type"),
        ({"type": "header", "text": "x"}, "blocks/0/header/text"),
        ({"type": "header"}, "blocks/0/header/text"),
        (header("x", level=1), "blocks/0/header/level"),
        ({"type": "header", "text": {"type": "plain_text", "text": 3}}, "blocks/0/header/text/text"),
        (actions({**button(), "type": "checkbox"}), "blocks/0/actions/elements/0/type"),
        (rich(), "blocks/0/rich_text/elements"),
        (rich({"type": "rich_text_section", "elements": run("x")}), "blocks/0/rich_text/elements/0/rich_text_section/elements"),
        (rich(run("x")), "blocks/0/rich_text/elements/0"),
        (rich(rich_section(run(""))), "blocks/0/rich_text/elements/0/rich_text_section/elements/0/text/text"),
        (rich(rich_section(run("x", style=["bold"]))), "blocks/0/rich_text/elements/0/rich_text_section/elements/0/text/style"),
        (rich({"type": "rich_text_list", "elements": [rich_section(run("x"))]}), "blocks/0/rich_text/elements/0/rich_text_list/style"),
    ],
)
def test_each_mistake_is_named_with_its_place(block: Any, place: str) -> None:
    (problem,) = problems(block)
    assert problem.startswith("[ERROR] ")
    assert problem.endswith(f" [{place}]")


def test_blocks_are_counted() -> None:
    check_message("x", [header("x")] * 50)
    assert len(problems(*[header("x")] * 51)) == 1


def test_the_same_action_may_stand_in_two_blocks_and_not_twice_in_one() -> None:
    check_message("x", [actions(button(action_id="a")), actions(button(action_id="a"))])
    assert problems(actions(button(action_id="a"), button(action_id="a"))) == ["[ERROR] action_id 'a' already exists"]


@pytest.mark.parametrize(
    ("text", "blocks", "error"),
    [
        ("", [], "no_text"),
        (" \n", [], "no_text"),
        (3, [], "no_text"),
        ("x" * 40_001, [], "msg_too_long"),
        ("x", header("x"), "invalid_blocks_format"),
        ("x", [context("x" * 2_641)] * 5, "msg_blocks_too_long"),
    ],
)
def test_a_message_as_a_whole(text: Any, blocks: Any, error: str) -> None:
    with pytest.raises(SlackError) as caught:
        check_message(text, blocks)
    assert caught.value.name == error


def test_the_longest_message_passes() -> None:
    check_message("x" * 40_000, [context("x" * 2_640)] * 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["header", "context", "text", "button"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "elements", "style", "action_id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_sent_gets_an_answer(blocks: Any) -> None:
    with suppress(SlackError):
        check_message("x", blocks)


@pytest.mark.parametrize(
    ("text", "blocks", "whom"),
    [
        ("<!channel> and <@U1> and <!subteam^S1|ops>", (), ("!channel", "@U1", "!subteam^S1|ops")),
        ("&lt;!channel&gt; @here", (), ()),
        ("x", (context("<!here|here>"),), ("!here|here",)),
        ("x", (context("<!date^1^{date}|then> <#C1>"),), ()),
        ("x", ({"type": "header", "text": plain("<!channel>")}, rich(rich_section(run("<@U1>")))), ()),
    ],
)
def test_whom_a_message_pings(text: str, blocks: tuple[Json, ...], whom: tuple[str, ...]) -> None:
    assert mentions(Message("1.0", "C1", text, blocks=blocks)) == whom


def test_where_a_message_links_to() -> None:
    link = {"type": "link", "url": "https://c", "text": "C"}
    message = Message(
        "1.0", "C1", "<https://a|ok>", blocks=(context("see <https://b> &lt;https://no&gt;"), rich(rich_section(link)), context("<@U1>"))
    )
    assert links(message) == ("https://a|ok", "https://b", "https://c|C")


def field(name: str, **element: object) -> Json:
    made = {"type": "plain_text_input", "action_id": name} | element
    return {"type": "input", "block_id": name, "label": plain("Label"), "element": made}


def modal(*blocks: Json, **more: object) -> Json:
    return {"type": "modal", "title": plain("T"), "close": plain("C"), "submit": plain("S"), "blocks": list(blocks)} | more


NONE = {"type": "static_select", "options": [{"text": plain("A"), "value": "a"}], "initial_option": {"text": plain("B"), "value": "b"}}


@pytest.mark.parametrize(
    "view",
    [
        modal(field("a"), field("a")),
        {name: part for name, part in modal(field("a")).items() if name != "submit"},
        modal(field("a", initial_value="")),
        modal(field("a", initial_value="x" * 3_001)),
        modal(field("a", **NONE)),
        modal(field("a"), private_metadata="x" * 3_001),
        modal(field("a") | {"hint": plain("")}),
    ],
)
def test_a_form_that_slack_does_not_open(view: Json) -> None:
    with pytest.raises(SlackError):
        check_view(view)


def test_a_form_that_slack_opens() -> None:
    select = NONE | {"initial_option": {"text": plain("A"), "value": "a"}}
    check_view(modal(field("a", initial_value="x" * 3_000), field("b", **select), private_metadata="x" * 3_000))
