"""The local workspace itself: a server on loopback that a bot takes for Slack, and what a person does in it."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.workspace.api import SlackError, WebApi, arguments, content
from bot.workspace.board import ALEX, APP, BOT_USER, CHANNELS, INCIDENTS, PEOPLE, SLACKBOT, TEAM, TEAM_NAME, Board, Json, Message
from bot.workspace.page import page_routes
from bot.workspace.sockets import Sockets
from compass_core.errors import CompassError
from compass_core.ports import Clock


@dataclass(slots=True)
class CommandResult:
    """What came of a command or a click: the seconds until it was acknowledged, or the error that the person saw."""

    response_url: str
    channel: str
    user: str
    ack_seconds: float | None = None
    error: str = ""
    said: Json = field(default_factory=dict)  # by the acknowledgement itself


class Workspace:
    """Slack on loopback: one team, two people, one app. `patience` is how many seconds an ack may take."""

    middlewares: tuple[Middleware, ...] = ()
    shortcuts: Mapping[str, str] = {"investigate_message": "Investigate this alert"}  # of the app, by their ids

    def __init__(self, *, clock: Clock, hint: str = "", patience: float = 3.0) -> None:
        self.bot_token = f"xoxb-local-{secrets.token_hex(12)}"
        self.app_token = f"xapp-local-{secrets.token_hex(12)}"
        self.hint = hint
        self.url = ""
        self.board = Board(clock)
        self.closing = asyncio.Event()
        self._clock = clock
        self.sockets = Sockets(patience)
        self._api = WebApi(self.board, self.bot_token, self.app_token, self._link)
        self.messages = self.board.messages  # each as it is now, in the order of posting
        self._asked: dict[str, CommandResult] = {}
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def _link(self) -> str:
        return f"ws{self.url.removeprefix('http')}/link/?ticket={self.sockets.ticket()}"

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one, and one that is taken is a CompassError."""
        app = web.Application(middlewares=self.middlewares)
        app.router.add_route("*", "/api/{method}", self._api.serve)
        app.router.add_get("/link/", self.sockets.serve)
        app.router.add_post("/response/{secret}", self._response_url)
        app.router.add_route("*", "/files/{name}", self._file)
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
        self.closing.set()
        self.board.notify()
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def connected(self) -> None:
        await self.sockets.met.wait()

    async def command(self, text: str, *, channel: str = INCIDENTS, user: str = ALEX) -> CommandResult:
        """A person types `/compass <text>` (sent with `&`, `<` and `>` escaped); returns when the bot has acknowledged it, or failed to."""
        asked = {
            "command": "/compass",
            "text": escape(text.strip(), quote=False),
            "user_id": user,
            "user_name": PEOPLE[user],
            "team_id": TEAM,
            "team_domain": TEAM_NAME,
            "channel_id": channel,
            "channel_name": CHANNELS.get(channel, ""),
        }
        return await self._deliver("slash_commands", asked, channel, user)

    async def write(self, text: str, *, channel: str = INCIDENTS, thread_ts: str = "", user: str = ALEX, **more: Any) -> Message:
        """A person writes a message; the app hears of those that name it, as `@Compass`."""
        written = re.sub("(?i)@compass\\b", f"<@{BOT_USER}>", escape(text, quote=False))
        message = self.board.add(channel, written, user=user, thread_ts=thread_ts, **more)
        if f"<@{BOT_USER}>" in written:
            await self.tell(message, "app_mention")
        return message

    async def tell(self, message: Message, kind: str, **more: Any) -> None:
        await self._event(message.payload() | {"type": kind, "channel": message.channel} | more, message.ts)

    async def _event(self, event: Json, ts: str) -> None:
        about = {"type": "event_callback", "team_id": TEAM, "api_app_id": APP, "event": event | {"event_ts": ts}, "event_id": f"Ev{ts}"}
        with suppress(SlackError):  # nobody is told that an event did not arrive
            await self.sockets.deliver("events_api", about | {"event_time": int(float(ts))})

    async def shortcut(self, channel: str, ts: str, callback_id: str, *, user: str = ALEX) -> CommandResult:
        """A person chooses a shortcut in the menu of a message."""
        message = self._there(channel, ts)
        about = {"type": "message_action", "callback_id": callback_id, "message_ts": ts, "message": message.payload()}
        return await self._interact(about, channel, user)

    async def submit(self, values: Mapping[str, str], *, user: str = ALEX) -> CommandResult:
        """A person fills in these inputs of the modal (by block) and sends it; it closes unless the app finds errors."""
        view = self.board.views[user]
        inputs = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
        state = {name: {each["action_id"]: _filled(each, values.get(name))} for name, each in inputs.items()}
        result = await self._interact({"type": "view_submission", "view": view | {"state": {"values": state}}}, "", user)
        if result.said.get("response_action") == "errors":
            self.board.show(user, view | {"errors": result.said["errors"]}, view["id"])
        elif not result.error:
            self.close_view(user)
        return result

    async def click(self, channel: str, ts: str, action_id: str, *, user: str = ALEX) -> CommandResult:
        """A person clicks a button of a message; LookupError when the message, as it is now, has no such button."""
        message = self._there(channel, ts)
        block_id, button = message.button(action_id)
        thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
        container = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": bool(message.ephemeral), **thread}
        of = {"container": container} | ({} if message.ephemeral else {"message": message.payload()})
        return await self._clicked(of, button | {"block_id": block_id}, channel, user)

    async def turn(self, action_id: str, *, user: str = ALEX, home: bool = False) -> CommandResult:
        """A person clicks a button in the modal that is open, or in the app's home; LookupError when there is none."""
        view = (self.board.homes if home else self.board.views)[user]
        buttons = {each["action_id"]: each for block in view["blocks"] for each in block.get("elements", ()) if "action_id" in each}
        return await self._clicked({"container": {"type": "view", "view_id": view["id"]}, "view": view}, buttons[action_id], "", user)

    async def open_home(self, user: str = ALEX) -> None:
        opened = {"type": "app_home_opened", "user": user, "tab": "home", "channel": f"D{user[1:]}"}
        await self._event(opened, f"{self._clock().timestamp():.6f}")

    async def _clicked(self, of: Json, button: Json, channel: str, user: str) -> CommandResult:
        action = button | {"action_ts": f"{self._clock().timestamp():.6f}"}
        return await self._interact({"type": "block_actions", "actions": [action], **of}, channel, user)

    async def _interact(self, asked: Json, channel: str, user: str) -> CommandResult:
        """What a person does by a click or a form, with who and where they are; in a modal they are nowhere."""
        who = {"id": user, "username": PEOPLE[user], "name": PEOPLE[user], "team_id": TEAM}
        where = {"channel": {"id": channel, "name": CHANNELS.get(channel, "")}} if channel else {}
        return await self._deliver("interactive", asked | {"team": {"id": TEAM, "domain": TEAM_NAME}, "user": who} | where, channel, user)

    def _there(self, channel: str, ts: str) -> Message:
        message = self.board.find(channel, ts)
        if message is None:
            msg = f"no message {ts} in {channel}"
            raise LookupError(msg)
        return message

    def close_view(self, user: str = ALEX) -> None:
        self.board.views.pop(user, None)
        self.board.notify()

    async def _deliver(self, kind: str, asked: Json, channel: str, user: str) -> CommandResult:
        secret = secrets.token_hex(16)
        result = CommandResult(f"{self.url}/response/{secret}", channel, user)
        self._asked[secret] = result
        trigger = f"{len(self._asked)}.{TEAM}.{secrets.token_hex(8)}"
        self.board.triggers[trigger] = user
        unique = {"api_app_id": APP, "trigger_id": trigger, **({"response_url": result.response_url} if channel else {})}
        try:
            result.ack_seconds, result.said = await self.sockets.deliver(kind, asked | unique)
        except SlackError as failed:
            result.error = failed.name
            text = f"{asked.get('command', 'The button')} failed with the error “{failed.name}”"
            self.board.add(channel or INCIDENTS, text, user=SLACKBOT, ephemeral=user)
        return result

    async def _file(self, request: web.Request) -> web.Response:
        """Takes an announced file, once, and shows it."""
        name, contents = request.match_info["name"], self.board.contents
        if request.method == "POST" and name in self.board.files:
            contents.setdefault(name, await request.read())
        if name not in contents:
            raise web.HTTPNotFound
        return web.Response(body=contents[name], content_type="image/png")

    async def _response_url(self, request: web.Request) -> web.Response:
        """The bot's answer to the person who asked."""
        result = self._asked.get(request.match_info["secret"])
        if result is None:
            return web.Response(status=404, text="expired_url")
        self.board.add(result.channel, ephemeral=result.user, **content(await arguments(request)))
        return web.Response(text="ok")


def _filled(element: Json, value: str | None) -> Json:
    """What Slack tells of an input: an empty one holds null."""
    if element["type"] == "plain_text_input":
        return {"type": element["type"], "value": (element.get("initial_value") if value is None else value) or None}
    chosen = next((one for one in element["options"] if one["value"] == value), element.get("initial_option"))
    return {"type": element["type"], "selected_option": chosen}
