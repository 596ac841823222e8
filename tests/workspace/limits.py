"""What Slack refuses in a message, and the markup in which a message would ping or link.

It knows the Block Kit types that `bot/blocks.py` uses, as Slack does; it refuses any other.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.workspace import Message

Json = dict[str, Any]

MOST_CHARACTERS = 13_200
LONGEST_TEXT = 40_000
MOST_CHARTS = 2
LARGEST_VIEW = 250_000
_MARKUP = re.compile(r"<([^<>\n]+)>")


class SlackError(Exception):
    """An answer `{"ok": false, "error": name}`; `status` is the HTTP status, `retry_after` in seconds."""

    def __init__(self, name: str, *problems: str, status: int = 200, retry_after: int = 0) -> None:
        super().__init__(name)
        self.name = name
        self.status = status
        self.retry_after = retry_after
        self.body: Json = {"ok": False, "error": name} | ({"response_metadata": {"messages": problems}} if problems else {})


class _Shape(BaseModel):
    # A default stands for a name that is left out; an empty text that is sent is refused.
    model_config = ConfigDict(extra="forbid", strict=True)


class _Title(_Shape):
    type: Literal["plain_text"]
    text: str = Field(min_length=1, max_length=150)
    emoji: bool = True


class _Label(_Title):
    text: str = Field(min_length=1, max_length=75)


class _Button(_Shape):
    type: Literal["button"]
    text: _Label
    action_id: str = Field("", min_length=1, max_length=255)
    value: str = Field("", min_length=1, max_length=2_000)


class _Mrkdwn(_Shape):
    type: Literal["mrkdwn"]
    text: str = Field(min_length=1, max_length=3_000)
    verbatim: bool = False


class _Plain(_Title):
    text: str = Field(min_length=1, max_length=3_000)


class _Style(_Shape):
    bold: bool = False
    code: bool = False


class _Text(_Shape):
    type: Literal["text"]
    text: str = Field(min_length=1)
    style: _Style = _Style()


class _Link(_Shape):
    type: Literal["link"]
    url: str = Field(min_length=1, max_length=3_000)
    text: str = Field("", min_length=1)
    style: _Style = _Style()


class _Date(_Shape):
    type: Literal["date"]
    timestamp: int
    format: str = Field(min_length=1)
    fallback: str = Field("", min_length=1)


class _Channel(_Shape):
    type: Literal["channel"]
    channel_id: str = Field(pattern="[CDG][A-Z0-9]{8,}")


_Runs = Annotated[list[Annotated[_Text | _Link | _Date | _Channel, Field(discriminator="type")]], Field(min_length=1)]


class _RichSection(_Shape):
    type: Literal["rich_text_section"]
    elements: _Runs


class _Preformatted(_Shape):
    type: Literal["rich_text_preformatted"]
    elements: _Runs


class _RichList(_Shape):
    type: Literal["rich_text_list"]
    style: Literal["bullet", "ordered"]
    elements: list[_RichSection] = Field(min_length=1)


class _Header(_Shape):
    type: Literal["header"]
    text: _Title


class _Context(_Shape):
    type: Literal["context"]
    elements: list[Annotated[_Mrkdwn | _Plain, Field(discriminator="type")]] = Field(min_length=1, max_length=10)


class _Actions(_Shape):
    type: Literal["actions"]
    elements: list[_Button] = Field(min_length=1, max_length=25)


class _RichText(_Shape):
    type: Literal["rich_text"]
    elements: list[Annotated[_RichSection | _Preformatted | _RichList, Field(discriminator="type")]] = Field(min_length=1)


_Label20 = Annotated[str, Field(min_length=1, max_length=20)]


class _Point(_Shape):
    label: _Label20
    value: float = Field(allow_inf_nan=False)


class _Series(_Shape):
    name: _Label20
    data: list[_Point] = Field(min_length=1, max_length=20)


class _Axis(_Shape):
    categories: list[_Label20] = Field(min_length=1, max_length=20)
    x_label: str = Field("", max_length=50)
    y_label: str = Field("", max_length=50)


class _LineChart(_Shape):
    type: Literal["line"]
    series: list[_Series] = Field(min_length=1, max_length=6)
    axis_config: _Axis

    @model_validator(mode="after")
    def _fits(self) -> _LineChart:
        names, categories = [one.name for one in self.series], self.axis_config.categories
        if len({*names}) < len(names) or len({*categories}) < len(categories):
            raise ValueError("a name stands twice")
        if any([point.label for point in one.data] != categories for one in self.series):
            raise ValueError("the labels are not the categories")
        return self


class _Chart(_Shape):
    type: Literal["data_visualization"]
    title: str = Field(min_length=1, max_length=50)
    chart: _LineChart


_Block = Annotated[_Header | _Context | _Actions | _RichText | _Chart, Field(discriminator="type")]


class _Message(_Shape):
    blocks: list[_Block] = Field(max_length=50)

    @model_validator(mode="after")
    def _has_few_charts(self) -> _Message:
        if sum(isinstance(block, _Chart) for block in self.blocks) > MOST_CHARTS:
            raise ValueError("too many charts")
        return self


class _Word(_Title):
    text: str = Field(min_length=1, max_length=24)


class _TextInput(_Shape):
    type: Literal["plain_text_input"]
    action_id: str = Field(min_length=1, max_length=255)
    initial_value: str = Field("", min_length=1, max_length=3_000)
    placeholder: _Title = _Title(type="plain_text", text="-")
    max_length: int = Field(3_000, ge=1, le=3_000)
    multiline: bool = False


class _Option(_Shape):
    text: _Label
    value: str = Field(min_length=1, max_length=150)


class _Select(_Shape):
    type: Literal["static_select"]
    action_id: str = Field(min_length=1, max_length=255)
    options: list[_Option] = Field(min_length=1, max_length=100)
    initial_option: _Option | None = None


class _LongLabel(_Title):
    text: str = Field(min_length=1, max_length=2_000)


class _Input(_Shape):
    type: Literal["input"]
    block_id: str = Field(min_length=1, max_length=255)
    label: _LongLabel
    hint: _LongLabel = _LongLabel(type="plain_text", text="-")
    optional: bool = False
    element: Annotated[_TextInput | _Select, Field(discriminator="type")]


class _Modal(_Shape):
    type: Literal["modal"]
    title: _Word
    close: _Word
    submit: _Word | None = None
    callback_id: str = Field("", min_length=1, max_length=255)
    private_metadata: str = Field("", max_length=3_000)
    blocks: list[Annotated[_Header | _Context | _Actions | _RichText | _Input, Field(discriminator="type")]] = Field(
        min_length=1, max_length=100
    )


class _Home(_Shape):
    type: Literal["home"]
    private_metadata: str = Field("", max_length=3_000)
    blocks: list[_Block] = Field(max_length=100)


def check_message(text: Any, blocks: Any, longest_text: int = LONGEST_TEXT) -> None:
    """Raise the `SlackError` with which Slack would refuse this text and these blocks."""
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if not isinstance(text, str) or not (text.strip() or blocks):
        raise SlackError("no_text")
    if len(text) > longest_text:
        raise SlackError("msg_too_long")
    try:
        _Message.model_validate({"blocks": blocks})
    except ValidationError as wrong:
        problems = [f"[ERROR] {each['msg']} [{'/'.join(map(str, each['loc']))}]" for each in wrong.errors()]
        raise SlackError("invalid_blocks", *problems) from wrong
    for block in blocks:
        actions = Counter(element["action_id"] for element in block.get("elements", ()) if "action_id" in element)
        if problems := [f"[ERROR] action_id {action!r} already exists" for action, times in actions.items() if times > 1]:
            raise SlackError("invalid_blocks", *problems)
    # Slack counts more than the text that shows, how much more it does not say: here every string but the types counts.
    written = [value for node in nodes(blocks) for name, value in node.items() if isinstance(value, str) and name != "type"]
    if sum(map(len, written)) > MOST_CHARACTERS:
        raise SlackError("msg_blocks_too_long")


def check_view(view: Any, *, home: bool = False) -> None:
    """Raise the `SlackError` with which Slack would refuse this modal, or app's home."""
    try:
        (_Home if home else _Modal).model_validate(view)
    except ValidationError as wrong:
        raise SlackError("invalid_arguments", *(f"[ERROR] {each['msg']} {each['loc']}" for each in wrong.errors())) from wrong
    inputs = [block for block in view["blocks"] if block["type"] == "input"]
    named = Counter(block["block_id"] for block in inputs)
    if max(named.values(), default=0) > 1 or (inputs and "submit" not in view):
        raise SlackError("invalid_arguments", "[ERROR] inputs need a block_id of their own, and a view with inputs a submit")
    if any(
        (one := block["element"]).get("initial_option", one.get("options")) not in (one.get("options"), *one.get("options", ()))
        for block in inputs
    ):
        raise SlackError("invalid_arguments", "[ERROR] an initial option must be one of the options")
    if len(json.dumps(view)) > LARGEST_VIEW:
        raise SlackError("view_too_large")


