"""What breaks in the lab, and waiting for what the servers then say. Counted in scrapes: one a second."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.processes import until
from tests.lab.stack import ENTRY, RULES, STRICT, run
from tests.lab.work import GREEDY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.lab.stack import Stack

HEALTHY_SCRAPES = 90
FIRING_SCRAPES = 30


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault: what causes it, and what an investigation should find.

    `heavy`: it takes a whole core, so no other lab may run beside it. `pods`: in a cluster, where the stock rule speaks of the pod itself.
    `signs` are signals that the evidence of the first hypothesis names. `change` is the service whose deploy brought it about, `also`
    another service that broke at the same time and has nothing to do with it. Without a service nothing is wrong but the alert.
    """

    service: str
    mechanism: str
    inject: Callable[[Stack], Awaitable[None]]
    heavy: bool = False
    pods: bool = False
    signs: frozenset[str] = frozenset()
    change: str = ""
    also: str = ""

    @property
    def alerted(self) -> str:
        """The service that the alert is about."""
        return self.service if self.pods else ENTRY


async def _exhaust(stack: Stack) -> None:
    await stack.servers.start(stack.role("bulk"))


async def _lock(stack: Stack) -> None:
    """What an index built the plain way does to those who write, only longer."""
    await stack.servers.start(stack.sql("lock", "BEGIN; LOCK TABLE orders IN SHARE MODE; SELECT pg_sleep(3600)"))


async def _drop_index(stack: Stack) -> None:
    await run(stack, stack.sql("drop", "DROP INDEX orders_email"))


async def _delay(stack: Stack) -> None:
    stack.servers.signal("wire", signal.SIGUSR1)


async def _refuse(stack: Stack) -> None:
    await stack.servers.end("wire")


async def _hog(stack: Stack) -> None:
    stack.servers.signal("prices", signal.SIGUSR1)


async def _deploy(stack: Stack) -> None:
    await stack.servers.end("prices")
    await stack.servers.start(stack.role("prices", SERVICE_VERSION="1.9.0"))


async def _leak(stack: Stack) -> None:
    stack.servers.signal("node", signal.SIGUSR1)


async def _fail(stack: Stack) -> None:
    stack.servers.signal("stock", signal.SIGUSR1)


async def _greedy(stack: Stack) -> None:
    """A version that opens connections and never gives one back."""
    await stack.servers.end("orders")
    await stack.servers.start(stack.role("orders", SERVICE_VERSION=GREEDY))


async def _harmless(stack: Stack) -> None:
    """Somebody deploys one service just before another breaks."""
    await stack.servers.end("prices")
    await stack.servers.start(stack.role("prices", SERVICE_VERSION="1.8.4"))
    await asyncio.sleep(5)
    await _fail(stack)


async def _both(stack: Stack) -> None:
    await _deploy(stack)
    await _fail(stack)


async def _mistype(stack: Stack) -> None:
    """Somebody sets the limit of a rule in seconds and thinks of milliseconds."""
    stack.watch(*RULES, STRICT)
    stack.servers.signal("prometheus", signal.SIGHUP)


SCENARIOS = {
    "exhaustion": Scenario("orders-db", "connection_exhaustion", _exhaust),
    "lock": Scenario("orders-db", "lock_contention", _lock),
    "dropped index": Scenario("orders-db", "slow_queries", _drop_index, heavy=True),
    "delay": Scenario("stock", "network_delay", _delay),
    "refused": Scenario("stock", "connection_refused", _refuse),
    "hog": Scenario("prices", "cpu_exhaustion", _hog, heavy=True),
    "deploy": Scenario("prices", "bad_deploy", _deploy),
    "killed pod": Scenario("prices", "memory_pressure", _leak, pods=True, signs=frozenset({"out_of_memory_kills"})),
    # an order reserves eight articles and fails with the first: `orders` fails five times as often as `stock`, `storefront` twice
    "greedy deploy": Scenario("orders-db", "connection_exhaustion", _greedy, change="orders"),
    "harmless deploy": Scenario("stock", "exception_in_code", _harmless),
    "two faults": Scenario("prices", "bad_deploy", _both, also="stock"),
    "loud victims": Scenario("stock", "exception_in_code", _fail),
    "healthy": Scenario("", "", _mistype),
}


async def healthy(stack: Stack, scrapes: int = HEALTHY_SCRAPES) -> None:
    """The system serves, every target was scraped so many times, and nobody complains."""
    await until(lambda: _some(stack, f"sum(rate({stack.served}[10s])) > 10"), "the load arrives", 60)
    scraped = f"count(sum_over_time(up[1h]) >= {scrapes}) == {stack.targets} unless on () ALERTS"
    await until(lambda: _some(stack, scraped), "every target was scraped while healthy", scrapes + 300)  # six labs share two cores


async def broken(stack: Stack, scenario: Scenario, scrapes: int = FIRING_SCRAPES) -> str:
    """The fault, then an alert for so long; the fingerprint of the alert in Alertmanager."""
    await scenario.inject(stack)
    lasting = f'count_over_time(ALERTS{{alertstate="firing"}}[{scrapes + 5}s]) >= {scrapes}'
    await until(lambda: _some(stack, lasting), "an alert fires and lasts", scrapes + 90)
    alerts = (await stack.http.get(f"{stack.url('alertmanager')}/api/v2/alerts", params={"active": "true"})).raise_for_status().json()
    return str(alerts[0]["fingerprint"])


async def _some(stack: Stack, query: str) -> bool:
    return bool(await stack.ask(query))
