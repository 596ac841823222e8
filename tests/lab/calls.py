"""How a service of the lab's system calls the others and the database, and measures that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # the driver ships no types
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.exposition import Exposition

    Ports = Mapping[str, int]

DATABASE = "orders-db"


class UpstreamError(Exception):
    """A service that was called did not answer, or not well."""


class Caller:
    """Calls other services and measures each call, under the name of the one that was called."""

    def __init__(self, http: aiohttp.ClientSession, ports: Ports, exposition: Exposition) -> None:
        self._http = http
        self._ports = ports
        self._exposition = exposition

    async def get(self, callee: str, path: str) -> None:
        """Call it; UpstreamError when that fails."""
        started, status, error = time.perf_counter(), "", ""
        try:
            async with self._http.get(f"http://127.0.0.1:{self._ports[callee]}{path}") as response:
                status = str(response.status)
                error = status if response.status >= web.HTTPInternalServerError.status_code else ""
        except (aiohttp.ClientError, TimeoutError) as raised:
            error = type(getattr(raised, "os_error", raised)).__name__
        self._exposition.observe(
            "http_client_request_duration_seconds",
            time.perf_counter() - started,
            server_address=callee,
            http_request_method="GET",
            http_response_status_code=status,
            error_type=error,
        )
        if error:
            raise UpstreamError(f"{callee}: {error}")


class Database:
    """A pool of connections that tells how it is used."""

    def __init__(self, pool: Any, exposition: Exposition) -> None:
        self._pool = pool
        self._exposition = exposition
        self._pending = 0
        exposition.gauge("db_client_connection_count", pool.get_idle_size, server_address=DATABASE, db_client_connection_state="idle")
        exposition.gauge("db_client_connection_count", self._used, server_address=DATABASE, db_client_connection_state="used")
        exposition.gauge("db_client_connection_max", pool.get_max_size, server_address=DATABASE)
        exposition.gauge("db_client_connection_pending_requests", lambda: self._pending, server_address=DATABASE)
        exposition.count("db_client_connection_timeouts_total", 0, server_address=DATABASE)

    def _used(self) -> int:
        return int(self._pool.get_size() - self._pool.get_idle_size())

    async def execute(self, sql: str, *values: object) -> None:
        """One statement; UpstreamError when the database does not do it."""
        started, error, code = time.perf_counter(), "", ""
        try:
            connection = await self._acquired()
            try:
                await connection.fetch(sql, *values)
            finally:
                await self._pool.release(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as raised:
            error, code = type(raised).__name__, getattr(raised, "sqlstate", "")
        self._exposition.observe(
            "db_client_operation_duration_seconds",
            time.perf_counter() - started,
            server_address=DATABASE,
            db_system_name="postgresql",
            db_operation_name=sql.partition(" ")[0],
            db_response_status_code=code,
            error_type=error,
        )
        if error:
            raise UpstreamError(f"{DATABASE}: {error}")

    async def _acquired(self) -> Any:
        self._pending += 1
        try:
            return await self._pool.acquire(timeout=2)
        except TimeoutError:
            self._exposition.count("db_client_connection_timeouts_total", server_address=DATABASE)
            raise
        finally:
            self._pending -= 1


def address(ports: Ports) -> dict[str, Any]:
    """How asyncpg reaches the database."""
    return {"host": "127.0.0.1", "port": ports[DATABASE], "user": "shop", "database": "shop", "ssl": False}
