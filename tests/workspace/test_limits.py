"""Every limit that Slack puts on a message: the greatest that passes, the first that does not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace.board import Message
from bot.workspace.limits import SlackError, check_message

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str) -> Json:
    return {"type": "section", "text": mrkdwn(text)}


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


def image(url: str) -> Json:
    return {"type": "image", "image_url": url, "alt_text": "chart"}


EVERYTHING = [
    {"type": "header", "text": plain("Title"), "block_id": "top"},
    {"type": "section", "text": mrkdwn("*x*"), "accessory": button(action_id="a", value="1", style="primary")},
    {"type": "section", "fields": [mrkdwn("a"), plain("b")]},
    {"type": "context", "elements": [mrkdwn("a"), image("https://x/y.png")]},
    {"type": "divider"},
    actions(button(action_id="a"), button(url="https://x")),
    rich(
        rich_section(run("x", style={"bold": True}), {"type": "link", "url": "https://x", "text": "x"}, {"type": "emoji", "name": "wave"}),
        {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [rich_section(run("one")), rich_section(run("two"))]},
        {"type": "rich_text_preformatted", "elements": [run("code")], "border": 0},
        {"type": "rich_text_quote", "elements": [run("said")]},
    ),
    image("https://x/y.png"),
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
        ({"type": "header", "text": plain("x" * 150)}, {"type": "header", "text": plain("x" * 151)}),
        (section("x" * 3_000), section("x" * 3_001)),
        (section("x"), section("")),
        ({"type": "section", "fields": [plain("x" * 2_000)]}, {"type": "section", "fields": [plain("x" * 2_001)]}),
        ({"type": "section", "fields": [plain("x")] * 10}, {"type": "section", "fields": [plain("x")] * 11}),
        ({"type": "context", "elements": [plain("x")] * 10}, {"type": "context", "elements": [plain("x")] * 11}),
        (actions(*[button()] * 25), actions(*[button()] * 26)),
        (actions(button(value="x" * 2_000)), actions(button(value="x" * 2_001))),
        (actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256))),
        (actions({"type": "button", "text": plain("x" * 75)}), actions({"type": "button", "text": plain("x" * 76)})),
        (actions(button(url="https://" + "x" * 2_992)), actions(button(url="https://" + "x" * 2_993))),
        (image("https://" + "x" * 2_992), image("https://" + "x" * 2_993)),
        (rich(rich_section({"type": "link", "url": "x" * 3_000})), rich(rich_section({"type": "link", "url": "x" * 3_001}))),
        ({"type": "divider", "block_id": "x" * 255}, {"type": "divider", "block_id": "x" * 256}),
        (actions(button(action_id="a"), button(action_id="b")), actions(button(action_id="a"), button(action_id="a"))),
        (rich(rich_section(run("x", style={"code": True}))), rich(rich_section(run("x", style={"code": "yes"})))),
    ],
)
def test_each_limit(fits: Json, refused: Json) -> None:
    check_message("x", [fits])
    assert len(problems(refused)) == 1


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ({"type": "heading"}, "unsupported type: heading [json-pointer:/blocks/0/type]"),
        ("text", "unsupported type: None [json-pointer:/blocks/0/type]"),
        ({"type": ["section"]}, "unsupported type: ['section'] [json-pointer:/blocks/0/type]"),
        (actions({"type": "checkbox"}), "unsupported type: checkbox [json-pointer:/blocks/0/elements/0/type]"),
        ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
        ({"type": "header", "text": "x"}, "unsupported type: None [json-pointer:/blocks/0/text/type]"),
        ({"type": "header"}, "missing required field: text [json-pointer:/blocks/0]"),
        ({"type": "section"}, "missing required field: text or fields [json-pointer:/blocks/0]"),
        ({"type": "divider", "text": "x"}, "invalid additional property: text [json-pointer:/blocks/0]"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": 3}}, "should be a str [json-pointer:/blocks/0/text/text]"),
        (rich(), "must be more than 0 items [json-pointer:/blocks/0/elements]"),
        (rich({"type": "rich_text_section", "elements": run("x")}), "should be a list [json-pointer:/blocks/0/elements/0/elements]"),
        (rich(run("x")), "unsupported type: text [json-pointer:/blocks/0/elements/0/type]"),
        (rich(rich_section(run(""))), "must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]"),
        (rich(rich_section(run("x", style=["bold"]))), "should be an object [json-pointer:/blocks/0/elements/0/elements/0/style]"),
        (
            rich({"type": "rich_text_list", "elements": [rich_section(run("x"))]}),
            "missing required field: style [json-pointer:/blocks/0/elements/0]",
        ),
        (actions(button(style="big")), "must be one of danger, primary [json-pointer:/blocks/0/elements/0/style]"),
    ],
)
def test_each_mistake_is_named_with_its_place(block: Any, problem: str) -> None:
    assert problems(block) == [f"[ERROR] {problem}"]


def test_blocks_are_counted_and_their_ids_differ() -> None:
    check_message("x", [{"type": "divider"}] * 50)
    assert problems(*[{"type": "divider"}] * 51) == ["[ERROR] must be less than 51 items [json-pointer:/blocks]"]
    assert len(problems({"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"})) == 1


def test_the_same_action_may_stand_in_two_blocks() -> None:
    check_message("x", [actions(button(action_id="a")), actions(button(action_id="a"))])


@pytest.mark.parametrize(
    ("text", "blocks", "error"),
    [
        ("", [], "no_text"),
        (" \n", [], "no_text"),
        (3, [], "no_text"),
        ("x" * 40_001, [], "msg_too_long"),
        ("x", {"type": "divider"}, "invalid_blocks_format"),
        ("x", [section("x" * 2_641)] * 5, "msg_blocks_too_long"),
    ],
)
def test_a_message_as_a_whole(text: Any, blocks: Any, error: str) -> None:
    with pytest.raises(SlackError) as caught:
        check_message(text, blocks)
    assert caught.value.name == error


def test_the_longest_message_passes() -> None:
    check_message("x" * 40_000, [section("x" * 2_640)] * 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["section", "text", "button"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "elements", "style", "fields", "block_id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_sent_gets_an_answer(blocks: Any) -> None:
    with suppress(SlackError):
        check_message("x", blocks)


@pytest.mark.parametrize(
    ("text", "blocks", "mentions"),
    [
        ("<!channel> and <@U1> and <!subteam^S1|ops>", (), ("!channel", "@U1", "!subteam^S1|ops")),
        ("&lt;!channel&gt; @here", (), ()),
        ("x", (section("<!here|here>"),), ("!here|here",)),
        ("x", (section("<!date^1^{date}|then> <#C1>"),), ()),
        ("x", ({"type": "header", "text": plain("<!channel>")}, rich(rich_section(run("<@U1>")))), ()),
        ("x", (rich(rich_section({"type": "broadcast", "range": "channel"}, {"type": "user", "user_id": "U1"})),), ("!channel", "@U1")),
    ],
)
def test_whom_a_message_pings(text: str, blocks: tuple[Json, ...], mentions: tuple[str, ...]) -> None:
    assert Message("1.0", "C1", text, blocks=blocks).mentions == mentions


def test_where_a_message_links_to() -> None:
    link = {"type": "link", "url": "https://c", "text": "C"}
    message = Message(
        "1.0", "C1", "<https://a|ok>", blocks=(section("see <https://b> &lt;https://no&gt;"), rich(rich_section(link)), section("<@U1>"))
    )
    assert message.links == ("https://a|ok", "https://b", "https://c|C")
