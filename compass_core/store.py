"""Incidents that people declared, investigations, their posts, what was spent on them and what people say of them, in one database.

What holds at every moment, also with several processes on one file:
1. One investigation runs per incident and channel: a unique index over those that have not ended says so, not code.
2. An investigation ends once: the first conclusion stays.
3. One post per investigation and step: the first stays.
4. An id is never given twice (`INC-7` stays `INC-7`).
5. An investigation holds its whole incident, so that it can be run again when the alert is gone.
6. The attempts of an investigation, and of a workspace's day, take no more than their caps when one is written: checked and
   written in one transaction, one transaction at a time. An attempt that a killed process left open stays there and counts as the
   most that it may cost.

`migrations` makes the tables. Every method runs its one transaction in a thread and raises `StoreError` when the database does not do it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.sql import ColumnElement, Select

from compass_core.budget import Attempt, Bill, Caps
from compass_core.database import CONNECTIONS, EXAMPLE, VARIABLE, cause_of, engine_of, migrate
from compass_core.domain import Conclusion, Feedback, Incident, Investigation, Post, Value
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
)
INVESTIGATIONS = Table(
    "investigations",
    TABLES,
    Column("id", String(200), primary_key=True),
    Column("incident", String(200), nullable=False),
    Column("channel", String(200), nullable=False),
    Column("investigation", Text, nullable=False),
    Column("stop", Text, nullable=False),  # why it shall end, '' while nobody asked for that
    Column("ended", Integer),  # a count: the nth to end; null while it runs
    Column("ended_at", Float),
    Column("conclusion", Text),  # without runs, and with the first hypothesis alone
    Column("found", Text),  # all of it
)
PROCESSES = Table("processes", TABLES, Column("id", String(200), primary_key=True), Column("seen", Float, nullable=False))
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
    Column("investigation", String(200), nullable=False),
    Column("account", String(200), nullable=False),
    Column("attempt", Text, nullable=False),
)
FEEDBACK = Table(
    "feedback",
    TABLES,
    Column("investigation", String(200), primary_key=True),
    Column("hypothesis", Text, primary_key=True),
    Column("person", String(200), primary_key=True),
    Column("feedback", Text, nullable=False),
    Column("at", Float, nullable=False),
)
RUNNING = INVESTIGATIONS.c.ended.is_(None)


class Store:
    """The tables behind `Investigations`, `History`, `Outbox`, `Declarations`, `Ledger`, the processes, and declared incidents."""

    place = "declared incidents"

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy URL and bring its tables to the newest schema; raises `SettingsError`."""
        self._engine = engine_of(url)
        self.url = self._engine.url.render_as_string(hide_password=False)
        self._threads = ThreadPoolExecutor(CONNECTIONS, "compass-store")  # its own: others must not wait for a database that hangs
        self._watch = ThreadPoolExecutor(1, "compass-watch")  # says in time that this process lives, however many wait for the others
        self._told: set[str] = set()
        try:
            migrate(self._engine)
        except SettingsError:
            self._engine.dispose()
            raise
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise SettingsError(VARIABLE, f"the database cannot be opened for writing: {cause_of(error)}", EXAMPLE) from error

    def dispose(self) -> None:
        """Close every connection."""
        for threads in (self._threads, self._watch):
            threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def declare(self, title: str, service: str, started_at: datetime) -> Incident:
        """Keep an incident under a new id."""
        incident = Incident(id="", title=title, services=(service,), started_at=started_at)
        keep = insert(INCIDENTS).values(incident=incident.model_dump_json()).returning(INCIDENTS.c.id)
        return incident.model_copy(update={"id": f"INC-{await self._do(lambda db: db.scalar(keep))}"})

    async def find(self, reference: str) -> Incident | None:
        """The declared incident of that id, in any case, or None."""
        number = re.fullmatch(r"inc-0*([0-9]{1,9})", reference.strip(), re.IGNORECASE)
        if number is None:
            return None
        wanted = select(INCIDENTS.c.id, INCIDENTS.c.incident).where(INCIDENTS.c.id == int(number[1]))
        found = await self._one(Incident, wanted)
        return found and found.model_copy(update={"id": f"INC-{int(number[1])}"})

    async def known(self) -> tuple[str, ...]:
        """The ids of the latest declared incidents, newest first."""
        latest = select(INCIDENTS.c.id).order_by(INCIDENTS.c.id.desc()).limit(KNOWN)
        return tuple(f"INC-{number}" for number in await self._do(lambda db: db.scalars(latest).all(), reads=True))

    async def opened(self, investigation: Investigation) -> tuple[Investigation, int]:
        """As `ports.Investigations.opened`."""
        incident, channel = investigation.incident.id, investigation.address.channel
        row = {"id": investigation.id, "incident": incident, "channel": channel, "stop": ""}
        row |= {"investigation": investigation.model_dump_json()}
        holds = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation)
        holds = holds.where(INVESTIGATIONS.c.incident == incident, INVESTIGATIONS.c.channel == channel, RUNNING)

        def work(db: Connection) -> tuple[tuple[str, str] | None, int]:
            with suppress(IntegrityError), db.begin_nested():
                db.execute(insert(INVESTIGATIONS).values(row))
            return db.execute(holds).first(), db.scalar(select(func.count()).where(RUNNING)) or 0

        there, count = await self._do(work, lasts=True)
        if there is None:
            raise StoreError(f"Investigation {investigation.id} has ended already.")
        if there[0] != investigation.id:
            raise AlreadyRunningError(incident, there[0])
        return _read(Investigation, *there), count - 1

    async def closed(self, conclusion: Conclusion) -> None:
        """Keep how it ended; nothing happens when it has ended already."""
        kept = conclusion.model_copy(update={"runs": (), "hypotheses": conclusion.hypotheses[:1]}).model_dump_json()
        latest = select(func.coalesce(func.max(INVESTIGATIONS.alias().c.ended), 0)).scalar_subquery()
        this = update(INVESTIGATIONS).where(INVESTIGATIONS.c.id == conclusion.investigation.id, RUNNING)
        end = {"ended": latest + 1, "conclusion": kept, "found": conclusion.model_dump_json()}
        await self._do(lambda db: db.execute(this.values(**end, ended_at=_now(db))))

    async def conclusion(self, investigation: str) -> Conclusion | None:
        """How one ended, with its runs and hypotheses where they were kept; None while it runs."""
        found = func.coalesce(INVESTIGATIONS.c.found, INVESTIGATIONS.c.conclusion)
        whole = select(INVESTIGATIONS.c.id, found).where(INVESTIGATIONS.c.id == investigation, ~RUNNING)
        ended = await self._one(Conclusion, whole)
        return (await self._judged([ended]))[0] if ended else None

    async def answered(self, feedback: Feedback) -> bool:
        """Keep what a person says of a hypothesis, in place of what they said before; whether that is something else."""
        key = feedback.model_dump(include={"investigation", "hypothesis", "person"})
        text = feedback.model_dump_json()
        there = [FEEDBACK.c[name] == value for name, value in key.items()]

        def work(db: Connection) -> bool:
            with suppress(IntegrityError), db.begin_nested():
                db.execute(insert(FEEDBACK).values(**key, feedback=text, at=_now(db)))
                return True
            return bool(db.execute(update(FEEDBACK).where(*there, FEEDBACK.c.feedback != text).values(feedback=text, at=_now(db))).rowcount)

        return await self._do(work)

    async def forget(self, days: float) -> list[str]:
        """Delete the investigations that ended so long ago, with their posts, attempts and feedback; their ids."""

        def work(db: Connection) -> list[str]:
            old = INVESTIGATIONS.c.ended_at < _now(db) - days * 86_400
            ids = list(db.scalars(select(INVESTIGATIONS.c.id).where(old)))
            for table in (POSTS, ATTEMPTS, FEEDBACK):
                db.execute(delete(table).where(table.c.investigation.in_(select(INVESTIGATIONS.c.id).where(old))))
            db.execute(delete(INVESTIGATIONS).where(old))
            return ids

        return await self._do(work)

    async def beat(self, process: str, lease: float) -> frozenset[str]:
        """Keep that this process lives, forget those that said nothing for `lease` seconds, and give those that live."""

        def work(db: Connection) -> frozenset[str]:
            now = _now(db)
            db.execute(delete(PROCESSES).where((PROCESSES.c.id == process) | (PROCESSES.c.seen < now - lease)))
            db.execute(insert(PROCESSES).values(id=process, seen=now))
            return frozenset(db.scalars(select(PROCESSES.c.id)))

        return await self._do(work, self._watch)

    async def leave(self, process: str) -> None:
        """A process ends: others may go on with its work at once."""
        await self._do(lambda db: db.execute(delete(PROCESSES).where(PROCESSES.c.id == process)), self._watch)

    async def lives(self, process: str) -> bool:
        """Whether the others take this process for alive."""
        there = select(PROCESSES.c.id).where(PROCESSES.c.id == process)
        return await self._do(lambda db: db.scalar(there) is not None, self._watch, reads=True)

    async def ask_to_stop(self, investigation: str, why: str) -> None:
        """Whichever process runs it shall end it."""
        await self._do(lambda db: db.execute(update(INVESTIGATIONS).where(INVESTIGATIONS.c.id == investigation, RUNNING).values(stop=why)))

    async def to_stop(self, investigations: Collection[str]) -> dict[str, str]:
        """Those of them that shall end, with why."""
        wanted = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.stop).where(INVESTIGATIONS.c.stop != "", RUNNING)
        rows = await self._do(lambda db: db.execute(wanted).all(), self._watch, reads=True)
        return {key: why for key, why in rows if key in investigations}

    async def investigation(self, investigation: str) -> Investigation | None:
        """One investigation by its id, running or ended."""
        wanted = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation).where(INVESTIGATIONS.c.id == investigation)
        return await self._one(Investigation, wanted)

    async def running(self) -> tuple[Investigation, ...]:
        """Those that were opened and not closed, by their start."""
        found = await self._readable(Investigation, select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation).where(RUNNING))
        return tuple(sorted(found, key=lambda each: each.started_at))

    async def recent(self, count: int) -> tuple[Conclusion, ...]:
        """The last `count` that ended, newest first, without their runs, and with the first hypothesis alone."""
        ended = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.conclusion).where(~RUNNING)
        return await self._judged(await self._readable(Conclusion, ended.order_by(INVESTIGATIONS.c.ended.desc()).limit(count)))

    async def in_thread(self, channel: str, ts: str) -> tuple[str, ...]:
        """The ids of those that speak below this message, or in it, the newest first."""
        wanted = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation).where(
            INVESTIGATIONS.c.channel == channel,
            INVESTIGATIONS.c.id.in_(select(POSTS.c.investigation).where(POSTS.c.post.contains(f'"{ts}"', autoescape=True))),
        )
        found = await self._readable(Investigation, wanted)
        return tuple(one.id for one in sorted(found, key=lambda each: each.started_at, reverse=True))

    async def posted(self, investigation: str, step: str) -> Post | None:
        """The post of that step, if there is one and it is known where."""
        found = await self._one(Post, _post_of(investigation, step))
        return found if found and found.ts else None

    async def claim(self, post: Post) -> Post | None:
        """Keep that it will be posted; gives what is there already of its step, which stays."""
        row = {"investigation": post.investigation, "step": post.step, "post": post.model_dump_json()}

        def work(db: Connection) -> Post | None:
            if there := db.execute(_post_of(post.investigation, post.step)).first():
                return _read(Post, *there)
            db.execute(insert(POSTS).values(row))
            return None

        return await self._do(work, lasts=True)

    async def record(self, post: Post) -> None:
        """Keep where it was posted."""
        this = POSTS.c.investigation == post.investigation, POSTS.c.step == post.step
        row = {"investigation": post.investigation, "step": post.step, "post": post.model_dump_json()}

        def work(db: Connection) -> None:
            if not db.execute(update(POSTS).where(*this).values(post=row["post"])).rowcount:
                db.execute(insert(POSTS).values(row))

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

        return await self._do(work, lasts=True)

    async def close(self, number: int, bill: Bill, amount: Decimal, answer: str = "") -> None:
        """Say what became of an attempt; nothing happens when it is closed already."""
        this = ATTEMPTS.c.id == number

        def work(db: Connection) -> None:
            found = db.execute(select(ATTEMPTS.c.id, ATTEMPTS.c.attempt).where(this).with_for_update()).one()
            attempt = _read(Attempt, *found)
            if attempt.bill is Bill.OPEN:
                closed = attempt.model_copy(update={"bill": bill, "amount": amount, "answer": answer})
                db.execute(update(ATTEMPTS).where(this).values(attempt=closed.model_dump_json()))

        await self._do(work)

    async def attempts(self, investigation: str) -> tuple[Attempt, ...]:
        """Every attempt of one investigation, in their order."""
        wanted = _attempts(ATTEMPTS.c.investigation == investigation)
        rows = await self._do(lambda db: db.execute(wanted).all(), reads=True)
        return tuple(_read(Attempt, *row).model_copy(update={"number": row[0]}) for row in rows)

    async def _one(self, kind: type[V], wanted: Select[tuple[Any, Any]]) -> V | None:
        """The value that is kept in a row of a key and a text, if there is one."""
        row = await self._do(lambda db: db.execute(wanted).first(), reads=True)
        return _read(kind, *row) if row else None

    async def _judged(self, ended: Sequence[Conclusion]) -> tuple[Conclusion, ...]:
        """With what people said of them."""
        ids = [one.investigation.id for one in ended]
        wanted = select(FEEDBACK.c.person, FEEDBACK.c.feedback).where(FEEDBACK.c.investigation.in_(ids)).order_by(FEEDBACK.c.at)
        said: dict[str, list[Feedback]] = {}
        for one in await self._readable(Feedback, wanted):
            said.setdefault(one.investigation, []).append(one)
        return tuple(one.model_copy(update={"feedback": tuple(said.get(one.investigation.id, ()))}) for one in ended)

    async def _readable(self, kind: type[V], wanted: Select[tuple[Any, Any]]) -> tuple[V, ...]:
        """All such values without those that cannot be read, of which each is told once."""
        found = []
        for row in await self._do(lambda db: db.execute(wanted).all(), reads=True):
            try:
                found.append(_read(kind, *row))
            except StoreError as error:
                if str(error) not in self._told:
                    log.warning("row.unreadable", problem=str(error))
                self._told.add(str(error))
        return tuple(found)

    async def _do(self, work: Callable[[Connection], T], threads: ThreadPoolExecutor | None = None, **how: bool) -> T:
        """In one transaction; as in `database.begun`, one that only `reads` waits for nobody, and one that `lasts` survives a power cut."""

        def transaction() -> T:
            with self._engine.execution_options(**how).begin() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(threads or self._threads, transaction)
        except SQLAlchemyError as error:
            raise StoreError(f"The database did not do it: {cause_of(error)}. Check {VARIABLE} and the disk that it is on.") from error


