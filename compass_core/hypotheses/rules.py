"""Which observations speak for which mechanism: one row for each mechanism and agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compass_core.model import AgentName

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION, DATABASE, NETWORK = AgentName


@dataclass(frozen=True, slots=True)
class Rule:
    """How much each signal says for a mechanism at a service, from 0 to 1.

    `own`: seen at the service itself, at least one is needed. `callers`: seen at those who call it. `needs`: without one of
    these there is no hypothesis. `unless`: these, seen at the service itself, explain the evidence without the mechanism.
    `propagates`: the evidence is of a kind that a failing callee causes too. `cap`: the most that all of it together can say.
    """

    mechanism: str
    agent: AgentName
    own: Mapping[str, float]
    callers: Mapping[str, float] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    cap: float = 0.95
    propagates: bool = False


RULES = (
    Rule(
        "connection_exhaustion",
        DATABASE,
        {
            "db_connections_of_limit": 0.75,
            "db_calls_without_connection": 0.6,
            "log_connection_exhaustion": 0.55,
            "db_pool_timeouts": 0.4,
            "db_waiting_clients": 0.35,
            "db_pool_of_limit": 0.3,
        },
        {"log_connection_exhaustion": 0.45, "db_pool_timeouts": 0.35, "db_waiting_clients": 0.3},
        propagates=True,
    ),
    Rule(
        "lock_contention",
        DATABASE,
        {"db_waiting_for_locks": 0.7, "log_lock": 0.6, "db_deadlocks": 0.5, "db_locks": 0.35, "db_longest_transaction": 0.2},
        {"log_lock": 0.45},
        needs=frozenset({"db_waiting_for_locks", "log_lock", "db_deadlocks", "db_locks"}),
    ),
    Rule(
        "slow_queries",
        DATABASE,
        {
            "db_query_time": 0.6,
            "db_rows_scanned": 0.5,
            "db_rows_read": 0.4,
            "db_slow_queries": 0.6,
            "log_slow_query": 0.4,
            "database_time": 0.4,
            "db_longest_transaction": 0.25,
            "db_disk_reads": 0.25,
        },
        {"db_call_p95": 0.3, "log_slow_query": 0.3},
        cap=0.85,
    ),
    Rule("replication_lag", DATABASE, {"db_replication_lag": 0.8, "log_replication": 0.5}),
    Rule("disk_io", DATABASE, {"log_disk_full": 0.7, "disk_busy": 0.6, "disk_free": 0.6, "db_checkpoints": 0.3, "db_disk_reads": 0.25}),
    Rule("memory_pressure", DATABASE, {"db_evictions": 0.5}, cap=0.7),
    Rule("unavailable", DATABASE, {"db_up": 0.85, "log_database_down": 0.6}, cap=0.8),
    Rule(
        "cpu_exhaustion",
        APPLICATION,
        {"cpu_throttling": 0.7, "cpu_usage": 0.4, "self_time": 0.2},
        needs=frozenset({"cpu_throttling", "cpu_usage"}),
    ),
    Rule(
        "memory_pressure",
        APPLICATION,
        {"out_of_memory_kills": 0.8, "log_out_of_memory": 0.7, "memory_of_limit": 0.6, "memory_used": 0.25, "restarts": 0.2},
        needs=frozenset({"out_of_memory_kills", "log_out_of_memory", "memory_of_limit", "memory_used"}),
    ),
    Rule(
        "bad_deploy",
        APPLICATION,
        {
            "deploy": 0.45,
            "failing_spans": 0.3,
            "error_ratio": 0.25,
            "new_errors": 0.25,
            "self_time": 0.25,
            "latency_p95": 0.15,
            "restarts": 0.2,
        },
        needs=frozenset({"deploy"}),
        cap=0.85,
    ),
    Rule(
        "config_change",
        APPLICATION,
        {"config_change": 0.45, "failing_spans": 0.3, "error_ratio": 0.25, "new_errors": 0.25, "latency_p95": 0.15},
        needs=frozenset({"config_change"}),
        cap=0.8,
    ),
    Rule("rate_limited", APPLICATION, {"rate_limited": 0.6, "log_rate_limited": 0.4}),
    Rule(
        "exception_in_code",
        APPLICATION,
        {"failing_spans": 0.45, "new_errors": 0.35, "error_ratio": 0.35, "error_lines": 0.15},
        needs=frozenset({"failing_spans", "new_errors", "error_ratio"}),
        cap=0.65,
        propagates=True,
    ),
    Rule(
        "traffic_surge",
        APPLICATION,
        {"request_rate": 0.5, "requests_in_flight": 0.15, "cpu_usage": 0.15},
        needs=frozenset({"request_rate"}),
        cap=0.6,
    ),
    Rule(
        "latency_in_service",
        APPLICATION,
        {"self_time": 0.5, "latency_p95": 0.2, "latency_p50": 0.2, "latency_p99": 0.1},
        cap=0.6,
        propagates=True,
    ),
    Rule("unavailable", APPLICATION, {"up": 0.8, "replicas_available": 0.5}, cap=0.75),
    Rule(
        "connection_refused",
        NETWORK,
        {
            "refused_calls": 0.7,
            "log_connection_refused": 0.5,
            "upstream_connect_failures": 0.45,
            "up": 0.35,
            "db_up": 0.35,
            "tcp_failed_attempts": 0.2,
        },
        needs=frozenset({"refused_calls", "log_connection_refused", "upstream_connect_failures"}),
    ),
    Rule("dns_failure", NETWORK, {"unresolved_calls": 0.7, "dns_failures": 0.6, "log_dns": 0.6, "dns_p95": 0.3, "probe_failures": 0.2}),
    Rule("tls_failure", NETWORK, {"tls_calls": 0.7, "log_tls": 0.65, "tls_errors": 0.6}),
    Rule(
        "network_loss",
        NETWORK,
        {
            "packet_drops": 0.5,
            "tcp_retransmits": 0.5,
            "packet_errors": 0.4,
            "log_connection_reset": 0.3,
            "broken_calls": 0.3,
            "tcp_resets": 0.2,
        },
        needs=frozenset({"packet_drops", "tcp_retransmits", "packet_errors", "log_connection_reset", "broken_calls"}),
        cap=0.8,
    ),
    Rule(
        "network_delay",
        NETWORK,
        {"gap": 0.65, "call_p95": 0.5, "tcp_retransmits": 0.2, "probe_failures": 0.1},
        needs=frozenset({"gap", "call_p95"}),
        unless=frozenset({"latency_p95", "self_time", "cpu_usage", "cpu_throttling"}),
        cap=0.85,
    ),
    Rule("connection_exhaustion", NETWORK, {"conntrack_of_limit": 0.7}, cap=0.8),
)
