"""The workspace's page: what one person sees of `#incidents`, as it happens, and what they type and click there."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web

from bot.workspace.board import ALEX, INCIDENTS, PEOPLE

if TYPE_CHECKING:
    from bot.workspace.board import Json
    from bot.workspace.server import Workspace


def page_routes(workspace: Workspace) -> list[web.RouteDef]:
    """The page and the endpoints that only the page uses; those refuse what comes from another site."""

    async def index(request: web.Request) -> web.Response:
        _refuse_strangers(request)
        nonce = secrets.token_hex(16)
        policy = f"default-src 'none'; connect-src 'self'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; frame-ancestors 'none'"
        html = files("bot.workspace").joinpath("page.html").read_text("utf-8").replace("{{nonce}}", nonce)
        return web.Response(
            text=html, content_type="text/html", headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        )

    async def events(request: web.Request) -> web.StreamResponse:
        _refuse_strangers(request)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        with suppress(ConnectionResetError):  # the tab was closed
            while not workspace.closing.is_set():
                version = workspace.board.version
                await stream.write(f"data: {json.dumps(_state(workspace))}\n\n".encode())
                await workspace.board.changed(version)
        return stream

    async def command(request: web.Request) -> web.Response:
        typed = await _typed(request, "text")
        result = await workspace.command(typed["text"].removeprefix("/compass"))
        return web.json_response({"error": result.error})

    async def click(request: web.Request) -> web.Response:
        typed = await _typed(request, "ts", "action_id")
        try:
            in_view = workspace.turn(typed["action_id"]) if not typed["ts"] else None
            result = await (in_view or workspace.click(INCIDENTS, typed["ts"], typed["action_id"]))
        except LookupError as gone:
            raise web.HTTPNotFound(text=str(gone)) from gone
        return web.json_response({"error": result.error})

    async def close(request: web.Request) -> web.Response:
        await _typed(request)
        workspace.close_view()
        return web.json_response({"error": ""})

    return [
        web.get("/", index),
        web.get("/archives/{channel}/{message}", index),
        web.get("/page/events", events),
        web.post("/page/command", command),
        web.post("/page/click", click),
        web.post("/page/close", close),
    ]


def _state(workspace: Workspace) -> Json:
    seen = [message for message in workspace.messages if message.channel == INCIDENTS and message.ephemeral in {"", ALEX}]
    shown = [message.payload() | {"ephemeral": bool(message.ephemeral), "author": PEOPLE[message.user]} for message in seen]
    return {"hint": workspace.hint, "messages": shown, "view": workspace.board.views.get(ALEX)}


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
        return {name: str(body[name]) for name in names}
    except (ValueError, TypeError, LookupError) as wrong:
        raise web.HTTPBadRequest(text=f"an object with {', '.join(names)} is needed") from wrong
