"""What belongs together is told together, and nothing is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import Hypothesis
from compass_core.hypotheses.joined import Ground
from compass_core.hypotheses.joined import joined as joined_on
from tests.hypotheses.seeing import APPLICATION, DATABASE, calls, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import Edge, Observation

CALLS = calls("orders bookings", "bookings bookings-db", "mail smtp")
DEPLOY = seen("deploy", "bookings", 0.9, minutes=-4).model_copy(update={"summary": "bookings: deployed 4.6.2 → 4.7.0"})
FULL = seen("db_connections_of_limit", "bookings-db", minutes=-2).model_copy(
    update={"value": 0.97, "baseline_value": 0.24, "unit": "ratio"}
)
SLOW = seen("latency_p95", "bookings", minutes=-1)
FAILING = seen("error_ratio", "orders", minutes=0)
ALL = (DEPLOY, FULL, SLOW, FAILING)


def thought(service: str, mechanism: str, confidence: float, *evidence: str) -> Hypothesis:
    return Hypothesis(
        agent=APPLICATION if mechanism == "bad_deploy" else DATABASE,
        service=service,
        mechanism=mechanism,
        statement="",
        initial_confidence=confidence,
        confidence=confidence,
        evidence_for=evidence,
    )


CAUSE = thought("bookings-db", "connection_exhaustion", 0.9, FULL.id)
TRIGGER = thought("bookings", "bad_deploy", 0.005, DEPLOY.id, SLOW.id)
OTHER = thought("mail", "exception_in_code", 0.02)


def joined(hypotheses: Sequence[Hypothesis], observations: Sequence[Observation], edges: Sequence[Edge]) -> tuple[Hypothesis, ...]:
    return joined_on(hypotheses, Ground(("orders",), tuple(observations), tuple(edges)))


def test_a_deploy_that_exhausts_a_database_is_told_in_one_line_from_the_change_to_the_victims() -> None:
    first = joined((CAUSE, OTHER, TRIGGER), ALL, CALLS)[0]
    assert first.brought_about_by == (DEPLOY.id,)
    assert first.explains == (SLOW.id, FAILING.id)
    assert first.story == (
        "bookings deployed 4.7.0, 13:56 → connections in use of bookings-db 24% → 97%, 13:58 → orders: saw error_ratio, 14:00"
    )


def test_the_change_ranks_beside_what_it_caused() -> None:
    ranked = joined((TRIGGER, OTHER, CAUSE), ALL, CALLS)  # as the agents said them
    assert [one.service for one in ranked] == ["bookings-db", "bookings", "mail"]
    assert ranked[1].confidence > 0.1
    assert sum(one.confidence for one in ranked) <= 0.926


def test_a_change_that_others_contradict_shares_nothing() -> None:
    well = seen("new_version_as_well", "bookings", 0.3)
    ranked = joined((CAUSE, OTHER, TRIGGER), (*ALL, well), CALLS)
    assert [one.confidence for one in ranked] == [0.9, 0.02, 0.005]
    assert ranked[0].brought_about_by == ()
    felled = TRIGGER.model_copy(update={"verdict": "contradicted"})
    assert joined((CAUSE, OTHER, felled), ALL, CALLS)[0].confidence == 0.9


def test_a_change_elsewhere_or_afterwards_or_long_before_brought_nothing_about() -> None:
    for service, minutes in (("mail", -4), ("bookings", 3), ("bookings", -60)):
        change = seen("deploy", service, 0.9, minutes=minutes)
        assert joined((CAUSE,), (change, *ALL[1:]), CALLS)[0].brought_about_by == ()


def test_harm_travels_over_edges_each_step_later_than_the_one_before() -> None:
    early = seen("latency_p95", "bookings", minutes=-9)
    assert joined((CAUSE,), (FULL, early, FAILING), CALLS)[0].explains == ()
    assert joined((CAUSE,), ALL, calls("orders bookings"))[0].explains == ()
    assert joined((CAUSE,), (FULL, FAILING), CALLS)[0].explains == (), "bookings shows nothing"


def test_of_what_two_series_show_within_a_point_of_each_other_nobody_knows_the_order() -> None:
    """A service is scraped every half minute, and its caller at other seconds of it."""
    for seconds, steps in ((20, (SLOW.id, FAILING.id)), (40, ())):
        later = seen("db_connections_of_limit", "bookings-db", minutes=-1 + seconds / 60)
        full = later.model_copy(update={"onset_within": 30.0})
        assert joined((CAUSE,), (full, SLOW, FAILING), CALLS)[0].explains == steps


confidences = st.lists(st.floats(0, 0.3).map(lambda value: round(value, 4)), min_size=3, max_size=3)


@given(confidences)
def test_nothing_is_merged_and_the_whole_stays_the_whole(given: list[float]) -> None:
    before = [one.model_copy(update={"confidence": value}) for one, value in zip((CAUSE, OTHER, TRIGGER), given, strict=True)]
    before.sort(key=lambda one: -one.confidence)
    after = joined(before, ALL, CALLS)
    assert sorted(one.mechanism for one in after) == sorted(one.mechanism for one in before)
    assert abs(sum(one.confidence for one in after) - sum(given)) < 1e-3
    assert [one.confidence for one in after] == sorted((one.confidence for one in after), reverse=True)
