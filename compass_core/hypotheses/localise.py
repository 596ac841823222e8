"""Who is to blame: one ranking of all services by everything that was observed, in which a callee explains its callers' trouble."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compass_core.analysis.shifts import FULL_SCORE
from compass_core.domain import Suspect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from compass_core.domain import Edge, Observation

EXPLAINED = 0.8  # how much of a service's symptoms the trouble of what it calls takes away
ENOUGH = 1.0  # what stands against a callee that explains all that it can
NOBODY = 1.1  # what must stand against a service to be as likely as that nothing is wrong with any
SHARPNESS = 2.0  # how much one unit more makes a service likelier, as a logarithm
TROUBLED = 0.25  # from this score on an observation is trouble, and tells when it began
ONSET_SLACK_SECONDS = 120.0  # clocks of modalities differ


@dataclass(frozen=True, slots=True)
class Kind:
    """Signals that say the same: of a service only the strongest of them counts.

    `weight` is how much it says that the service itself is the cause; a `symptom` is what a failing callee brings about as well.
    """

    weight: float
    signals: tuple[str, ...]
    symptom: bool = False


CHANGES = Kind(0.35, ("deploy", "config_change", "scale_change", "annotation_change"))
KINDS = (
    Kind(1.0, ("cpu_usage", "cpu_throttling")),
    Kind(0.8, ("memory_of_limit", "memory_used", "out_of_memory_kills", "log_out_of_memory", "db_evictions")),
    Kind(1.0, ("disk_busy", "disk_free", "log_disk_full", "db_checkpoints")),
    # the next three are a database's own trouble, which has no callees; at others they are lines that tell of their database
    Kind(1.0, ("db_connections_of_limit", "log_connection_exhaustion", "conntrack_of_limit", "db_calls_without_connection"), symptom=True),
    Kind(1.0, ("db_waiting_for_locks", "db_locks", "log_lock", "db_deadlocks"), symptom=True),
    Kind(
        1.0,
        (
            "db_query_time",
            "db_slow_queries",
            "log_slow_query",
            "database_time",
            "db_rows_scanned",
            "db_rows_read",
            "db_disk_reads",
            "db_longest_transaction",
        ),
        symptom=True,
    ),
    Kind(1.0, ("db_replication_lag", "log_replication")),
    Kind(1.0, ("up", "db_up", "log_database_down", "replicas_available", "restarts")),
    Kind(1.0, ("refused_calls", "log_connection_refused", "upstream_connect_failures")),
    Kind(1.0, ("unresolved_calls", "dns_failures", "log_dns", "dns_p95")),
    Kind(1.0, ("tls_calls", "log_tls", "tls_errors")),
    Kind(0.7, ("packet_drops", "packet_errors", "tcp_retransmits", "tcp_resets", "tcp_failed_attempts", "probe_failures")),
    Kind(0.7, ("saturation", "requests_in_flight")),
    Kind(0.7, ("rate_limited", "log_rate_limited")),
    CHANGES,
    Kind(1.0, ("self_time",)),
    Kind(0.0, ("slow_throughout",)),  # tells why, of a service whose time has grown; that it has grown is said already
    Kind(1.2, ("gap",)),
    Kind(1.2, ("detour",), symptom=True),
    Kind(1.2, ("failing_spans",), symptom=True),
    Kind(1.2, ("new_errors", "new_exceptions", "error_lines"), symptom=True),
    Kind(0.5, ("error_ratio", "availability", "upstream_errors", "broken_calls", "log_connection_reset", "db_calls_failing"), symptom=True),
    Kind(0.8, ("call_p95",), symptom=True),
    Kind(0.5, ("latency_p50", "latency_p95", "latency_p99", "db_call_p95"), symptom=True),
    Kind(0.5, ("db_waiting_clients", "db_pool_of_limit", "db_pool_timeouts"), symptom=True),
    Kind(0.1, ("request_rate", "bytes_in", "bytes_out", "db_transactions", "db_rollbacks", "db_size"), symptom=True),
)
OTHER = Kind(0.3, (), symptom=True)
_KIND_OF = {signal + ending: kind for kind in KINDS for signal in kind.signals for ending in ("", "_drop")}


def suspects(
    observations: Iterable[Observation], edges: Iterable[Edge], services: Sequence[str], affected: Collection[str]
) -> tuple[Suspect, ...]:
    """Every service with the probability that it is the cause, the most likely first; what is left to 1 is that nothing is wrong.

    Against a service stands the sum over kinds of weight × the highest score × `FULL_SCORE`. Of the part that is symptoms the
    worst of those it calls (directly or through others, and begun no later) takes away `EXPLAINED` × what stands against that one ÷
    `ENOUGH`, which counts as 1 at most.
    The probability is that of exactly one cause: e^(`SHARPNESS` × what stands against it) − 1, over the sum of all with `NOBODY`.
    """
    against = {service: _Against(0.0, 0.0, None) for service in services if service}
    against.update(_against(observations))
    beneath = _beneath(edges, against, affected)
    standing = {service: one.total - _explained(one, [against[other] for other in beneath[service]]) for service, one in against.items()}
    weights = {service: math.expm1(SHARPNESS * max(0.0, value)) for service, value in standing.items()}
    whole = sum(weights.values()) + math.exp(SHARPNESS * NOBODY)
    ranked = sorted(weights, key=lambda service: -weights[service])
    return tuple(Suspect(service=service, score=min(1.0, weights[service] / whole)) for service in ranked)


def callees(edges: Iterable[Edge]) -> Mapping[str, frozenset[str]]:
    """For each service every other that it calls, directly or through others."""
    direct: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        direct[edge.caller].add(edge.callee)
    return {service: _reached(service, direct) for service in direct}


@dataclass(frozen=True, slots=True)
class _Against:
    """What stands against a service in all, how much of it is symptoms, and when the first of it began."""

    total: float
    symptoms: float
    onset: datetime | None


def _against(observations: Iterable[Observation]) -> dict[str, _Against]:
    strongest: dict[str, dict[Kind, float]] = defaultdict(dict)
    onsets: dict[str, list[datetime]] = defaultdict(list)
    for seen in observations:
        if not seen.service or not seen.score:
            continue
        kind = _KIND_OF.get(seen.signal, OTHER)
        kinds = strongest[seen.service]
        kinds[kind] = max(kind.weight * seen.score * FULL_SCORE, kinds.get(kind, 0.0))
        if seen.onset is not None and kind is not CHANGES and seen.score >= TROUBLED:  # no trouble begins by a change, nor by a flicker
            onsets[seen.service].append(seen.onset)
    return {
        service: _Against(
            sum(kinds.values()),
            sum(value for kind, value in kinds.items() if kind.symptom),
            min(onsets[service], default=None),
        )
        for service, kinds in strongest.items()
    }


def _beneath(edges: Iterable[Edge], known: Collection[str], affected: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Whom each service depends on, of those that are known; where nobody knows whom an affected one calls, all but its callers."""
    called = callees(edges)
    beneath = {service: called.get(service, frozenset()) & frozenset(known) for service in known}
    for service in affected:
        if service in known and not called.get(service):
            beneath[service] = frozenset(one for one in known if one != service and service not in called.get(one, ()))
    return beneath


def _explained(one: _Against, others: Iterable[_Against]) -> float:
    worst = max((other.total for other in others if _no_later(other, one)), default=0.0)
    return EXPLAINED * one.symptoms * min(1.0, worst / ENOUGH)


def _no_later(callee: _Against, caller: _Against) -> bool:
    if callee.onset is None or caller.onset is None:
        return True
    return (callee.onset - caller.onset).total_seconds() <= ONSET_SLACK_SECONDS


def _reached(service: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [service]
    while waiting:
        for callee in direct.get(waiting.pop(), ()):
            if callee not in found and callee != service:
                found.add(callee)
                waiting.append(callee)
    return frozenset(found)
