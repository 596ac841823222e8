"""What became of an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compass_core.domain import Observation
from compass_core.hypotheses.afterwards import Past, again, recovery, seen_before, to_ask_again
from tests.fakes import START, hypothesis
from tests.hypotheses.seeing import DATABASE, seen


def measured(signal: str, service: str, value: float) -> Observation:
    return seen(signal, service, name=f"{signal}@{service}").model_copy(update={"value": value, "baseline_value": 0.1})


FULL, FAILING = measured("db_connections_of_limit", "db", 0.9), measured("error_ratio", "shop", 0.5)
ONE = hypothesis(DATABASE, 0.8, service="db").model_copy(update={"mechanism": "connection_exhaustion", "evidence_for": (FULL.id, "line")})


@pytest.mark.parametrize(
    ("connections", "errors", "verdict"),
    [(0.15, 0.1, "survived"), (0.9, 0.1, "contradicted"), (0.1, 0.5, "contradicted"), (0.9, 0.5, "untested")],
)
def test_a_cause_recovers_with_what_users_feel(connections: float, errors: float, verdict: str) -> None:
    now = (measured("db_connections_of_limit", "db", connections), measured("error_ratio", "shop", errors))
    trial = recovery(ONE, (FULL, FAILING), now, ("shop",))
    assert (trial.verdict, trial.value, trial.query) == (verdict, connections, "q")


def test_what_is_not_measured_any_more_tells_nothing() -> None:
    assert recovery(ONE, (FULL, FAILING), (measured("error_ratio", "shop", 0.1),), ("shop",)).verdict == "untested"
    assert recovery(ONE, (FULL, FAILING), (measured("db_connections_of_limit", "db", 0.1),), ("shop",)).verdict == "untested"


def test_measured_signs_and_symptoms_are_asked_again() -> None:
    line, deploy = seen("new_errors", "db", name="line"), measured("deploy", "shop", 1.0)
    assert to_ask_again(ONE, (FULL, line, FAILING, deploy, measured("error_ratio", "mail", 0.5)), ("shop",)) == (FULL, FAILING)


def past(days: int, **more: object) -> Past:
    kind = {"service": "db", "mechanism": "connection_exhaustion", "signals": {"db_connections_of_limit", "db_refused"}}
    return Past.model_validate({"at": START - timedelta(days=days), **kind, **more})


def test_the_same_cause_by_the_same_signals_was_seen_before() -> None:
    other = (past(4, service="cart"), past(5, mechanism="disk_io"), past(6, signals={"log_database_down", "db_up", "db_refused"}))
    found = seen_before(ONE, {"db_connections_of_limit", "db_refused"}, (past(9), past(2, said="right", ended_by="a rollback"), *other))
    assert [each.at for each in found] == [START - timedelta(days=2), START - timedelta(days=9)]
    assert again(found) == "Seen 2 times, last on 2026-01-03; a person said then: right; it ended by a rollback."
    assert again(found[1:]) == "Seen 1 time, last on 2025-12-27."
    assert again(()) == ""
