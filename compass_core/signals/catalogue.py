"""All signals in one table. Supporting another exporter is adding an `Ask` to a row, a new thing to watch is adding a row.

A family enters only with a test on that exporter's real names (`tests/signals/`).
"""

from collections.abc import Collection

from compass_core.domain import AgentName
from compass_core.signals import databases, logs, network, requests, resources, spans
from compass_core.signals.changes import CHANGES, WORSE
from compass_core.signals.signal import QUANTILE, Signal

# fmt: off
SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        *requests.REQUESTS, *resources.RESOURCES, *databases.DATABASES, *network.NETWORKS, *logs.LOG_SIGNALS,
        *logs.ERRORS_IN_LINES, *spans.SPANS, *CHANGES, WORSE,
    )
}
# fmt: on
"""Every signal by its name."""

OWN = {"span_kind": "SPAN_KIND_(SERVER|CONSUMER)", "reporter": "destination", "direction": "inbound"}
"""Labels that tell one's own work from calls to others, and what they say of the former: a failing call is its callee's failure."""

PLACED = "kube_pod_info"
GRAPH_FAMILIES = (
    *network.CALLS, "http_client_duration_milliseconds_count", "rpc_client_duration_milliseconds_count",
    "traces_service_graph_request_total", "istio_requests_total", "db_client_connection_count",
    "db_client_operation_duration_seconds_count", PLACED,
)  # fmt: skip
"""Families whose labels tell who calls whom, and which node a service runs on."""

FAILURES = frozenset({"error_ratio", "availability", "errors", "upstream_errors"})
"""What tells whether requests to a service fail."""
OF_ERRORS = frozenset(signal.name for signal in logs.ERRORS_IN_LINES if signal.name != "log_silence")
"""What tells that it writes of errors, whether anybody suffers or not."""

DATABASES = ("pg_up", "mysql_up", "redis_up", "mongodb_up")
"""A service for which one of these exists is a database."""

OVERVIEW = frozenset({
    "error_ratio", "latency_p95", "request_rate", "cpu_usage", "cpu_throttling", "memory_of_limit",
    "restarts", "out_of_memory_kills", "up", "instances", "replicas_available", "db_up",
    "db_connections_of_limit", "db_waiting_clients", "db_replication_lag", "refused_calls",
    "upstream_errors", "probe_failures",
})  # fmt: skip
"""Signals by which a service is soon known to be in trouble."""


def asked_names() -> tuple[str, ...]:
    """Every family that a row is measured by."""
    return tuple(dict.fromkeys(name for signal in SIGNALS.values() for ask in signal.asked for name in ask.families))


def names_of(agent: AgentName) -> tuple[str, ...]:
    """Every family of an agent's rows, as `measuring` has them."""
    return measuring({name for name, signal in SIGNALS.items() if signal.agent is agent})


def measuring(signals: Collection[str]) -> tuple[str, ...]:
    """Every family that measures one of these signals, in Prometheus' own names (a histogram's with `_bucket`)."""
    asked = (ask for name, signal in SIGNALS.items() if name in signals for ask in signal.asked)
    names = (name + ("_bucket" if ask.reduction is QUANTILE else "") for ask in asked for name in (*ask.families, *ask.over))
    return tuple(dict.fromkeys(names))
