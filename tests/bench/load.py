"""Many investigations at once: `python -m tests.bench.load [--count 1000] [--replicas 1] [--postgres]`.

The agents wait one second each instead of looking. Printed are the wall time against the ideal, the peak memory of each process, and how
long slash commands waited for their acknowledgement meanwhile; it fails where an investigation is lost or said twice.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from compass_core.store import Store
from tests.durable.crash import WITHOUT_CHARTS, staged, step_of
from tests.lab.postgres import fresh, postgres

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from tests.durable.crash import Stage

WAIT = 1.0
IDEAL = 3 * WAIT
AT_ONCE = 20  # people who type


def memory(process: BaseProcess) -> int:
    """Its largest resident size so far, in MiB."""
    told = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert told
    return int(told[1]) // 1024


def computed(process: BaseProcess) -> float:
    """The seconds of CPU that it used so far: on a machine that others share the wall time says little."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(stage: Stage, ids: list[str], seconds: list[float]) -> None:
    """Somebody types one command after the other."""
    while ids:
        came = await stage.workspace.command(f"investigate {ids.pop()}")
        assert came.ack_seconds is not None, came.error
        seconds.append(came.ack_seconds)


async def main(count: int, replicas: int, *, on_postgres: bool) -> int:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = fresh((await stack.enter_async_context(postgres())).url) if on_postgres else f"sqlite:///{folder}/compass.db"
        store = Store(url)
        ids = [(await store.declare(f"trouble {n}", "edge", datetime.now(UTC))).id for n in range(count)]
        stage = await stack.enter_async_context(staged(folder, url, lease=10.0))
        stage.url = ""  # no model
        processes = [await stage.start(seconds=WAIT, most=count, everywhere=count) for _ in range(replicas)]
        idle = max(map(memory, processes))
        seconds: list[float] = []
        before = sum(map(computed, processes))
        begun = time.monotonic()
        await asyncio.gather(*(ask(stage, ids, seconds) for _ in range(AT_ONCE)))
        asked = time.monotonic() - begun
        while (done := sum(step_of(one)[1] == "final" for one in stage.workspace.messages)) < count and time.monotonic() - begun < 1200:  # noqa: ASYNC110 - a look at all messages for each change would take longer than the work
            await asyncio.sleep(0.2)
        took, cpu = time.monotonic() - begun, sum(map(computed, processes)) - before
        while await store.running():  # noqa: ASYNC110 - other processes cannot set our events
            await asyncio.sleep(0.2)
        posted = Counter(map(step_of, stage.workspace.messages))
        twice = sum(times > 1 for (key, _), times in posted.items() if key)
        lost = count - done
        skipped = count * len(WITHOUT_CHARTS) - sum(bool(key) for key, _ in posted)
        store.dispose()
        seconds.sort()
        again = [f"{step} of {key}" for (key, step), times in posted.items() if key and times > 1]
        print(
            f"{count} investigations, {replicas} process(es), {'PostgreSQL' if on_postgres else 'SQLite'}: {done} told, {twice} messages twice {again[:3]}, "
            f"{lost} lost, {skipped} agents had no time left; {took:.1f} s to the last (asked within {asked:.1f} s; ideal {IDEAL:.0f} s), {cpu:.1f} s of CPU; memory {idle} MiB idle, at most "
            f"{max(map(memory, processes))} MiB; acknowledged in {seconds[len(seconds) // 2] * 1000:.0f} ms (median), "
            f"{seconds[int(len(seconds) * 0.99)] * 1000:.0f} ms (p99)"
        )
        return int(bool(twice or lost))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    told = parser.parse_args()
    raise SystemExit(asyncio.run(main(told.count, told.replicas, on_postgres=told.postgres)))
