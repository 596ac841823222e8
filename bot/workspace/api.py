"""The Web API: the methods that the bot's scopes allow, over the board, answering as Slack would."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from bot.workspace.board import APP, BOT, BOT_USER, CHANNELS, PEOPLE, TEAM, TEAM_NAME
from bot.workspace.limits import LONGEST_TEXT, Json, SlackError, check_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.workspace.board import Board, Message
    from compass_core.ports import Clock

SCOPES = ("commands", "chat:write")
LONGEST_UPDATE = 4_000

# What each method takes, the required with `!`; slack-bolt adds `team_id` to any. Slack ignores other arguments; here they are
# refused, because they are mistakes.
_CONTENT = ("text", "blocks", "metadata", "mrkdwn", "unfurl_links", "unfurl_media")
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "auth.test": (),
    "apps.connections.open": (),
    "chat.postMessage": ("channel!", "thread_ts", *_CONTENT),
    "chat.postEphemeral": ("channel!", "user!", "thread_ts", *_CONTENT),
    "chat.update": ("channel!", "ts!", *_CONTENT),
    "chat.getPermalink": ("channel!", "message_ts!"),
}
_NAMES = ("channel", "user", "ts", "message_ts", "thread_ts")
# Methods that exist, and the scope that the manifest would have to ask for.
_OUT_OF_SCOPE = {
    "conversations.info": "channels:read",
    "conversations.join": "channels:join",
    "conversations.replies": "channels:history",
    "files.getUploadURLExternal": "files:write",
    "reactions.add": "reactions:write",
    "users.info": "users:read",
}


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

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        method = request.match_info["method"]
        fault = self._due(method)
        arguments: Json = {}
        error: str | None = None
        try:
            arguments = await _arguments(request)
            self._authorise(method, _token(request, arguments))
            answer = {"ok": True, **self._answer(method, arguments, fault, f"{request.scheme}://{request.host}")}
            response = web.json_response(answer, headers={"X-OAuth-Scopes": ",".join(SCOPES)})
        except SlackError as refused:
            error = refused.name
            later = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
            response = web.json_response(refused.body, status=refused.status, headers=later)
        self.calls.append(Call(method, arguments, error))
        if fault and fault.drop and request.transport:
            request.transport.abort()
        return response

    def _due(self, method: str) -> Fault | None:
        for place, fault in enumerate(self.faults):
            if fault.method == method:
                return self.faults.pop(place)
        return None

    def _authorise(self, method: str, token: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if token not in {self._bot_token, self._app_token}:
            raise SlackError("invalid_auth")
        if (token == self._app_token) != (method == "apps.connections.open"):
            raise SlackError("not_allowed_token_type")

    def _answer(self, method: str, arguments: Json, fault: Fault | None, url: str) -> Json:
        _check_arguments(method, arguments)
        if fault and not fault.drop:
            limited = fault.status == web.HTTPTooManyRequests.status_code
            raise SlackError(fault.error or ("ratelimited" if limited else "internal_error"), status=fault.status, retry_after=int(limited))
        match method:
            case "auth.test":
                team, bot = {"team": TEAM_NAME, "team_id": TEAM}, {"user": PEOPLE[BOT_USER], "user_id": BOT_USER, "bot_id": BOT}
                return {"url": f"{url}/", **team, **bot, "is_enterprise_install": False}
            case "apps.connections.open":
                return {"url": f"{self._opened()}&app_id={APP}"}
            case "chat.postMessage":
                return _posted(self._post(arguments))
            case "chat.postEphemeral":
                if arguments["user"] not in PEOPLE:
                    raise SlackError("user_not_in_channel")
                return {"message_ts": self._post(arguments, ephemeral=arguments["user"]).ts}
            case "chat.update":
                return _posted(self._update(arguments))
            case _:
                return self._permalink(arguments, url)

    def _existing(self, channel: str, ts: str, error: str) -> Message:
        message = self._board.find(channel, ts)
        if message is None or message.ephemeral:
            raise SlackError(error)
        return message

    def _post(self, arguments: Json, ephemeral: str = "") -> Message:
        channel, thread = arguments["channel"], arguments.get("thread_ts") or ""
        _check_channel(channel, writing=True)
        if thread and self._existing(channel, thread, "thread_not_found").thread_ts:
            raise SlackError("cannot_reply_to_message")
        new = content(arguments)
        if self.limit and not ephemeral:
            self.limit.take(channel)
        return self._board.add(channel, thread_ts=thread, ephemeral=ephemeral, **new)

    def _update(self, arguments: Json) -> Message:
        _check_channel(arguments["channel"], writing=True)
        message = self._existing(arguments["channel"], arguments["ts"], "message_not_found")
        if message.user != BOT_USER:
            raise SlackError("cant_update_message")
        new = content(arguments, LONGEST_UPDATE)
        return self._board.edit(
            message, **{name: value for name, value in new.items() if name == "text" or arguments.get(name) is not None}
        )

    def _permalink(self, arguments: Json, url: str) -> Json:
        _check_channel(arguments["channel"], writing=False)
        message = self._existing(arguments["channel"], arguments["message_ts"], "message_not_found")
        place = f"{url}/archives/{message.channel}/p{message.ts.replace('.', '')}"
        thread = f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else ""
        return {"channel": message.channel, "permalink": place + thread}


def content(arguments: Json, longest: int = LONGEST_TEXT) -> Json:
    """Text, blocks and metadata of a message, checked."""
    text, blocks = arguments.get("text") or "", _decoded(arguments.get("blocks") or [], "invalid_blocks_format")
    check_message(text, blocks, longest)
    metadata = _decoded(arguments.get("metadata"), "invalid_metadata_format")
    match metadata:
        case None | {"event_type": str(), "event_payload": dict()}:
            return {"text": text, "blocks": tuple(blocks), "metadata": metadata}
    raise SlackError("invalid_metadata_format")


async def json_body(request: web.Request) -> Json:
    """The object that was sent."""
    try:
        body = await request.json()
    except ValueError as wrong:
        raise SlackError("invalid_json") from wrong
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body


async def _arguments(request: web.Request) -> Json:
    body = await json_body(request) if request.content_type == "application/json" else await request.post()
    return {**request.query, **body}


def _token(request: web.Request, arguments: Json) -> str:
    """The token, by header or, outside JSON, among the arguments; taken out of them, so that no record holds it."""
    given = arguments.pop("token", "")
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind == "Bearer":
        return token.strip()
    return "" if request.content_type == "application/json" else str(given)


def _check_arguments(method: str, arguments: Json) -> None:
    if method in _OUT_OF_SCOPE:
        raise SlackError("missing_scope", f"needed: {_OUT_OF_SCOPE[method]}; provided: {','.join(SCOPES)}")
    if method not in _ARGUMENTS:
        raise SlackError("unknown_method")
    known = ("team_id", *_ARGUMENTS[method])
    problems = [f"[ERROR] missing required field: {name[:-1]}" for name in known if name.endswith("!") and not arguments.get(name[:-1])]
    problems += [f"[ERROR] unknown argument: {name}" for name in arguments if not {name, f"{name}!"} & {*known}]
    problems += [f"[ERROR] should be a string: {name}" for name in _NAMES if not isinstance(arguments.get(name), str | None)]
    if problems:
        raise SlackError("invalid_arguments", *problems)


def _check_channel(channel: str, *, writing: bool) -> None:
    place = CHANNELS.get(channel)
    if place is None or (place.private and not place.has_bot):
        raise SlackError("channel_not_found")
    if writing and not place.has_bot:
        raise SlackError("not_in_channel")


def _decoded(value: Any, error: str) -> Any:
    """An argument that comes as JSON text where a form sends it."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as wrong:
        raise SlackError(error) from wrong


def _posted(message: Message) -> Json:
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.payload()}