def nodes(value: Any) -> Iterator[Json]:
    """Every object inside blocks, outer before inner."""
    if isinstance(value, dict):
        yield value
        value = tuple(value.values())
    for inner in value if isinstance(value, (list, tuple)) else ():
        yield from nodes(inner)


def markup(text: str, blocks: Sequence[Json]) -> tuple[str, ...]:
    """What stands in angle brackets where Slack reads markup, and links of rich text: `!channel`, `@U1`, `https://x|label`."""
    found = _MARKUP.findall(text)
    for node in nodes(blocks):
        match node:
            case {"type": "mrkdwn", "text": written}:
                found += _MARKUP.findall(written)
            case {"type": "link", "url": url}:
                found.append(f"{url}|{node.get('text', url)}")
    return tuple(found)


def mentions(message: Message) -> tuple[str, ...]:
    """Whom a message pings: `!channel`, `@U…`, `!subteam^…`."""
    found = markup(message.text, message.blocks)
    return tuple(one for one in found if one.startswith(("!", "@")) and not one.startswith("!date^"))


def links(message: Message) -> tuple[str, ...]:
    """Its links as `url` or `url|label`."""
    return tuple(one for one in markup(message.text, message.blocks) if not one.startswith(("!", "@", "#")))


def check_answer(view: Any, said: Json) -> None:
    """Refuse what Slack would not understand in the acknowledgement of a submitted modal."""
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    match said:
        case {} if not said:
            return
        case {"response_action": "errors", "errors": dict(errors)} if errors and set(errors) <= inputs and all(errors.values()):
            return
    raise SlackError("bad_response", str(said))
