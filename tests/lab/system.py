"""The lab's instrumented system: one role a process, `python -m tests.lab.system ROLE NAME=PORT …`.

storefront → prices, storefront → orders → stock, orders → orders-db (PostgreSQL). `load` is the people who buy,
`bulk` a job that opens a connection for each of its batches, holds it in a transaction and never gives one back.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # the driver ships no types
from aiohttp import web

from tests.lab.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Ports = Mapping[str, int]
    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUESTS_PER_SECOND = 25
CHECKOUT_SHARE = 0.6
POOL_SIZE = 8
STATEMENTS_A_CONNECTION = 25
BATCH_SECONDS = 0.2
RETRY_SECONDS = 0.05
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

    async def insert(self) -> None:
        """One order; UpstreamError when the database does not take it."""
        started, error, code = time.perf_counter(), "", ""
        try:
            self._pending += 1
            try:
                connection = await self._pool.acquire(timeout=2)
            finally:
                self._pending -= 1
            try:
                await connection.execute("INSERT INTO orders (placed_at) SELECT now() FROM pg_sleep(0.15)")
            finally:
                await self._pool.release(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as raised:
            error, code = type(raised).__name__, getattr(raised, "sqlstate", "")
            self._exposition.count("db_client_connection_timeouts_total", int(isinstance(raised, TimeoutError)), server_address=DATABASE)
        self._exposition.observe(
            "db_client_operation_duration_seconds",
            time.perf_counter() - started,
            server_address=DATABASE,
            db_system_name="postgresql",
            db_response_status_code=code,
            error_type=error,
        )
        if error:
            raise UpstreamError(f"{DATABASE}: {error}")


def measured(exposition: Exposition, route: str, work: Callable[[], Awaitable[None]]) -> Answer:
    """What answers a route: 200 after the work, 503 when something it needs did not answer."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        started, status = time.perf_counter(), web.HTTPOk.status_code
        try:
            await work()
        except UpstreamError:
            status = web.HTTPServiceUnavailable.status_code
        exposition.observe(
            "http_server_request_duration_seconds",
            time.perf_counter() - started,
            http_request_method="GET",
            http_route=route,
            http_response_status_code=str(status),
            error_type=str(status) if status != web.HTTPOk.status_code else "",
        )
        return web.Response(status=status)

    return answer


async def thinking() -> None:
    """The work of a service that needs nothing else: 2 to 10 ms."""
    await asyncio.sleep(random.uniform(0.002, 0.01))  # noqa: S311 - not a secret


async def work_of(role: str, caller: Caller, exposition: Exposition, ports: Ports) -> dict[str, Callable[[], Awaitable[None]]]:
    """The routes of a role."""

    async def checkout() -> None:
        await caller.get("prices", "/prices")
        await caller.get("orders", "/orders")

    if role == "storefront":
        return {"/": lambda: caller.get("prices", "/prices"), "/checkout": checkout}
    if role != "orders":
        return {f"/{'prices' if role == 'prices' else 'reservations'}": thinking}
    pool = await asyncpg.create_pool(**address(ports), min_size=0, max_size=POOL_SIZE, max_queries=STATEMENTS_A_CONNECTION)
    await pool.execute("CREATE TABLE IF NOT EXISTS orders (id bigint GENERATED ALWAYS AS IDENTITY, placed_at timestamptz)")
    database = Database(pool, exposition)

    async def order() -> None:
        await caller.get("stock", "/reservations")
        await database.insert()

    return {"/orders": order}


def address(ports: Ports) -> dict[str, Any]:
    """How asyncpg reaches the database."""
    return {"host": "127.0.0.1", "port": ports[DATABASE], "user": "shop", "database": "shop", "ssl": False}


async def application(role: str, ports: Ports) -> web.Application:
    """One service: its routes and `/metrics`, which measures nothing of itself."""
    exposition = Exposition()

    async def session(_app: web.Application) -> AsyncIterator[None]:
        yield
        await http.close()

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=exposition.text())

    http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3))
    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_get("/metrics", metrics)
    for route, work in (await work_of(role, Caller(http, ports, exposition), exposition, ports)).items():
        app.router.add_get(route, measured(exposition, route, work))
    return app


async def load(ports: Ports) -> None:
    """Steady traffic; a request that finds no free slot is not sent, so that slow answers do not pile up."""
    slots = asyncio.Semaphore(60)

    async def visit(http: aiohttp.ClientSession, path: str) -> None:
        async with slots:
            try:
                await (await http.get(f"http://127.0.0.1:{ports['storefront']}{path}")).read()
            except (aiohttp.ClientError, TimeoutError) as error:
                sys.stderr.write(f"{path}: {error!r}\n")

    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) / REQUESTS_PER_SECOND)  # noqa: S311 - not a secret
            if not slots.locked():
                group.create_task(visit(http, "/checkout" if random.random() < CHECKOUT_SHARE else "/"))  # noqa: S311 - the same


async def bulk(ports: Ports) -> None:
    """Takes every connection that it can get and keeps it, as a job does that forgets to close."""
    held = []
    while True:
        try:
            connection = await asyncpg.connect(**address(ports))
            await connection.execute("BEGIN; SELECT count(*) FROM orders")
            held.append(connection)
            await asyncio.sleep(BATCH_SECONDS)
        except (asyncpg.PostgresError, OSError) as error:
            sys.stderr.write(f"{len(held)} held: {error!r}\n")
            await asyncio.sleep(RETRY_SECONDS)


def main(role: str, *peers: str) -> None:
    """Run one role until a signal ends it."""
    ports = {name: int(port) for name, _, port in (peer.partition("=") for peer in peers)}
    if role in {"load", "bulk"}:
        asyncio.run({"load": load, "bulk": bulk}[role](ports))
    else:
        web.run_app(application(role, ports), host="127.0.0.1", port=ports[role], access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
