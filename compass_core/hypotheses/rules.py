"""Which observations speak for which mechanism: one row for each mechanism and agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compass_core.domain import AgentName

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION, DATABASE, NETWORK = AgentName


@dataclass(frozen=True, slots=True)
class Rule:
    """How much each signal says for a mechanism at a service, from 0 to 1; above 1 where a score below 1 says all there is to say.

    `own`: seen at the service itself, at least one is needed. `callers`: seen at those who call it. `needs`: without one of
    these there is no hypothesis. `unless`: for a piece of evidence what else, seen at the service itself, explains it.
    `cap`: the most that all of it together can say; the less a mechanism explains, the lower.
    """

    mechanism: str
    agent: AgentName
    own: Mapping[str, float]
    callers: Mapping[str, float] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cap: float = 0.95


BUSY = frozenset({"slow_throughout", "cpu_usage", "cpu_throttling"})
RULES = (
    Rule(
        "connection_exhaustion",
        DATABASE,
        {
            "db_connections_of_limit": 1.0,
            "db_calls_without_connection": 0.9,
            "log_connection_exhaustion": 0.8,
            "db_pool_timeouts": 0.5,
            "db_waiting_clients": 0.5,
            "db_pool_of_limit": 0.4,
        },
        {"log_connection_exhaustion": 0.6, "db_pool_timeouts": 0.5, "db_waiting_clients": 0.4},
    ),
    Rule(
        "lock_contention",
        DATABASE,
        {"db_waiting_for_locks": 1.0, "log_lock": 0.9, "db_deadlocks": 0.8, "db_locks": 0.5, "db_longest_transaction": 0.3},
        {"log_lock": 0.7},
        needs=frozenset({"db_waiting_for_locks", "log_lock", "db_deadlocks", "db_locks"}),
    ),
    Rule(
        "slow_queries",
        DATABASE,
        {
            "db_query_time": 0.9,
            "db_rows_scanned": 0.8,
            "db_rows_read": 0.7,
            "db_slow_queries": 0.9,
            "log_slow_query": 0.7,
            "database_time": 0.7,
            "db_disk_reads": 0.4,
            "db_longest_transaction": 0.3,
        },
        {"db_call_p95": 0.5, "log_slow_query": 0.5},
        cap=0.85,
    ),
    Rule("replication_lag", DATABASE, {"db_replication_lag": 1.0, "log_replication": 0.7}),
    Rule("disk_io", DATABASE, {"log_disk_full": 1.0, "disk_busy": 0.9, "disk_free": 0.9, "db_checkpoints": 0.4, "db_disk_reads": 0.3}),
    Rule("memory_pressure", DATABASE, {"db_evictions": 0.7}, cap=0.7),
    Rule("unavailable", DATABASE, {"db_up": 1.0, "log_database_down": 0.8, "db_calls_failing": 0.3}, cap=0.7),
    Rule("cpu_exhaustion", APPLICATION, {"cpu_usage": 1.0, "cpu_throttling": 1.0, "slow_throughout": 0.9}, cap=0.9),
    Rule(  # memory that runs out uses CPU too, and not the other way round
        "memory_pressure",
        APPLICATION,
        {"out_of_memory_kills": 3.0, "log_out_of_memory": 1.0, "memory_of_limit": 1.0, "memory_used": 2.0, "restarts": 0.3},
        needs=frozenset({"out_of_memory_kills", "log_out_of_memory", "memory_of_limit", "memory_used"}),
    ),
    Rule(
        "bad_deploy",
        APPLICATION,
        {
            "deploy": 1.0,
            "failing_spans": 0.5,
            "detour": 0.5,
            "error_ratio": 0.5,
            "new_errors": 0.5,
            "self_time": 0.5,
            "latency_p95": 0.3,
            "restarts": 0.3,
        },
        needs=frozenset({"deploy"}),
    ),
    Rule(
        "config_change",
        APPLICATION,
        {"config_change": 1.0, "failing_spans": 0.5, "detour": 0.5, "error_ratio": 0.5, "new_errors": 0.5, "latency_p95": 0.3},
        needs=frozenset({"config_change"}),
    ),
    Rule("rate_limited", APPLICATION, {"rate_limited": 0.9, "log_rate_limited": 0.7}),
    Rule(
        "exception_in_code",
        APPLICATION,
        {"failing_spans": 0.8, "new_exceptions": 0.8, "error_ratio": 0.5, "availability": 0.3, "error_lines": 0.2},
        needs=frozenset({"failing_spans", "new_exceptions", "error_ratio"}),
        cap=0.8,
    ),
    Rule("wrong_return_value", APPLICATION, {"detour": 0.7, "new_errors": 0.7}, cap=0.75),
    Rule(
        "traffic_surge",
        APPLICATION,
        {"request_rate": 0.5, "requests_in_flight": 0.2, "bytes_in": 0.1},
        needs=frozenset({"request_rate"}),
        cap=0.6,
    ),
    Rule("latency_in_service", APPLICATION, {"self_time": 0.7, "latency_p95": 0.5, "latency_p50": 0.5, "latency_p99": 0.3}, cap=0.5),
    Rule(
        "unavailable",
        APPLICATION,
        {"up": 1.0, "replicas_available": 0.9, "restarts": 0.6, "availability": 0.7, "error_ratio": 0.4, "saturation": 0.2},
        cap=0.6,
    ),
    Rule(
        "connection_refused",
        NETWORK,
        {
            "refused_calls": 1.0,
            "log_connection_refused": 0.9,
            "upstream_connect_failures": 0.7,
            "up": 0.3,
            "db_up": 0.3,
            "tcp_failed_attempts": 0.2,
        },
        needs=frozenset({"refused_calls", "log_connection_refused", "upstream_connect_failures"}),
    ),
    Rule("dns_failure", NETWORK, {"unresolved_calls": 1.0, "dns_failures": 0.9, "log_dns": 0.9, "dns_p95": 0.4, "probe_failures": 0.2}),
    Rule("tls_failure", NETWORK, {"tls_calls": 1.0, "log_tls": 0.9, "tls_errors": 0.9}),
    Rule(
        "network_loss",
        NETWORK,
        {
            "packet_drops": 0.8,
            "tcp_retransmits": 0.8,
            "packet_errors": 0.6,
            "log_connection_reset": 0.5,
            "broken_calls": 0.5,
            "tcp_resets": 0.3,
        },
        needs=frozenset({"packet_drops", "tcp_retransmits", "packet_errors", "log_connection_reset", "broken_calls"}),
        cap=0.8,
    ),
    Rule(
        "network_delay",
        NETWORK,
        {"gap": 0.8, "call_p95": 0.6, "tcp_retransmits": 0.2, "probe_failures": 0.1},
        needs=frozenset({"gap", "call_p95"}),
        unless={"gap": BUSY, "call_p95": BUSY | {"latency_p95", "self_time"}},  # what a caller's clock shows holds the callee's own time
        cap=0.85,
    ),
    Rule("connection_exhaustion", NETWORK, {"conntrack_of_limit": 0.9}, cap=0.8),
)
