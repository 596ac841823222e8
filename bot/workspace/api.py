"""The Web API: the methods that the bot calls, over the board, answering as Slack would."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from bot.workspace.board import APP, BOT, BOT_USER, CHANNELS, TEAM, TEAM_NAME
from bot.workspace.limits import LONGEST_TEXT, Json, SlackError, check_message

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.workspace.board import Board, Channel, Message
    from compass_core.ports import Clock

SCOPES = ("commands", "chat:write")
LONGEST_UPDATE = 4_000


class Call(NamedTuple):
    """One Web API call; `error` is None when it was answered with `ok`."""

    method: str
    arguments: Json
    error: str | None


class Fault(NamedTuple):
    """How the next call of a method fails: a Slack error, an HTTP status, or (`drop`) done but never answered."""

    method: str
    error: str = ""
    status: int = 200
    drop: bool = False


class PostLimit:
    """A bucket of `burst` posts for each channel, filled again by `per_second`."""

    def __init__(self, per_second: float, burst: int, clock: Clock) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: dict[str, tuple[float, datetime]] = {}

    def take(self, channel: str) -> None:
        """One post, or `ratelimited`."""
        now = self._clock()
        left, since = self._buckets.get(channel, (float(self._burst), now))
        left = min(self._burst, left + (now - since).total_seconds() * self._per_second)
        if left < 1:
            raise SlackError("ratelimited", status=429, retry_after=math.ceil((1 - left) / self._per_second))
        self._buckets[channel] = (left - 1, now)


class WebApi:
    """Slack's Web API for one app; `opened` gives the address for a new Socket Mode connection."""

    def __init__(self, board: Board, bot_token: str, app_token: str, opened: Callable[[], str]) -> None:
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.limit: PostLimit | None = None
        self._board, self._bot_token, self._app_token, self._opened = board, bot_token, app_token, opened

    async def serve(self, request: web.Request) -> web.Response:
        """One call."""
        method, arguments = request.match_info["method"], dict[str, Any](request.query)
        error: str | None = None
        fault: Fault | None = None
        try:
            self._authorise(method, request.headers.get("Authorization", ""))
            arguments |= await json_body(request)
            fault = self._due(method)
            answer = self._answer(method, arguments, f"{request.scheme}://{request.host}")
            response = web.json_response({"ok": True, **answer}, headers={"X-OAuth-Scopes": ",".join(SCOPES)})
        except SlackError as refused:
            error = refused.name
            later = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
            response = web.json_response(refused.body, status=refused.status, headers=later)
        self.calls.append(Call(method, arguments, error))
        if fault and fault.drop and request.transport:
            request.transport.abort()
        return response

    def _due(self, method: str) -> Fault | None:
        """The fault that is meant for this call; one that shall fail before anything is done is raised."""
        fault = next((fault for fault in self.faults if fault.method == method), None)
        if fault is None:
            return None
        self.faults.remove(fault)
        if fault.drop:
            return fault
        limited = fault.status == web.HTTPTooManyRequests.status_code
        raise SlackError(fault.error or ("ratelimited" if limited else "internal_error"), status=fault.status, retry_after=int(limited))

    def _authorise(self, method: str, header: str) -> None:
        token = header.removeprefix("Bearer ").strip()
        if not token:
            raise SlackError("not_authed")
        if token not in {self._bot_token, self._app_token}:
            raise SlackError("invalid_auth")
        if (token == self._app_token) != (method == "apps.connections.open"):
            raise SlackError("not_allowed_token_type")

    def _answer(self, method: str, arguments: Json, url: str) -> Json:
        match method:
            case "auth.test":
                return {"url": f"{url}/", "team": TEAM_NAME, "team_id": TEAM, "user": "compass", "user_id": BOT_USER, "bot_id": BOT}
            case "apps.connections.open":
                return {"url": f"{self._opened()}&app_id={APP}"}
            case "chat.postMessage":
                return _posted(self._post(arguments))
            case "chat.postEphemeral":
                return {"message_ts": self._post_to(arguments).ts}
            case "chat.update":
                return _posted(self._update(arguments))
            case "chat.getPermalink":
                return self._permalink(arguments, url)
        raise SlackError("unknown_method")

    def _existing(self, channel: Channel, ts: Any, error: str) -> Message:
        message = self._board.find(channel.id, str(ts))
        if message is None or message.ephemeral:
            raise SlackError(error)
        return message

    def _post(self, arguments: Json) -> Message:
        channel, thread = _channel(arguments), str(arguments.get("thread_ts") or "")
        if thread and self._existing(channel, thread, "thread_not_found").thread_ts:
            raise SlackError("cannot_reply_to_message")
        new = content(arguments)
        if self.limit:
            self.limit.take(channel.id)
        return self._board.add(channel.id, thread_ts=thread, **new)

    def _post_to(self, arguments: Json) -> Message:
        """A message that one person alone sees."""
        return self._board.add(_channel(arguments).id, ephemeral=str(arguments.get("user")), **content(arguments))

    def _update(self, arguments: Json) -> Message:
        message = self._existing(_channel(arguments), arguments.get("ts"), "message_not_found")
        if message.user != BOT_USER:
            raise SlackError("cant_update_message")
        new = content(arguments, LONGEST_UPDATE)
        named = {name: value for name, value in new.items() if name == "text" or arguments.get(name) is not None}
        return self._board.edit(message, **named)

    def _permalink(self, arguments: Json, url: str) -> Json:
        message = self._existing(_channel(arguments), arguments.get("message_ts"), "message_not_found")
        thread = f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else ""
        return {"permalink": f"{url}/archives/{message.channel}/p{message.ts.replace('.', '')}{thread}"}


def content(arguments: Json, longest: int = LONGEST_TEXT) -> Json:
    """Text, blocks and metadata of a message, checked."""
    text, blocks, metadata = arguments.get("text") or "", arguments.get("blocks") or [], arguments.get("metadata")
    check_message(text, blocks, longest)
    match metadata:
        case None | {"event_type": str(), "event_payload": dict()}:
            return {"text": text, "blocks": tuple(blocks), "metadata": metadata}
    raise SlackError("invalid_metadata_format")


async def json_body(request: web.Request) -> Json:
    """The object that was sent; nothing is an empty one."""
    try:
        body = await request.json() if await request.read() else {}
    except ValueError as wrong:
        raise SlackError("invalid_json") from wrong
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body


def _channel(arguments: Json) -> Channel:
    """The channel that is meant, if the bot may know it and is in it."""
    channel = CHANNELS.get(str(arguments.get("channel")))
    if channel is None or (channel.private and not channel.has_bot):
        raise SlackError("channel_not_found")
    if not channel.has_bot:
        raise SlackError("not_in_channel")
    return channel


def _posted(message: Message) -> Json:
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.payload()}
