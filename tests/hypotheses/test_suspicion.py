"""Who is to blame, and how: shares of one whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from compass_core.domain import Edge
from compass_core.hypotheses.mechanisms import MECHANISMS, OF_A_DATABASE, UNLESS
from compass_core.hypotheses.suspicion import ONSET_SLACK_SECONDS, TROUBLED, strongest, supports, suspects
from compass_core.signals.catalogue import FAILURES, SIGNALS
from compass_core.signals.changes import CHANGES
from tests.hypotheses.seeing import MADE, calls, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import Observation

SERVICES = ("web", "cart", "db")


def blamed(observations: Sequence[Observation], edges: Sequence[Edge] = (), affected: Sequence[str] = ()) -> dict[str, float]:
    return {one.service: one.score for one in suspects(observations, edges, SERVICES, affected)}


def order(observations: Sequence[Observation], edges: Sequence[Edge] = (), affected: Sequence[str] = ()) -> list[str]:
    return list(blamed(observations, edges, affected))


def mechanisms(*observations: Observation, database: bool = False) -> list[str]:
    return [one.mechanism for one in supports(strongest(observations).get("web", {}), database=database)]


def test_every_service_is_ranked_and_with_nothing_against_anybody_nobody_is_likely() -> None:
    assert blamed([]) == {"web": 0, "cart": 0, "db": 0}
    assert blamed([seen("cpu_usage", "web", 0.0), seen("cpu_usage", "")]) == {"web": 0, "cart": 0, "db": 0}
    assert order([seen("cpu_usage", "elsewhere")])[0] == "elsewhere", "also who was not asked for but named"
    assert suspects([], (), ("", "web"), ())[0].service == "web"


def test_a_little_is_most_likely_nothing_and_much_is_most_likely_something() -> None:
    assert blamed([seen("latency_p95", "web", 0.2)])["web"] < 0.2
    assert blamed([seen("db_waiting_for_locks", "db"), seen("latency_p95", "db")])["db"] > 0.8


def test_evidence_adds_over_classes_and_not_within_one() -> None:
    cpu, memory, errors = seen("cpu_usage", "web", 0.5), seen("memory_used", "web", 0.5), seen("error_ratio", "web", 0.5)
    one = blamed([cpu])["web"]
    assert blamed([cpu, memory]) == blamed([memory, cpu]) == blamed([cpu])
    assert blamed([cpu, errors])["web"] > one
    assert blamed([cpu, seen("memory_used", "web", 0.9)])["web"] > one


@pytest.mark.parametrize("change", [row.name for row in CHANGES])
def test_a_change_alone_is_no_guilt(change: str) -> None:
    alone, moved = blamed([seen(change, "web")]), [seen("error_ratio", "web", 0.6), seen("error_ratio", "cart", 0.6)]
    assert alone["web"] == 0
    assert order([*moved, seen(change, "web", minutes=-1)])[0] == "web", "of two that moved alike the one that was changed"
    assert blamed([seen(change, "web"), seen("bytes_in", "web", 0.5)])["web"] < 0.1, "traffic is nothing that suffers"


@pytest.mark.parametrize("signal", ["error_ratio", "latency_p95", "failing_spans", "new_errors", "detour", "self_time"])
def test_a_victim_that_is_louder_comes_after_its_callee(signal: str) -> None:
    """Both show the same, the victim half as much again."""
    observations = [seen(signal, "web", 0.9, 2), seen(signal, "cart", 0.6, 1)]
    assert order(observations)[0] == "web"
    assert order(observations, calls("web cart"))[0] == "cart"
    assert order(observations, calls("web x", "x cart"))[0] == "cart", "through others too"
    own = [*observations, seen("cpu_usage", "web", 1.0, 2)]
    assert order(own, calls("web cart"))[0] == "web", "trouble of its own is nothing that it feels"


@pytest.mark.parametrize(("minutes", "explains"), [(-4, True), (0, True), (2 + ONSET_SLACK_SECONDS / 60, True), (4.1, False), (None, True)])
def test_a_callee_that_began_later_explains_nothing(minutes: float | None, explains: bool) -> None:  # noqa: FBT001 - a column of the table
    loud, quiet = seen("error_ratio", "web", 1.0, 2), seen("error_ratio", "cart", 0.8, minutes)
    assert (order([loud, quiet], calls("web cart"))[0] == "cart") is explains
    assert order([loud.model_copy(update={"onset": None}), quiet], calls("web cart"))[0] == "cart", "nobody knows when the victim's began"


def test_trouble_begins_with_its_first_sign_but_not_with_a_deploy() -> None:
    loud, quiet = seen("error_ratio", "web", 1.0, 2), seen("error_ratio", "cart", 0.8, 1)
    assert order([loud, seen("latency_p95", "web", TROUBLED, -9), quiet], calls("web cart"))[0] == "web", "its latency rose before"
    assert order([loud, seen("latency_p95", "web", TROUBLED - 0.01, -9), quiet], calls("web cart"))[0] == "cart", "that was a flicker"
    for change in (row.name for row in CHANGES):
        deployed = [seen("error_ratio", "web", 1.0, 2), seen(change, "web", 0.05, -55)]
        assert order([*deployed, seen("error_ratio", "cart", 0.8, 1)], calls("web cart"))[0] == "cart"


def test_a_quiet_victim_of_a_callee_in_as_much_trouble_comes_after_it() -> None:
    """A few requests in a hundred fail: who calls it sees the same few, and a little more."""
    victim, callee = seen("error_ratio", "web", 0.6), seen("error_ratio", "cart", 0.35)
    assert order([victim, callee])[0] == "web"
    assert order([victim, callee], calls("web cart"))[0] == "cart"


def test_cycles_end_and_explain_each_other() -> None:
    edges = calls("web cart", "cart db", "db web", "db db")
    found = blamed([seen("error_ratio", "web", 0.9), seen("error_ratio", "cart", 0.9), seen("cpu_usage", "db", 0.9)], edges)
    assert next(iter(found)) == "db"
    assert found["web"] == found["cart"]


def test_where_nobody_knows_whom_an_affected_service_calls_all_others_may_explain_it() -> None:
    loud, quiet = seen("error_ratio", "web", 1.0), seen("error_ratio", "cart", 0.8)
    assert order([loud, quiet], (), ["web"])[0] == "cart"
    assert order([loud, quiet], (), ["cart"])[0] == "web", "not the other way round"
    assert order([loud, quiet], calls("web db"), ["web"])[0] == "web", "it is known whom it calls"
    assert order([loud, quiet], calls("cart x", "x web"), ["web"])[0] == "web", "who calls it does not explain it"


@pytest.mark.parametrize("signal", ["log_connection_exhaustion", "log_lock", "log_slow_query"])
def test_what_lines_of_a_caller_tell_of_its_database_is_the_databases_trouble(signal: str) -> None:
    """The callers of a database that lets nobody in write more than it does itself."""
    observations = [seen(signal, "web", 1.0), seen(signal, "cart", 1.0), seen(signal, "db", 0.7)]
    assert order(observations)[-1] == "db"
    assert order(observations, calls("web db", "cart db", system="postgresql"))[0] == "db"


# mechanisms


def test_a_mechanism_is_what_the_strongest_evidence_speaks_for_the_more_specific_first() -> None:
    assert mechanisms(seen("latency_p95"), seen("error_ratio"), seen("db_waiting_for_locks"))[0] == "lock_contention"
    assert mechanisms(seen("latency_p95"), seen("cpu_throttling", score=0.5))[0] == "cpu_exhaustion", "that it is slow says not why"
    assert mechanisms(seen("latency_p95"))[0] == "latency_in_service"
    assert mechanisms(seen("other:x")) == []


def test_what_must_not_be_seen_leads_away() -> None:
    assert mechanisms(seen("gap"), seen("memory_used", score=0.6))[0] == "network_delay"
    assert mechanisms(seen("gap"), seen("cpu_throttling", score=0.6))[0] == "cpu_exhaustion"
    assert mechanisms(seen("cpu_usage"), seen("memory_used", score=0.8))[0] == "memory_pressure"


def test_no_code_of_ours_runs_in_a_database() -> None:
    of_code = [seen(signal) for signal in ("failing_spans", "new_exceptions", "deploy", "detour", "self_time")]
    assert "exception_in_code" in mechanisms(*of_code)
    assert not {*OF_A_DATABASE} & {*mechanisms(*of_code, database=True)}
    assert mechanisms(*of_code, database=True)


def test_every_name_in_the_tables_is_one() -> None:
    """A name with a slip of the pen would never be seen."""
    assert {mechanism for row in SIGNALS.values() for mechanism in row.speaks_for} <= set(MECHANISMS)
    assert {*OF_A_DATABASE, *OF_A_DATABASE.values(), *UNLESS} <= set(MECHANISMS)
    assert {signal for signals in UNLESS.values() for signal in signals} <= set(MADE)
    assert {mechanism for row in SIGNALS.values() for mechanism in row.speaks_for} == set(MECHANISMS)


names = st.sampled_from([*SERVICES, "other", ""])
observed = st.builds(seen, st.sampled_from([*MADE, "other:x"]), names, st.floats(0, 1), st.none() | st.floats(-10, 30))
edge = st.builds(Edge, caller=names, callee=names)
system = st.tuples(st.lists(observed, max_size=25), st.lists(edge, max_size=8), st.lists(names, max_size=2))


@given(system)
def test_probabilities_are_shares_of_one_in_order(given: tuple[list[Observation], list[Edge], list[str]]) -> None:
    observations, edges, affected = given
    found = suspects(observations, edges, SERVICES, affected)
    scores = [one.score for one in found]
    assert sum(scores) <= 1 + 1e-9
    assert scores == sorted(scores, reverse=True)
    named = [one.service for one in found]
    assert len(named) == len(set(named))
    assert set(SERVICES) <= set(named) <= {*SERVICES, "other"}
    assert found == suspects(observations, edges, SERVICES, affected)
    assert all(sum(one.share for one in supports(best)) <= 1 + 1e-9 for best in strongest(observations).values())


timed = st.builds(seen, st.sampled_from(MADE), names, st.floats(0, 1), st.floats(-10, 30))


@given(st.lists(timed, min_size=1, max_size=25), st.lists(edge, max_size=8), st.lists(names, max_size=2), st.data())
def test_what_is_not_seen_of_a_service_makes_it_no_likelier(
    observations: list[Observation], edges: list[Edge], affected: list[str], data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from(observations))
    assume(lost.signal not in FAILURES)  # that no more requests fail speaks for it
    rest = [one for one in observations if one is not lost]
    whole, without = (blamed(some, edges, affected) for some in (observations, rest))
    assert without.get(lost.service, 0) <= whole.get(lost.service, 0) + 1e-9


def test_what_two_services_lack_is_their_nodes_trouble_and_of_one_alone_its_own() -> None:
    """A node that is short of CPU starves all that runs on it; a service that uses it up has the others well."""
    placed = calls("web node-1", "cart node-1", "db node-2", system="node")
    short = [seen("cpu_idle", "node-1", 0.8), seen("cpu_throttling", "web", 1.0), seen("latency_p95", "web", 1.0)]
    assert order(short, placed)[0] == "web"
    assert order([*short, seen("latency_p95", "cart", 1.0)], placed)[0] == "node-1"
    assert order([*short, seen("latency_p95", "db", 1.0)], placed)[0] == "web", "it runs elsewhere"


def test_more_requests_than_usual_explain_whatever_they_exhaust() -> None:
    worn_out = [seen("db_waiting_for_locks", "db", 1.0, 1), seen("cpu_usage", "cart", 1.0, 1), seen("error_ratio", "cart", 1.0, 1)]
    surge = [seen("surge", "web", 0.7, 1), seen("latency_p95", "web", 1.0, 1)]
    assert order([*worn_out, *surge])[0] == "web"
    assert order([*worn_out, surge[1]])[0] != "web"
    assert order([*(one.model_copy(update={"onset": one.window.start}) for one in worn_out), seen("surge", "web", 0.7, 10)])[0] != "web"
    assert mechanisms(seen("surge", score=0.7), seen("cpu_usage"))[0] == "traffic_surge"


def test_a_resolver_that_fails_explains_what_several_cannot_resolve() -> None:
    lost = [seen("log_dns", "web"), seen("error_ratio", "web"), seen("unresolved_calls", "cart", 0.9)]
    assert order([*lost, seen("dns_failures", "db", 0.6)])[0] == "db"
    assert order([*lost[:2], seen("dns_failures", "db", 0.6)])[0] == "web", "one alone asks for a name that is not there"
    assert order(lost)[0] == "web"


def test_what_is_measured_seldom_may_have_begun_before_it_was_seen() -> None:
    """A database that is read every five minutes is full at the point after its caller's first error."""
    late = seen("db_connections_of_limit", "db", 0.6, 5)
    full = late.model_copy(update={"onset_within": 300.0})
    caller = [seen("error_ratio", "web", 1.0, 0), seen("self_time", "web", 1.0, 0), seen("cpu_usage", "web", 0.3, 0)]
    assert order([full, *caller], calls("web db"))[0] == "db"
    assert order([late, *caller], calls("web db"))[0] == "web"


