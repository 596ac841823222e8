"""A database that fails in the middle: what is told, what goes on, and what is written when it works again."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from compass_core import database
from compass_core.bootstrap import Kept, replayed
from compass_core.budget import Attempt, Bill, Caps
from compass_core.buffer import Buffer
from compass_core.domain import AgentName, Conclusion, Investigation, Outcome, Post, Request
from compass_core.errors import AlreadyRunningError, StoreError
from compass_core.settings import Settings
from compass_core.store import Store
from tests.demo_incident import CASE
from tests.fakes import INCIDENT, WINDOW, FakeThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ATTEMPT = Attempt(investigation="run-1", agent=AgentName.DATABASE, model="m", amount=Decimal(1))
CAPS = Caps(Decimal(10))
ROOT = Post(investigation="run-1", step="root", channel="C1", ts="1.1")


class Pause:
    """Waits until it is told that the time is over."""

    def __init__(self) -> None:
        self.over = asyncio.Semaphore(0)

    async def __call__(self, _seconds: float) -> None:
        await self.over.acquire()


def investigation(key: str = "run-1", incident: str = "INC-1") -> Investigation:
    what = INCIDENT.model_copy(update={"id": incident})
    return Investigation(id=key, incident=what, started_at=WINDOW.end, budget=Decimal(10))


def ended(of: Investigation) -> Conclusion:
    return Conclusion(investigation=of, outcome=Outcome.ANSWERED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "compass.db"


@pytest.fixture
def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(database, "BUSY_MS", 1)
    store = Store(f"sqlite:///{path}")
    yield store
    store.dispose()


def locked(path: Path) -> sqlite3.Connection:
    """A writer that does not end."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


async def test_a_locked_database_is_written_when_it_is_free_again(store: Store, path: Path) -> None:
    pause = Pause()
    buffer = Buffer(store, pause)
    with closing(locked(path)):
        await buffer.opened(investigation())
        await buffer.record(ROOT)
        assert await buffer.posted("run-1", "root") == ROOT, "what this process posted is known"
        assert await buffer.posted("run-1", "final") is None
        with pytest.raises(AlreadyRunningError):
            await buffer.opened(investigation("run-2"))
        assert "database is locked" in await buffer.closed(ended(investigation()))
        await buffer.record(ROOT.model_copy(update={"step": "final"}))
    pause.over.release()
    assert buffer._catching_up is not None
    await buffer._catching_up
    assert await store.posted("run-1", "root") == ROOT
    assert [each.outcome for each in await store.recent(5)] == [Outcome.ANSWERED]
    await buffer.opened(investigation("run-3"))
    assert await buffer.closed(ended(investigation("run-3"))) == "", "and what comes then is written at once"


async def test_without_a_ledger_nothing_is_reserved_and_a_bill_is_written_later(store: Store, path: Path) -> None:
    pause = Pause()
    buffer = Buffer(store, pause)
    number = await buffer.reserve(ATTEMPT, CAPS)
    with closing(locked(path)):
        with pytest.raises(StoreError, match="database is locked"):
            await buffer.reserve(ATTEMPT, CAPS)
        await buffer.close(number, Bill.SETTLED, Decimal("0.1"))
        with pytest.raises(StoreError, match="database is locked"):
            await buffer.reserve(ATTEMPT, CAPS)
    await buffer.drain()
    assert [(row.bill, row.amount) for row in await store.attempts("run-1")] == [(Bill.SETTLED, Decimal("0.1"))]


async def test_a_table_that_is_gone_takes_nothing_else_with_it(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE investigations RENAME TO elsewhere")
    buffer = Buffer(store, Pause())
    await buffer.opened(investigation())
    assert "no such table: investigations" in await buffer.closed(ended(investigation()))
    await buffer.drain()
    number = await buffer.reserve(ATTEMPT, CAPS)
    await buffer.close(number, Bill.RELEASED, Decimal(0))
    assert [row.bill for row in await store.attempts("run-1")] == [Bill.RELEASED]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO investigations")
    await buffer.drain()
    assert [each.investigation.id for each in await store.recent(5)] == ["run-1"]


async def test_what_has_its_table_is_written_where_another_table_is_gone(store: Store, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE posts")
    buffer = Buffer(store, Pause())
    await buffer.opened(investigation())
    await buffer.record(ROOT)
    assert await buffer.posted("run-1", "root") == ROOT
    assert "no such table: posts" in await buffer.closed(ended(investigation()))
    await buffer.drain()
    assert [each.investigation.id for each in await store.recent(5)] == ["run-1"]


async def test_what_another_process_investigates_is_refused_also_late(store: Store, path: Path) -> None:
    buffer = Buffer(store, Pause())
    with closing(locked(path)):
        await buffer.opened(investigation())
    await store.opened(investigation("elsewhere"))
    await buffer.drain()
    await buffer.closed(ended(investigation()))
    assert [each.id for each in await store.running()] == ["elsewhere"]
    with pytest.raises(AlreadyRunningError):
        await buffer.opened(investigation("run-2"))
    await store.closed(ended(investigation("elsewhere")))
    await buffer.opened(investigation("run-3"))


async def test_an_investigation_goes_on_and_says_that_it_could_not_be_kept(store: Store, path: Path) -> None:
    buffer, thread = Buffer(store, Pause()), FakeThread()
    async with replayed(CASE, Settings()) as compass:
        kept = Kept(buffer, store, buffer, store, buffer)
        without = type(compass)(compass.telemetry, kept, compass.default_budget, compass.limits)
        with closing(locked(path)):
            conclusion = await without.investigate(Request(reference="INC-42"), thread)
    assert thread.said == ["root", "application", "database", "network", "final"]
    assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3
    assert "it could not be kept: The database did not do it: database is locked" in thread.conclusions[0].reason
    await buffer.drain()
    assert [each.outcome for each in await store.recent(1)] == [Outcome.ANSWERED]
