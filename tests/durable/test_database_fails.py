"""The database fails in the middle of an investigation: everything is still said in the thread, once, and it goes on afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compass_core.store import Store
from tests.durable.crash import ANSWER, SECONDS, STEPS, staged, step_of
from tests.lab.postgres import fresh, postgres
from tests.llm.scripted import Turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.durable.crash import Stage

IMPATIENT = {"patience": 0.3, "busy": 300}
PRAGMAS = {  # on every connection that the process has, while it fails and afterwards
    "database or disk is full": ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 4294967294"),
    "readonly database": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
}

pytestmark = pytest.mark.slow  # each starts several processes


def when_the_model_is_asked(stage: Stage, do: Callable[[], Any]) -> None:
    """Once, before it answers."""
    left = [do]

    def choose(*_: object) -> Turn:
        if left:
            left.pop()()
        return Turn(text=ANSWER)

    stage.model.choose = choose


def final(stage: Stage) -> str:
    (message,) = (one for one in stage.workspace.messages if step_of(one)[1] == "final")
    return str(message.blocks)


async def kept(stage: Stage) -> None:
    """Wait until the database holds how each investigation ended."""
    store = Store(stage.database)
    try:
        async with asyncio.timeout(SECONDS):
            while await store.running():  # noqa: ASYNC110 - another process cannot set our events
                await asyncio.sleep(0.05)
        assert len(await store.recent(9)) == len(stage.steps())
    finally:
        store.dispose()


async def told_all(stage: Stage, why: str, repair: Callable[[], Any]) -> None:
    """Everything was said while it failed, with why it is not kept; it is kept once the database works, and the next is investigated."""
    await stage.workspace.command("investigate INC-42")
    await stage.ended()
    assert stage.steps() == [STEPS]
    assert "could not be kept" in final(stage)
    assert why in final(stage)
    repair()
    await kept(stage)
    await stage.workspace.command("investigate INC-42")
    await stage.ended(2)
    await kept(stage)
    assert stage.steps() == [STEPS] * 2


@pytest.mark.parametrize("why", PRAGMAS)
async def test_of_a_disk_that_is_full_and_a_file_that_is_read_only_the_thread_tells(tmp_path: Path, why: str) -> None:
    async with staged(tmp_path, lease=10.0) as stage:
        pragma, (broken, whole) = tmp_path / "pragma", PRAGMAS[why]
        pragma.write_text("")
        when_the_model_is_asked(stage, lambda: pragma.write_text(broken))
        await stage.start(pragma=str(pragma), **IMPATIENT)
        await told_all(stage, why, lambda: pragma.write_text(whole))


async def test_of_a_file_that_another_program_holds_the_thread_tells(tmp_path: Path) -> None:
    async with staged(tmp_path, lease=10.0) as stage:
        with closing(sqlite3.connect(tmp_path / "compass.db", timeout=SECONDS, isolation_level=None)) as other:
            when_the_model_is_asked(stage, lambda: other.execute("BEGIN EXCLUSIVE"))
            await stage.start(**IMPATIENT)
            await told_all(stage, "database is locked", lambda: other.execute("ROLLBACK"))


async def test_who_asks_while_nothing_can_be_written_is_told_so_and_may_try_again(tmp_path: Path) -> None:
    async with staged(tmp_path, lease=10.0) as stage:
        pragma = tmp_path / "pragma"
        pragma.write_text("")
        await stage.start(pragma=str(pragma), **IMPATIENT)
        pragma.write_text("PRAGMA query_only = ON")
        await stage.workspace.command("investigate INC-42")
        await stage.until(lambda: any("nothing was started" in one.text for one in stage.workspace.messages if one.ephemeral))
        pragma.write_text("PRAGMA query_only = OFF")
        await stage.workspace.command("investigate INC-42")
        await stage.ended()
        assert stage.steps() == [STEPS]


@pytest.mark.lab
async def test_of_a_postgresql_that_is_restarted_in_the_middle_nothing_is_lost(tmp_path: Path) -> None:
    async with postgres() as server, staged(tmp_path, fresh(server.url), lease=10.0) as stage:
        again: list[asyncio.Task[None]] = []

        async def restart() -> None:
            await server.end()
            await server.start()

        when_the_model_is_asked(stage, lambda: again.append(asyncio.create_task(restart())))
        await stage.start()
        await stage.workspace.command("investigate INC-42")
        await stage.ended()
        await asyncio.gather(*again)
        await kept(stage)
        assert stage.steps() == [STEPS]
