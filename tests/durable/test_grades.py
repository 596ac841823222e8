"""An answer is looked at again later, whatever becomes of the process that gave it, and the thread is told once, if that changes it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from compass_core.store import Store
from tests.durable.crash import SECONDS, STEPS, gone, staged

if TYPE_CHECKING:
    from pathlib import Path

AGAINST = (False, "at 14:25 UTC db: connections 24%, as usual, but still web: errors 9%")
CLAIMED = "after the database's claim", len(STEPS) + 1  # then the line of the grade is posted


@pytest.mark.parametrize("dies_at", [pytest.param(CLAIMED, marks=pytest.mark.slow), None])
async def test_what_speaks_against_the_answer_is_told_once_although_the_process_died(
    tmp_path: Path, database: str, dies_at: tuple[str, int] | None
) -> None:
    async with staged(tmp_path, database) as stage:
        first = await stage.start(die_at=dies_at or 0, passed=str(tmp_path / "passed.txt"), settle=1.0, grade=AGAINST)
        await stage.workspace.command("investigate INC-42")
        await stage.ended()
        if dies_at is None:
            stage.tell(first, signal.SIGKILL)
        assert await gone(first)
        await stage.start(settle=1.0, grade=AGAINST)
        await stage.until(lambda: len(stage.told("grade")) > 0)
        await stage.workspace.command("investigate INC-42")
        await stage.until(lambda: len(stage.told("grade")) > 1)
        assert stage.steps() == [[*STEPS, "grade"]] * 2
        line = next(one.text for one in stage.workspace.messages if "Looked again" in one.text)
        assert line.startswith("Looked again: at 14:25 UTC db: connections 24%, as usual, but still web: errors 9%. This speaks against")


async def test_what_bears_the_answer_out_is_kept_and_not_told(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.start(settle=0.0, grade=(True, "recovered together by 14:25 UTC"))
        await stage.workspace.command("investigate INC-42")
        await stage.ended()
        store = Store(stage.database)
        async with asyncio.timeout(SECONDS):
            while not (ended := (await store.recent(1))[0]).feedback:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        store.dispose()
        assert [one.note for one in ended.feedback] == ["recovered together by 14:25 UTC"]
        assert ended.judged is None, "what Compass says of itself is no person's word"
        assert stage.steps() == [STEPS]