def test_a_callers_clock_says_nothing_of_the_way_to_what_is_slow_itself() -> None:
    assert mechanisms(seen("call_p95"))[0] == "network_delay"
    assert mechanisms(seen("call_p95"), seen("latency_p95", score=0.6)) == ["latency_in_service"]
    both_ends = (seen("gap", score=0.6), seen("latency_p95", score=0.9))
    assert mechanisms(*both_ends)[0] == "network_delay", "what it calls is slow to reach as well"


def test_a_way_that_is_slow_for_calls_that_fail_and_are_repeated_is_not_the_cause() -> None:
    """A call is as long as its attempts together."""
    assert mechanisms(seen("way", score=0.8))[0] == "network_delay"
    assert mechanisms(seen("way", score=0.8), seen("error_ratio"))[0] == "exception_in_code"


def test_lines_of_errors_count_less_where_no_more_requests_fail() -> None:
    lines, other = seen("new_errors", "web", 0.9), seen("latency_p95", "cart", 0.7)
    assert order([lines, other])[0] == "web"
    assert order([lines, other, seen("error_ratio", "web", 0.0)])[0] == "cart"
    assert order([lines, other, seen("error_ratio", "web", 0.0), seen("upstream_errors", "web", 0.3)])[0] == "web"
    assert order([other, seen("new_errors", "cart", 0.1), lines, seen("errors", "cart", 0.0)])[0] == "web"


