"""A Compass of another version goes on with what an older one began, and does nothing of it again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from slack_sdk.web.async_client import AsyncWebClient

from bot.workspace import INCIDENTS
from compass_core.compass import utc_now
from compass_core.domain import Address, Incident, Investigation, Post
from compass_core.store import Store
from tests.durable.crash import STEPS, gone, staged, step_of

if TYPE_CHECKING:
    from pathlib import Path

OLDER = """
CREATE TEMP TABLE told AS SELECT * FROM operation_outputs WHERE workflow_uuid LIKE '% look' AND function_id = 3;
UPDATE told SET function_id = 4, function_name = 'application';
UPDATE operation_outputs SET function_id = -function_id WHERE workflow_uuid LIKE '% look' AND function_id > 3;
UPDATE operation_outputs SET function_id = 1 - function_id WHERE function_id < 0;
INSERT INTO operation_outputs SELECT * FROM told;
"""  # as a plot wrote it that kept each post as a step


async def test_what_a_plot_with_other_steps_began_is_neither_stranded_nor_repeated(tmp_path: Path) -> None:
    async with staged(tmp_path, lease=5.0) as stage:
        first = await stage.start(die_at=("before the model's call", 3), passed=str(tmp_path / "passed.txt"))
        await stage.workspace.command("investigate INC-42")
        assert await gone(first)
        with closing(sqlite3.connect(tmp_path / "compass.db")) as database:
            database.executescript(OLDER)
        await stage.start(die_at=0, passed=str(tmp_path / "again.txt"))
        await stage.ended()
        assert stage.steps() == [STEPS]
        assert len(stage.model.requests) == 3
        assert "looking at log lines" in (tmp_path / "passed.txt").read_text()
        assert "looking at log lines" not in (tmp_path / "again.txt").read_text()
        assert "investigation.upgraded" in (tmp_path / "log.txt").read_text()


async def test_what_a_compass_without_workflows_left_is_told_its_end(tmp_path: Path) -> None:
    async with staged(tmp_path, lease=5.0) as stage:
        client = AsyncWebClient(stage.workspace.bot_token, base_url=stage.workspace.api_url)
        root = await client.chat_postMessage(channel=INCIDENTS, text="Investigating INC-7")
        store = Store(stage.database)
        try:
            incident = Incident(id="INC-7", title="trouble", services=("edge",), started_at=utc_now())
            await store.opened(Investigation(id="old", incident=incident, started_at=utc_now(), budget=1, address=Address()))
            await store.record(Post(investigation="old", step="root", channel=INCIDENTS, ts=root["ts"]))
            await stage.start()
            await stage.until(lambda: bool(stage.told("final")))
            (final,) = (one for one in stage.workspace.messages if step_of(one)[1] == "final")
            assert final.thread_ts == root["ts"]
            assert "interrupted by an upgrade" in str(final.blocks)
            assert await store.running() == ()
        finally:
            store.dispose()
