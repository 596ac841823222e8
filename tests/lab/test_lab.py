"""The whole story on real servers: a fault is injected, its alert fires, and Compass explains it in the thread."""

from __future__ import annotations

import asyncio
import math
import os
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.app import Slack, serve
from bot.demo import Witness
from bot.workspace import Workspace
from compass_core.bootstrap import live, utc_now
from compass_core.errors import Reason
from compass_core.settings import load
from tests.lab.scenarios import SCENARIOS, Scenario, play
from tests.lab.stack import ENTRY, Stack, missing, up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from bot.workspace import Message
    from compass_core.model import Conclusion, Observation

MOST_REQUESTS = 80
STEPS = ("root", "application", "database", "network", "final")
SERVED = re.compile(r'^prometheus_http_requests_total\{.*handler="/api/.*\} (\d+)$', re.MULTILINE)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(missing()) and os.environ.get("CI") != "true", reason=f"not installed here: {missing()}"),
]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one investigation: the messages of its thread, its conclusion, and how many requests Prometheus answered for it."""

    lab: Stack
    scenario: Scenario
    messages: tuple[Message, ...]
    conclusion: Conclusion
    requests: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def labs() -> AsyncIterator[dict[str, tuple[Stack, str]]]:
    """Both scenarios at once, each in a lab of its own, until each alert has fired for a while."""
    async with AsyncExitStack() as stack:

        async def broken(scenario: Scenario) -> tuple[Stack, str]:
            lab = await stack.enter_async_context(up())
            return lab, await play(lab, scenario)

        async with asyncio.TaskGroup() as group:
            playing = {name: group.create_task(broken(scenario)) for name, scenario in SCENARIOS.items()}
        yield {name: task.result() for name, task in playing.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=sorted(SCENARIOS))
async def told(request: pytest.FixtureRequest, labs: dict[str, tuple[Stack, str]], tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Somebody types `/compass investigate <fingerprint>` in the local workspace, and the thread is complete."""
    lab, fingerprint = labs[request.param]
    before = await _served(lab)
    workspace = Workspace(clock=utc_now)
    await workspace.start()
    try:
        conclusion = await _investigated(lab, fingerprint, workspace, tmp_path_factory.mktemp(request.param))
    finally:
        await workspace.stop()
    seconds = {run.agent.value: round(run.seconds, 3) for run in conclusion.runs}
    requests = await _served(lab) - before
    print(
        f"\n{request.param}: {sum(seconds.values()):.3f} s for {seconds}, {requests} requests, {len(list(_measured(conclusion)))} numbers"
    )
    return Told(lab, SCENARIOS[request.param], tuple(workspace.messages), conclusion, requests)


async def test_the_thread_holds_the_root_three_updates_and_the_final_message_in_order(told: Told) -> None:
    said = [message for message in told.messages if message.metadata]
    assert tuple(map(_step, said)) == STEPS
    root, *replies = said
    assert not root.thread_ts
    assert {reply.thread_ts for reply in replies} == {root.ts}


async def test_the_incident_is_the_alert_of_the_entry_service(told: Told) -> None:
    incident = told.conclusion.investigation.incident
    assert incident.services == (ENTRY,)
    assert ENTRY in incident.title


async def test_the_planted_cause_is_ranked_first(told: Told) -> None:
    first, *_ = told.conclusion.hypotheses
    assert (first.service, first.mechanism) == (told.scenario.service, told.scenario.mechanism)
    final = next(message for message in told.messages if _step(message) == "final")
    ranked = next(line for line in final.text.splitlines() if line.startswith("1. "))
    assert told.scenario.service in ranked
    assert told.scenario.mechanism.replace("_", " ") in ranked


async def test_every_number_is_what_its_query_gives_again(told: Told) -> None:
    measured = list(_measured(told.conclusion))
    assert len(measured) > len(STEPS)
    differing = [(seen.query, seen.value, again) for seen in measured if not _is_among(seen, again := await _again(told.lab, seen))]
    assert not differing


async def test_an_investigation_stays_within_its_requests(told: Told) -> None:
    assert 0 < told.requests <= MOST_REQUESTS
    assert Reason.REQUEST_LIMIT not in {gap.reason for run in told.conclusion.runs for gap in run.findings.gaps}


async def _investigated(lab: Stack, fingerprint: str, workspace: Workspace, folder: Path) -> Conclusion:
    settings = load(
        {
            "COMPASS_PROMETHEUS_URL": lab.url("prometheus"),
            "COMPASS_ALERTMANAGER_URL": lab.url("alertmanager"),
            "COMPASS_DATABASE_URL": f"sqlite:///{folder / 'compass.db'}",
        }
    )

    stop, slack = asyncio.Event(), Slack(workspace.bot_token, workspace.app_token, workspace.api_url)
    async with live(settings) as compass, asyncio.TaskGroup() as group:
        witness = Witness(compass.telemetry, compass.kept, compass.default_budget, compass.limits)
        group.create_task(serve(witness, slack, stop))
        await workspace.connected()
        await workspace.command(f"investigate {fingerprint}")
        ended = await workspace.wait_for(lambda message: bool(message.ephemeral) or _step(message) == "final", 60)
        assert not ended.ephemeral, ended.text
        conclusion = await witness.conclusions.get()
        stop.set()
    return conclusion


def _step(message: Message) -> str:
    return str((message.metadata or {"event_payload": {"step": ""}})["event_payload"]["step"])


async def _served(lab: Stack) -> int:
    """How many API requests Prometheus has answered, by its own count; Alertmanager, asked once, counts none of its own."""
    page = (await lab.http.get(f"{lab.url('prometheus')}/metrics")).text
    return sum(map(int, SERVED.findall(page)))


def _measured(conclusion: Conclusion) -> Iterator[Observation]:
    return (seen for run in conclusion.runs for seen in run.findings.observations if seen.step and seen.value is not None)


async def _again(lab: Stack, seen: Observation) -> tuple[float, ...]:
    """The observation's query over its window, reduced as it says: one value for each series."""
    start, end = seen.window.start.timestamp(), seen.window.end.timestamp() - 0.001
    span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{seen.step:g}"}
    answer = await lab.http.get(f"{lab.url('prometheus')}/api/v1/query_range", params={"query": seen.query, **span})
    reduce = {"max": max, "min": min}[seen.reduction.partition(" ")[0]]
    rows = [[float(value) for _, value in row["values"]] for row in answer.raise_for_status().json()["data"]["result"]]
    finite = ([value for value in row if math.isfinite(value)] for row in rows)
    return tuple(reduce(row) for row in finite if row)


def _is_among(seen: Observation, values: tuple[float, ...]) -> bool:
    return seen.value is not None and any(math.isclose(seen.value, value, rel_tol=1e-9, abs_tol=1e-12) for value in values)