def test_a_cache_that_keeps_nothing_explains_why_a_store_is_asked_more() -> None:
    worn = [seen("db_query_time", "db"), seen("cpu_idle", "db"), seen("latency_p95", "db")]
    emptied = [seen("db_evictions", "cart", 0.6), seen("memory_of_limit", "cart")]
    assert order([*worn, *emptied])[0] == "db"
    assert order([*worn, seen("db_transactions", "db", 0.4), *emptied])[0] == "cart"
    assert order([*worn, seen("db_transactions", "db", 0.4), emptied[1]])[0] == "db"


def test_where_nobody_knows_who_calls_whom_a_store_may_be_beneath_all() -> None:
    failing = [seen("error_ratio", name, 0.9) for name in ("web", "cart")]
    assert order([*failing, seen("db_connections", "db", 0.9)])[0] == "db"
    assert order([*failing, seen("error_ratio", "db", 0.9)])[0] != "db"
    assert order([*failing, seen("db_connections", "db", 0.9)], calls("web cart"))[0] == "cart", "here it is known, and nobody calls it"


def test_a_delay_of_every_request_is_the_ways_also_where_untraced_calls_take_longer() -> None:
    seems_busy = (seen("self_time", score=0.8), seen("latency_p95", score=0.9))
    assert mechanisms(seen("delay", score=0.6), *seems_busy)[0] == "network_delay"
    assert mechanisms(seen("gap", score=0.6), seen("slow_throughout"), *seems_busy)[0] == "cpu_exhaustion"
