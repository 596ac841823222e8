"""The database that COMPASS_DATABASE_URL names, an SQLite file or PostgreSQL, brought to the newest schema by Alembic."""

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from compass_core.errors import SettingsError

VARIABLE = "COMPASS_DATABASE_URL"
EXAMPLE = "sqlite:///compass.db"
CONNECTIONS = 8
CACHE_KIB = 256  # of each connection to SQLite: rows are found by their keys, and the machine caches the file
BUSY_MS = 10_000
IDLE_MS = 5_000  # in a transaction: a process that was frozen in one must not hold up those that go on with its work


def engine_of(url: str) -> Engine:
    """The engine of an SQLAlchemy URL; nothing is opened yet. Raises `SettingsError`."""
    try:
        parsed = make_url(url)
        if parsed.drivername in {"postgres", "postgresql"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            _refuse_unusable(parsed)
        engine = create_engine(
            parsed, hide_parameters=True, pool_pre_ping=True, pool_size=CONNECTIONS
        )  # a server that was restarted is noticed
    # None: the cause of a URL that cannot be parsed may quote its password
    except (ArgumentError, ValueError):
        raise SettingsError(VARIABLE, "is not a database URL", EXAMPLE) from None
    except ModuleNotFoundError as error:
        raise SettingsError(VARIABLE, f"needs the Python module {error.name}; Compass is made for SQLite and PostgreSQL", EXAMPLE) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begun)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _timed)
    return engine


def _refuse_unusable(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.query:
        raise SettingsError(VARIABLE, "must name an SQLite file, without options", EXAMPLE)
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise SettingsError(VARIABLE, f"the folder {folder} does not exist; create it first", EXAMPLE)


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest schema, from whichever an earlier Compass made; raises `SettingsError` where a newer one did."""
    config = Config(attributes={})
    config.set_main_option("script_location", "compass_core:migrations")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # several processes may start at once
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("compass.migrate"))))
        config.attributes["connection"] = connection
        tables = inspect(connection)
        if not tables.has_table("alembic_version") and tables.has_table("investigations"):  # before there were migrations
            accounts = tables.has_table("attempts") and "account" in {one["name"] for one in tables.get_columns("attempts")}
            command.stamp(config, "0003" if accounts else "0002" if tables.has_table("attempts") else "0001")
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            newer = "was made by a newer Compass; run that one, or name another database"
            raise SettingsError(VARIABLE, newer, EXAMPLE) from error


def _connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # so that transactions begin where `_begun` says, not where sqlite3 guesses
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _timed(connection: Any, _record: object) -> None:
    connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_MS}")
    connection.commit()  # else the pool takes it back


def _begun(connection: Connection) -> None:
    how = connection.get_execution_options()
    if not how.get("reads"):
        # FULL: what must outlive a power cut, and with it all that was written before; the death of a process loses nothing anyway
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if how.get('lasts') else 'NORMAL'}")
        # IMMEDIATE: a transaction that reads first and writes later would fail, not wait, when another wrote in between
        connection.exec_driver_sql("BEGIN IMMEDIATE")


class Steps(sqlite3.Connection):
    """What is written here is done again, at no cost, where a power cut loses it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.execute("PRAGMA synchronous = NORMAL")
        self.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def cause_of(error: SQLAlchemyError) -> str:
    """The driver's own words: SQLAlchemy's hold the statement."""
    return str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
