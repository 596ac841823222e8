"""What is known of the names that people and alerts give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compass_core.agents.application import ApplicationAgent
from compass_core.agents.names import Names, unknown
from compass_core.domain import Gap
from compass_core.errors import AmbiguousPlaceError, Reason, UnknownNameError
from compass_core.readings import Reading
from tests.agents.asking import TIMES, answering, asked, down, family, view_of
from tests.analysis.spans import span
from tests.fakes import INCIDENT, FakeClock, FakeSource

OTHERS = family("up", "checkout", "checkout-db", "payment")


def names(source: FakeSource) -> Names:
    return Names(view_of(source), FakeClock())


def about(*services: str) -> Any:
    return INCIDENT.model_copy(update={"services": services})


async def test_a_name_that_no_source_knows_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Nothing is known of chekout") as caught:
        await names(answering(families=(OTHERS,))).check(about("chekout"))
    assert "Nearest names: checkout" in str(caught.value)
    assert "Looked in: metrics (fake), logs, traces" in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        answering(families=(OTHERS, family("up", "web"))),
        answering(families=(OTHERS, family("http_client_requests_total", "payment", server_address="web.shop.svc:80"))),
        answering(families=(OTHERS,), spans=(span("a", "", "web"),)),
        FakeSource(),
        down(),
        down(Reason.NOT_CONFIGURED),
    ],
    ids=["measured", "called", "traced", "empty sources", "no source answers", "none is configured"],
)
async def test_nobody_says_that_a_name_is_unknown_where_it_is_known_or_nobody_could_know(source: FakeSource) -> None:
    await names(source).check(about("web"))


@pytest.mark.parametrize("question", ["families", "log_counts", "spans"])
@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.UNAUTHORIZED, Reason.TRUNCATED])
async def test_where_a_source_could_not_be_asked_a_name_is_not_called_unknown(question: str, reason: Reason) -> None:
    source = answering(families=(OTHERS,))
    source.answers[question] = Reading(source.answers.get(question, Reading()).values, (Gap(source="x", reason=reason, detail="no"),))
    await names(source).check(about("web"))


async def test_a_place_where_nothing_is_known_is_told() -> None:
    incident = about("web").model_copy(update={"environment": (("namespace", "shpo"),)})
    with pytest.raises(UnknownNameError, match=r"Nothing is known of web in namespace=shpo\. Looked in: .*No name is known there"):
        await names(FakeSource()).check(incident)


async def test_a_source_that_is_not_configured_is_not_one_where_it_was_looked() -> None:
    source = answering(families=(OTHERS,))
    source.fails = down(Reason.NOT_CONFIGURED, "log_counts", "spans").fails
    with pytest.raises(UnknownNameError, match=r"Looked in: metrics \(fake\)\. Nearest"):
        await names(source).check(about("web"))


async def test_a_known_name_costs_no_question_that_is_not_asked_anyway() -> None:
    source = answering(families=(family("up", "web"),))
    view = view_of(source)
    await unknown(view, ("web",), TIMES)
    assert [(bool(services), bool(names)) for _, services, names in asked(source, "families")] == [(True, False), (False, True)]
    assert not asked(source, "log_counts")


async def test_an_alert_about_what_nobody_measures_is_investigated_and_says_so() -> None:
    findings = await ApplicationAgent(view_of(answering(families=(OTHERS,)))).observe(about("worker-9"), ())
    assert any("Nothing is known of worker-9" in gap.detail for gap in findings.gaps)


async def test_a_name_in_several_environments_is_asked_about_before_any_work() -> None:
    places = frozenset({("namespace", "prod"), ("namespace", "staging")})
    source = answering(families=(replace(family("up", "web"), places={"web": places}),))
    with pytest.raises(AmbiguousPlaceError, match="--in namespace=prod"):
        await names(source).check(about("web"))
    await names(source).check(about("web").model_copy(update={"environment": (("namespace", "prod"),)}))
