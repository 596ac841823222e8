"""What the exporters of the demo's shop say, tick by tick."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.demo.story import TICK, failing, held, pods, ramp

if TYPE_CHECKING:
    from tests.demo.story import Story

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
LIMIT = 100


@dataclass(frozen=True)
class Route:
    """One kind of request, and what the failure makes of it: `share` fails with `status` after `limit` seconds."""

    service: str
    method: str
    path: str
    rate: float
    median: float
    share: float = 0.0
    status: str = "503"
    limit: float = 5.0
    slower: float = 0.0
    more: float = 0.0
    lag: float = 0.0


ROUTES = (
    Route("edge", "GET", "/events", 20, 0.085, 0.22, "504", 10.0, 7.0, 0.5, 0.4),
    Route("edge", "GET", "/events/{id}/seats", 12, 0.120, 0.45, "504", 10.0, 9.0, 0.7, 0.3),
    Route("edge", "POST", "/bookings", 5, 0.240, 0.85, "503", 9.6, 6.0, 1.6, 0.2),
    Route("web-shop", "GET", "/events", 20, 0.070, 0.15, "503", 8.0, 5.0, 0.5, 0.3),
    Route("web-shop", "GET", "/events/{id}/seats", 12, 0.100, 0.40, "503", 6.2, 6.0, 0.7, 0.2),
    Route("web-shop", "POST", "/bookings", 5, 0.210, 0.80, "503", 9.4, 5.0, 1.6, 0.1),
    Route("bookings", "POST", "/v1/bookings", 5, 0.140, 0.68, "503", 4.1, 4.0, 0.9),
    Route("bookings", "GET", "/v1/availability", 12, 0.022, 0.42, "503", 4.0, 3.0, 0.2),
    Route("seatmap", "GET", "/v1/seats", 12, 0.090, 0.30, "502", 4.2, 3.0, 0.2, 0.1),
    Route("events-catalog", "GET", "/v2/events", 24, 0.018, more=0.3, lag=0.4),
    Route("pricing", "GET", "/v1/quote", 5, 0.012, more=0.4, lag=0.1),
    Route("payments", "POST", "/v1/charges", 4.6, 0.180, more=-0.7),
    Route("notifications", "POST", "/v1/messages", 4.4, 0.030, more=-0.7),
)
SERVICES = tuple(dict.fromkeys(route.service for route in ROUTES))


def requests(story: Story, demand: float) -> None:
    for route in ROUTES:
        level = failing(story.minute, route.lag)
        total = story.events(route.rate * TICK * demand * (1 + route.more * level))
        bad = min(total, story.events(total * (route.share * level + 0.0004)))
        median = route.median * (1 + route.slower * level) * (1 + (3 * held(story.minute) if route.service == "bookings" else 0))
        good = [min(route.limit * 0.95, story.rng.lognormvariate(math.log(median), 0.55)) for _ in range(total - bad)]
        failed = [story.near(route.limit if level else median, 0.02) for _ in range(bad)]
        for status, seconds in (("200" if route.method == "GET" else "201", good), (route.status, failed)):
            histogram(story, route, status, seconds)


def histogram(story: Story, route: Route, status: str, seconds: list[float]) -> None:
    name = "http_server_request_duration_seconds"
    labels = {
        "service": route.service,
        "service_version": story.version(route.service, story.minute),
        "http_request_method": route.method,
        "http_route": route.path,
        "http_response_status_code": status,
    }
    known = (f"{name}_count", tuple(sorted(labels.items()))) in story.totals
    if not seconds and not known:
        return  # a series appears with its first request
    within = [0] * len(BOUNDS)
    for one in seconds:
        within[bisect_left(BOUNDS, one)] += 1
    for index, bound in enumerate(BOUNDS):
        story.count(f"{name}_bucket", sum(within[: index + 1]), le="+Inf" if bound == math.inf else f"{bound:g}", **labels)
    story.count(f"{name}_count", len(seconds), **labels)
    story.count(f"{name}_sum", sum(seconds), **labels)


def containers(story: Story, demand: float) -> None:
    cores = {
        "edge": 0.5,
        "web-shop": 0.9,
        "bookings": 0.35,
        "events-catalog": 0.4,
        "bookings-db": 0.8,
        "catalog-db": 0.3,
        "holds-cache": 0.15,
    }
    sizes = {"web-shop": 900, "bookings": 620, "bookings-db": 2900, "catalog-db": 2100, "holds-cache": 700}
    growth = {"web-shop": 0.12 * failing(story.minute, 0.3), "bookings-db": 0.05 * held(story.minute)}
    for service in (*SERVICES, "bookings-db", "catalog-db", "holds-cache"):
        names = pods(service, story.minute) if service in SERVICES else (f"{service}-0",)
        spike = 5.0 if service == "notifications" and story.minute % 30 in range(6, 9) else 1.0  # every half hour: the digest by mail
        busy = 1 + (
            0.5 * failing(story.minute, 0.3) if service == "web-shop" else -0.3 * failing(story.minute) if service == "bookings-db" else 0
        )
        size = sizes.get(service, 260) * 2**20
        restarts = service == "notifications" and story.seconds == -31 * 60
        if restarts:
            story.restart(service)
        for pod in names:
            labels = {"service": service, "pod": pod, "container": service}
            used = story.near(cores.get(service, 0.12) * demand * spike * busy / len(names), 0.06)
            story.count("container_cpu_usage_seconds_total", used * TICK, **labels)
            story.count("container_cpu_cfs_periods_total", 150, **labels)
            story.count("container_cpu_cfs_throttled_periods_total", story.events(20 if spike > 1 else 0.6), **labels)
            story.gauge("container_memory_working_set_bytes", story.near(size * (1 + growth.get(service, 0.0)), 0.008), **labels)
            story.gauge("container_spec_memory_limit_bytes", 2 * size, **labels)
            story.count("kube_pod_container_status_restarts_total", float(restarts), **labels)


def pools(story: Story, demand: float) -> float:
    """The applications' connection pools; gives the sessions that `bookings` holds."""
    sessions = 18 + 73 * held(story.minute)
    names = pods("bookings", story.minute)
    waiting = 60 * ramp(story.minute, -3.2, 0.0) ** 2 + 70 * failing(story.minute)
    for pod in names:
        labels = {"service": "bookings", "pod": pod, "db_client_connection_pool_name": "bookings"}
        pool(story, labels, sessions / 3, max(story.near(1.6 * demand, 0.3), (sessions - 18) / 3 * 1.2), 40)
        story.gauge("db_client_connection_pending_requests", round(story.near(waiting / 3, 0.12)), **labels)
        story.count("db_client_connection_timeouts_total", story.events(50 * failing(story.minute)), **labels)
    labels = {"service": "events-catalog", "pod": pods("events-catalog", story.minute)[0], "db_client_connection_pool_name": "catalog"}
    pool(story, labels, 12, story.near(3 * demand, 0.3), 20)
    story.gauge("db_client_connection_pending_requests", story.events(0.1), **labels)
    return sessions


