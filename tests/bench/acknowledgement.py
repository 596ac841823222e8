"""How long a command waits for its acknowledgement while 20 investigations of the demo's incident run: python -m tests.bench.acknowledgement."""

from __future__ import annotations

import asyncio
import statistics
import time
from importlib.resources import files
from pathlib import Path

from bot.app import serve
from bot.workspace import Workspace
from compass_core import telemetry
from compass_core.bootstrap import replayed
from compass_core.compass import utc_now
from compass_core.settings import Settings, SlackAccess

RUNNING = 20


async def main() -> None:
    telemetry.configure({}, level=40)
    case = Path(str(files("bot") / "demo_case"))
    workspace, stop = Workspace(clock=utc_now), asyncio.Event()
    await workspace.start()
    async with replayed(case, Settings()) as compass, asyncio.TaskGroup() as group:
        place = compass.telemetry.places[-1]
        incident = await place.find((await place.known())[0])
        assert incident is not None
        group.create_task(serve(compass, SlackAccess(workspace.bot_token, workspace.app_token, workspace.api_url), stop))
        await workspace.connected()
        begun = time.perf_counter()
        ids = [(await compass.store.declare(f"copy {i}", "edge", incident.started_at)).id for i in range(RUNNING)]
        seconds = [(await workspace.command(f"investigate {one}")).ack_seconds for one in ids]
        while await compass.history.running():
            seconds.append((await workspace.command("help")).ack_seconds)
            await asyncio.sleep(0.05)
        took = time.perf_counter() - begun
        stop.set()
    await workspace.stop()
    acks = sorted(value if value is not None else 3.0 for value in seconds)
    print(f"\n{RUNNING} investigations in {took:.1f} s; {len(acks)} commands acknowledged in (ms)")
    print(f"median {statistics.median(acks) * 1000:.0f}   p95 {acks[int(len(acks) * 0.95)] * 1000:.0f}   longest {acks[-1] * 1000:.0f}")


if __name__ == "__main__":
    asyncio.run(main())
