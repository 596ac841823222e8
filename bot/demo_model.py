"""The model that the demo plays: a server on loopback that speaks as OpenAI's does, and words what the rules already think."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

MODEL = "gpt-4o-mini"
PRICE = f"{MODEL}=0.15/0.60"  # its real ones, dollars a million tokens
SAYS = {  # of a mechanism: what broke and how that led to what users suffer, and what to look at next
    "connection_exhaustion": (
        "Sessions are held open while {service} waits for somebody else, until no slot is left and every caller fails.",
        "Compare sessions idle in transaction before and after the last deploy of the client that holds most.",
    ),
    "memory_pressure": (
        "{service} keeps more in memory than its limit allows and is killed again and again; callers fail while it starts.",
        "Compare what {service} keeps in memory with the day before: the growth began before any deploy.",
    ),
    "bad_deploy": (
        "{service} was deployed just before, which is suspicious only where the new version behaves worse than the old one.",
        "Compare both versions of {service} in the same minute.",
    ),
}


@asynccontextmanager
async def playing(seconds: float) -> AsyncIterator[str]:
    """Its base URL; it takes `seconds` for an answer."""

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        await asyncio.sleep(seconds)
        return web.json_response(_reply(asked))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def _reply(asked: dict[str, Any]) -> dict[str, Any]:
    """The agent's own thoughts in other words, billed by the size of the question and the answer."""
    told = "\n".join(one["content"] for one in asked["messages"])
    agent = told.rpartition("Refine what the ")[2].split()[0]
    thoughts = [line.split("\t") for line in told.split("\n") if line.startswith(f"thought\t{agent}\t")]
    text = json.dumps({"hypotheses": [_cause(*thought[2:7]) for thought in thoughts if thought[3] in SAYS]})
    usage = {"prompt_tokens": len(json.dumps(asked)) // 4, "completion_tokens": len(text) // 4}
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "service_tier": "default",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def _cause(service: str, mechanism: str, confidence: str, cited: str, against: str) -> dict[str, Any]:
    statement, check = (text.format(service=service) for text in SAYS[mechanism])
    ids = {"evidence_for": cited.split()[:6], "evidence_against": against.split()[:6]}
    said = {"service": service, "mechanism": mechanism, "statement": statement, "confidence": float(confidence)}
    return said | ids | {"predictions": [], "next_check": check}
