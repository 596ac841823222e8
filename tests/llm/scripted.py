"""A scripted OpenAI-compatible server: it plays back what it is told to, keeps every request, and bills by itself.

It answers over loopback (`serving`) or in the process (`transport`).
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

GOOD = '{"service": "checkout", "confidence": 0.5}'
MODEL = "scripted"
PRICE = f"{MODEL}=100/1000/50"  # as COMPASS_PRICES has it
DOLLARS = (Decimal(100), Decimal(1000), Decimal(50))  # the same
FOREVER = 3600.0


@dataclass(frozen=True)
class Turn:
    """What the server does with one request.

    `usage`: tokens in, of these cached, out, as it bills them; `told`: whether it tells them; `lies`: what it tells otherwise.
    """

    text: str | None = GOOD
    status: int = 200
    usage: tuple[int, int, int] = (1000, 400, 100)
    told: bool = True
    billed: bool = True
    finish: str = "stop"
    refusal: str | None = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tier: str = "default"
    lies: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)  # other fields of the message
    trouble: str = ""  # hang, trickle, drop; in the process also cancel


def error(status: int, *, billed: bool = False, more: dict[str, Any] | None = None, **headers: str) -> Turn:
    """A status with an error as OpenAI words it: the text repeats a part of the key."""
    said = {"message": "Incorrect API key provided: sk-very-se****", "code": "some_code", "param": None, "type": "t"}
    wrong = {"error": said, **(more or {})}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Turn(status=status, body=json.dumps(wrong).encode(), billed=billed, headers=named)


@dataclass(frozen=True)
class Prices:
    """US dollars a million tokens; from `long_from` tokens in, and again in the tier `priority`, everything costs `factor` as much."""

    each_in: Decimal = Decimal(100)
    each_out: Decimal = Decimal(1000)
    cached: Decimal = Decimal(50)
    long_from: int | None = None
    factor: int = 1

    def bill(self, usage: tuple[int, int, int], tier: str = "") -> Decimal:
        """What OpenAI would bill for one request, reckoned by hand."""
        tokens, of_these, out = usage
        times = self.factor if self.long_from is not None and tokens > self.long_from else 1
        times *= self.factor if tier == "priority" else 1
        return times * ((tokens - of_these) * self.each_in + of_these * self.cached + out * self.each_out) / 1_000_000


class Scripted:
    """Answers each request with the next turn. What it billed is kept by the name of the model, whose `prices` are looked up there."""

    def __init__(self, *turns: Turn, choose: Callable[[dict[str, Any], bytes], Turn] | None = None) -> None:
        self.turns = deque(turns)
        self.prices: dict[str, Prices] = {}
        self.choose = choose or (lambda _request, _content: self.turns.popleft())
        self.requests: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.billed: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.in_flight = asyncio.Event()

    def take(self, content: bytes, headers: dict[str, str]) -> Turn:
        request = json.loads(content)
        self.requests.append(request)
        self.sizes.append(len(content))
        self.headers.append(headers)
        turn = self.choose(request, content)
        if turn.billed:
            self.billed[request["model"]] += self.prices.get(request["model"], Prices()).bill(turn.usage, turn.tier)
        self.in_flight.set()
        return turn

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its base URL on loopback."""
        application = web.Application()
        application.router.add_post("/v1/chat/completions", self._serve)
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        turn = self.take(await request.read(), dict(request.headers))
        if turn.trouble == "hang":
            await asyncio.sleep(FOREVER)
        if turn.trouble == "drop":
            assert request.transport is not None
            request.transport.close()
        if turn.trouble == "trickle":
            return await _trickle(request)
        return web.Response(body=reply(turn), status=turn.status, headers=turn.headers, content_type="application/json")

    def transport(self) -> httpx2.AsyncBaseTransport:
        """The same in this process: a time-out comes at once, and other tasks run while it answers."""
        return _InProcess(self)


async def _trickle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:  # until the client has enough of it
        await response.write(b" ")
        await asyncio.sleep(0.01)


class _InProcess(httpx2.AsyncBaseTransport):
    def __init__(self, server: Scripted) -> None:
        self._server = server

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        turn = self._server.take(await request.aread(), dict(request.headers))
        await asyncio.sleep(0)
        task = asyncio.current_task()
        match turn.trouble:
            case "hang":
                raise httpx2.ReadTimeout("no answer", request=request)
            case "drop":
                raise httpx2.RemoteProtocolError("closed", request=request)
            case "unreachable":
                raise httpx2.ConnectError("refused", request=request)
            case "cancel" if task is not None:
                task.cancel()
                await asyncio.sleep(0)
        return httpx2.Response(turn.status, content=reply(turn), headers=turn.headers, request=request)


def reply(turn: Turn) -> bytes:
    if turn.body is not None:
        return turn.body
    tokens, cached, out = turn.usage
    usage = {
        "prompt_tokens": tokens,
        "completion_tokens": out,
        "total_tokens": tokens + out,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": out // 2},
        **turn.lies,
    }
    told: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted-2026-01-05",
        "choices": [
            {
                "index": 0,
                "finish_reason": turn.finish,
                "message": {"role": "assistant", "content": turn.text, "refusal": turn.refusal, **turn.said},
            }
        ],
        "service_tier": turn.tier,
        **({"usage": usage} if turn.told else {}),
    }
    return json.dumps(told).encode()
