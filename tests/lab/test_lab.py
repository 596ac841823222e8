"""The whole story on real servers: a fault is injected, its alert fires, and Compass explains it in the thread."""

from __future__ import annotations

import math
import os

import pytest
import pytest_asyncio

from bot.words import nothing_found
from compass_core.errors import Reason
from compass_core.evaluation import BLAMED
from tests.lab.scenarios import SCENARIOS
from tests.lab.stack import missing
from tests.lab.table import Told, step, table, tell_all

MOST_REQUESTS = 80 + 20  # of the agents and of the tests
STEPS = ("root", "application", "database", "network", "final")

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing()) and os.environ.get("CI") != "true", reason=f"not installed here: {missing()}"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everything(request: pytest.FixtureRequest) -> dict[str, Told]:
    """Somebody types `/compass investigate <fingerprint>` for the alert of each scenario of a test, and each thread is complete."""
    asked = {
        item.callspec.params["told"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    }
    told = await tell_all(name for name in SCENARIOS if name in asked)
    print(f"\n{table(told)}")
    return told


@pytest.fixture(params=SCENARIOS)
def told(request: pytest.FixtureRequest, everything: dict[str, Told]) -> Told:
    return everything[request.param]


def test_the_thread_holds_the_root_three_updates_and_the_final_message_in_order(told: Told) -> None:
    said = [message for message in told.messages if message.metadata]
    assert tuple(map(step, said)) == STEPS
    root, *replies = said
    assert not root.thread_ts
    assert {reply.thread_ts for reply in replies} == {root.ts}


def test_the_incident_is_what_the_alert_is_about(told: Told) -> None:
    incident = told.conclusion.investigation.incident
    assert incident.services == (told.scenario.alerted,)
    assert told.scenario.alerted in f"{incident.title} {incident.description}"


def test_the_planted_cause_is_ranked_first(told: Told) -> None:
    if not told.scenario.service:
        return
    assert (told.rank, told.mechanism) == (1, told.scenario.mechanism)
    final = next(message for message in told.messages if step(message) == "final")
    ranked = next(line for line in final.text.splitlines() if line.startswith("1. "))
    assert told.scenario.service in ranked
    assert told.scenario.mechanism.replace("_", " ") in ranked


def test_where_nothing_is_wrong_but_the_alert_nobody_is_blamed_and_the_messages_say_so(told: Told) -> None:
    if told.scenario.service:
        return
    assert not [one for one in told.conclusion.hypotheses if one.confidence >= BLAMED]
    said = {step(message): message.text for message in told.messages if message.metadata}
    assert nothing_found(told.conclusion) in said["final"]
    assert nothing_found(told.conclusion).startswith("Nothing ")


def test_the_evidence_names_what_happened(told: Told) -> None:
    if not told.scenario.service:
        return
    seen = {one.id: one for run in told.conclusion.runs for one in run.findings.observations}
    cited = {seen[each].signal for each in told.conclusion.hypotheses[0].evidence_for}
    assert told.scenario.signs <= cited


def test_a_deploy_that_brought_it_about_is_told_with_it_and_ranks_beside_it(told: Told) -> None:
    if not told.scenario.change:
        return
    seen = told.conclusion.observations
    first, second = told.conclusion.hypotheses[:2]
    (change,) = (seen[each] for each in first.brought_about_by)
    assert (change.service, change.signal) == (told.scenario.change, "deploy")
    assert (second.service, second.mechanism) == (told.scenario.change, "bad_deploy")
    assert second.confidence > 0.1
    assert seen[first.explains[-1]].service == told.scenario.alerted
    assert first.story.startswith(told.scenario.change)


def test_of_two_that_broke_at_once_the_other_is_told_as_well(told: Told) -> None:
    if told.scenario.also:
        assert told.conclusion.unexplained.startswith(f"Not explained by it: {told.scenario.also}: ")


def test_every_number_is_what_its_query_gives_again(told: Told) -> None:
    assert len(told.again) > len(STEPS)
    assert not [(seen.query, seen.value, values) for seen, values in told.again if not _is_among(seen.value, values)]


def test_an_investigation_stays_within_its_requests(told: Told) -> None:
    assert 0 < told.requests <= MOST_REQUESTS
    assert Reason.REQUEST_LIMIT not in {gap.reason for run in told.conclusion.runs for gap in run.findings.gaps}


def _is_among(value: float | None, values: tuple[float, ...]) -> bool:
    return value is not None and any(math.isclose(value, one, rel_tol=1e-9, abs_tol=1e-12) for one in values)
