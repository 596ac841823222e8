"""For each mechanism what leads to it, and what leads away from it to another."""

from __future__ import annotations

import re

import pytest

from compass_core.domain import AgentName, Edge, Findings, Hypothesis, Observation, Outcome, Run
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.propose import propose
from compass_core.hypotheses.rank import rank
from compass_core.hypotheses.suspicion import suspects
from tests.hypotheses.seeing import calls, seen

CALLED = calls("web api", "api db")


def ranked(observations: list[Observation], edges: tuple[Edge, ...] = CALLED) -> tuple[Hypothesis, ...]:
    """What the three agents make of it together."""
    blamed = suspects(observations, edges, ("web", "api", "db"), ("web",))
    known = Findings(observations=tuple(observations), suspects=blamed, edges=edges)
    return rank(
        [Run(agent=AgentName.NETWORK, outcome=Outcome.ANSWERED, findings=known, hypotheses=propose(AgentName.NETWORK, observations, known))]
    )


def read(told: str) -> list[Observation]:
    """`"refused_calls 80, web error_ratio 40"`: of `api` where no other service is named; scores in hundredths."""
    lines = re.findall(r"(?:(web|db) )?(\w+) (\d+)", told)
    return [seen(signal, service or "api", int(score) / 100) for service, signal, score in lines]


