"""What is around the lab's services: the people who buy, a job that goes wrong, and the wire between two of them."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # the driver ships no types

from tests.lab.calls import address

if TYPE_CHECKING:
    from tests.lab.calls import Ports

REQUESTS_PER_SECOND = 15
PAGES = {"/": 0.5, "/checkout": 0.4, "/history": 0.1}
DELAY_SECONDS = 0.05
BATCH_SECONDS = 0.2
RETRY_SECONDS = 0.05


async def load(ports: Ports) -> None:
    """Steady traffic; a request that finds no free slot is not sent, so that slow answers do not pile up."""
    slots = asyncio.Semaphore(60)

    async def visit(http: aiohttp.ClientSession, page: str) -> None:
        async with slots:
            try:
                await (await http.get(f"http://127.0.0.1:{ports['storefront']}{page}")).read()
            except (aiohttp.ClientError, TimeoutError) as error:
                sys.stderr.write(f"{page}: {error!r}\n")

    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) / REQUESTS_PER_SECOND)  # noqa: S311 - not a secret
            if not slots.locked():
                group.create_task(visit(http, *random.choices(tuple(PAGES), tuple(PAGES.values()))))  # noqa: S311 - the same


async def bulk(ports: Ports) -> None:
    """Takes every connection that it can get and keeps it, as a job does that forgets to close."""
    held = []
    while True:
        try:
            connection = await asyncpg.connect(**address(ports))
            await connection.execute("BEGIN; SELECT count(*) FROM orders")
            held.append(connection)
            await asyncio.sleep(BATCH_SECONDS)
        except (asyncpg.PostgresError, OSError) as error:
            sys.stderr.write(f"{len(held)} held: {error!r}\n")
            await asyncio.sleep(RETRY_SECONDS)


async def wire(ports: Ports) -> None:
    """Passes on every byte between `orders` and `stock`, at once until it is told to take its time."""
    delay = 0.0

    def lengthen() -> None:
        nonlocal delay
        delay = DELAY_SECONDS

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65536):
                loop.call_later(delay, writer.write, some)
        loop.call_later(delay, writer.close)

    async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", ports["stock"])
        await asyncio.gather(passed(reader, there_writer), passed(there_reader, writer))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lengthen)
    async with await asyncio.start_server(opened, "127.0.0.1", ports["wire"]) as server:
        await server.serve_forever()
