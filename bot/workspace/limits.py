"""What Slack refuses in a message, as Slack names it, and the markup in which a message would ping or link."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json = dict[str, Any]

MOST_CHARACTERS = 13_200
LONGEST_TEXT = 40_000
_MARKUP = re.compile(r"<([^<>\n]+)>")


class SlackError(Exception):
    """An answer `{"ok": false, "error": name}`; `status` is the HTTP status, `retry_after` in seconds."""

    def __init__(self, name: str, *problems: str, status: int = 200, retry_after: int = 0) -> None:
        super().__init__(name)
        self.name = name
        self.status = status
        self.retry_after = retry_after
        self.body: Json = {"ok": False, "error": name} | ({"response_metadata": {"messages": problems}} if problems else {})


class _Of(NamedTuple):
    """An object of one of these types, or (`most`) a list of them; `longest` is its text's length where the shape's is not meant."""

    kinds: tuple[str, ...]
    longest: int = 0
    most: int = 0


# Name → rule, the required names with `!`. A rule is the greatest length of a string, a type, a set of words, the name of
# another shape, or an `_Of`.
_PLAIN, _TEXTS = ("plain_text",), ("plain_text", "mrkdwn")
_RUNS = ("text", "link")
_RUNS_AND_PINGS = (*_RUNS, "emoji", "user", "usergroup", "channel", "broadcast")
_STYLED, _BORDERED = {"style": "style"}, {"border": int}
_BLOCKS = _Of(("header", "section", "context", "actions", "divider", "image", "rich_text"), most=50)
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "header": {"text!": _Of(_PLAIN, 150)},
    "section": {"text": _Of(_TEXTS), "fields": _Of(_TEXTS, 2_000, most=10), "accessory": _Of(("button", "image")), "expand": bool},
    "context": {"elements!": _Of((*_TEXTS, "image"), most=10)},
    "actions": {"elements!": _Of(("button",), most=25)},
    "divider": {},
    "image": {"image_url!": 3_000, "alt_text!": 2_000, "title": _Of(_PLAIN, 2_000)},
    "button": {"text!": _Of(_PLAIN, 75), "action_id": 255, "value": 2_000, "url": 3_000, "style": {"primary", "danger"}},
    "plain_text": {"text!": 3_000, "emoji": bool},
    "mrkdwn": {"text!": 3_000, "verbatim": bool},
    "rich_text": {"elements!": _Of(("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"), most=1_000)},
    "rich_text_section": {"elements!": _Of(_RUNS_AND_PINGS, most=1_000)},
    "rich_text_quote": {"elements!": _Of(_RUNS_AND_PINGS, most=1_000), **_BORDERED},
    "rich_text_preformatted": {"elements!": _Of(_RUNS, most=1_000), **_BORDERED},
    "rich_text_list": {
        "elements!": _Of(("rich_text_section",), most=1_000),
        "style!": {"bullet", "ordered"},
        "indent": int,
        "offset": int,
        **_BORDERED,
    },
    "text": {"text!": MOST_CHARACTERS, **_STYLED},
    "link": {"url!": 3_000, "text": MOST_CHARACTERS, "unsafe": bool, **_STYLED},
    "emoji": {"name!": 100, **_STYLED},
    "user": {"user_id!": 20, **_STYLED},
    "usergroup": {"usergroup_id!": 20, **_STYLED},
    "channel": {"channel_id!": 20, **_STYLED},
    "broadcast": {"range!": {"here", "channel", "everyone"}, **_STYLED},
    "style": {"bold": bool, "italic": bool, "strike": bool, "code": bool, "underline": bool},
}


def _wrong(problem: str, at: str) -> str:
    return f"[ERROR] {problem} [json-pointer:{at}]"


def _problems(rule: Any, value: Any, at: str) -> Iterator[str]:
    """What is wrong with the value at this JSON pointer."""
    match rule:
        case _Of(most=0):
            yield from _object(rule, value, at)
        case _Of():
            yield from _objects(rule, value, at)
        case int():
            yield from _sized(value, str, rule, at)
        case str():
            yield from _shape(_SHAPES[rule], value, at)
        case type():
            if type(value) is not rule:
                yield _wrong(f"should be a {rule.__name__}", at)
        case _:
            if value not in [*rule]:
                yield _wrong(f"must be one of {', '.join(sorted(rule))}", at)


def _sized(value: Any, kind: type[str | list[Any]], most: int, at: str) -> Iterator[str]:
    unit = "characters" if kind is str else "items"
    if not isinstance(value, kind):
        yield _wrong(f"should be a {kind.__name__}", at)
    elif not value:
        yield _wrong(f"must be more than 0 {unit}", at)
    elif len(value) > most:
        yield _wrong(f"must be less than {most + 1} {unit}", at)


def _objects(rule: _Of, value: Any, at: str) -> Iterator[str]:
    yield from _sized(value, list, rule.most, at)
    for index, item in enumerate(value[: rule.most] if isinstance(value, list) else ()):
        yield from _object(rule, item, f"{at}/{index}")


def _object(rule: _Of, value: Any, at: str) -> Iterator[str]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in rule.kinds:
        yield _wrong(f"unsupported type: {kind}", f"{at}/type")
        return
    block = {"block_id": 255} if rule is _BLOCKS else {}
    yield from _shape({"type": str, **_SHAPES[kind], **block} | ({"text!": rule.longest} if rule.longest else {}), value, at)


def _shape(rules: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield _wrong("should be an object", at)
        return
    names = {name.removesuffix("!"): rule for name, rule in rules.items()}
    for name in rules:
        if name.endswith("!") and name[:-1] not in value:
            yield _wrong(f"missing required field: {name[:-1]}", at)
    for name, inner in value.items():
        if name not in names:
            yield _wrong(f"invalid additional property: {name}", at)
        else:
            yield from _problems(names[name], inner, f"{at}/{name}")


def nodes(value: Any) -> Iterator[Json]:
    """Every object inside blocks, outer before inner."""
    if isinstance(value, dict):
        yield value
        value = tuple(value.values())
    for inner in value if isinstance(value, (list, tuple)) else ():
        yield from nodes(inner)


def _twice(name: str, where: Any, at: str) -> Iterator[str]:
    for value, times in Counter(str(node[name]) for node in nodes(where) if name in node).items():
        if times > 1:
            yield _wrong(f"{name} {value!r} already exists", at)


def check_message(text: Any, blocks: Any, longest_text: int = LONGEST_TEXT) -> None:
    """Raise the `SlackError` with which Slack would refuse this text and these blocks."""
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if not isinstance(text, str) or not (text.strip() or blocks):
        raise SlackError("no_text")
    if len(text) > longest_text:
        raise SlackError("msg_too_long")
    problems = [*_problems(_BLOCKS, blocks, "/blocks"), *_twice("block_id", blocks, "/blocks")] if blocks else []
    for index, block in enumerate(blocks):
        at = f"/blocks/{index}"
        problems += _twice("action_id", block, at)
        if isinstance(block, dict) and block.get("type") == "section" and not block.keys() & {"text", "fields"}:
            problems.append(_wrong("missing required field: text or fields", at))
    if problems:
        raise SlackError("invalid_blocks", *problems)
    # Slack counts more than the text that shows, how much more it does not say: here every string but the types counts.
    if (
        sum(len(value) for node in nodes(blocks) for name, value in node.items() if isinstance(value, str) and name != "type")
        > MOST_CHARACTERS
    ):
        raise SlackError("msg_blocks_too_long")


def markup(text: str, blocks: Sequence[Json]) -> tuple[str, ...]:
    """What stands in angle brackets where Slack reads markup, and its equals in rich text: `!channel`, `@U1`, `https://x|label`."""
    found = _MARKUP.findall(text)
    for node in nodes(blocks):
        match node:
            case {"type": "mrkdwn", "text": written}:
                found += _MARKUP.findall(written)
            case {"type": "broadcast", "range": whom}:
                found.append(f"!{whom}")
            case {"type": "user", "user_id": whom} | {"type": "usergroup", "usergroup_id": whom}:
                found.append(f"@{whom}")
            case {"type": "link", "url": url}:
                found.append(f"{url}|{node.get('text', url)}")
    return tuple(found)