@pytest.mark.parametrize(
    ("mechanism", "service", "leads_to_it", "leads_away", "other"),
    [
        ("connection_exhaustion", "db", "db db_connections_of_limit 60, db_waiting_clients 90", "db db_waiting_for_locks 95", "lock_contention"),
        ("connection_exhaustion", "db", "db log_connection_exhaustion 70, log_connection_exhaustion 90", "db log_disk_full 99", "disk_io"),
        ("connection_exhaustion", "api", "conntrack_of_limit 60, broken_calls 60", "tls_calls 90", "tls_failure"),
        ("lock_contention", "db", "db db_waiting_for_locks 70, db db_query_time 70, db db_locks 50", "db log_disk_full 99", "disk_io"),
        ("lock_contention", "db", "db log_lock 60, log_lock 60, db db_deadlocks 40", "db log_disk_full 99", "disk_io"),
        ("slow_queries", "db", "db db_query_time 70, db database_time 70, db_call_p95 70", "db db_waiting_for_locks 95", "lock_contention"),
        ("slow_queries", "db", "db db_query_time 70, db db_longest_transaction 90", "db disk_busy 90", "disk_io"),
        ("replication_lag", "db", "db db_replication_lag 60, db log_replication 60", "db disk_busy 95", "disk_io"),
        ("replication_lag", "db", "db under_replicated 90, db log_replication 90", "db log_connection_refused 80", "connection_refused"),
        ("slow_queries", "db", "db db_rows_read 80, db db_locks 90, db disk_latency 80, db db_running 90", "db db_deadlocks 95", "lock_contention"),
        ("lock_contention", "db", "db db_locks 90, db db_running 90", "db db_rows_scanned 90", "slow_queries"),
        ("lock_contention", "db", "db db_waiting_for_locks 90, db db_transactions 60", "db disk_alarm 99", "disk_io"),
        ("slow_queries", "db", "db db_running 60, db db_sessions 90", "db db_transactions 60", "traffic_surge"),
        ("disk_io", "db", "db disk_busy 80, db db_query_time 60", "db db_waiting_for_locks 99, db log_lock 90", "lock_contention"),
        ("disk_io", "db", "db disk_waiting 60, db db_running 60", "db db_waiting_for_locks 99", "lock_contention"),
        ("disk_io", "db", "db db_waiting_for_disk 60, db db_query_time 70", "db db_waiting_for_locks 99", "lock_contention"),
        ("disk_io", "db", "db db_held_up 50, db disk_queue 60, db db_sessions 60", "db db_waiting_for_locks 99", "lock_contention"),
        ("disk_io", "api", "disk_free 60", "refused_calls 90", "connection_refused"),
        ("memory_pressure", "db", "db db_evictions 60", "db db_connections_of_limit 90", "connection_exhaustion"),
        ("memory_pressure", "api", "memory_of_limit 60, restarts 40, cpu_usage 60", "refused_calls 90", "connection_refused"),
        ("memory_pressure", "api", "out_of_memory_kills 25, up 60, restarts 25", "refused_calls 90", "connection_refused"),
        ("cpu_exhaustion", "api", "cpu_usage 60, self_time 60, gap 50, latency_p95 80", "memory_used 40", "memory_pressure"),
        ("cpu_exhaustion", "api", "slow_throughout 60, gap 60", "packet_drops 90, tcp_retransmits 95", "network_loss"),
        ("network_delay", "api", "gap 60, latency_p95 90, latency_p50 60", "slow_throughout 80", "cpu_exhaustion"),
        ("network_delay", "api", "gap 60, self_time 30", "packet_drops 80, tcp_retransmits 80", "network_loss"),
        ("network_loss", "api", "packet_drops 60, broken_calls 60", "refused_calls 90", "connection_refused"),
        ("network_loss", "api", "log_connection_reset 80, tcp_resets 40", "tls_calls 90", "tls_failure"),
        ("cpu_exhaustion", "api", "slow_throughout 99, cpu_usage 60", "log_connection_reset 80", "network_loss"),
        ("connection_refused", "api", "log_connection_refused 60, up 90, error_ratio 90", "out_of_memory_kills 90", "memory_pressure"),
        ("connection_refused", "db", "db refused_calls 60, db db_up 90", "db log_disk_full 95", "disk_io"),
        ("dns_failure", "api", "unresolved_calls 60, error_ratio 80", "refused_calls 90", "connection_refused"),
        ("tls_failure", "api", "log_tls 60, broken_calls 70", "log_dns 80", "dns_failure"),
        ("exception_in_code", "api", "new_exceptions 70, error_ratio 60, failing_spans 50", "deploy 85", "bad_deploy"),
        ("exception_in_code", "api", "failing_spans 70", "detour 99", "wrong_return_value"),
        ("exception_in_code", "api", "error_ratio 70, failing_spans 50", "up 95, replicas_available 90", "unavailable"),
        ("wrong_return_value", "api", "detour 70, new_errors 40", "failing_spans 90, new_exceptions 90", "exception_in_code"),
        ("bad_deploy", "api", "deploy 85, error_ratio 70, latency_p95 50", "out_of_memory_kills 99", "memory_pressure"),
        ("bad_deploy", "api", "deploy 40, self_time 70, new_errors 60", "cpu_usage 99", "cpu_exhaustion"),
        ("config_change", "api", "config_change 40, error_ratio 70", "deploy 89, self_time 70", "bad_deploy"),
        ("traffic_surge", "api", "request_rate 90, requests_in_flight 90", "cpu_usage 60", "cpu_exhaustion"),
        ("rate_limited", "api", "rate_limited 60, log_rate_limited 60, error_ratio 70", "refused_calls 99", "connection_refused"),
        ("rate_limited", "api", "rejected 90, error_ratio 70", "memory_of_limit 90", "memory_pressure"),
        ("latency_in_service", "api", "self_time 60, latency_p95 80, latency_p50 60", "cpu_usage 70", "cpu_exhaustion"),
        ("latency_in_service", "api", "latency_p99 80, latency_p50 60", "gap 80", "network_delay"),
        ("unavailable", "api", "up 90, replicas_available 60, error_ratio 40", "refused_calls 80", "connection_refused"),
        ("unavailable", "api", "availability 80, saturation 40", "new_exceptions 90", "exception_in_code"),
        ("unavailable", "db", "db db_up 90, db log_database_down 90", "db log_disk_full 95", "disk_io"),
    ],
)  # fmt: skip
def test_what_leads_to_a_mechanism_and_what_leads_away(mechanism: str, service: str, leads_to_it: str, leads_away: str, other: str) -> None:
    first = ranked(read(leads_to_it))[0]
    assert (first.mechanism, first.service) == (mechanism, service)
    then = ranked([*read(leads_to_it), *read(leads_away)])
    assert (then[0].mechanism, then[0].service) == (other, service)
    left = next((one.confidence for one in then if (one.mechanism, one.service) == (mechanism, service)), 0.0)
    assert left < then[0].confidence


