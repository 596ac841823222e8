"""The words: windows, incidents, and which service a label's value names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from compass_core.domain import (
    WHOLE,
    AgentName,
    Conclusion,
    Feedback,
    Findings,
    Hypothesis,
    Incident,
    Investigation,
    Outcome,
    Run,
    Suspect,
    Window,
)
from compass_core.readings import Family
from tests.fakes import INCIDENT, START, hypothesis, observation

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_a_window_ends_after_it_starts() -> None:
    assert Window(start=START, end=START + MINUTE).seconds == 60
    for end in (START, START - MINUTE):
        with pytest.raises(ValidationError, match="must end after it starts"):
            Window(start=START, end=end)


def test_a_naive_time_is_refused_and_another_zone_becomes_utc() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Window(start=START.replace(tzinfo=None), end=START)
    east = Window(start=START.astimezone(timezone(2 * HOUR)), end=START + MINUTE)
    assert east.start == START
    assert east.start.tzinfo is UTC


def test_values_are_frozen_and_know_their_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        INCIDENT.title = "another"  # type: ignore[misc]  # what must not be done
    with pytest.raises(ValidationError, match="forbidden"):
        Incident.model_validate({"id": "x", "title": "x", "started_at": START, "truth": "db"})


@pytest.mark.parametrize(
    ("now", "ended", "begins", "ends"),
    [
        (10, None, 0, 10),
        (90, None, 0, 30),
        (90, 20, 0, 20),
        (90, 50, 0, 30),
        (0.5, None, -0.5, 0.5),
        (0, None, -1, 0),
        (-5, None, -6, -5),
        (90, -3, -4, -3),
    ],
)
def test_the_window_of_an_incident(now: float, ended: float | None, begins: float, ends: float) -> None:
    """In minutes after its start."""
    ended_at = None if ended is None else START + ended * MINUTE
    incident = INCIDENT.model_copy(update={"ended_at": ended_at})
    window = incident.window(START + now * MINUTE)
    assert (window.start, window.end) == (START + begins * MINUTE, START + ends * MINUTE)
    baseline = incident.baseline(window)
    assert (baseline.start, baseline.end) == (window.start - HOUR, window.start)


@pytest.mark.parametrize(
    ("well_since", "minutes"),
    [(-240, 240), (-60, 60), (-12, 15), (-10, 10), (-10.01, 15), (-1, 5), (0, 5), (7, 5)],
)
def test_the_baseline_begins_when_all_was_well_if_that_is_known(well_since: float, minutes: int) -> None:
    """Whole five minutes before the window, in which every step between points fits."""
    incident = INCIDENT.model_copy(update={"well_since": START + well_since * MINUTE})
    window = incident.window(START + 10 * MINUTE)
    baseline = incident.baseline(window)
    assert (baseline.end - baseline.start, baseline.end) == (minutes * MINUTE, window.start)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(moments, st.none() | moments, st.none() | moments, moments)
def test_any_incident_has_a_window_of_whole_seconds(
    started: datetime, ended: datetime | None, well: datetime | None, now: datetime
) -> None:
    incident = Incident(id="x", title="x", started_at=started, ended_at=ended, well_since=well)
    window = incident.window(now)
    baseline = incident.baseline(window)
    assert baseline.end == window.start
    assert baseline.seconds % WHOLE.total_seconds() == 0
    assert 60 <= window.seconds <= 1800
    assert window.start.microsecond == window.end.microsecond == 0
    assert window.end <= max(now, started)


def test_the_services_of_a_family() -> None:
    assert Family("up", "gauge", "pod", (("web-0", "web"), ("web-1", "web"), ("db-0", "db"))).services == {"web", "db"}


def test_a_conclusion_adds_up() -> None:
    agents = tuple(AgentName)
    runs = tuple(Run(agent=agent, outcome=Outcome.ANSWERED, findings=Findings(observations=(observation(agent),))) for agent in agents)
    investigation = Investigation(id="i", incident=INCIDENT, started_at=START, budget=Decimal(1))
    costs = {agent: Decimal("0.1") for agent in agents}
    conclusion = Conclusion(investigation=investigation, outcome=Outcome.ANSWERED, runs=runs, costs=costs)
    assert conclusion.total_cost == Decimal("0.3")
    assert set(conclusion.observations) == {"A1", "D1", "N1"}
    assert Conclusion(investigation=investigation, outcome=Outcome.FAILED).total_cost == 0
    assert Conclusion.model_validate_json(conclusion.model_dump_json()) == conclusion


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ValidationError):
        hypothesis(AgentName.DATABASE, confidence)
    with pytest.raises(ValidationError):
        observation(AgentName.DATABASE, score=confidence)
    with pytest.raises(ValidationError):
        Suspect(service="db", score=confidence)


LOCKS = Hypothesis(
    agent=AgentName.DATABASE, service="orders-db", mechanism="lock_contention", statement="", initial_confidence=0.6, confidence=0.6
)


@pytest.mark.parametrize(
    ("of", "right", "was", "said"),
    [
        ("orders-db: lock contention", True, "", True),
        ("orders-db: lock contention", False, "", False),
        ("web: cpu", True, "", False),
        ("web: cpu", False, "", None),
        ("web: cpu", False, "Orders-DB", True),
        ("web: cpu", False, "orders-db: lock contention", True),
        ("web: cpu", False, "dns", False),
    ],
)
def test_feedback_says_whether_a_hypothesis_is_the_cause(of: str, right: bool, was: str, said: bool | None) -> None:  # noqa: FBT001 - columns
    assert Feedback(investigation="1", hypothesis=of, person="U1", name="sam", right=right, was=was).says_of(LOCKS) is said


def test_two_causes_may_both_be_right() -> None:
    said = tuple(
        Feedback(investigation="1", hypothesis=of, person="U1", name="sam", right=True) for of in ("orders-db: lock contention", "web: cpu")
    )
    of = Investigation(
        id="1",
        incident=Incident(id="1", title="", started_at=datetime(2026, 1, 5, tzinfo=UTC)),
        started_at=datetime(2026, 1, 5, tzinfo=UTC),
        budget=Decimal(0),
    )
    ended = Conclusion(investigation=of, outcome=Outcome.ANSWERED, hypotheses=(LOCKS,), feedback=said)
    assert ended.judged is True
    grade = Feedback(investigation="1", hypothesis="orders-db: lock contention", person="", name="", right=False, note="at 14:25 UTC …")
    assert ended.model_copy(update={"feedback": (*said, grade)}).judged is True, "what Compass says of itself is no person's word"
    assert ended.model_copy(update={"feedback": said[1:]}).judged is False


@pytest.mark.parametrize(
    ("hint", "name", "named"),
    [
        ("I think redis-cache, or DNS", "redis-cache", True),
        ("I think redis-cache, or DNS", "redis", False),
        ("I think redis-cache, or DNS", "dns_failure", True),
        ("the latest deploy.", "bad_deploy", True),
        ("exception in a service", "latency_in_service", False),
        ("dns_failure", "dns_failure", True),
        ("", "dns_failure", False),
    ],
)
def test_what_a_hint_names(hint: str, name: str, *, named: bool) -> None:
    incident = Incident(id="i", title="t", started_at=datetime(2026, 1, 5, tzinfo=UTC), hint=hint)
    assert incident.hints_at(name) is named
