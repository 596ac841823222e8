"""The workspace as strict as Slack: what Slack refuses is refused, calls are kept, and any of them can be made to fail."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from bot import workspace
from bot.workspace import BOT_USER, INCIDENTS
from bot.workspace.board import CHANNELS
from tests.workspace.limits import LONGEST_TEXT, Json, SlackError, check_answer, check_message, check_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from aiohttp.typedefs import Handler

    from bot.workspace import CommandResult, Message
    from compass_core.ports import Clock

RANDOM, SECRET = "C00000002", "C00000003"  # the bot is in neither; the second is private
PRIVATE = "C00000005"  # the bot is in it
LONGEST_UPDATE = 4_000
RESPONSE_URL_USES = 5
RESPONSE_URL_LIFE = timedelta(minutes=30)


class Call(NamedTuple):
    """One Web API call, without its token; `error` is None when it was answered with `ok`."""

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


class Workspace(workspace.Workspace):
    """The workspace, with what Slack checks before it does anything."""

    def __init__(self, *, clock: Clock, hint: str = "", patience: float = 3.0) -> None:
        super().__init__(clock=clock, hint=hint, patience=patience)
        self.middlewares = (self._checked,)
        self.calls: list[Call] = []
        self._time = clock
        self._faults: list[Fault] = []
        self._limit: PostLimit | None = None
        self._responses: Counter[str] = Counter()
        self._issued: dict[str, datetime] = {}

    async def command(self, text: str, *, channel: str = INCIDENTS, user: str = workspace.ALEX) -> CommandResult:
        return self._dated(await super().command(text, channel=channel, user=user))

    async def click(self, channel: str, ts: str, action_id: str, *, user: str = workspace.ALEX) -> CommandResult:
        return self._dated(await super().click(channel, ts, action_id, user=user))

    async def shortcut(self, channel: str, ts: str, callback_id: str, *, user: str = workspace.ALEX) -> CommandResult:
        return self._dated(await super().shortcut(channel, ts, callback_id, user=user))

    async def submit(self, values: Mapping[str, str], *, user: str = workspace.ALEX) -> CommandResult:
        view = self.board.views[user]
        for block in view["blocks"]:
            if (
                block["type"] == "input"
                and block["block_id"] in values
                and len(values[block["block_id"]]) > block["element"].get("max_length", 3_000)
            ):
                raise ValueError(block["block_id"])  # Slack's own client keeps a person from sending it
        result = await super().submit(values, user=user)
        if not result.error:
            check_answer(view, result.said)
        return self._dated(result)

    def limit_posts(self, per_second: float = 1.0, burst: int = 3) -> None:
        """From now on, refuse `chat.postMessage` in a channel beyond this rate, with 429 and Retry-After."""
        self._limit = PostLimit(per_second, burst, self._time)

    def fail_next(self, method: str, error: str = "", *, status: int = 200, drop: bool = False) -> None:
        """Let the next call of a method fail: by a Slack error, by an HTTP status, or (`drop`) done but never answered."""
        self._faults.append(Fault(method, error, status, drop))

    async def disconnect(self) -> None:
        """Ask the bot to come back by a new connection, as Slack does every few hours."""
        for socket in tuple(self.sockets.open):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})

    async def wait_for(self, predicate: Callable[[Message], bool], timeout: float = 10.0) -> Message:  # noqa: ASYNC109 - it names what there is
        """The first message, as it is now, for which the predicate holds; TimeoutError tells what there is instead."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    version = self.board.version
                    if found := next(filter(predicate, self.messages), None):
                        return found
                    await self.board.changed(version)
        except TimeoutError as late:
            seen = "\n".join(f"{message.ts} {message.text[:100]}" for message in self.messages)
            msg = f"no such message in {timeout} s; there is:\n{seen or 'nothing'}"
            raise TimeoutError(msg) from late

    def _dated(self, result: CommandResult) -> CommandResult:
        self._issued[result.response_url.rpartition("/")[2]] = self._time()
        return result

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            return await self._called(request, handler)
        if request.path.startswith("/response/"):
            return await self._responded(request, handler)
        return await handler(request)

    async def _called(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        method, asked = request.match_info["method"], dict[str, Any](request.query)
        fault: Fault | None = None
        try:
            if request.headers.get("Authorization", "").removeprefix("Bearer").strip():
                asked |= await body_of(request)
                fault = self._due(method)
                if method == "chat.postMessage" and str(asked.get("channel")) in {workspace.ALEX, workspace.SAM}:
                    check_content(asked)  # a message to them alone
                elif method != "chat.getPermalink" or asked.get("channel") not in {*CHANNELS, PRIVATE}:
                    self._check(method, asked)
                if method.startswith("views."):
                    check_view(asked.get("view"), home=method == "views.publish")
            response = await handler(request)
        except SlackError as refused:
            later = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
            response = web.json_response(refused.body, status=refused.status, headers=later)
        assert isinstance(response, web.Response)
        self.calls.append(Call(method, asked, json.loads(response.text or "{}").get("error")))
        if fault and request.transport:
            request.transport.abort()
        return response

    async def _responded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        secret = request.match_info["secret"]
        self._responses[secret] += 1
        if self._time() >= self._issued.get(secret, self._time()) + RESPONSE_URL_LIFE:
            return web.json_response(SlackError("expired_url").body, status=404)
        if self._responses[secret] > RESPONSE_URL_USES:
            return web.json_response(SlackError("used_url").body, status=404)
        try:
            check_content(await body_of(request))
        except SlackError as refused:
            return web.json_response(refused.body, status=400)
        return await handler(request)

    def _due(self, method: str) -> Fault | None:
        """The fault that is meant for this call; one that shall fail before anything is done is raised."""
        fault = next((fault for fault in self._faults if fault.method == method), None)
        if fault is None:
            return None
        self._faults.remove(fault)
        if fault.drop:
            return fault
        limited = fault.status == web.HTTPTooManyRequests.status_code
        raise SlackError(fault.error or ("ratelimited" if limited else "internal_error"), status=fault.status, retry_after=int(limited))

    def _check(self, method: str, asked: Json) -> None:
        if method not in {"chat.postMessage", "chat.postEphemeral", "chat.update", "chat.getPermalink"}:
            return
        channel = asked.get("channel")
        if channel != INCIDENTS:
            raise SlackError("not_in_channel" if channel == RANDOM else "channel_not_found")
        match method:
            case "chat.update":
                if self._existing(asked.get("ts"), "message_not_found").user != BOT_USER:
                    raise SlackError("cant_update_message")
                check_content(asked, LONGEST_UPDATE)
            case "chat.getPermalink":
                self._existing(asked.get("message_ts"), "message_not_found")
            case _:
                parent = self.board.find(INCIDENTS, str(asked.get("thread_ts")))
                if parent and (parent.thread_ts or parent.ephemeral):
                    raise SlackError("cannot_reply_to_message")
                check_content(asked)
                if self._limit and method == "chat.postMessage":
                    self._limit.take(INCIDENTS)

    def _existing(self, ts: Any, error: str) -> Message:
        message = self.board.find(INCIDENTS, str(ts))
        if message is None or message.ephemeral:
            raise SlackError(error)
        return message


def check_content(asked: Json, longest: int = LONGEST_TEXT) -> None:
    """Text, blocks and metadata of a message."""
    check_message(asked.get("text") or "", asked.get("blocks") or [], longest)
    match asked.get("metadata"):
        case None | {"event_type": str(), "event_payload": dict()}:
            return
    raise SlackError("invalid_metadata_format")


async def body_of(request: web.Request) -> Json:
    """The object or the form that was sent; nothing is an empty one."""
    if "form" in request.content_type:
        return dict(await request.post())
    try:
        body = await request.json() if await request.read() else {}
    except ValueError as wrong:
        raise SlackError("invalid_json") from wrong
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body
