"""How long others wait for what a process leaves: `python -m tests.bench.handover [--postgres] [--times 5]`.

Printed are the seconds from the death of a process in the middle of an agent's looking until another says what that agent saw, less the
`WAIT` seconds that the agent takes instead of looking; from SIGTERM to the end of a process that investigates, and from `/compass stop` inside a call of the
model to the final message.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.durable.crash import SECONDS, gone, staged
from tests.lab.postgres import fresh, postgres
from tests.llm.scripted import Turn

WAIT, LEASE = 4.0, 10.0
TAKEN = 1.0  # seconds after which whoever was asked has taken the work from the queue, and nobody else can


async def died(folder: Path, url: str) -> float:
    async with staged(folder, url, lease=LEASE) as stage:
        first = await stage.start(seconds=WAIT)
        await stage.workspace.command("investigate INC-42")
        await stage.until(lambda: bool(stage.told("root")))
        await asyncio.sleep(TAKEN)
        await stage.start(seconds=WAIT)
        stage.tell(first, signal.SIGKILL)
        begun, told = time.monotonic(), len(stage.told("application"))
        await stage.until(lambda: len(stage.told("application")) > told or bool(stage.told("final")))
        return time.monotonic() - begun - WAIT


async def ended(folder: Path, url: str) -> float:
    async with staged(folder, url, lease=LEASE) as stage:
        first = await stage.start(seconds=60.0)
        await stage.workspace.command("investigate INC-42")
        await stage.until(lambda: bool(stage.told("root")))
        await asyncio.sleep(TAKEN)
        begun = time.monotonic()
        stage.tell(first, signal.SIGTERM)
        assert await gone(first)
        return time.monotonic() - begun


async def stopped(folder: Path, url: str) -> float:
    async with staged(folder, url, lease=LEASE) as stage:
        stage.model.choose = lambda *_: Turn(trouble="hang")
        await stage.start()
        await stage.workspace.command("investigate INC-42")
        await asyncio.wait_for(stage.model.in_flight.wait(), SECONDS)
        begun = time.monotonic()
        await stage.workspace.command("stop")
        await stage.until(lambda: bool(stage.told("final")))
        return time.monotonic() - begun


async def main(times: int, *, on_postgres: bool) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = (await stack.enter_async_context(postgres())).url if on_postgres else ""
        print(f"{'PostgreSQL' if server else 'SQLite'}, {times} times each; seconds: median, most")
        for measure, what in (
            (died, "killed: until another goes on"),
            (ended, "SIGTERM: until it has ended"),
            (stopped, "stop: until it is told"),
        ):
            took = [await measure(folder / f"{what[0]}{n}", fresh(server) if server else "") for n in range(times)]
            print(f"{what:30s} {statistics.median(took):6.2f} {max(took):6.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    asyncio.run(main(asked.times, on_postgres=asked.postgres))
