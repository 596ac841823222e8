"""Which phrases in log lines mean what. Phrases are compared in lower case, as parts of the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.signals.signal import APPLICATION, DATABASE, DIRECT, FELT, NETWORK, Scale, Signal

if TYPE_CHECKING:
    from compass_core.domain import AgentName

ERROR_PHRASES = ("error", "exception", "fatal", "panic", "fail", "traceback", "critical", "severe", "timeout", "timed out")
LINES = Scale("change", 1.0, 10.0, 100.0)  # more lines than usual; each is commonly a request that failed

LOG_SIGNALS = (
    Signal(
        "log_connection_exhaustion",
        DATABASE,
        "no database connection left",
        "",
        LINES,
        FELT,
        ("connection_exhaustion",),
        phrases=(
            "too many clients",
            "too many connections",
            "remaining connection slots",
            "pool exhausted",
            "pool is exhausted",
            "connection pool timeout",
            "queuepool limit",
            "connection is not available, request timed out",
            "timed out waiting for connection",
            "timeout waiting for connection",
            "unable to acquire connection",
            "acquire connection",
            "max number of clients reached",
        ),
    ),
    Signal(
        "log_lock",
        DATABASE,
        "locks in the database",
        "",
        LINES,
        FELT,
        ("lock_contention",),
        phrases=("deadlock", "lock wait timeout", "could not obtain lock", "lock timeout", "still waiting for"),
    ),
    Signal(
        "log_slow_query",
        DATABASE,
        "slow or cancelled queries",
        "",
        LINES,
        FELT,
        ("slow_queries",),
        phrases=("slow query", "statement timeout", "canceling statement due to"),
    ),
    Signal(
        "log_disk_full",
        DATABASE,
        "no space for data",
        "",
        LINES,
        DIRECT,
        ("disk_io",),
        phrases=("no space left on device", "disk full", "could not extend file"),
    ),
    Signal(
        "log_replication",
        DATABASE,
        "replication trouble",
        "",
        LINES,
        DIRECT,
        ("replication_lag",),
        phrases=("replication lag", "replication slot", "requested wal segment"),
    ),
    Signal(
        "log_database_down",
        DATABASE,
        "the database does not serve",
        "",
        LINES,
        DIRECT,
        ("unavailable",),
        phrases=("database system is shut", "database system is starting up", "terminating connection due to", "not accepting commands"),
    ),
    Signal(
        "log_connection_refused",
        NETWORK,
        "connections refused",
        "",
        LINES,
        DIRECT,
        ("connection_refused",),
        phrases=("connection refused", "econnrefused", "connect: refused"),
    ),
    Signal(
        "log_connection_reset",
        NETWORK,
        "connections broken",
        "",
        LINES,
        FELT,
        ("network_loss",),
        phrases=(
            "connection reset",
            "econnreset",
            "broken pipe",
            "unexpected eof",
            "upstream prematurely closed",
            "no route to host",
            "network is unreachable",
        ),
    ),
    Signal(
        "log_dns",
        NETWORK,
        "names not resolved",
        "",
        LINES,
        DIRECT,
        ("dns_failure",),
        phrases=("no such host", "name resolution", "nxdomain", "enotfound", "getaddrinfo", "name or service not known", "servfail"),
    ),
    Signal(
        "log_tls",
        NETWORK,
        "TLS failures",
        "",
        LINES,
        DIRECT,
        ("tls_failure",),
        phrases=(
            "x509:",
            "certificate has expired",
            "certificate verify failed",
            "tls handshake",
            "ssl handshake",
            "bad certificate",
            "unknown ca",
        ),
    ),
    Signal(
        "log_out_of_memory",
        APPLICATION,
        "out of memory",
        "",
        LINES,
        DIRECT,
        ("memory_pressure",),
        phrases=("outofmemory", "out of memory", "oomkilled", "cannot allocate memory", "heap limit"),
    ),
    Signal(
        "log_rate_limited",
        APPLICATION,
        "rate limits hit",
        "",
        LINES,
        DIRECT,
        ("rate_limited",),
        phrases=("too many requests", "rate limit", "ratelimit", "throttled", "quota exceeded"),
    ),
)

ERRORS_IN_LINES = (
    Signal("new_exceptions", APPLICATION, "exceptions in its logs", "", LINES, FELT, ("exception_in_code",)),
    Signal("new_errors", APPLICATION, "errors in its logs", "", LINES, FELT, ("exception_in_code",)),
    Signal("error_lines", APPLICATION, "error lines", "", LINES, FELT, ("exception_in_code",)),
    Signal("log_silence", APPLICATION, "log lines that stop", "", LINES, FELT, ("unavailable",)),
)


def phrases_of(agent: AgentName) -> tuple[Signal, ...]:
    """The kinds of trouble that an agent looks for in lines."""
    return tuple(kind for kind in LOG_SIGNALS if kind.agent is agent)
