"""What each test says of a hypothesis, and what it wants to read first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from compass_core.analysis.notes import Times
from compass_core.domain import Hypothesis, Window
from compass_core.hypotheses.scene import Scene
from compass_core.hypotheses.test import EARLIER, Answers, questions, trials, verdict_of
from compass_core.readings import Family
from tests.fakes import START, WINDOW
from tests.hypotheses.seeing import APPLICATION, calls, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import Edge, Observation, Trial

TIMES = Times(WINDOW, Window(start=START - timedelta(hours=1), end=START), 60)
CALLS = calls("shop cart", "cart db", "mail db")


def family(name: str, *services: str) -> Family:
    return Family(name, "gauge", "service", tuple((service, service) for service in services))


def scene(*observations: Observation, edges: Sequence[Edge] = CALLS, families: Sequence[Family] = ()) -> Scene:
    return Scene(("shop",), observations, tuple(edges), TIMES, tuple(families))


def blamed(service: str, mechanism: str, *evidence: Observation) -> Hypothesis:
    ids = tuple(one.id for one in evidence)
    return Hypothesis(
        agent=APPLICATION, service=service, mechanism=mechanism, statement="", initial_confidence=0.9, confidence=0.9, evidence_for=ids
    )


def numbered(one: Observation, value: float, usual: float | None) -> Observation:
    return one.model_copy(update={"value": value, "baseline_value": usual})


def told(one: Hypothesis, known: Scene, answers: Answers | None = None) -> dict[str, Trial]:
    return {each.name: each for each in trials(one, known, answers or {})}


FAILING = seen("error_ratio", "shop", minutes=4)
FULL = seen("db_connections_of_limit", "db", minutes=1)


@pytest.mark.parametrize(("minutes", "verdict"), [(-3, "survived"), (4, "survived"), (5, "untested"), (7, "contradicted")])
def test_a_cause_does_not_begin_after_what_users_feel(minutes: float, verdict: str) -> None:
    full = seen("db_connections_of_limit", "db", minutes=minutes).model_copy(update={"step": 60.0})
    order = told(blamed("db", "connection_exhaustion", full), scene(FAILING, full))["order"]
    assert (order.verdict, order.value) == (verdict, (minutes - 4) * 60)
    assert "14:04:00" in order.detail
    assert order.expected == "it begins before what users feel"


def test_order_is_asked_again_finely_and_what_is_read_then_counts_where_it_is_the_same() -> None:
    late = seen("db_connections_of_limit", "db", minutes=20)
    known = scene(FAILING, late, families=[family("pg_stat_activity_count", "db")])
    one = blamed("db", "connection_exhaustion", late)
    question = next(each for each in questions(one, known) if each.times.step < TIMES.step)
    assert question.times.window.start <= START + timedelta(minutes=4)
    soon = late.model_copy(update={"onset": START + timedelta(minutes=19)})
    assert told(one, known, {question: (soon,)})["order"].value == 15 * 60
    assert told(one, known, {question: (FULL,)})["order"].value == 16 * 60, "what was long before is something else"


def test_what_is_read_of_the_window_alone_may_have_begun_before_it() -> None:
    """Lines and spans are not read of the time before: their first is no onset where the symptom is older than the window."""
    early = seen("latency_p95", "shop", minutes=-30)
    slow = seen("gap", "db", minutes=1)
    assert told(blamed("db", "network_delay", slow), scene(early, slow))["order"].verdict != "contradicted"
    soon = seen("gap", "db", minutes=7)
    assert told(blamed("db", "network_delay", soon), scene(FAILING, soon))["order"].verdict == "untested", "some spans are read"
    measured = slow.model_copy(update={"step": 60.0})
    assert told(blamed("db", "network_delay", measured), scene(early, measured))["order"].verdict == "contradicted"


def test_order_goes_by_the_first_trouble_of_the_one_and_by_what_users_mainly_feel() -> None:
    late = seen("db_waiting_for_locks", "db", minutes=20)
    one = blamed("db", "lock_contention", late)
    assert told(one, scene(FAILING, late))["order"].verdict == "contradicted"
    assert told(one, scene(FAILING, late, seen("db_sessions", "db", minutes=2)))["order"].verdict == "survived"
    hardly = seen("latency_p50", "shop", 0.3, minutes=-10)
    assert told(blamed("db", "lock_contention", FULL), scene(hardly, FAILING, FULL))["order"].verdict == "survived"


def test_where_the_symptom_itself_is_blamed_there_is_no_order() -> None:
    assert "order" not in told(blamed("shop", "exception_in_code", FAILING), scene(FAILING))


def test_a_version_that_answers_as_well_as_the_old_one_did_no_harm() -> None:
    deploy, well = seen("deploy", "shop", 0.9), seen("new_version_as_well", "shop", 0.3)
    one = blamed("shop", "bad_deploy", deploy)
    assert told(one, scene(deploy, well))["peers"].verdict == "contradicted"
    worse = seen("new_version_worse", "shop")
    assert told(one, scene(deploy, worse.model_copy(update={"value": 0.4})))["peers"].verdict == "survived"
    assert told(one, scene(deploy, worse))["peers"].verdict == "untested", "a version that is not seen was compared with nothing"
    assert told(one, scene(deploy))["peers"].verdict == "untested"


def test_a_mechanism_shows_its_signs() -> None:
    one, known = blamed("db", "cpu_exhaustion", FULL), scene(FULL, families=[family("node_load1", "db")])
    assert told(one, known)["must see"].verdict == "untested", "nothing of it is measured"
    calm = numbered(seen("cpu_usage", "db", 0.0), 0.21, 0.2)
    busy = seen("cpu_usage", "db", 0.6)
    assert told(one, scene(FULL, busy))["must see"].verdict == "survived"
    measured = scene(FULL, families=[family("container_cpu_usage_seconds_total", "db")])
    (asked,) = [each for each in questions(one, measured) if each.times == TIMES]
    assert told(one, measured, {asked: (calm,)})["must see"].verdict == "contradicted"
    more = numbered(calm, 0.6, 0.2)
    assert told(one, measured, {asked: (more,)})["must see"].verdict == "untested", "it is far from its limit, and has grown all the same"
    assert told(one, measured, {asked: (numbered(calm, 0.6, None),)})["must see"].verdict == "untested", "what is usual is not known"


def test_a_load_while_cpus_are_idle_waits_for_a_disk() -> None:
    load, idle = seen("load", "db", 0.7), numbered(seen("cpu_idle", "db", 0.0), 0.96, 0.97)
    measured = scene(load, families=[family("system_cpu_idle_percent", "db")])
    one = blamed("db", "cpu_exhaustion", load)
    (asked,) = [each for each in questions(one, measured) if each.times == TIMES]
    assert told(one, measured, {asked: (idle,)})["must see"].verdict == "contradicted"
    assert told(one, measured, {asked: (seen("cpu_idle", "db", 0.6),)})["must see"].verdict == "survived"
    assert told(one, scene(load))["must see"].verdict == "untested", "nobody measures its CPU"
    assert told(blamed("db", "disk_io", load), measured)["must see"].verdict == "survived"


def test_of_what_others_say_does_not_answer_its_own_requests_are_looked_at() -> None:
    """A caller that gives up too soon says that the callee does not answer; the callee's own numbers are as ever."""
    said = seen("log_no_answer", "db", minutes=1)
    one = blamed("db", "unavailable", said)
    known = scene(said, families=[family("orders_errors", "db"), family("http_server_requests_seconds_max", "db")])
    (asked,) = [each for each in questions(one, known) if each.times == TIMES]
    assert {each.family for each in asked.selections} == {"orders_errors", "http_server_requests_seconds_max"}, "known by their names"
    calm = seen("errors", "db", 0.0)
    assert told(one, known, {asked: (calm,)})["must see"].verdict == "contradicted"
    assert told(one, known, {asked: (seen("errors", "db"),)})["must see"].verdict == "survived"
    assert told(one, scene(said, seen("restarts", "db")), {asked: (calm,)})["must see"].verdict == "survived", "it restarts"
    assert told(one, known)["must see"].verdict == "untested", "nobody measures its requests"


