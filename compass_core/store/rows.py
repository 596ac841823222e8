"""The tables, and how their rows are read and written: each time one transaction, in a thread.

`migrations` makes the tables and says what a column may hold. A value of ours is one text in a row, beside what it is found by.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import Text, column, func, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import Select

from compass_core.database import CONNECTIONS, EXAMPLE, VARIABLE, cause_of, engine_of, migrate
from compass_core.domain import Value
from compass_core.errors import SettingsError, StoreError

log = structlog.get_logger()

T = TypeVar("T")
V = TypeVar("V", bound=Value)

INCIDENTS = table("incidents", column("id"), column("incident"))  # without its id
# `stop`: why it shall end, '' while nobody asked for that; `ended`: it is the nth to end, null while it runs; `conclusion`: without runs,
# and with the first hypothesis alone; `found`: all of it
INVESTIGATIONS = table(
    "investigations", *map(column, ("id", "incident", "channel", "investigation", "stop", "ended", "ended_at", "conclusion", "found"))
)
POSTS = table("posts", column("investigation"), column("step"), column("post", Text))
ATTEMPTS = table("attempts", column("id"), column("investigation"), column("account"), column("attempt"))
FEEDBACK = table("feedback", *map(column, ("investigation", "hypothesis", "person", "feedback", "at")))
PROCESSES = table("processes", column("id"), column("seen"))
RUNNING = INVESTIGATIONS.c.ended.is_(None)


class Rows:
    """The database at an SQLAlchemy URL, whose tables are brought to the newest schema; raises `SettingsError`."""

    def __init__(self, url: str) -> None:
        self._engine = engine_of(url)
        self.url = self._engine.url.render_as_string(hide_password=False)
        self._threads = ThreadPoolExecutor(CONNECTIONS, "compass-store")  # its own: others must not wait for a database that hangs
        self._watch = ThreadPoolExecutor(1, "compass-watch")  # says in time that this process lives, however many wait for the others
        self._told: set[str] = set()
        try:
            migrate(self._engine)
        except (SettingsError, SQLAlchemyError) as error:
            self._engine.dispose()
            if isinstance(error, SettingsError):
                raise
            raise SettingsError(VARIABLE, f"the database cannot be opened for writing: {cause_of(error)}", EXAMPLE) from error

    def dispose(self) -> None:
        for threads in (self._threads, self._watch):
            threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def _do(self, work: Callable[[Connection], T], threads: ThreadPoolExecutor | None = None, **how: bool) -> T:
        """In one transaction; as in `database.begun`, one that only `reads` waits for nobody, and one that `lasts` survives a power cut."""

        def transaction() -> T:
            with self._engine.execution_options(**how).begin() as connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(threads or self._threads, transaction)
        except SQLAlchemyError as error:
            raise StoreError(f"The database did not do it: {cause_of(error)}. Check {VARIABLE} and the disk that it is on.") from error

    async def _one(self, kind: type[V], wanted: Select[tuple[Any, Any]]) -> V | None:
        """The value that is kept in a row of a key and a text, if there is one."""
        row = await self._do(lambda db: db.execute(wanted).first(), reads=True)
        return value_of(kind, *row) if row else None

    async def _readable(self, kind: type[V], wanted: Select[tuple[Any, Any]]) -> tuple[V, ...]:
        """All such values without those that cannot be read, of which each is told once."""
        values = []
        for row in await self._do(lambda db: db.execute(wanted).all(), reads=True):
            try:
                values.append(value_of(kind, *row))
            except StoreError as error:
                if str(error) not in self._told:
                    log.warning("row.unreadable", problem=str(error))
                self._told.add(str(error))
        return tuple(values)


def value_of(kind: type[V], key: object, text: str) -> V:
    """The value that a row holds as text; raises `StoreError`, which names the row by its key."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        places = ", ".join(sorted({".".join(map(str, wrong["loc"])) or "the whole" for wrong in error.errors()}))
        what = f"{kind.__name__.lower()} {key}"
        raise StoreError(f"The row of {what} cannot be read ({places} is wrong). Delete the row or restore the database.") from None


def now(db: Connection) -> float:
    """Seconds of the one clock that all processes share: the server's, or the machine's where the database is a file on it."""
    if db.dialect.name == "postgresql":
        return float(db.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0)
    return time.time()


def exists(url: str) -> bool:
    """Whether there is a database, so that opening it makes none."""
    place = engine_of(url).url
    return place.get_backend_name() != "sqlite" or Path(str(place.database)).exists()
