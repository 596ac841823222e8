"""The lab's instrumented system: one role a process, `python -m tests.lab.system ROLE NAME=PORT …`.

storefront → prices, storefront → orders → wire → stock, orders → orders-db (PostgreSQL). `wire` passes bytes on and is no
service: nobody measures it. `load` is the people who buy, `bulk` a job that opens a connection for each of its batches,
holds it in a transaction and never gives one back. SIGUSR1 begins the fault that a role has in it, SIGUSR2 a leak of memory.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING

import aiohttp
import asyncpg  # type: ignore[import-untyped]  # the driver ships no types
from aiohttp import web

from tests.lab.around import bulk, load, wire
from tests.lab.calls import Caller, Database, UpstreamError, address
from tests.lab.exposition import Exposition
from tests.lab.work import GREEDY, VERSION, Work, hog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from tests.lab.calls import Ports

    Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Routes = Mapping[str, Callable[[], Awaitable[None]]]

ITEMS = 8  # one order reserves so many, one after the other
HOUSEHOLD = [f"customer{i}@example.com" for i in range(15)]
POOL_SIZE = 20
STATEMENTS_A_CONNECTION = 25
ORDER = "INSERT INTO orders (email, placed_at) SELECT $1, now() FROM pg_sleep(0.05)"
HISTORY = "SELECT (SELECT max(placed_at) FROM orders WHERE lower(email) = lower(one)) FROM unnest($1::text[]) AS one"


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


async def application(role: str, ports: Ports) -> web.Application:
    """One service: its routes and `/metrics`, which measures nothing of itself."""
    exposition, work = Exposition(), Work()
    exposition.gauge("target_info", lambda: 1, service_version=VERSION)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, {"prices": hog}.get(role, work.begin_failing))
    loop.add_signal_handler(signal.SIGUSR2, work.begin_keeping)

    async def session(_app: web.Application) -> AsyncIterator[None]:
        greedy = asyncio.create_task(bulk(ports)) if (role, VERSION) == ("orders", GREEDY) else None
        yield
        if greedy:
            greedy.cancel()
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


def main(role: str, *peers: str) -> None:
    """Run one role until a signal ends it."""
    ports = {name: int(port) for name, _, port in (peer.partition("=") for peer in peers)}
    if role in (others := {"load": load, "bulk": bulk, "wire": wire}):
        asyncio.run(others[role](ports))
    else:
        web.run_app(application(role, ports), host="127.0.0.1", port=ports[role], access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
