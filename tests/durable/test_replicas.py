"""Several processes on one database: one dies, one freezes, one is replaced, and what runs anywhere can be stopped from anywhere."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from compass_core.store import Store
from tests.durable.crash import SECONDS, STEPS, WITHOUT_CHARTS, frozen, gone, staged
from tests.llm.scripted import Turn

if TYPE_CHECKING:
    from pathlib import Path

CLAIMED = "after the database's claim", 2  # then the application agent's message is posted

pytestmark = pytest.mark.slow  # each starts several processes


async def declared(database: str, count: int) -> list[str]:
    """The ids of so many incidents."""
    store = Store(database)
    try:
        return [(await store.declare(f"trouble {n}", "edge", datetime.now(UTC))).id for n in range(count)]
    finally:
        store.dispose()


@pytest.mark.parametrize("then", [signal.SIGKILL, signal.SIGCONT])
async def test_what_a_replica_leaves_that_dies_or_freezes_another_does_and_it_posts_no_more(
    tmp_path: Path, database: str, then: signal.Signals
) -> None:
    async with staged(tmp_path, database) as stage:
        first = await stage.start(die_at=CLAIMED, passed=str(tmp_path / "passed.txt"), by=signal.SIGSTOP)
        await stage.workspace.command("investigate INC-42")
        await frozen(first)
        assert (tmp_path / "passed.txt").read_text().splitlines()[-1] == CLAIMED[0]
        await stage.start()
        if then is signal.SIGKILL:
            stage.tell(first, then)
        await stage.ended()
        stage.tell(first, then)
        stage.tell(first, signal.SIGTERM)
        assert await gone(first)
        assert stage.steps() == [STEPS]


async def test_a_rolling_deploy_loses_nothing_and_says_nothing_twice(tmp_path: Path, database: str) -> None:
    async with staged(tmp_path, database) as stage:
        ids = await declared(database, 4)
        old = await stage.start(seconds=0.5, most=3)
        for one in ids[:3]:
            await stage.workspace.command(f"investigate {one}")
        await stage.until(lambda: len(stage.told("application")) > 0)
        await stage.start(seconds=0.0)
        await stage.workspace.command(f"investigate {ids[3]}")
        stage.tell(old, signal.SIGTERM)
        assert await gone(old)
        await stage.ended(4)
        assert [sorted(steps) for steps in stage.steps()] == [sorted(WITHOUT_CHARTS)] * 4


async def test_stopped_is_what_runs_in_another_process_and_what_waits(tmp_path: Path, database: str) -> None:
    async with staged(tmp_path, database) as stage:
        stage.model.choose = lambda *_: Turn(trouble="hang")
        (waiting,) = await declared(database, 1)
        await stage.start(everywhere=1)
        await stage.workspace.command("investigate INC-42")
        await asyncio.wait_for(stage.model.in_flight.wait(), SECONDS)
        await stage.workspace.command(f"investigate {waiting}")
        await stage.until(lambda: len(stage.told("root")) > 1)
        await stage.start(everywhere=1)
        await stage.workspace.command("stop")
        await stage.ended(2)
        assert stage.steps() == [["root", "final"]] * 2
        ends = [one.text for one in stage.workspace.messages if "stopped by alex" in str(one.blocks) and one.thread_ts]
        assert len(ends) == 2
