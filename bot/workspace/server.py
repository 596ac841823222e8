"""The local workspace itself: a server on loopback that a bot takes for Slack, and what a person does in it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from aiohttp import web

from bot.workspace.api import Fault, PostLimit, WebApi, content, json_body
from bot.workspace.board import ALEX, APP, CHANNELS, INCIDENTS, PEOPLE, SLACKBOT, TEAM, TEAM_NAME, Board
from bot.workspace.limits import Json, SlackError
from bot.workspace.page import page_routes
from bot.workspace.sockets import Sockets
from compass_core.errors import CompassError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.workspace.board import Message
    from compass_core.ports import Clock

RESPONSE_URL_USES = 5
RESPONSE_URL_LIFE = timedelta(minutes=30)


@dataclass(slots=True)
class CommandResult:
    """What came of a command or a click; `responses` grows as the bot responds.

    `original` is the message that was clicked ('' for a command), `ack` the payload of the acknowledgement, `uses` how often
    the response URL was used.
    """

    response_url: str
    channel: str
    user: str
    original: str
    expires: datetime
    uses: int = 0
    ack_seconds: float | None = None
    ack: Json = field(default_factory=dict)
    error: str = ""
    responses: list[Message] = field(default_factory=list)


class Workspace:
    """Slack on loopback: one team, two people, three channels, one app. `patience` is how many seconds an ack may take."""

    def __init__(self, *, clock: Clock, hint: str = "", patience: float = 3.0) -> None:
        self.bot_token = f"xoxb-local-{secrets.token_hex(12)}"
        self.app_token = f"xapp-local-{secrets.token_hex(12)}"
        self.hint = hint
        self.url = ""
        self.board = Board(clock)
        self.closing = asyncio.Event()
        self._clock = clock
        self._sockets = Sockets(patience)
        self._api = WebApi(
            self.board, self.bot_token, self.app_token, lambda: f"ws{self.url.removeprefix('http')}/link/?ticket={self._sockets.ticket()}"
        )
        self.messages = self.board.messages  # each as it is now, in the order of posting
        self.calls = self._api.calls  # without their tokens
        self._asked: dict[str, CommandResult] = {}
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """The base URL for a web client."""
        return f"{self.url}/api/"

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one, and one that is taken is a CompassError."""
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api.serve)
        app.router.add_get("/link/", self._sockets.serve)
        app.router.add_post("/response/{secret}", self._response_url)
        app.add_routes(page_routes(self))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self._runner.cleanup()
            msg = f"Port {port} cannot be used ({error.strerror}): choose another one, or 0 for any."
            raise CompassError(msg) from error
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End every connection and stop listening."""
        self.closing.set()
        self.board.notify()
        await self._sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def connected(self) -> None:
        """Wait until the app is here."""
        await self._sockets.met.wait()

    async def command(self, text: str, *, channel: str = INCIDENTS, user: str = ALEX) -> CommandResult:
        """A person types `/compass <text>` (sent with `&`, `<` and `>` escaped); returns when the bot has acknowledged it, or failed to."""
        place = CHANNELS[channel]
        asked = {
            "command": "/compass",
            "text": escape(text.strip(), quote=False),
            "user_id": user,
            "user_name": PEOPLE[user],
            "team_id": TEAM,
            "team_domain": TEAM_NAME,
            "channel_id": channel,
            "channel_name": "privategroup" if place.private else place.name,
        }
        return await self._interact("slash_commands", asked, channel, user)

    async def click(self, channel: str, ts: str, action_id: str, *, user: str = ALEX) -> CommandResult:
        """A person clicks a button of a message; LookupError when the message, as it is now, has no such button."""
        message = self.board.find(channel, ts)
        if message is None:
            msg = f"no message {ts} in {channel}"
            raise LookupError(msg)
        block_id, button = message.button(action_id)
        thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
        asked: Json = {
            "type": "block_actions",
            "user": {"id": user, "username": PEOPLE[user], "name": PEOPLE[user], "team_id": TEAM},
            "team": {"id": TEAM, "domain": TEAM_NAME},
            "channel": {"id": channel, "name": CHANNELS[channel].name},
            "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": bool(message.ephemeral), **thread},
            "actions": [{**button, "block_id": block_id, "action_ts": f"{self._clock().timestamp():.6f}"}],
            **({} if message.ephemeral else {"message": message.payload()}),
        }
        return await self._interact("interactive", asked, channel, user, ts)

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

    def limit_posts(self, per_second: float = 1.0, burst: int = 3) -> None:
        """From now on, refuse `chat.postMessage` in a channel beyond this rate, with 429 and Retry-After."""
        self._api.limit = PostLimit(per_second, burst, self._clock)

    def fail_next(self, method: str, error: str = "", *, status: int = 200, drop: bool = False) -> None:
        """Let the next call of a method fail: by a Slack error, by an HTTP status, or (`drop`) done but never answered."""
        self._api.faults.append(Fault(method, error, status, drop))

    async def disconnect(self) -> None:
        """Ask the bot to come back by a new connection, as Slack does every few hours."""
        await self._sockets.disconnect()

    async def _interact(self, kind: str, asked: Json, channel: str, user: str, original: str = "") -> CommandResult:
        secret = secrets.token_hex(16)
        result = CommandResult(f"{self.url}/response/{secret}", channel, user, original, self._clock() + RESPONSE_URL_LIFE)
        self._asked[secret] = result
        unique = {"api_app_id": APP, "trigger_id": f"{len(self._asked)}.{TEAM}.{secrets.token_hex(8)}", "response_url": result.response_url}
        try:
            result.ack_seconds, result.ack = await self._sockets.deliver(kind, asked | unique)
            if result.ack:
                self._respond(result, result.ack)
        except SlackError as failed:
            result.error = failed.name
            text = f"{asked.get('command', 'The button')} failed with the error “{failed.name}”"
            self.board.add(channel, text, user=SLACKBOT, ephemeral=user)
        return result

    def _respond(self, result: CommandResult, body: Json) -> None:
        new = content(body)
        original = self.board.find(result.channel, result.original)
        if original and body.get("replace_original"):
            result.responses.append(self.board.edit(original, **new))
            return
        ephemeral = "" if body.get("response_type") == "in_channel" else result.user
        result.responses.append(self.board.add(result.channel, ephemeral=ephemeral, thread_ts=body.get("thread_ts") or "", **new))

    async def _response_url(self, request: web.Request) -> web.Response:
        result = self._asked.get(request.match_info["secret"])
        if result is None or self._clock() >= result.expires:
            return web.json_response(SlackError("expired_url").body, status=404)
        if result.uses >= RESPONSE_URL_USES:
            return web.json_response(SlackError("used_url").body, status=404)
        result.uses += 1
        try:
            self._respond(result, await json_body(request))
        except SlackError as refused:
            return web.json_response(refused.body, status=400)
        return web.Response(text="ok")
