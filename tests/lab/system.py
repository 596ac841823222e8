"""The lab's instrumented system: one role a process, `python -m tests.lab.system ROLE NAME=PORT …`.

storefront → prices, storefront → orders → wire → stock, orders → orders-db (PostgreSQL). `wire` passes bytes on and is no
service: nobody measures it. `load` is the people who buy, `bulk` a job that opens a connection for each of its batches,
holds it in a transaction and never gives one back. SIGUSR1 begins the fault that a role has in it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # the driver ships no types
from aiohttp import web

from tests.lab.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Ports = Mapping[str, int]
    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Routes = Mapping[str, Callable[[], Awaitable[None]]]

REQUESTS_PER_SECOND = 15
PAGES = {"/": 0.5, "/checkout": 0.4, "/history": 0.1}
ITEMS = 8  # one order reserves so many, one after the other
HOUSEHOLD = [f"customer{i}@example.com" for i in range(15)]
POOL_SIZE = 20
STATEMENTS_A_CONNECTION = 25
VERSION = os.environ.get("SERVICE_VERSION", "1.8.3")
FAILING = {"1.9.0": 0.3}.get(VERSION, 0.0)  # the share of requests that this version fails
UNLUCKY = 0.08  # the same once the articles are there that `stock` does not expect
HOG_THREADS = 6
DELAY_SECONDS = 0.05
ORDER = "INSERT INTO orders (email, placed_at) SELECT $1, now() FROM pg_sleep(0.05)"
HISTORY = "SELECT (SELECT max(placed_at) FROM orders WHERE lower(email) = lower(one)) FROM unnest($1::text[]) AS one"
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


class Work:
    """The work of a service that needs nothing else: 1 to 5 ms, and an exception for its share of requests."""

    def __init__(self) -> None:
        self._failing = FAILING

    async def __call__(self) -> None:
        """Do it once."""
        await asyncio.sleep(random.uniform(0.001, 0.005))  # noqa: S311 - not a secret
        if random.random() < self._failing:  # noqa: S311 - the same
            raise ValueError("an article without a weight")

    def begin_failing(self) -> None:
        """From now on it meets what it does not expect."""
        self._failing = UNLUCKY


def hog() -> None:
    """A report that computes in threads beside the requests, and never ends."""

    def compute() -> None:
        while True:
            sum(range(100))

    for _ in range(HOG_THREADS):
        threading.Thread(target=compute, daemon=True).start()


def measured(exposition: Exposition, route: str, work: Callable[[], Awaitable[None]]) -> Answer:
    """What answers a route: 200 after the work, 503 when something it needs did not answer, 500 when its own code fails."""
    active = 0
    exposition.gauge("http_server_active_requests", lambda: active, http_request_method="GET", http_route=route)

    async def answer(_request: web.Request) -> web.StreamResponse:
        nonlocal active
        started, status, active = time.perf_counter(), web.HTTPOk.status_code, active + 1
        try:
            await work()
        except UpstreamError:
            status = web.HTTPServiceUnavailable.status_code
        except ValueError:
            status = web.HTTPInternalServerError.status_code
        finally:
            active -= 1
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


async def routes_of(role: str, work: Work, ports: Ports, exposition: Exposition, http: aiohttp.ClientSession) -> Routes:
    """The routes of a role."""
    caller = Caller(http, {**ports, "stock": ports["wire"]}, exposition)

    async def checkout() -> None:
        await caller.get("prices", "/prices")
        await caller.get("orders", "/orders")

    if role == "storefront":
        return {"/": lambda: caller.get("prices", "/prices"), "/checkout": checkout, "/history": lambda: caller.get("orders", "/history")}
    if role != "orders":
        return {"/prices" if role == "prices" else "/reservations": work}
    pool = asyncpg.create_pool(**address(ports), min_size=0, max_size=POOL_SIZE, max_queries=STATEMENTS_A_CONNECTION, command_timeout=5)
    database = Database(await pool, exposition)

    async def order() -> None:
        for _ in range(ITEMS):
            await caller.get("stock", "/reservations")
        await database.execute(ORDER, HOUSEHOLD[0])

    return {"/orders": order, "/history": lambda: database.execute(HISTORY, HOUSEHOLD)}


def address(ports: Ports) -> dict[str, Any]:
    """How asyncpg reaches the database."""
    return {"host": "127.0.0.1", "port": ports[DATABASE], "user": "shop", "database": "shop", "ssl": False}


async def application(role: str, ports: Ports) -> web.Application:
    """One service: its routes and `/metrics`, which measures nothing of itself."""
    exposition, work = Exposition(), Work()
    exposition.gauge("target_info", lambda: 1, service_version=VERSION)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, {"prices": hog}.get(role, work.begin_failing))

    async def session(_app: web.Application) -> AsyncIterator[None]:
        yield
        await http.close()

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(text=exposition.text())

    http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3))
    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_get("/metrics", metrics)
    for route, answer in (await routes_of(role, work, ports, exposition, http)).items():
        app.router.add_get(route, measured(exposition, route, answer))
    return app


async def load(ports: Ports) -> None:
    """Steady traffic; a request that finds no free slot is not sent, so that slow answers do not pile up."""
    slots = asyncio.Semaphore(60)

    async def visit(http: aiohttp.ClientSession, page: str) -> None:
        async with slots:
            try:
                await (await http.get(f"http://127.0.0.1:{ports['storefront']}{page}")).read()
            except (aiohttp.ClientError, TimeoutError) as error:
                sys.stderr.write(f"{page}: {error!r}\n")

    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) / REQUESTS_PER_SECOND)  # noqa: S311 - not a secret
            if not slots.locked():
                group.create_task(visit(http, *random.choices(tuple(PAGES), tuple(PAGES.values()))))  # noqa: S311 - the same


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


async def wire(ports: Ports) -> None:
    """Passes on every byte between `orders` and `stock`, at once until it is told to take its time."""
    delay = 0.0

    def lengthen() -> None:
        nonlocal delay
        delay = DELAY_SECONDS

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while some := await reader.read(65536):
                loop.call_later(delay, writer.write, some)
        loop.call_later(delay, writer.close)

    async def opened(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", ports["stock"])
        await asyncio.gather(passed(reader, there_writer), passed(there_reader, writer))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lengthen)
    async with await asyncio.start_server(opened, "127.0.0.1", ports["wire"]) as server:
        await server.serve_forever()


def main(role: str, *peers: str) -> None:
    """Run one role until a signal ends it."""
    ports = {name: int(port) for name, _, port in (peer.partition("=") for peer in peers)}
    if role in (others := {"load": load, "bulk": bulk, "wire": wire}):
        asyncio.run(others[role](ports))
    else:
        web.run_app(application(role, ports), host="127.0.0.1", port=ports[role], access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