def exists(url: str) -> bool:
    """Whether there is a database, so that opening it makes none."""
    place = engine_of(url).url
    return place.get_backend_name() != "sqlite" or Path(str(place.database)).exists()


def _attempts(these: ColumnElement[bool]) -> Select[tuple[Any, Any]]:
    return select(ATTEMPTS.c.id, ATTEMPTS.c.attempt).where(these).order_by(ATTEMPTS.c.id)


def _taken(db: Connection, these: ColumnElement[bool]) -> Decimal:
    return sum((_read(Attempt, *row).amount for row in db.execute(_attempts(these))), Decimal(0))


def _post_of(investigation: str, step: str) -> Select[tuple[Any, Any]]:
    return select(POSTS.c.step, POSTS.c.post).where(POSTS.c.investigation == investigation, POSTS.c.step == step)


def _now(db: Connection) -> float:
    """Seconds of the one clock that all processes share: the server's, or the machine's where the database is a file on it."""
    if db.dialect.name == "postgresql":
        return float(db.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0)
    return time.time()


def _read(kind: type[V], key: object, text: str) -> V:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, wrong["loc"])) or "the whole" for wrong in error.errors()}))
        what = f"{kind.__name__.lower()} {key}"
        raise StoreError(f"The row of {what} cannot be read ({places} is wrong). Delete the row or restore the database.") from None
