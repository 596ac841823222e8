"""Peak memory of a process that is sent far too much by a source or a model: python -m tests.bench.memory.

A server in this process sends it over loopback; each reader is a process of its own, whose largest resident size is printed.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import httpx
from aiohttp import web

from compass_core.errors import ModelError, SourceError
from compass_core.llm import wire
from compass_core.sources.http import Allowance, Backend, fixed
from tests.sources.kit import inline

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 2**20
SENT = {  # who reads it, how many MiB, packed or not, with which status
    "nothing, for comparison": ("source", 0, False, 200),
    "source, 30 MiB of empty lists": ("source", 30, False, 200),
    "source, 256 MiB as gzip": ("source", 256, True, 200),
    "source, 256 MiB": ("source", 256, False, 200),
    "source, 256 MiB of an error as gzip": ("source", 256, True, 500),
    "model, 400 MiB": ("model", 400, False, 200),
    "model, 400 MiB as gzip": ("model", 400, True, 200),
    "model, 400 MiB of an error": ("model", 400, False, 500),
}


def _body(mebibytes: int, *, packed: bool, lists: bool) -> Iterator[bytes]:
    gzip = zlib.compressobj(wbits=31)
    piece = b"[]," * (MIB // 3) if lists else b" " * MIB
    yield b"[" if lists else b""
    yield from ((gzip.compress(piece) if packed else piece) for _ in range(mebibytes))
    yield gzip.flush() if packed else b"0]" if lists else b"{}"


async def _answer(request: web.Request) -> web.StreamResponse:
    _, mebibytes, packed, status = SENT[request.query["as"]]
    response = web.StreamResponse(status=status, headers={"Content-Encoding": "gzip"} if packed else {})
    await response.prepare(request)
    try:
        for piece in _body(mebibytes, packed=packed, lists="lists" in request.query["as"]):
            await response.write(piece)
    except ConnectionError:  # the reader had enough
        return response
    return response


async def _read(name: str, url: str) -> str:
    try:
        if SENT[name][0] == "source":
            async with httpx.AsyncClient() as http:
                return str(await Backend("source", http, fixed(url), inline, seconds=60).reader(Allowance()).ask("/", dict, [("as", name)]))
        async with wire.connect(url, "none") as client:
            return str(await wire.send(client, {"model": "m", "messages": [], "extra_query": {"as": name}}, 60))
    except (SourceError, ModelError) as error:
        return str(error)


async def _measure() -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for name in SENT:
        command = [sys.executable, "-m", "tests.bench.memory", name, f"http://127.0.0.1:{runner.addresses[0][1]}"]
        reader = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        said, _ = await reader.communicate()
        print(f"{name:38} {said.decode().splitlines()[-1].strip()}")
    await runner.cleanup()


if __name__ == "__main__":
    if sys.argv[1:]:
        said = asyncio.run(_read(*sys.argv[1:]))
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.0f} MiB  {said[:80]}")
    else:
        asyncio.run(_measure())