def test_every_mechanism_stands_in_the_table() -> None:
    (table,) = test_what_leads_to_a_mechanism_and_what_leads_away.pytestmark  # type: ignore[attr-defined]  # where pytest keeps it
    assert {row[0] for row in table.args[1]} == set(MECHANISMS)
    assert {"unavailable", "latency_in_service"} & {row[4] for row in table.args[1]} == {"unavailable"}, "only where nothing says more"


def test_memory_that_doubled_comes_before_cpu_that_rose_as_far() -> None:
    both = [seen("memory_used", "api", 0.8), seen("cpu_usage", "api", 0.8)]
    assert [one.mechanism for one in ranked(both)[:2]] == ["memory_pressure", "cpu_exhaustion"]
    a_little_memory = [seen("memory_used", "api", 0.2), both[1]]
    assert ranked(a_little_memory)[0].mechanism == "cpu_exhaustion"


def test_a_way_that_is_slow_is_the_networks_unless_all_of_its_end_is_slow() -> None:
    way = [seen("gap", "api", 0.7), seen("self_time", "api", 0.4)]
    assert ranked(way)[0].mechanism == "network_delay"
    assert ranked([*way, seen("slow_throughout", "api", 0.7)])[0].mechanism == "cpu_exhaustion"


def test_who_reads_more_rows_waits_for_disks_and_locks_by_itself() -> None:
    waits = [seen("db_query_time", "db", 0.9), seen("db_locks", "db", 0.9), seen("disk_latency", "db", 0.7)]
    assert ranked(waits)[0].mechanism != "slow_queries"
    assert ranked([*waits, seen("db_rows_read", "db", 0.9)])[0].mechanism == "slow_queries"


def test_what_writes_of_its_exceptions_answers() -> None:
    failing, writing = seen("availability", "api", 0.9), seen("new_errors", "api", 0.9)
    assert ranked([failing])[0].mechanism == "unavailable"
    assert ranked([failing, writing])[0].mechanism == "exception_in_code"
    assert ranked([failing, writing, seen("replicas_available", "api", 0.9)])[0].mechanism == "unavailable"


def test_more_requests_fill_pools_wait_for_locks_and_lose_packets() -> None:
    more = [seen("surge", "api", 0.6)]
    assert ranked([*more, seen("db_connections_of_limit", "api", 0.9)])[0].mechanism == "traffic_surge"
    assert ranked([*more, seen("tcp_resent", "api", 0.9)])[0].mechanism == "traffic_surge"
    assert ranked([seen("db_sessions", "api", 0.9), seen("db_connections_of_limit", "api", 0.9)])[0].mechanism == "connection_exhaustion"


def test_what_fails_as_well_as_it_is_slow_fails_unless_its_spans_show_where_the_time_goes() -> None:
    slow, failing = seen("latency_p99", "api", 0.7), seen("availability", "api", 0.5)
    assert ranked([slow, failing])[0].mechanism == "unavailable"
    assert ranked([slow])[0].mechanism == "latency_in_service"
    assert ranked([slow, failing, seen("self_time", "api", 0.9)])[0].mechanism == "latency_in_service", "it gives up itself"


@pytest.mark.parametrize("more", ["cpu_usage 99", "gap 99", "refused_calls 99", "deploy 85", "log_tls 99"])
def test_the_last_resorts_are_first_only_where_nothing_says_more(more: str) -> None:
    slow, gone = "self_time 99, latency_p95 99, latency_p50 99, latency_p99 99", "up 99, replicas_available 99, restarts 99"
    assert ranked(read(slow))[0].mechanism == "latency_in_service"
    assert ranked(read(gone))[0].mechanism == "unavailable"
    assert ranked([*read(slow), *read(more)])[0].mechanism != "latency_in_service"
    assert ranked([*read(gone), *read(more)])[0].mechanism != "unavailable"