def test_a_few_lines_of_errors_beside_requests_that_succeed_are_noise() -> None:
    lines = seen("new_errors", "cart").model_copy(update={"value": 20.0})
    one, known = (
        blamed("cart", "exception_in_code", lines),
        scene(lines, families=[family("app_requests", "cart"), family("app_errors", "cart")]),
    )
    (asked,) = [each for each in questions(one, known) if each.times == TIMES]
    assert {each.family for each in asked.selections} == {"app_requests", "app_errors"}
    rate = seen("request_rate", "cart", 0.0).model_copy(update={"value": 100.0, "unit": "/s"})
    well = seen("errors", "cart", 0.0)
    assert told(one, known, {asked: (rate, well)})["must see"].verdict == "contradicted"
    assert told(one, known, {asked: (rate, seen("errors", "cart"))})["must see"].verdict == "survived", "its requests fail"
    assert told(one, known, {asked: (rate.model_copy(update={"value": 1.0}), well)})["must see"].verdict == "survived", (
        "of one in a hundred"
    )
    assert told(one, known, {asked: (well,)})["must see"].verdict == "survived", "of how many is not known"
    assert told(one, known, {asked: (rate,)})["must see"].verdict == "survived", "how many fail is not known"


def test_traffic_that_rises_is_no_sign_of_one_that_does_not_answer_and_traffic_that_falls_is() -> None:
    one = blamed("db", "unavailable", seen("log_no_answer", "db"))
    known = scene(families=[family("pg_stat_database_xact_commit", "db")])
    (asked,) = [each for each in questions(one, known) if each.times == TIMES]
    more = numbered(seen("db_transactions", "db"), 9.0, 2.0)
    assert told(one, known, {asked: (more,)})["must see"].verdict == "contradicted"
    both = (more, seen("latency_p95", "db", 0.0))
    assert told(one, known, {asked: both})["must see"].detail == "db: saw latency_p95", "that says more"
    assert told(one, known, {asked: (seen("db_transactions_drop", "db"),)})["must see"].verdict == "survived"
    fewer = numbered(more, 0.9, 2.0)
    assert told(one, known, {asked: (fewer,)})["must see"].verdict == "untested", "less than half of so few is no proof of either"


