"""Incidents that people declared, investigations, their posts and what was spent on them, in one database.

What holds at every moment, also with several processes on one file:
1. One investigation runs per incident: a unique index over those that have not ended says so, not code.
2. An investigation ends once: the first conclusion stays.
3. One post per investigation and step: the first stays.
4. An id is never given twice (`INC-7` stays `INC-7`).
5. An investigation holds its whole incident, so that it can be run again when the alert is gone.
6. The attempts of an investigation, and of a workspace's day, take no more than their caps when one is written: checked and
   written in one transaction, one transaction at a time. An attempt that a killed process left open stays there and counts as the
   most that it may cost.

Every method runs its one transaction in a thread and raises `StoreError` when the database does not do it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, exists, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.sql import ColumnElement, Select

from compass_core.budget import Attempt, Bill, Caps
from compass_core.database import EXAMPLE, VARIABLE, cause_of, completed, engine_of
from compass_core.domain import Conclusion, Incident, Investigation, Post, Value
from compass_core.errors import AlreadyRunningError, SettingsError, StoreError

log = structlog.get_logger()

T = TypeVar("T")
V = TypeVar("V", bound=Value)

KNOWN = 50

TABLES = MetaData()
INCIDENTS = Table(
    "incidents",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", Text, nullable=False),  # without its id
    sqlite_autoincrement=True,
)
INVESTIGATIONS = Table(
    "investigations",
    TABLES,
    Column("id", String(200), primary_key=True),
    Column("incident", String(200), nullable=False),
    Column("investigation", Text, nullable=False),
    Column("ended", Integer),  # a count: the nth to end; null while it runs
    Column("conclusion", Text),
)
POSTS = Table(
    "posts",
    TABLES,
    Column("investigation", String(200), primary_key=True),
    Column("step", String(200), primary_key=True),
    Column("post", Text, nullable=False),
)
ATTEMPTS = Table(
    "attempts",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("investigation", String(200), nullable=False, index=True),
    Column("account", String(200), nullable=False, index=True, server_default=""),
    Column("attempt", Text, nullable=False),
    sqlite_autoincrement=True,
)
RUNNING = INVESTIGATIONS.c.ended.is_(None)
Index("one_running_per_incident", INVESTIGATIONS.c.incident, unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING)


class Store:
    """The tables behind `Investigations`, `History`, `Outbox`, `Declarations`, `Ledger` and, for declared incidents, `Incidents`."""

    place = "declared incidents"

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy URL and make what tables it lacks; raises `SettingsError`."""
        self._engine = engine_of(url)
        self._threads = ThreadPoolExecutor(8, "compass-store")  # its own: others must not wait for a database that hangs
        self._told: set[str] = set()
        try:
            with self._engine.begin() as connection:
                TABLES.create_all(connection)
                if lacks := completed(connection, TABLES):
                    log.warning("database.older", lacks=lacks, advice="rename its tables; what needs these columns is not kept until then")
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise SettingsError(VARIABLE, f"the database cannot be opened for writing: {cause_of(error)}", EXAMPLE) from error

    def dispose(self) -> None:
        """Close every connection."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def declare(self, title: str, service: str, started_at: datetime) -> Incident:
        """Keep an incident under a new id."""
        incident = Incident(id="", title=title, services=(service,), started_at=started_at)
        keep = insert(INCIDENTS).values(incident=incident.model_dump_json()).returning(INCIDENTS.c.id)
        return incident.model_copy(update={"id": f"INC-{await self._do(lambda db: db.scalar(keep))}"})

    async def find(self, reference: str) -> Incident | None:
        """The declared incident of that id, in any case, or None."""
        number = re.fullmatch(r"inc-([0-9]{1,18})", reference.strip(), re.IGNORECASE)
        if number is None:
            return None
        wanted = select(INCIDENTS.c.id, INCIDENTS.c.incident).where(INCIDENTS.c.id == int(number[1]))
        found = await self._one(Incident, wanted)
        return found and found.model_copy(update={"id": f"INC-{int(number[1])}"})

    async def known(self) -> tuple[str, ...]:
        """The ids of the latest declared incidents, newest first."""
        latest = select(INCIDENTS.c.id).order_by(INCIDENTS.c.id.desc()).limit(KNOWN)
        return tuple(f"INC-{number}" for number in await self._do(lambda db: db.scalars(latest).all()))

    async def opened(self, investigation: Investigation) -> None:
        """Keep it as running (once, if repeated); raises `AlreadyRunningError` when another runs for the same incident."""
        incident = investigation.incident.id
        row = {"id": investigation.id, "incident": incident, "investigation": investigation.model_dump_json()}
        holds = select(INVESTIGATIONS.c.id).where(INVESTIGATIONS.c.incident == incident, RUNNING)

        def work(db: Connection) -> str | None:
            with suppress(IntegrityError), db.begin_nested():
                db.execute(insert(INVESTIGATIONS).values(row))
            return db.scalar(holds)

        running = await self._do(work)
        if running is None:
            raise StoreError(f"Investigation {investigation.id} has ended already.")
        if running != investigation.id:
            raise AlreadyRunningError(incident, running)

    async def closed(self, conclusion: Conclusion) -> str:
        """Keep how it ended, without runs and hypotheses; nothing happens when it has ended already."""
        kept = conclusion.model_copy(update={"runs": (), "hypotheses": ()}).model_dump_json()
        latest = select(func.coalesce(func.max(INVESTIGATIONS.alias().c.ended), 0)).scalar_subquery()
        this = update(INVESTIGATIONS).where(INVESTIGATIONS.c.id == conclusion.investigation.id, RUNNING)
        await self._do(lambda db: db.execute(this.values(ended=latest + 1, conclusion=kept)))
        return ""

    async def investigation(self, investigation: str) -> Investigation | None:
        """One investigation by its id, running or ended."""
        wanted = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation).where(INVESTIGATIONS.c.id == investigation)
        return await self._one(Investigation, wanted)

    async def running(self) -> tuple[Investigation, ...]:
        """Those that were opened and not closed, or whose thread was not told the end, by their start."""
        untold = _posted("root") & ~_posted("final")
        found = await self._readable(Investigation, select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation).where(RUNNING | untold))
        return tuple(sorted(found, key=lambda each: each.started_at))

    async def recent(self, count: int) -> tuple[Conclusion, ...]:
        """The last `count` that ended, newest first, without runs and hypotheses."""
        ended = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.conclusion).where(~RUNNING)
        return await self._readable(Conclusion, ended.order_by(INVESTIGATIONS.c.ended.desc()).limit(count))

    async def posted(self, investigation: str, step: str) -> Post | None:
        """The post of that step, if there is one."""
        wanted = select(POSTS.c.step, POSTS.c.post).where(POSTS.c.investigation == investigation, POSTS.c.step == step)
        return await self._one(Post, wanted)

    async def record(self, post: Post) -> None:
        """Keep a post; nothing happens when its step has one already."""

        def work(db: Connection) -> None:
            with suppress(IntegrityError), db.begin_nested():
                db.execute(insert(POSTS).values(investigation=post.investigation, step=post.step, post=post.model_dump_json()))

        await self._do(work)

    async def reserve(self, attempt: Attempt, caps: Caps) -> int:
        """Write an open attempt and give its number; raises `BudgetExceededError`, and writes nothing, when it does not fit."""
        row = {"investigation": attempt.investigation, "account": attempt.account, "attempt": attempt.model_dump_json()}

        def work(db: Connection) -> int:
            if db.dialect.name == "postgresql":  # SQLite's transactions wait for each other anyway
                db.execute(select(func.pg_advisory_xact_lock(func.hashtext(attempt.account or attempt.investigation))))
            investigation = _taken(db, ATTEMPTS.c.investigation == attempt.investigation)
            account = _taken(db, ATTEMPTS.c.account == attempt.account) if attempt.account else Decimal(0)
            caps.refuse_what_does_not_fit(attempt.amount, investigation, account)
            number: int = db.execute(insert(ATTEMPTS).values(row).returning(ATTEMPTS.c.id)).scalar_one()
            return number

        return await self._do(work)

    async def close(self, number: int, bill: Bill, amount: Decimal) -> None:
        """Say what became of an attempt; nothing happens when it is closed already."""
        this = ATTEMPTS.c.id == number

        def work(db: Connection) -> None:
            found = db.execute(select(ATTEMPTS.c.id, ATTEMPTS.c.attempt).where(this).with_for_update()).one()
            attempt = _read(Attempt, *found)
            if attempt.bill is Bill.OPEN:
                closed = attempt.model_copy(update={"bill": bill, "amount": amount})
                db.execute(update(ATTEMPTS).where(this).values(attempt=closed.model_dump_json()))

        await self._do(work)

    async def attempts(self, investigation: str) -> tuple[Attempt, ...]:
        """Every attempt of one investigation, in their order."""
        wanted = _attempts(ATTEMPTS.c.investigation == investigation)
        return tuple(_read(Attempt, *row) for row in await self._do(lambda db: db.execute(wanted).all()))

    async def _one(self, kind: type[V], wanted: Select[tuple[Any, Any]]) -> V | None:
        """The value that is kept in a row of a key and a text, if there is one."""
        row = await self._do(lambda db: db.execute(wanted).first())
        return _read(kind, *row) if row else None

    async def _readable(self, kind: type[V], wanted: Select[tuple[Any, Any]]) -> tuple[V, ...]:
        """All such values without those that cannot be read, of which each is told once."""
        found = []
        for row in await self._do(lambda db: db.execute(wanted).all()):
            try:
                found.append(_read(kind, *row))
            except StoreError as error:
                if str(error) not in self._told:
                    log.warning("row.unreadable", problem=str(error))
                self._told.add(str(error))
        return tuple(found)

    async def _do(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, transaction)
        except SQLAlchemyError as error:
            raise StoreError(f"The database did not do it: {cause_of(error)}. Check {VARIABLE} and the disk that it is on.") from error


def _attempts(these: ColumnElement[bool]) -> Select[tuple[Any, Any]]:
    return select(ATTEMPTS.c.id, ATTEMPTS.c.attempt).where(these).order_by(ATTEMPTS.c.id)


def _taken(db: Connection, these: ColumnElement[bool]) -> Decimal:
    return sum((_read(Attempt, *row).amount for row in db.execute(_attempts(these))), Decimal(0))


def _posted(step: str) -> ColumnElement[bool]:
    return exists().where(POSTS.c.investigation == INVESTIGATIONS.c.id, POSTS.c.step == step)


def _read(kind: type[V], key: object, text: str) -> V:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, wrong["loc"])) or "the whole" for wrong in error.errors()}))
        what = f"{kind.__name__.lower()} {key}"
        raise StoreError(f"The row of {what} cannot be read ({places} is wrong). Delete the row or restore the database.") from None
