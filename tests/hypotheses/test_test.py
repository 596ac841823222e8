"""What each test says of a hypothesis, and what it wants to read first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from compass_core.analysis.notes import Times
from compass_core.domain import Hypothesis, Window
from compass_core.hypotheses.test import EARLIER, Answers, Scene, questions, trials, verdict_of
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


def told(one: Hypothesis, known: Scene, answers: Answers | None = None) -> dict[str, Trial]:
    return {each.name: each for each in trials(one, known, answers or {})}


FAILING = seen("error_ratio", "shop", minutes=4)
FULL = seen("db_connections_of_limit", "db", minutes=1)


@pytest.mark.parametrize(("minutes", "verdict"), [(-3, "survived"), (4, "survived"), (5, "untested"), (20, "contradicted")])
def test_a_cause_does_not_begin_after_what_users_feel(minutes: float, verdict: str) -> None:
    full = seen("db_connections_of_limit", "db", minutes=minutes)
    order = told(blamed("db", "connection_exhaustion", full), scene(FAILING, full))["order"]
    assert (order.verdict, order.value) == (verdict, (minutes - 4) * 60)
    assert "14:04:00" in order.detail
    assert order.expected == "it begins before what users feel"


def test_order_is_asked_again_finely_and_what_is_read_then_counts() -> None:
    late = seen("db_connections_of_limit", "db", minutes=20)
    known = scene(FAILING, late, families=[family("pg_stat_activity_count", "db")])
    one = blamed("db", "connection_exhaustion", late)
    question = next(each for each in questions(one, known) if each.times.step < TIMES.step)
    assert question.times.window.start <= START + timedelta(minutes=4)
    assert told(one, known, {question: (FULL,)})["order"].verdict == "survived"


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
    calm = seen("cpu_usage", "db", 0.0)
    busy = seen("cpu_usage", "db", 0.6)
    assert told(one, scene(FULL, busy))["must see"].verdict == "survived"
    measured = scene(FULL, families=[family("container_cpu_usage_seconds_total", "db")])
    (asked,) = [each for each in questions(one, measured) if each.times == TIMES]
    assert told(one, measured, {asked: (calm,)})["must see"].verdict == "contradicted"


def test_what_a_mechanism_does_not_bring_about_speaks_against_it() -> None:
    locks = seen("db_deadlocks", "db")
    assert told(blamed("db", "slow_queries", FULL), scene(FULL, locks))["must not see"].verdict == "contradicted"
    assert "must not see" not in told(blamed("db", "slow_queries", FULL), scene(FULL))


def test_who_uses_what_is_broken_feels_it() -> None:
    one, families = blamed("db", "connection_exhaustion", FULL), [family("up", "cart", "mail")]
    known = scene(FULL, families=families)
    calm = [seen("error_ratio", service, 0.0) for service in ("cart", "mail")]
    asked = next((each for each in questions(one, known) if each.times == TIMES), None)
    assert told(one, scene(FULL, seen("error_ratio", "cart")))["dose"].verdict == "survived"
    assert told(one, scene(FULL))["dose"].verdict == "untested"
    assert told(one, scene(FULL, *calm[:1]))["dose"].verdict == "untested", "what mail feels is not known"
    assert told(one, scene(FULL, *(each.model_copy(update={"score": 0.01}) for each in calm)))["dose"].verdict == "contradicted"
    assert asked is None, "up is nothing that is felt"


def test_who_suffers_uses_what_is_broken() -> None:
    one = blamed("db", "connection_exhaustion", FULL)
    assert told(one, scene(FAILING, FULL))["control in space"].verdict == "survived"
    assert told(one, scene(FAILING, FULL, edges=calls("shop cart", "mail db")))["control in space"].verdict == "contradicted"
    assert told(one, scene(FAILING, FULL, edges=calls("shop cart")))["control in space"].verdict == "untested"
    assert told(one, scene(FAILING, FULL, edges=()))["control in space"].verdict == "untested"


def test_what_others_show_as_well_who_do_not_use_it_has_another_cause() -> None:
    full = seen("cpu_of_limit", "cart", minutes=2)
    one = blamed("cart", "cpu_exhaustion", full)
    assert told(one, scene(full, seen("cpu_of_limit", "mail", minutes=1)))["alike"].verdict == "contradicted"
    assert told(one, scene(full, seen("cpu_of_limit", "shop", minutes=1)))["alike"].verdict == "survived", "shop uses it"
    assert told(one, scene(full, seen("cpu_of_limit", "mail", minutes=20)))["alike"].verdict == "survived", "that came later"
    assert told(one, scene(full, seen("cpu_of_limit", "mail", 0.3, minutes=1)))["alike"].verdict == "survived"


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