def test_what_a_mechanism_does_not_bring_about_speaks_against_it() -> None:
    locks = seen("db_deadlocks", "db")
    assert told(blamed("db", "slow_queries", FULL), scene(FULL, locks))["must not see"].verdict == "contradicted"
    assert "must not see" not in told(blamed("db", "slow_queries", FULL), scene(FULL))


def test_a_call_that_fails_is_no_wrong_answer() -> None:
    one = blamed("cart", "wrong_return_value", seen("detour", "cart"))
    failing, unusable = seen("upstream_errors", "cart"), seen("log_bad_answer", "cart")
    assert told(one, scene(failing))["must not see"].verdict == "contradicted"
    assert "must not see" not in told(one, scene(failing, unusable)), "who cannot use an answer fails as well"


def test_a_slow_way_makes_slow_who_calls_over_it_and_not_who_calls_nobody() -> None:
    def slow(service: str) -> dict[str, Trial]:
        return told(blamed(service, "network_delay", seen("gap", service)), scene(seen("latency_p95", service)))

    assert "must not see" not in slow("cart")
    assert slow("db")["must not see"].verdict == "contradicted"


def test_who_runs_on_a_node_that_lacks_something_lacks_it_too() -> None:
    others = ("cart", "mail", "db", "bus", "relay")
    edges = calls("shop node", *(f"{service} node" for service in others), system="node")
    busy = seen("cpu_idle", "node", minutes=1)
    one = blamed("node", "cpu_exhaustion", busy)
    known = scene(busy, seen("error_ratio", "shop"), edges=edges, families=[family("app_errors", "shop", *others)])
    asked = next(each for each in questions(one, known) if "app_errors" in {one.family for one in each.selections})
    calm = tuple(seen("errors", service, 0.0) for service in others)
    assert told(one, known, {asked: calm})["dose"].detail == "1 of 6 that run on it suffer"
    assert told(one, known, {asked: calm})["dose"].verdict == "contradicted"
    nobody = scene(busy, edges=edges, families=known.families)
    assert told(one, nobody, {asked: calm[:3]})["dose"].verdict == "contradicted"
    assert told(one, nobody, {asked: calm[:2]})["dose"].verdict == "untested", "of two nobody can tell"
    assert told(one, known, {asked: (*calm[:4], seen("errors", "relay"))})["dose"].verdict == "survived"
    assert told(blamed("node", "disk_io", busy), known, {asked: calm})["dose"].verdict == "survived", "not everybody uses the disk"