def pool(story: Story, labels: dict[str, str], size: float, used: float, most: int) -> None:
    busy = min(round(size), round(used))
    story.gauge("db_client_connection_count", busy, db_client_connection_state="used", **labels)
    story.gauge("db_client_connection_count", round(size) - busy, db_client_connection_state="idle", **labels)
    story.gauge("db_client_connection_max", most, **labels)


def databases(story: Story, demand: float, sessions: float) -> None:
    fault = held(story.minute)
    forgotten = 73 * fault
    oldest = story.near(0.4, 0.4) + max(0.0, story.minute + 3.2) * 60
    postgres(
        story,
        "bookings-db",
        demand * (1 - 0.6 * failing(story.minute)),
        (sessions + 6, forgotten, oldest if fault else story.near(0.4, 0.4)),
    )
    postgres(story, "catalog-db", demand, (19, story.events(0.3), story.near(0.2, 0.4)))
    hits = 0.968 - 0.0003 * (story.minute + 62)
    labels = {"service": "holds-cache"}
    reads = story.near(420 * demand) * TICK
    story.gauge("redis_up", 1, **labels)
    story.gauge("redis_connected_clients", 34 + story.events(2), **labels)
    story.gauge("redis_config_maxclients", 10_000, **labels)
    story.gauge("redis_memory_used_bytes", story.near(610e6, 0.01), **labels)
    story.count("redis_keyspace_hits_total", reads * hits, **labels)
    story.count("redis_keyspace_misses_total", reads * (1 - hits), **labels)
    story.count("redis_evicted_keys_total", story.events(3), **labels)


def postgres(story: Story, service: str, work: float, sessions: tuple[float, float, float]) -> None:
    """The exporter's view; `sessions` are how many there are, how many idle in transaction, and the oldest one's seconds."""
    total, forgotten, oldest = sessions
    labels = {"service": service, "datname": service.removesuffix("-db")}
    active = min(total - forgotten, 2 + story.events(2 * work))
    for state, number in (("active", active), ("idle in transaction", forgotten), ("idle", total - forgotten - active)):
        story.gauge("pg_stat_activity_count", round(number), state=state, **labels)
        longest = oldest if state == "idle in transaction" and forgotten else story.near(0.3, 0.4) if state == "active" else 0.0
        story.gauge("pg_stat_activity_max_tx_duration", longest, state=state, **labels)
    story.gauge("pg_up", 1, service=service)
    story.gauge("pg_settings_max_connections", LIMIT, service=service)
    story.gauge("pg_replication_lag_seconds", story.near(0.08, 0.4), service=service)
    rows = story.near(38 * work, 0.08) * TICK
    story.count("pg_stat_database_xact_commit", rows, **labels)
    story.count("pg_stat_database_xact_rollback", rows * 0.004, **labels)
    story.count("pg_stat_database_blks_hit", rows * 410, **labels)
    story.count("pg_stat_database_blks_read", story.near(rows * 3, 0.1), **labels)
    story.count("pg_stat_database_deadlocks", story.events(0.004), **labels)
    for mode, number in (("accesssharelock", 6 * work), ("rowexclusivelock", 3 * work + forgotten), ("exclusivelock", work)):
        story.gauge("pg_locks_count", round(story.near(number, 0.15)), mode=mode, **labels)


def nodes(story: Story, demand: float) -> None:
    for node, lost in (("node-a", 0.0005), ("node-b", 0.012), ("node-c", 0.0006)):  # node-b's card has always been like that
        segments = story.near(9000 * demand) * TICK
        story.count("node_netstat_Tcp_OutSegs", segments, service=node)
        story.count("node_netstat_Tcp_RetransSegs", story.near(segments * lost, 0.1), service=node)
        story.count("node_network_receive_bytes_total", segments * 820, service=node, device="eth0")
        story.count("node_network_transmit_bytes_total", segments * 790, service=node, device="eth0")
        story.count("node_network_transmit_drop_total", story.events(0.4 if node == "node-b" else 0.02), service=node, device="eth0")
