"""The vocabulary of causes: how a service can break, in one line each."""

from collections.abc import Mapping

from compass_core.signals.catalogue import FAILURES
from compass_core.signals.spans import DELAY

MECHANISMS: Mapping[str, str] = {
    "connection_exhaustion": "It has no free connection left",
    "lock_contention": "Sessions wait for each other's locks",
    "slow_queries": "Queries take longer than before",
    "replication_lag": "Its replicas are behind",
    "cpu_exhaustion": "There is not enough CPU",
    "memory_pressure": "There is not enough memory",
    "disk_io": "Its disk is full or cannot keep up",
    "network_delay": "Packets to it take longer than before",
    "network_loss": "Packets or connections are lost",
    "connection_refused": "It refuses connections",
    "dns_failure": "Names are not resolved",
    "tls_failure": "TLS connections fail",
    "exception_in_code": "Its own code fails",
    "wrong_return_value": "It answers without an error, but wrongly",
    "bad_deploy": "The new version is worse than the one before",
    "config_change": "A configuration change broke it",
    "traffic_surge": "More requests come than usual",
    "rate_limited": "A rate limit refuses requests",
    "latency_in_service": "It is slower than before by itself",
    "unavailable": "It does not answer",
}
"""Every mechanism that a hypothesis may name, with what it means; the last two only where nothing more can be said."""

GENERAL = frozenset({"exception_in_code", "latency_in_service", "unavailable"})
"""What most other mechanisms bring about as well: that it is so, not why."""

OF_A_DATABASE: Mapping[str, str] = {
    "exception_in_code": "unavailable",
    "wrong_return_value": "unavailable",
    "bad_deploy": "config_change",
    "latency_in_service": "slow_queries",
}
"""What is said of a database instead: no code of ours runs in it."""

_BUSY = frozenset({"cpu_usage", "cpu_throttling", "cpu_of_limit", "cpu_idle", "cpu_waiting", "load", "slow_throughout", "self_time"})
_SLOW_DISK = frozenset(
    {"disk_busy", "disk_waiting", "disk_queue", "disk_blocked", "disk_free", "disk_latency", "disk_left", "disk_used", "disk_alarm"}
    | {"db_waiting_for_disk", "db_held_up", "log_disk_full"}
)
_NO_MEMORY = frozenset(
    {"memory_of_limit", "memory_used", "memory_alarm", "memory_waiting", "gc_time", "out_of_memory_kills", "log_out_of_memory"}
)
FAILS = FAILURES - {"upstream_errors"}
"""What a service itself tells of requests to it that fail."""
_ANSWERS = frozenset({"failing_spans", "new_exceptions", "new_errors"})  # if only with errors
_FAILING = FAILS | _ANSWERS | {"error_lines"}
OWN_LATENCY = frozenset({"latency_mean", "latency_p50", "latency_p95", "latency_p99"})
CALLERS_CLOCK = frozenset({"call_mean", "call_p95"})
"""What holds the callee's own time as well: where that is longer, it says nothing of the way."""
SLOW = OWN_LATENCY | {"self_time", "slow_throughout"}
_OWN_WORK = _BUSY | SLOW | FAILS
_STOPPED = frozenset({"traffic_stopped", "request_rate_drop", "db_transactions_drop", "absent", "log_silence"})
_GONE = frozenset({"up", "db_up", "replicas_available", "instances", "healthy", "unhealthy", "absent", "traffic_stopped"})
_LACKS = _NO_MEMORY | {"cpu_of_limit", "cpu_throttling", "cpu_idle"}
_KILLED = frozenset({"out_of_memory_kills", "log_out_of_memory"})
_LOCKED = frozenset({"db_waiting_for_locks", "db_lock_waits", "db_deadlocks", "log_lock"})
_READS_MORE = frozenset({"db_rows_read", "db_pages_read", "db_rows_scanned"})
_LOST = frozenset({"tcp_retransmits", "tcp_resent", "packet_drops", "packet_errors", "log_connection_reset"})
ITSELF = _FAILING | SLOW | _STOPPED
"""What a service says of its own requests, not what others say of it."""

