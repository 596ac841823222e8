"""The database that COMPASS_DATABASE_URL names: an SQLite file, or what SQLAlchemy has a driver for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from compass_core.errors import SettingsError

VARIABLE = "COMPASS_DATABASE_URL"
EXAMPLE = "sqlite:///compass.db"
BUSY_MS = 10_000


def engine_of(url: str) -> Engine:
    """The engine of an SQLAlchemy URL; nothing is opened yet. Raises `SettingsError`."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            _refuse_unusable(parsed)
        engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=True)  # a server that was restarted is noticed
    # None: the cause of a URL that cannot be parsed may quote its password
    except (ArgumentError, ValueError):
        raise SettingsError(VARIABLE, "is not a database URL", EXAMPLE) from None
    except ModuleNotFoundError as error:
        raise SettingsError(VARIABLE, f"needs the Python module {error.name}, which is not installed", EXAMPLE) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _connected)
        event.listen(engine, "begin", _begun)
    return engine


def _refuse_unusable(url: URL) -> None:
    if not url.database or url.database == ":memory:" or url.query:
        raise SettingsError(VARIABLE, "must name an SQLite file, without options", EXAMPLE)
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise SettingsError(VARIABLE, f"the folder {folder} does not exist; create it first", EXAMPLE)


def completed(connection: Connection, tables: MetaData) -> list[str]:
    """Add the columns that tables of an older Compass do not have; what cannot be added, since it has no default, as `table.column`."""
    found, lacks = inspect(connection), []
    for table in tables.sorted_tables:
        held = {each["name"] for each in found.get_columns(table.name)}
        for column in table.columns:
            if column.name in held:
                continue
            if column.server_default is None:
                lacks.append(f"{table.name}.{column.name}")
            else:
                wanted = CreateColumn(column).compile(dialect=connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {wanted}")
    return lacks


def _connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # so that transactions begin where `_begun` says, not where sqlite3 guesses
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")


def _begun(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would fail, not wait, when another wrote in between
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def cause_of(error: SQLAlchemyError) -> str:
    """The driver's own words: SQLAlchemy's hold the statement."""
    return str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
