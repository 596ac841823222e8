"""What the workspace holds: a team of two people, and the messages in its channels."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from compass_core.ports import Clock

Json = dict[str, Any]

TEAM, TEAM_NAME, APP, BOT, BOT_USER, SLACKBOT = "T00000001", "compass-local", "A00000001", "B00000001", "U000000B0T", "USLACKBOT"
ALEX, SAM = "U00000001", "U00000002"
PEOPLE = {ALEX: "alex", SAM: "sam", BOT_USER: "compass", SLACKBOT: "slackbot"}

INCIDENTS = "C00000001"
CHANNELS = {INCIDENTS: "incidents", "C00000004": "shop-oncall"}


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is now. `user` wrote it; `ephemeral` is the person who alone sees it, or ''; `thread_ts` is its root's, or ''."""

    ts: str
    channel: str
    text: str
    user: str = BOT_USER
    thread_ts: str = ""
    blocks: Sequence[Json] = ()
    attachments: Sequence[Json] = ()
    metadata: Json | None = None
    edited: bool = False
    ephemeral: str = ""
    files: Sequence[Json] = ()

    def button(self, action_id: str) -> tuple[str, Json]:
        """The block's id and the button with that action; LookupError when the message, as it is now, has none."""
        for block in self.payload()["blocks"]:
            for element in block.get("elements", ()):
                if element.get("action_id") == action_id:
                    return block["block_id"], element
        msg = f"message {self.ts} has no button {action_id!r}"
        raise LookupError(msg)

    def payload(self) -> Json:
        """The message in Slack's JSON; blocks without an id have got one."""
        blocks = [{"block_id": f"b{index}"} | block for index, block in enumerate(self.blocks)]
        made: Json = {"type": "message", "ts": self.ts, "user": self.user, "text": self.text, "team": TEAM, "blocks": blocks}
        made |= {"bot_id": BOT, "app_id": APP} if self.user == BOT_USER else {}
        made |= {"attachments": list(self.attachments)} if self.attachments else {}
        made |= {"thread_ts": self.thread_ts} if self.thread_ts else {}
        made |= {"metadata": self.metadata} if self.metadata else {}
        made |= {"files": list(self.files)} if self.files else {}
        return made | ({"edited": {"user": self.user, "ts": self.ts}} if self.edited else {})


class Board:
    """The messages in the order of their `ts`, which is unique; `version` grows with each change."""

    def __init__(self, clock: Clock) -> None:
        self.messages: list[Message] = []
        self.views: dict[str, Json] = {}  # by person the modal that is open
        self.private: dict[str, tuple[str, ...]] = {}  # by person the private channels that they are in
        self.homes: dict[str, Json] = {}  # by person the app's home
        self.files: dict[str, Json] = {}  # by id what was announced
        self.contents: dict[str, bytes] = {}  # and what was uploaded
        self.triggers: dict[str, str] = {}  # by trigger the person who may be shown one
        self.version = 0
        self._clock = clock
        self._last = 0
        self._changed = asyncio.Event()

    def add(self, channel: str, text: str, **more: Any) -> Message:
        self._last = max(int(self._clock().timestamp() * 1_000_000), self._last + 1)
        message = Message(f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}", channel, text, **more)
        self.messages.append(message)
        self.notify()
        return message

    def edit(self, message: Message, **more: Any) -> Message:
        edited = replace(message, edited=True, **more)
        self.messages[self.messages.index(message)] = edited
        self.notify()
        return edited

    def find(self, channel: str, ts: str) -> Message | None:
        return next((message for message in self.messages if (message.channel, message.ts) == (channel, ts)), None)

    def show(self, person: str, view: Json, view_id: str) -> Json:
        """Open a modal for a person, or show another one in its place."""
        self.views[person] = {"id": view_id, "team_id": TEAM, "app_id": APP} | view
        self.notify()
        return self.views[person]

    def remove(self, message: Message) -> None:
        self.messages.remove(message)
        self.notify()

    def after(self, asked: Json) -> list[Message]:
        """What `conversations.history`, or `replies` where a `ts` is given, would tell of a channel since `oldest`."""
        there = [one for one in self.messages if one.channel == asked["channel"] and not one.ephemeral]
        thread = asked.get("ts") or ""
        told = [one for one in there if (thread in {one.ts, one.thread_ts} if thread else not one.thread_ts)]
        return [one for one in told if float(one.ts) >= float(asked.get("oldest") or 0)]

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, since: int) -> None:
        """Return when `version` is no longer `since`."""
        while self.version == since:
            await self._changed.wait()
