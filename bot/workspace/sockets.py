"""Socket Mode, the server's side: one-time tickets, connections, envelopes and their acknowledgements."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from bot.workspace.board import APP
from bot.workspace.limits import Json, SlackError

if TYPE_CHECKING:
    from asyncio import Future


class Sockets:
    """The connections of one app. An envelope goes to one of them; `patience` is how many seconds its ack may take."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._tickets: set[str] = set()
        self._open: list[web.WebSocketResponse] = []
        self._unacked: dict[str, Future[Json]] = {}
        self.met = asyncio.Event()  # set once the app has connected for the first time

    def ticket(self) -> str:
        """Opens one connection."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, until it is closed."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="a ticket opens one connection, once")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=10, timeout=1)
        await socket.prepare(request)
        self._open.append(socket)
        try:
            self.met.set()
            await socket.send_json({"type": "hello", "num_connections": len(self._open), "connection_info": {"app_id": APP}})
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(frame.data)
        finally:
            self._open.remove(socket)
        return socket

    def _acknowledge(self, frame: str) -> None:
        try:
            ack = json.loads(frame)
        except ValueError:
            return  # Slack does not answer what it cannot read
        match ack:
            case {"envelope_id": str(envelope), **rest} if envelope in self._unacked and not self._unacked[envelope].done():
                payload = rest.get("payload")
                self._unacked[envelope].set_result(payload if isinstance(payload, dict) else {})

    async def deliver(self, kind: str, payload: Json) -> tuple[float, Json]:
        """Seconds until the ack, and its payload; `SlackError` when the app is not there or does not ack in time."""
        if not self._open:
            raise SlackError("dispatch_failed")
        self._open.append(socket := self._open.pop(0))
        loop, envelope = asyncio.get_running_loop(), str(uuid.uuid4())
        self._unacked[envelope] = loop.create_future()
        sent = loop.time()
        try:
            async with asyncio.timeout(self._patience):
                accepts = kind == "slash_commands"
                await socket.send_json({"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": accepts})
                ack = await self._unacked[envelope]
                return loop.time() - sent, ack
        except TimeoutError as late:
            raise SlackError("operation_timeout") from late
        except ConnectionError as gone:
            raise SlackError("dispatch_failed") from gone
        finally:
            del self._unacked[envelope]

    async def disconnect(self) -> None:
        """Ask the app to come back by a new connection."""
        for socket in tuple(self._open):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})

    async def close(self) -> None:
        """End every connection."""
        for socket in tuple(self._open):
            await socket.close()
