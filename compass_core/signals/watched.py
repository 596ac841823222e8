"""The signals: what is worth watching, whose agent watches it, and from where on it is bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from compass_core.domain import AgentName

APPLICATION, DATABASE, NETWORK = AgentName


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing worth watching: in which direction it is bad, by how much at least, and (`level`) where it is bad in itself.

    `floor` is the smallest spread that matters, both in the signal's unit.
    """

    name: str
    agent: AgentName
    words: str
    unit: str = ""
    direction: Literal["up", "down", "both"] = "up"
    floor: float = 0.0
    level: float | None = None


SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        Signal("request_rate", APPLICATION, "requests", "/s", "both", floor=0.5),
        Signal("error_ratio", APPLICATION, "failing requests", "ratio", floor=0.01),
        Signal("rate_limited", APPLICATION, "requests refused for their rate", "ratio", floor=0.01),
        Signal("latency_p95", APPLICATION, "latency p95", "s", floor=0.01),
        Signal("requests_in_flight", APPLICATION, "requests in flight", floor=3),
        Signal("cpu_throttling", APPLICATION, "CPU throttling", "ratio", floor=0.05, level=0.5),
        Signal("cpu_usage", APPLICATION, "CPU used", "cores", floor=0.05),
        Signal("memory_of_limit", APPLICATION, "memory used of its limit", "ratio", floor=0.05, level=0.92),
        Signal("memory_used", APPLICATION, "memory used", "bytes", floor=16e6),
        Signal("restarts", APPLICATION, "container restarts", floor=0.3),
        Signal("out_of_memory_kills", APPLICATION, "containers killed for memory", floor=0.3),
        Signal("up", APPLICATION, "instances that answer", direction="down", floor=0.3, level=0.5),
        Signal("replicas_available", APPLICATION, "replicas available", direction="down", floor=0.3),
        Signal("availability", APPLICATION, "requests that succeed", "ratio", "down", floor=0.01),
        Signal("saturation", APPLICATION, "threads, queues or connections in use", floor=3),
        Signal("latency_p50", APPLICATION, "latency p50", "s", floor=0.005),
        Signal("latency_p99", APPLICATION, "latency p99", "s", floor=0.02),
        Signal("db_connections_of_limit", DATABASE, "connections used of the limit", "ratio", floor=0.2, level=0.9),
        Signal("db_waiting_clients", DATABASE, "clients waiting for a connection", floor=1),
        Signal("db_pool_of_limit", DATABASE, "pool connections used of the limit", "ratio", floor=0.1, level=0.95),
        Signal("db_pool_timeouts", DATABASE, "timeouts waiting for a connection", "/s", floor=0.02),
        Signal("db_call_p95", DATABASE, "database calls p95", "s", floor=0.01),
        Signal("db_calls_failing", DATABASE, "failing database calls", "ratio", floor=0.01),
        Signal("db_calls_without_connection", DATABASE, "database calls that get no connection", "ratio", floor=0.01),
        Signal("db_query_time", DATABASE, "mean query time", "s", floor=0.005),
        Signal("db_rows_read", DATABASE, "rows read for a transaction", floor=1000),
        Signal("db_rows_scanned", DATABASE, "rows read without an index", "/s", floor=10_000),
        Signal("db_slow_queries", DATABASE, "slow queries", "/s", floor=0.05),
        Signal("db_longest_transaction", DATABASE, "longest open transaction", "s", floor=5),
        Signal("db_locks", DATABASE, "exclusive locks held or awaited", floor=5),
        Signal("db_waiting_for_locks", DATABASE, "sessions waiting for locks", floor=1),
        Signal("db_deadlocks", DATABASE, "deadlocks", "/s", floor=0.01),
        Signal("db_replication_lag", DATABASE, "replication lag", "s", floor=2, level=30),
        Signal("db_disk_reads", DATABASE, "reads that the cache misses, per hit", "ratio", floor=0.02),
        Signal("db_evictions", DATABASE, "evicted keys", "/s", floor=1),
        Signal("db_checkpoints", DATABASE, "requested checkpoints", "/s", floor=0.02),
        Signal("db_rollbacks", DATABASE, "rolled back transactions", "ratio", floor=0.02),
        Signal("db_transactions", DATABASE, "committed transactions", "/s", "both", floor=1),
        Signal("db_size", DATABASE, "database size", "bytes", floor=1e9),
        Signal("db_up", DATABASE, "database answers its exporter", direction="down", floor=0.3, level=0.5),
        Signal("disk_busy", DATABASE, "disk busy", "ratio", floor=0.1, level=0.95),
        Signal("disk_free", DATABASE, "disk space free", "ratio", "down", floor=0.03, level=0.03),
        Signal("tcp_retransmits", NETWORK, "TCP segments sent again", "ratio", floor=0.005),
        Signal("tcp_resets", NETWORK, "TCP connections reset", "/s", floor=1),
        Signal("tcp_failed_attempts", NETWORK, "TCP connection attempts failed", "/s", floor=1),
        Signal("packet_drops", NETWORK, "packets dropped", "/s", floor=1),
        Signal("packet_errors", NETWORK, "packet errors", "/s", floor=1),
        Signal("bytes_in", NETWORK, "bytes received", "B/s", "both", floor=20e3),
        Signal("bytes_out", NETWORK, "bytes sent", "B/s", "both", floor=20e3),
        Signal("conntrack_of_limit", NETWORK, "connection table used of its limit", "ratio", floor=0.05, level=0.9),
        Signal("dns_failures", NETWORK, "DNS answers that are failures", "ratio", floor=0.01),
        Signal("dns_p95", NETWORK, "DNS latency p95", "s", floor=0.005),
        Signal("refused_calls", NETWORK, "calls refused", "ratio", floor=0.01),
        Signal("unresolved_calls", NETWORK, "calls to a name that is not found", "ratio", floor=0.01),
        Signal("tls_calls", NETWORK, "calls failing in TLS", "ratio", floor=0.01),
        Signal("broken_calls", NETWORK, "calls reset or timed out", "ratio", floor=0.01),
        Signal("call_p95", NETWORK, "calls p95", "s", floor=0.01),
        Signal("upstream_errors", NETWORK, "failing upstream requests", "ratio", floor=0.01),
        Signal("upstream_connect_failures", NETWORK, "failed upstream connections", "/s", floor=0.02),
        Signal("tls_errors", NETWORK, "TLS errors", "/s", floor=0.02),
        Signal("probe_failures", NETWORK, "probes that succeed", direction="down", floor=0.3, level=0.5),
    )
}