UNLESS: Mapping[str, frozenset[str]] = {
    "network_delay": _OWN_WORK,  # a call that fails is repeated, and takes as long as its attempts together
    "slow_queries": _LOCKED | _SLOW_DISK | {"db_locks", "db_transactions"},  # waiting makes any query slow; who is slow does not do more
    "lock_contention": _READS_MORE | {"db_transactions"},  # nor does who waits
    "disk_io": _READS_MORE,
    "wrong_return_value": frozenset({"new_exceptions", "failing_spans"}),  # it says that something fails
    "traffic_surge": _LOCKED | {"db_connections_of_limit"},
    "rate_limited": _LACKS,  # who lacks something turns requests away as well
    "connection_exhaustion": _LOCKED | {"surge"},  # so does waiting keep connections
    "connection_refused": _KILLED | {"log_connection_exhaustion", "log_server_full", "db_connections_of_limit"},
    "unavailable": _KILLED | _ANSWERS,
    "latency_in_service": FAILS,  # it is its callers that give up
    "network_loss": frozenset({"surge", "refused_calls", "tls_calls", "log_tls", "unresolved_calls", "log_dns"}),
    "replication_lag": frozenset({"refused_calls", "log_connection_refused", "up", "db_up"}),  # who is gone falls behind
    "cpu_exhaustion": _NO_MEMORY | _LOST | {"surge"},  # cleaning up takes CPU, and so do more requests
}
"""What a mechanism does not bring about: where it is seen, that explains the rest as well."""

EVEN_SO: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "network_delay": (frozenset({DELAY}), _OWN_WORK),  # its untraced calls take longer as well, and seem its own work
    "latency_in_service": (frozenset({"self_time"}), FAILS),  # it gives up what takes too long
    "slow_queries": (_READS_MORE, _SLOW_DISK | {"db_locks", "db_transactions"}),  # that keeps the disk busy and locks for longer
    "traffic_surge": (frozenset({"surge"}), _LOCKED | {"db_connections_of_limit"}),  # it exhausts whatever it meets
    "rate_limited": (frozenset({"rate_limited", "log_rate_limited"}), _LACKS),
    "unavailable": (_GONE, _ANSWERS),  # some of its instances answer, and some do not
    "lock_contention": (_LOCKED, _READS_MORE | {"db_transactions"}),  # few are left to read, and what waited is made up for
}
"""For a mechanism: where one of the first is seen, the second do not lead away from it, for it brings them about as well."""

MUST_SEE: Mapping[str, frozenset[str]] = {
    "connection_exhaustion": frozenset(
        {"db_connections_of_limit", "db_waiting_clients", "db_pool_of_limit", "db_pool_timeouts", "db_refused", "conntrack_of_limit"}
        | {"db_calls_without_connection", "log_connection_exhaustion", "log_server_full", "saturation_of_limit", "wait_time"}
    ),
    "lock_contention": _LOCKED | {"db_locks"},
    "replication_lag": frozenset({"db_replication_lag", "db_replicating", "log_replication"}),
    "cpu_exhaustion": frozenset(
        {"cpu_usage", "cpu_throttling", "cpu_of_limit", "cpu_idle", "cpu_waiting", "scaled_to_limit", "slow_throughout"}
    ),
    "memory_pressure": _NO_MEMORY | {"memory_free", "gc_pause", "db_evictions", "cache_hits", "db_disk_reads"},
    "disk_io": _SLOW_DISK | {"credits", "load", "db_disk_reads", "db_checkpoints"},
    "traffic_surge": frozenset({"surge", "request_rate", "bytes_in", "connections", "db_sessions", "db_transactions"}),
    "network_loss": SLOW
    | CALLERS_CLOCK
    | {"client_latency", "gap", "delay", "network_rtt", "packet_drops", "packet_errors"}
    | {"tcp_retransmits", "tcp_resent", "tcp_resets"},
    "rate_limited": frozenset({"rate_limited", "rejected", "log_rate_limited"}),
    "exception_in_code": _FAILING - {"failing_spans"} | {"log_bad_answer"},
    "latency_in_service": SLOW | {"wait_time", "queue_time"},
    "unavailable": ITSELF - {"failing_spans"},
    "slow_queries": SLOW
    | {"db_query_time", "db_rows_read", "db_rows_scanned", "db_slow_queries", "db_longest_transaction", "log_slow_query", "db_call_p95"}
    | {"database_time", "wait_time", "db_pages_read"},
}
"""Signs that a mechanism cannot do without: where they are measured and all as usual, it is not there."""
