"""The workspace's page: what one person sees, as it happens, and what they type and click there."""

import json
import secrets
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web

from bot.workspace.board import ALEX, CHANNELS, INCIDENTS, PEOPLE, SAM, Json

if TYPE_CHECKING:
    from bot.workspace.server import Workspace

NEEDED = {"command": "text", "write": "text", "click": "ts action_id", "shortcut": "ts callback_id", "submit": "values"}


def page_routes(workspace: "Workspace") -> list[web.RouteDef]:
    """The page and the endpoints that only the page uses; those refuse what comes from another site."""

    async def index(request: web.Request) -> web.Response:
        _refuse_strangers(request)
        nonce = secrets.token_hex(16)
        own = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:"
        policy = f"default-src 'none'; connect-src 'self'; {own}; frame-ancestors 'none'"
        html = files("bot.workspace").joinpath("page.html").read_text("utf-8").replace("{{nonce}}", nonce)
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def events(request: web.Request) -> web.StreamResponse:
        _refuse_strangers(request)
        user = request.query.get("user") or ALEX
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        with suppress(ConnectionResetError):  # the tab was closed
            while not workspace.closing.is_set():
                version = workspace.board.version
                await stream.write(f"data: {json.dumps(_state(workspace, user))}\n\n".encode())
                await workspace.board.changed(version)
        return stream

    async def act(request: web.Request) -> web.Response:
        what = request.match_info["what"]
        try:
            return web.json_response({"error": await _done(workspace, what, await _typed(request, *NEEDED.get(what, "").split()))})
        except LookupError as gone:
            raise web.HTTPNotFound(text=str(gone)) from gone

    return [
        web.get("/", index),
        web.get("/archives/{channel}/{message}", index),
        web.get("/page/events", events),
        web.post("/page/{what}", act),
    ]


async def _done(workspace: "Workspace", what: str, asked: dict[str, str]) -> str:
    """Do what a person did; the name of the error that they see, '' for none."""
    channel, user = asked.get("channel") or INCIDENTS, asked.get("user") or ALEX
    match what:
        case "command":
            return (await workspace.command(asked["text"].removeprefix("/compass"), channel=channel, user=user)).error
        case "write":
            await workspace.write(asked["text"], channel=channel, thread_ts=asked.get("thread_ts", ""), user=user)
        case "click":
            action, home = asked["action_id"], asked["ts"] == "home"
            in_view = workspace.turn(action, user=user, home=home) if home or not asked["ts"] else None
            return (await (in_view or workspace.click(channel, asked["ts"], action, user=user))).error
        case "shortcut":
            return (await workspace.shortcut(channel, asked["ts"], asked["callback_id"], user=user)).error
        case "submit":
            return (await workspace.submit(json.loads(asked["values"]), user=user)).error
        case "home":
            await workspace.open_home(user)
        case "close":
            workspace.close_view(user)
        case _:
            raise LookupError(what)
    return ""


def _state(workspace: "Workspace", user: str) -> Json:
    seen = [message for message in workspace.messages if message.ephemeral in {"", user}]
    shown = [message.payload() | {"ephemeral": bool(message.ephemeral), "author": PEOPLE[message.user]} for message in seen]
    for message, one in zip(seen, shown, strict=True):
        one["channel"] = message.channel
    board, persons = workspace.board, [(name, PEOPLE[name]) for name in (ALEX, SAM)]
    state = {"people": PEOPLE, "persons": persons, "channels": list(CHANNELS.items()), "shortcuts": list(workspace.shortcuts.items())}
    return state | {"hint": workspace.hint, "messages": shown, "view": board.views.get(user), "home": board.homes.get(user)}


def _refuse_strangers(request: web.Request) -> None:
    """Another site that a browser has open, or a name that resolves to loopback, must not use the page's endpoints."""
    if (request.url.host or "") not in {"127.0.0.1", "localhost", "::1"}:
        raise web.HTTPForbidden(text="open this page by its loopback address")
    if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
        raise web.HTTPForbidden(text="this page answers itself only")


async def _typed(request: web.Request, *names: str) -> dict[str, str]:
    _refuse_strangers(request)
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="JSON only")
    try:
        body = await request.json()
        return {name: str(value) for name, value in body.items()} | {name: str(body[name]) for name in names}
    except (ValueError, TypeError, AttributeError, LookupError) as wrong:
        raise web.HTTPBadRequest(text=f"an object with {', '.join(names)} is needed") from wrong
