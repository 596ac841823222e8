"""The catalogue: which metric families measure which signal. Supporting another exporter is adding rows.

A family enters only with a test on that exporter's real names (`tests/signals/`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from compass_core.model import AgentName, Reduction

APPLICATION, DATABASE, NETWORK = AgentName
RAW, RATE, RATIO, RATE_RATIO, QUANTILE = Reduction


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


@dataclass(frozen=True, slots=True)
class Where:
    """A filter by whichever of these labels a family has, on the values that match the pattern as a whole."""

    labels: tuple[str, ...]
    pattern: str


@dataclass(frozen=True, slots=True)
class Row:
    """Families (any of them) that measure a signal, and how. `by` keeps those of its labels that a family has.

    `to_peer`: `by` names whom the service talks to; what is seen is then said of that peer.
    """

    signal: str
    families: tuple[str, ...]
    reduction: Reduction = RAW
    where: Where | None = None
    over: tuple[str, ...] = ()
    over_where: Where | None = None
    quantile: float = 0.0
    aggregate: Literal["sum", "max", "min", "avg"] = "sum"
    by: tuple[str, ...] = ()
    to_peer: bool = False


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
        Signal("latency_p50", APPLICATION, "latency p50", "s", floor=0.005),
        Signal("latency_p99", APPLICATION, "latency p99", "s", floor=0.02),
        Signal("db_connections_of_limit", DATABASE, "connections used of the limit", "ratio", floor=0.05, level=0.9),
        Signal("db_waiting_clients", DATABASE, "clients waiting for a connection", floor=1),
        Signal("db_pool_of_limit", DATABASE, "pool connections used of the limit", "ratio", floor=0.1, level=0.95),
        Signal("db_pool_timeouts", DATABASE, "timeouts waiting for a connection", "/s", floor=0.02),
        Signal("db_call_p95", DATABASE, "database calls p95", "s", floor=0.01),
        Signal("db_calls_failing", DATABASE, "failing database calls", "ratio", floor=0.01),
        Signal("db_calls_without_connection", DATABASE, "database calls that get no connection", "ratio", floor=0.01),
        Signal("db_query_time", DATABASE, "mean query time", "s", floor=0.005),
        Signal("db_slow_queries", DATABASE, "slow queries", "/s", floor=0.05),
        Signal("db_longest_transaction", DATABASE, "longest open transaction", "s", floor=5),
        Signal("db_locks", DATABASE, "exclusive locks held or awaited", floor=5),
        Signal("db_waiting_for_locks", DATABASE, "sessions waiting for locks", floor=1),
        Signal("db_deadlocks", DATABASE, "deadlocks", "/s", floor=0.01),
        Signal("db_replication_lag", DATABASE, "replication lag", "s", floor=2, level=30),
        Signal("db_disk_reads", DATABASE, "disk reads per cache hit", "ratio", floor=0.02),
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
        Signal("upstream_errors", NETWORK, "failing upstream requests", "ratio", floor=0.01),
        Signal("upstream_connect_failures", NETWORK, "failed upstream connections", "/s", floor=0.02),
        Signal("tls_errors", NETWORK, "TLS errors", "/s", floor=0.02),
        Signal("probe_failures", NETWORK, "probes that succeed", direction="down", floor=0.3, level=0.5),
    )
}

_STATUS = ("http_response_status_code", "http_status_code", "status_code", "grpc_code", "rpc_grpc_status_code", "status", "code")
_FAILED = r"5\d\d|5xx|STATUS_CODE_ERROR|Internal|Unavailable|Unknown|DeadlineExceeded|DataLoss|2|4|13|14|15"
_SERVED = (
    "http_server_request_duration_seconds_count",
    "http_server_duration_milliseconds_count",
    "http_request_duration_seconds_count",
    "http_requests_total",
    "traces_spanmetrics_calls_total",
    "rpc_server_duration_milliseconds_count",
    "grpc_server_handled_total",
)
_LATENCY = (
    "http_server_request_duration_seconds",
    "http_server_duration_milliseconds",
    "http_request_duration_seconds",
    "traces_spanmetrics_latency",
    "traces_spanmetrics_duration_seconds",
    "rpc_server_duration_milliseconds",
)
_CALLS = ("http_client_request_duration_seconds_count", "http_client_duration_milliseconds_count", "rpc_client_duration_milliseconds_count")
PEERS = ("server_address", "net_peer_name", "peer_service", "server", "destination_service_name")
_ERROR = ("error_type", "error", "exception_type")
_DB_CALLS = ("db_client_operation_duration_seconds_count", "db_client_operation_duration_milliseconds_count")
_INGRESS = ("nginx_ingress_controller_requests",)
_ENVOY = ("envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq")


def _calls(signal: str, pattern: str) -> Row:
    return Row(signal, _CALLS, RATE_RATIO, Where(_ERROR, pattern), by=PEERS, to_peer=True)


ROWS: tuple[Row, ...] = (
    Row("request_rate", _SERVED, RATE),
    Row("error_ratio", _SERVED, RATE_RATIO, Where(_STATUS, _FAILED)),
    Row("rate_limited", _SERVED, RATE_RATIO, Where(_STATUS, "429|ResourceExhausted")),
    Row("latency_p50", _LATENCY, QUANTILE, quantile=0.5),
    Row("latency_p95", _LATENCY, QUANTILE, quantile=0.95),
    Row("latency_p99", _LATENCY, QUANTILE, quantile=0.99),
    Row("requests_in_flight", ("http_server_active_requests",)),
    Row("cpu_throttling", ("container_cpu_cfs_throttled_periods_total",), RATE_RATIO, over=("container_cpu_cfs_periods_total",)),
    Row("cpu_usage", ("container_cpu_usage_seconds_total", "process_cpu_seconds_total"), RATE),
    Row("memory_of_limit", ("container_memory_working_set_bytes",), RATIO, over=("container_spec_memory_limit_bytes",)),
    Row("memory_used", ("container_memory_working_set_bytes", "process_resident_memory_bytes"), aggregate="max"),
    Row("restarts", ("kube_pod_container_status_restarts_total",)),
    Row("out_of_memory_kills", ("kube_pod_container_status_last_terminated_reason",), where=Where(("reason",), "OOMKilled")),
    Row("out_of_memory_kills", ("container_oom_events_total",)),
    Row("up", ("up",), aggregate="min"),
    Row("replicas_available", ("kube_deployment_status_replicas_available",)),
    Row("db_connections_of_limit", ("pg_stat_activity_count",), RATIO, over=("pg_settings_max_connections",)),
    Row("db_connections_of_limit", ("mysql_global_status_threads_connected",), RATIO, over=("mysql_global_variables_max_connections",)),
    Row("db_connections_of_limit", ("redis_connected_clients",), RATIO, over=("redis_config_maxclients",)),
    Row(
        "db_waiting_clients",
        ("db_client_connection_pending_requests", "db_client_connections_pending_requests", "hikaricp_connections_pending"),
    ),
    Row("db_waiting_clients", ("pgbouncer_pools_client_waiting_connections", "redis_blocked_clients")),
    Row(
        "db_pool_of_limit",
        ("db_client_connection_count", "db_client_connections_usage"),
        RATIO,
        Where(("db_client_connection_state", "state"), "used"),
        over=("db_client_connection_max", "db_client_connections_max"),
    ),
    Row("db_pool_of_limit", ("hikaricp_connections_active",), RATIO, over=("hikaricp_connections_max",)),
    Row(
        "db_pool_timeouts",
        ("db_client_connection_timeouts_total", "db_client_connections_timeouts_total", "hikaricp_connections_timeout_total"),
        RATE,
    ),
    Row("db_call_p95", ("db_client_operation_duration_seconds",), QUANTILE, quantile=0.95),
    Row("db_calls_failing", _DB_CALLS, RATE_RATIO, Where(_ERROR, ".+"), by=PEERS, to_peer=True),
    Row(
        "db_calls_without_connection",
        _DB_CALLS,
        RATE_RATIO,
        Where(_ERROR, r"(?i).*too.?many.*|.*connection.?slots.*|53300|1040|08004"),
        by=PEERS,
        to_peer=True,
    ),
    Row("db_calls_without_connection", _DB_CALLS, RATE_RATIO, Where(("db_response_status_code",), "53300|1040"), by=PEERS, to_peer=True),
    Row("db_query_time", ("pg_stat_statements_seconds_total",), RATE_RATIO, over=("pg_stat_statements_calls_total",)),
    Row("db_slow_queries", ("mysql_global_status_slow_queries",), RATE),
    Row("db_longest_transaction", ("pg_stat_activity_max_tx_duration",), aggregate="max"),
    Row("db_locks", ("pg_locks_count",), where=Where(("mode",), "(?i).*exclusive.*lock|.*exclusive.*")),
    Row("db_waiting_for_locks", ("pg_stat_activity_count",), where=Where(("wait_event_type",), "Lock")),
    Row("db_waiting_for_locks", ("mysql_global_status_innodb_row_lock_current_waits",)),
    Row("db_deadlocks", ("pg_stat_database_deadlocks", "pg_stat_database_deadlocks_total"), RATE),
    Row(
        "db_replication_lag",
        ("pg_replication_lag_seconds", "pg_replication_lag", "mysql_slave_status_seconds_behind_master"),
        aggregate="max",
    ),
    Row(
        "db_disk_reads",
        ("pg_stat_database_blks_read", "pg_stat_database_blks_read_total"),
        RATE_RATIO,
        over=("pg_stat_database_blks_hit", "pg_stat_database_blks_hit_total"),
    ),
    Row("db_disk_reads", ("redis_keyspace_misses_total",), RATE_RATIO, over=("redis_keyspace_hits_total",)),
    Row("db_evictions", ("redis_evicted_keys_total",), RATE),
    Row("db_checkpoints", ("pg_stat_bgwriter_checkpoints_req_total", "pg_stat_bgwriter_checkpoints_req"), RATE),
    Row(
        "db_rollbacks",
        ("pg_stat_database_xact_rollback", "pg_stat_database_xact_rollback_total"),
        RATE_RATIO,
        over=("pg_stat_database_xact_commit", "pg_stat_database_xact_commit_total"),
    ),
    Row("db_transactions", ("pg_stat_database_xact_commit", "pg_stat_database_xact_commit_total"), RATE),
    Row("db_size", ("pg_database_size_bytes",)),
    Row("db_up", ("pg_up", "mysql_up", "redis_up", "mongodb_up"), aggregate="min"),
    Row("disk_busy", ("node_disk_io_time_seconds_total",), RATE, aggregate="max"),
    Row("disk_free", ("node_filesystem_avail_bytes",), RATIO, over=("node_filesystem_size_bytes",)),
    Row("tcp_retransmits", ("node_netstat_Tcp_RetransSegs",), RATE_RATIO, over=("node_netstat_Tcp_OutSegs",)),
    Row("tcp_resets", ("node_netstat_Tcp_EstabResets", "node_netstat_Tcp_OutRsts"), RATE),
    Row("tcp_failed_attempts", ("node_netstat_Tcp_AttemptFails",), RATE),
    Row("packet_drops", ("node_network_receive_drop_total", "node_network_transmit_drop_total"), RATE),
    Row("packet_drops", ("container_network_receive_packets_dropped_total", "container_network_transmit_packets_dropped_total"), RATE),
    Row("packet_errors", ("node_network_receive_errs_total", "node_network_transmit_errs_total"), RATE),
    Row("bytes_in", ("container_network_receive_bytes_total", "node_network_receive_bytes_total"), RATE),
    Row("bytes_out", ("container_network_transmit_bytes_total", "node_network_transmit_bytes_total"), RATE),
    Row("conntrack_of_limit", ("node_nf_conntrack_entries",), RATIO, over=("node_nf_conntrack_entries_limit",)),
    Row("dns_failures", ("coredns_dns_responses_total",), RATE_RATIO, Where(("rcode",), "SERVFAIL|REFUSED|NXDOMAIN")),
    Row("dns_p95", ("coredns_dns_request_duration_seconds",), QUANTILE, quantile=0.95),
    _calls("refused_calls", r"(?i).*refused.*"),
    _calls("unresolved_calls", r"(?i).*(resol|nxdomain|dns|no.such.host|unknown.?host|gaierror|name.or.service).*"),
    _calls("tls_calls", r"(?i).*(tls|ssl|certificate|x509).*"),
    _calls("broken_calls", r"(?i).*(reset|broken.?pipe|time.?d?.?out|unreachable|disconnected|eof|deadline).*"),
    Row("upstream_errors", _INGRESS, RATE_RATIO, Where(("status",), r"5\d\d")),
    Row(
        "upstream_errors",
        _ENVOY,
        RATE_RATIO,
        Where(("envoy_response_code_class", "envoy_response_code"), r"5|5\d\d"),
        by=("envoy_cluster_name",),
        to_peer=True,
    ),
    Row("upstream_connect_failures", ("envoy_cluster_upstream_cx_connect_fail",), RATE, by=("envoy_cluster_name",), to_peer=True),
    Row(
        "tls_errors",
        ("envoy_listener_ssl_connection_error", "envoy_listener_ssl_fail_verify_error", "envoy_cluster_ssl_connection_error"),
        RATE,
    ),
    Row("probe_failures", ("probe_success",), aggregate="min"),
)

RESEMBLANCE = (
    ("throttl", "cpu_throttling"),
    ("cpu", "cpu_usage"),
    ("mem", "memory_used"),
    ("lat", "latency_p95"),
    ("duration", "latency_p95"),
    ("response_time", "latency_p95"),
    ("error", "error_ratio"),
    ("fail", "error_ratio"),
    ("restart", "restarts"),
    ("retrans", "tcp_retransmits"),
    ("drop", "packet_drops"),
)
"""What the name of a family that the catalogue does not hold begins a word with, and the signal it then speaks for."""

GRAPH_FAMILIES = (
    *_CALLS,
    "traces_service_graph_request_total",
    "istio_requests_total",
    "db_client_connection_count",
    "db_client_operation_duration_seconds_count",
)
"""Families whose labels tell who calls whom."""

DATABASES = ("pg_up", "mysql_up", "redis_up", "mongodb_up")
"""A service for which one of these exists is a database."""


def resembled(family: str) -> str:
    """The signal that an unknown family's name speaks for, or ''."""
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", family).lower())
    return next((signal for begin, signal in RESEMBLANCE if any(word.startswith(begin) for word in words) or begin in family), "")


def names_of(agent: AgentName) -> tuple[str, ...]:
    """Every family of an agent's rows, in Prometheus' own names (a histogram's with `_bucket`)."""
    mine = (row for row in ROWS if SIGNALS[row.signal].agent is agent)
    names = (name + ("_bucket" if row.reduction is QUANTILE else "") for row in mine for name in (*row.families, *row.over))
    return tuple(dict.fromkeys(names))