def test_what_is_far_for_few_of_its_callers_is_not_far_itself() -> None:
    """One caller waits for a connection of its own and says that the database takes long; others are answered at once."""
    edges, far = calls("cart db", "mail db", "relay db"), seen("call_mean", "db", minutes=1)
    one = blamed("db", "network_delay", far)
    measured = family("db_client_operation_duration_seconds_sum", "cart", "mail", "relay")
    labels = {"server_address": frozenset({"db"}), "error_type": frozenset({"", "timeout"})}
    known = scene(
        far, edges=edges, families=[replace(measured, labels=labels), replace(measured, name=measured.name.replace("_sum", "_count"))]
    )
    (asked,) = [each for each in questions(one, known) if each.times == TIMES]
    assert {name for _, name in asked.selections[0].members} == {"cart", "mail", "relay"}, "who calls it measures that"
    quick = seen("call_mean", "db", 0.0)
    dose = told(one, known, {asked: (far, quick, quick)})["dose"]
    assert (dose.verdict, dose.detail) == ("contradicted", "1 of 3 that call it wait longer: db: saw call_mean")
    assert told(one, known, {asked: (far, far, quick)})["dose"].verdict == "untested"
    assert told(one, known, {asked: (far,)})["dose"].verdict == "untested", "of one nobody can tell"
    assert told(one, known, {asked: (quick, quick)})["dose"].verdict == "untested"
    assert told(blamed("db", "slow_queries", far), known, {asked: (far, quick, quick)})["dose"].verdict == "untested", (
        "others ask other things"
    )


def test_lost_packets_make_calls_slow() -> None:
    broken, quick = seen("broken_calls", "db"), seen("call_mean", "db", 0.0)
    one = blamed("db", "network_loss", broken)
    assert told(one, scene(broken, quick.model_copy(update={"score": 0.01})))["must see"].verdict == "contradicted"
    assert told(one, scene(broken, seen("call_mean", "db")))["must see"].verdict == "survived"


def test_what_is_gone_and_nobody_misses_harms_nobody() -> None:
    """A job that ended, or what was scaled down on purpose."""
    gone = seen("absent", "db", minutes=1)
    one, known = blamed("db", "unavailable", gone), scene(gone, families=[family("app_errors", "shop", "cart", "db")])
    (asked,) = [
        each for each in questions(one, known) if each.times == TIMES and "cart" in {name for _, name in each.selections[0].members}
    ]
    well = (seen("errors", "cart", 0.0), seen("errors", "shop", 0.0))
    dose = told(one, known, {asked: well})["dose"]
    assert (dose.verdict, dose.detail) == ("contradicted", "nobody misses it: cart: saw errors")
    assert told(one, known, {asked: (*well[:1], seen("errors", "shop", 0.3))})["dose"].verdict == "untested"
    assert told(one, known)["dose"].verdict == "untested", "what others feel is not measured"
    slow = scene(gone, seen("latency_p95", "db", minutes=1), families=known.families)
    assert told(one, slow, {asked: well})["dose"].verdict == "untested", "it is there, and slow"


def test_who_calls_what_is_broken_may_bear_it() -> None:
    one = blamed("db", "connection_exhaustion", FULL)
    assert told(one, scene(FULL, seen("error_ratio", "cart")))["dose"].detail.startswith("1 of 2 that call it suffer, most of all cart")
    calm = [seen("error_ratio", service, 0.0) for service in ("cart", "mail")]
    assert told(one, scene(FULL, *calm))["dose"].verdict == "untested"
    assert "dose" not in told(one, scene(FULL, edges=()))


def test_who_suffers_uses_what_is_broken() -> None:
    one = blamed("db", "connection_exhaustion", FULL)
    assert told(one, scene(FAILING, FULL))["control in space"].verdict == "survived"
    assert told(one, scene(FULL))["control in space"].verdict == "untested", "nobody suffers"
    assert told(one, scene(FAILING, FULL, edges=()))["control in space"].verdict == "untested"


