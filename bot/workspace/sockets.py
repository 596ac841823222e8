"""Socket Mode, the server's side: one-time tickets, connections, envelopes and their acknowledgements."""

import asyncio
import json
import secrets
import uuid
from asyncio import Future

from aiohttp import WSMsgType, web

from bot.workspace.api import SlackError
from bot.workspace.board import APP, Json


class Sockets:
    """The connections of one app. An envelope goes to the newest; `patience` is how many seconds its ack may take."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._tickets: set[str] = set()
        self.open: list[web.WebSocketResponse] = []
        self._unacked: dict[str, Future[Json]] = {}
        self.met = asyncio.Event()  # set once the app has connected for the first time

    def ticket(self) -> str:
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="a ticket opens one connection, once")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=10, timeout=1)
        await socket.prepare(request)
        self.open.append(socket)
        try:
            self.met.set()
            await socket.send_json({"type": "hello", "num_connections": len(self.open), "connection_info": {"app_id": APP}})
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(frame.data)
        finally:
            self.open.remove(socket)
        return socket

    def _acknowledge(self, frame: str) -> None:
        try:
            ack = json.loads(frame)
        except ValueError:
            return  # Slack does not answer what it cannot read
        match ack:
            case {"envelope_id": str(envelope)} if envelope in self._unacked and not self._unacked[envelope].done():
                self._unacked[envelope].set_result(ack.get("payload") or {})

    async def deliver(self, kind: str, payload: Json) -> tuple[float, Json]:
        """Seconds until the ack, and what it says; `SlackError` when the app is not there or does not ack in time."""
        if not self.open:
            raise SlackError("dispatch_failed")
        loop, envelope = asyncio.get_running_loop(), str(uuid.uuid4())
        self._unacked[envelope] = loop.create_future()
        sent = loop.time()
        try:
            async with asyncio.timeout(self._patience):
                await self.open[-1].send_json({"envelope_id": envelope, "type": kind, "payload": payload})
                said = await self._unacked[envelope]
                return loop.time() - sent, said
        except TimeoutError as late:
            raise SlackError("operation_timeout") from late
        except ConnectionError as gone:
            raise SlackError("dispatch_failed") from gone
        finally:
            del self._unacked[envelope]

    async def close(self) -> None:
        for socket in tuple(self.open):
            await socket.close()
