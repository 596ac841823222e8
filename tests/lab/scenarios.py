"""What breaks in the lab, and waiting for what the servers then say. Counted in scrapes: one a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.processes import until
from tests.lab.stack import ENTRY, SERVICES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.lab.stack import Stack

HEALTHY_SCRAPES = 90
FIRING_SCRAPES = 30


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault: what causes it, and what an investigation should find."""

    service: str
    mechanism: str
    inject: Callable[[Stack], Awaitable[None]]


async def _exhaust(stack: Stack) -> None:
    await stack.servers.start(stack.role("bulk"))


async def _refuse(stack: Stack) -> None:
    await stack.servers.end("stock")


SCENARIOS = {
    "exhaustion": Scenario("orders-db", "connection_exhaustion", _exhaust),
    "refused": Scenario("stock", "connection_refused", _refuse),
}


async def play(stack: Stack, scenario: Scenario, healthy: int = HEALTHY_SCRAPES, firing: int = FIRING_SCRAPES) -> str:
    """Healthy traffic, then the fault, then its alert for a while; the fingerprint of the alert in Alertmanager."""
    served = f'sum(rate(http_server_request_duration_seconds_count{{service_name="{ENTRY}"}}[10s])) > 15'
    await until(lambda: _some(stack, served), "the load arrives", 60)
    scraped = f"count(sum_over_time(up[1h]) >= {healthy}) == {len(SERVICES) + 1}"
    await until(lambda: _some(stack, scraped), "every target was scraped while healthy", healthy + 60)
    await scenario.inject(stack)
    lasting = f'count_over_time(ALERTS{{alertstate="firing"}}[1h]) >= {firing}'
    await until(lambda: _some(stack, lasting), "the alert fires and lasts", firing + 90)
    alerts = (await stack.http.get(f"{stack.url('alertmanager')}/api/v2/alerts", params={"active": "true"})).raise_for_status().json()
    return str(alerts[0]["fingerprint"])


async def _some(stack: Stack, query: str) -> bool:
    return bool(await stack.ask(query))