def test_where_only_those_suffer_that_do_not_use_it_it_is_something_else() -> None:
    """A database with a few waiting sessions, beside a service that fails and never asks it."""
    edges = calls("shop cart", "shop mail", "cart db", "mail relay")
    one, mail = blamed("db", "lock_contention", FULL), seen("error_ratio", "mail")
    space = told(one, scene(FULL, mail, edges=edges))["control in space"]
    assert (space.verdict, space.detail) == ("contradicted", "who suffers does not use it: mail: saw error_ratio")
    assert told(one, scene(FULL, mail, seen("error_ratio", "cart"), edges=edges))["control in space"].verdict == "survived"
    assert told(one, scene(FULL, seen("call_p95", "mail"), edges=edges))["control in space"].verdict == "untested", "others say so"
    assert told(one, scene(FULL, seen("error_ratio", "relay"), edges=edges))["control in space"].verdict == "untested", (
        "whom it uses is not known"
    )
    apart = calls("cart db", "mail relay")
    assert told(one, scene(FULL, mail, edges=apart))["control in space"].verdict == "untested", "it is of another system"


def test_more_requests_harm_those_that_they_reach() -> None:
    one = blamed("shop", "traffic_surge", seen("surge", "shop"))
    known = scene(seen("error_ratio", "cart"))
    assert told(one, known)["control in space"].verdict == "survived"
    assert told(blamed("shop", "exception_in_code"), known)["control in space"].verdict == "contradicted"


def test_what_others_show_as_well_who_do_not_use_it_has_another_cause() -> None:
    full = seen("cpu_of_limit", "cart", minutes=2)
    one = blamed("cart", "cpu_exhaustion", full)
    assert told(one, scene(full, seen("cpu_of_limit", "mail", minutes=1)))["alike"].verdict == "contradicted"
    assert told(one, scene(full, seen("cpu_of_limit", "shop", minutes=1)))["alike"].verdict == "survived", "shop uses it"
    assert told(one, scene(full, seen("cpu_of_limit", "mail", minutes=20)))["alike"].verdict == "survived", "that came later"
    assert told(one, scene(full, seen("cpu_of_limit", "mail", 0.3, minutes=1)))["alike"].verdict == "survived"


def test_a_database_that_a_full_cache_leaves_more_to_do_is_no_cause() -> None:
    slow, missed = seen("db_slow_queries", "db", minutes=2), seen("db_evictions", "cache", 0.2, minutes=1)
    full, one = seen("memory_of_limit", "cache", minutes=1), blamed("db", "slow_queries", slow)
    stores = [family("pg_up", "db", "cache")]
    cache = told(one, scene(slow, missed, full, families=stores))["cache"]
    assert (cache.verdict, cache.detail) == ("contradicted", "a cache is full: cache: saw db_evictions")
    assert "cache" not in told(one, scene(slow, missed, families=stores)), "it evicts what is old, and has room"
    later = missed.model_copy(update={"onset": START + timedelta(minutes=9)})
    assert "cache" not in told(one, scene(slow, later, full, families=stores)), "it began to miss later"
    assert "cache" not in told(one, scene(slow, missed, full)), "db is no store"
    assert "cache" not in told(blamed("db", "lock_contention", slow), scene(slow, missed, full, families=stores))
    assert "cache" not in told(blamed("cache", "slow_queries", missed), scene(missed, full, families=stores)), "it is that cache"


@pytest.mark.parametrize(
    ("alike", "answered", "verdict"), [(0, 8, "survived"), (1, 8, "survived"), (2, 8, "contradicted"), (2, 2, "untested")]
)
def test_what_looks_like_this_on_other_days_as_well_tells_nothing(alike: int, answered: int, verdict: str) -> None:
    busy = seen("cpu_usage", "db", minutes=1)
    one, known = blamed("db", "cpu_exhaustion", busy), scene(busy, families=[family("container_cpu_usage_seconds_total", "db")])
    days = [each for each in questions(one, known) if each.times.window.end < START]
    assert [START - each.times.window.start for each in days] == list(EARLIER)
    answers: Answers = {day: (seen("cpu_usage", "db", 0.9 if at < alike else 0.0),) for at, day in enumerate(days[:answered])}
    trial = told(one, known, answers)["control in time"]
    assert trial.verdict == verdict
    assert trial.query == ("" if verdict == "untested" else "q")


def test_one_contradiction_is_enough_and_what_nothing_decides_is_untested() -> None:
    known = scene(FAILING, FULL, seen("db_deadlocks", "db"))
    assert verdict_of(trials(blamed("db", "slow_queries", FULL), known, {})) == "contradicted"
    assert verdict_of(trials(blamed("db", "connection_exhaustion", FULL), scene(FAILING, FULL), {})) == "survived"
    assert verdict_of(()) == "untested"
