"""Over many random schedules the amount billed never passes the limit, nor what is shown, not once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from compass_core.store import Store
from tests.llm.schedules import Schedule, passed
from tests.llm.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
IN_PROCESS, OVER_LOOPBACK = 200, 50


@pytest.fixture
def folder() -> Iterator[str]:
    """In memory where there is such a folder: otherwise the disk's syncing is all that takes time."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as path:  # noqa: S108 - a folder of its own in it
        yield path


async def play(*words: object) -> dict[str, Any]:
    """What the program of `schedules` prints, in a process of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # it would take twice the time
    command = [sys.executable, "-m", "tests.llm.schedules", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environ, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    told: dict[str, Any] = json.loads(out)
    return told


async def test_nothing_passes_the_limit_and_all_is_shown(folder: str) -> None:
    """20,000 of them: `python -m tests.bench.money`."""
    played = await play(f"sqlite:///{folder}/compass.db", 0, IN_PROCESS)
    assert (played["schedules"], played["wrong"]) == (IN_PROCESS, [])
    assert min(played["ended"][how] for how in ("answered", "no room", "failed", "cancelled")) > IN_PROCESS // 100
    assert 0 < float(played["billed"]) <= float(played["shown"])


async def test_nothing_passes_the_limit_over_loopback_from_two_processes_on_one_database(folder: str) -> None:
    schedules = {f"m{number}": Schedule(number) for number in range(OVER_LOOPBACK)}
    draw = random.Random(0)  # noqa: S311 - a test's
    server = Scripted(choose=lambda request, content: schedules[request["model"]].turn(content, draw))
    server.prices = {name: schedule.prices for name, schedule in schedules.items()}
    database = f"sqlite:///{folder}/compass.db"
    Store(database).dispose()
    async with server.serving() as url:
        played = await asyncio.gather(*(play(database, 0, OVER_LOOPBACK, url) for _ in range(2)))
    assert await passed(schedules, database, server.billed, shown=False) == []
    assert all(each["ended"]["answered"] and each["ended"]["no room"] for each in played)
