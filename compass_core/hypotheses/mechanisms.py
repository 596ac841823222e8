"""The vocabulary of causes: how a service can break, in one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MECHANISMS: Mapping[str, str] = {
    "connection_exhaustion": "No connection is left to be had",
    "lock_contention": "Sessions wait for each other's locks",
    "slow_queries": "Queries take longer than they did",
    "replication_lag": "Replicas are behind",
    "cpu_exhaustion": "There is not enough CPU",
    "memory_pressure": "There is not enough memory",
    "disk_io": "The disk is full or cannot keep up",
    "network_delay": "The way to it takes longer than it did",
    "network_loss": "Packets or connections are lost",
    "connection_refused": "It refuses connections",
    "dns_failure": "Names are not resolved",
    "tls_failure": "TLS connections fail",
    "exception_in_code": "Its own code fails",
    "wrong_return_value": "It answers without an error, but wrongly",
    "bad_deploy": "What was deployed is worse than what it replaced",
    "config_change": "A changed configuration broke it",
    "traffic_surge": "More requests come than usual",
    "rate_limited": "A rate limit refuses requests",
    "latency_in_service": "It is slower than it was, itself",
    "unavailable": "It does not answer",
}
"""Every mechanism that a hypothesis may name, with what it means; the last two only where nothing more can be said."""
