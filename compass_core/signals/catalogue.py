"""The catalogue: which metric families measure which signal. Supporting another exporter is adding rows.

A family enters only with a test on that exporter's real names (`tests/signals/`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from compass_core.readings import Reduction
from compass_core.signals.watched import SIGNALS

if TYPE_CHECKING:
    from compass_core.domain import AgentName

RAW, RATE, RATIO, RATE_RATIO, QUANTILE = Reduction


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
    quantile: float = 0.0
    aggregate: Literal["sum", "max", "min", "avg"] = "sum"
    by: tuple[str, ...] = ()
    to_peer: bool = False


_STATUS = ("http_response_status_code", "http_status_code", "status_code", "status", "code")
_FAILED = r"5\d\d|5xx|STATUS_CODE_ERROR"
_GRPC_STATUS = ("grpc_code", "rpc_grpc_status_code")
_GRPC_FAILED = "(?i)unknown|deadline_?exceeded|internal|unavailable|data_?loss|2|4|13|14|15"
_GRPC = ("rpc_server_duration_milliseconds_count", "grpc_server_handled_total")
_HTTP = (
    "http_server_request_duration_seconds_count",
    "http_server_duration_milliseconds_count",
    "http_server_requests_seconds_count",
    "http_request_duration_seconds_count",
    "http_requests_total",
    "traces_spanmetrics_calls_total",
    "traces_span_metrics_calls_total",
)
_LATENCY = (
    "http_server_request_duration_seconds",
    "http_server_duration_milliseconds",
    "http_server_requests_seconds",
    "http_request_duration_seconds",
    "traces_spanmetrics_latency",
    "traces_spanmetrics_duration_seconds",
    "traces_span_metrics_duration_seconds",
    "traces_span_metrics_duration_milliseconds",
    "rpc_server_duration_milliseconds",
)
SERVING = Where(("span_kind",), "SPAN_KIND_(SERVER|CONSUMER)")
"""Of a family that counts spans of every kind those of the service's own work: a failing call is its callee's failure."""

_CALLS = ("http_client_request_duration_seconds_count",)
PEERS = ("server_address", "net_peer_name", "peer_service", "server", "destination_service_name")
_DB_CALLS = ("db_client_operation_duration_seconds_count",)
_INGRESS = ("nginx_ingress_controller_requests",)
_ENVOY = ("envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq")


def _calls(signal: str, pattern: str) -> Row:
    return Row(signal, _CALLS, RATE_RATIO, Where(("error_type",), pattern), by=PEERS, to_peer=True)


ROWS: tuple[Row, ...] = (
    Row("request_rate", (*_HTTP, *_GRPC), RATE),
    Row("error_ratio", _HTTP, RATE_RATIO, Where(_STATUS, _FAILED)),
    Row("error_ratio", _GRPC, RATE_RATIO, Where(_GRPC_STATUS, _GRPC_FAILED)),
    Row("rate_limited", _HTTP, RATE_RATIO, Where(_STATUS, "429")),
    Row("rate_limited", _GRPC, RATE_RATIO, Where(_GRPC_STATUS, "(?i)resource_?exhausted|8")),
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
    Row("db_waiting_clients", ("pgbouncer_pools_client_waiting_connections",)),
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
    Row("db_calls_failing", _DB_CALLS, RATE_RATIO, Where(("error_type",), ".+"), by=PEERS, to_peer=True),
    Row(
        "db_calls_without_connection",
        _DB_CALLS,
        RATE_RATIO,
        Where(("error_type", "db_response_status_code"), "(?i).*too.?many.*|.*TransientConnection.*|53300|1040|08004"),
        by=PEERS,
        to_peer=True,
    ),
    Row("db_query_time", ("pg_stat_statements_seconds_total",), RATE_RATIO, over=("pg_stat_statements_calls_total",)),
    Row(
        "db_rows_read",
        ("pg_stat_database_tup_returned", "pg_stat_database_tup_returned_total"),
        RATE_RATIO,
        over=("pg_stat_database_xact_commit", "pg_stat_database_xact_commit_total"),
    ),
    Row("db_rows_scanned", ("pg_stat_user_tables_seq_tup_read",), RATE, aggregate="max", by=("relname",)),
    Row("db_slow_queries", ("mysql_global_status_slow_queries",), RATE),
    Row("db_longest_transaction", ("pg_stat_activity_max_tx_duration",), aggregate="max"),
    Row("db_locks", ("pg_locks_count",), where=Where(("mode",), ".*exclusivelock")),
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
    Row(
        "db_checkpoints",
        ("pg_stat_bgwriter_checkpoints_req_total", "pg_stat_bgwriter_checkpoints_req", "pg_stat_checkpointer_num_requested_total"),
        RATE,
    ),
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
    Row("disk_free", ("node_filesystem_avail_bytes",), RATIO, over=("node_filesystem_size_bytes",), by=("mountpoint",)),
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
    Row(
        "call_p95",
        ("http_client_request_duration_seconds", "http_client_duration_milliseconds", "rpc_client_duration_milliseconds"),
        QUANTILE,
        quantile=0.95,
        by=PEERS,
        to_peer=True,
    ),
    _calls("refused_calls", r"(?i).*(refused|\.ConnectException|HostConnectException).*"),
    _calls("unresolved_calls", r"(?i).*(resol|nxdomain|dns|no.such.host|unknown.?host|gaierror|enotfound|eai_again).*"),
    _calls("tls_calls", r"(?i).*(tls|ssl|certificate|x509|secure_connection).*"),
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
    ("throttl.*", "cpu_throttling"),
    ("cpu.*", "cpu_usage"),
    ("mem|memory|heap|rss|swap", "memory_used"),
    ("disk.*|fs|iops|io", "disk_busy"),
    ("oom.*", "out_of_memory_kills"),
    ("retrans.*", "tcp_retransmits"),
    ("dropp?(ed|s)?", "packet_drops"),
    ("success.*|availab.*", "availability"),
    ("err|error.*|fail.*|exception.*|5xx|timeouts?|reject.*", "error_ratio"),
    ("lat|latency|latencies|duration.*|response|elapsed|rtt", "latency_p95"),
    ("restart.*", "restarts"),
    ("sockets?|conn|connections?|threads?|fds?|handles?|queued?|pool|gc", "saturation"),
    ("requests?|req|ops|rps|qps|tps|workload|throughput|calls", "request_rate"),
    ("bytes|packets?|network|receive.*|transmit.*|rx|tx", "bytes_in"),
)
"""What a word in the name of a family that the catalogue does not hold looks like, and the signal it then speaks for; the first counts."""

GRAPH_FAMILIES = (
    *_CALLS,
    "http_client_duration_milliseconds_count",
    "rpc_client_duration_milliseconds_count",
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
    words = re.findall("[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", family).lower())
    return next((signal for looks, signal in RESEMBLANCE if any(re.fullmatch(looks, word) for word in words)), "")


def names_of(agent: AgentName) -> tuple[str, ...]:
    """Every family of an agent's rows, in Prometheus' own names (a histogram's with `_bucket`)."""
    mine = (row for row in ROWS if SIGNALS[row.signal].agent is agent)
    names = (name + ("_bucket" if row.reduction is QUANTILE else "") for row in mine for name in (*row.families, *row.over))
    return tuple(dict.fromkeys(names))
