"""Which phrases in log lines mean what. Phrases are compared in lower case, as parts of the line."""

from __future__ import annotations

from dataclasses import dataclass

from compass_core.domain import AgentName


@dataclass(frozen=True, slots=True)
class Phrases:
    """One kind of trouble that lines tell, whose agent looks for it, and what it is called."""

    signal: str
    agent: AgentName
    words: str
    phrases: tuple[str, ...]


ERROR_PHRASES = ("error", "exception", "fatal", "panic", "fail", "traceback", "critical", "severe", "timeout", "timed out")

LOG_SIGNALS = (
    Phrases(
        "log_connection_exhaustion",
        AgentName.DATABASE,
        "no database connection left",
        (
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
    Phrases(
        "log_lock",
        AgentName.DATABASE,
        "locks in the database",
        ("deadlock", "lock wait timeout", "could not obtain lock", "lock timeout", "still waiting for"),
    ),
    Phrases(
        "log_slow_query", AgentName.DATABASE, "slow or cancelled queries", ("slow query", "statement timeout", "canceling statement due to")
    ),
    Phrases("log_disk_full", AgentName.DATABASE, "no space for data", ("no space left on device", "disk full", "could not extend file")),
    Phrases("log_replication", AgentName.DATABASE, "replication trouble", ("replication lag", "replication slot", "requested wal segment")),
    Phrases(
        "log_database_down",
        AgentName.DATABASE,
        "the database does not serve",
        ("database system is shut", "database system is starting up", "terminating connection due to", "not accepting commands"),
    ),
    Phrases("log_connection_refused", AgentName.NETWORK, "connections refused", ("connection refused", "econnrefused", "connect: refused")),
    Phrases(
        "log_connection_reset",
        AgentName.NETWORK,
        "connections broken",
        (
            "connection reset",
            "econnreset",
            "broken pipe",
            "unexpected eof",
            "upstream prematurely closed",
            "no route to host",
            "network is unreachable",
        ),
    ),
    Phrases(
        "log_dns",
        AgentName.NETWORK,
        "names not resolved",
        ("no such host", "name resolution", "nxdomain", "enotfound", "getaddrinfo", "name or service not known", "servfail"),
    ),
    Phrases(
        "log_tls",
        AgentName.NETWORK,
        "TLS failures",
        (
            "x509:",
            "certificate has expired",
            "certificate verify failed",
            "tls handshake",
            "ssl handshake",
            "bad certificate",
            "unknown ca",
        ),
    ),
    Phrases(
        "log_out_of_memory",
        AgentName.APPLICATION,
        "out of memory",
        ("outofmemory", "out of memory", "oomkilled", "cannot allocate memory", "heap limit"),
    ),
    Phrases(
        "log_rate_limited",
        AgentName.APPLICATION,
        "rate limits hit",
        ("too many requests", "rate limit", "ratelimit", "throttled", "quota exceeded"),
    ),
)


def phrases_of(agent: AgentName) -> tuple[Phrases, ...]:
    """The kinds of trouble that an agent looks for in lines."""
    return tuple(kind for kind in LOG_SIGNALS if kind.agent is agent)
