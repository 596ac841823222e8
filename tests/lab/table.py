"""The scenarios played and investigated, and how well: `python -m tests.lab.table [SCENARIO …]` prints the table."""

from __future__ import annotations

import asyncio
import math
import re
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.app import serve
from bot.demo import ended
from compass_core.bootstrap import live
from compass_core.compass import utc_now
from compass_core.settings import SlackAccess, load
from tests.lab.scenarios import SCENARIOS, Scenario, broken, healthy
from tests.lab.stack import Stack, up
from tests.workspace.strict import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bot.workspace import Message
    from compass_core.domain import Conclusion, Observation

ANSWERED = re.compile(r'^prometheus_http_requests_total\{.*handler="/api/.*\} (\d+)$', re.MULTILINE)

TOGETHER = 6  # labs of ten processes each


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one investigation: the messages of its thread, its conclusion, how many requests Prometheus answered for it.

    `again` holds every observation that has a number, with the numbers that its query gives when it is asked once more.
    """

    scenario: Scenario
    messages: tuple[Message, ...]
    conclusion: Conclusion
    requests: int
    again: tuple[tuple[Observation, tuple[float, ...]], ...]

    @property
    def rank(self) -> int | None:
        """The place of the true service among the services of the hypotheses."""
        services = list(dict.fromkeys(one.service for one in self.conclusion.hypotheses))
        return services.index(self.scenario.service) + 1 if self.scenario.service in services else None

    @property
    def mechanism(self) -> str:
        """The mechanism of the first hypothesis."""
        return next((one.mechanism for one in self.conclusion.hypotheses), "")


@dataclass(frozen=True, slots=True)
class _Turns:
    """Labs start one after the other, so that none takes another's ports; heavy faults come last, one at a time."""

    start: asyncio.Lock = field(default_factory=asyncio.Lock)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    core: asyncio.Lock = field(default_factory=asyncio.Lock)


async def tell_all(names: Iterable[str]) -> dict[str, Told]:
    """Play these scenarios, as many at once as two cores bear, each in a lab of its own, and investigate the alert of each."""
    left = list(names)
    told: dict[str, Told] = {}
    while left:
        together, left = left[:TOGETHER], left[TOGETHER:]
        told |= await _tell_together(together)
    return told


async def _tell_together(names: Iterable[str]) -> dict[str, Told]:
    turns = _Turns()
    async with asyncio.TaskGroup() as group:
        telling = {name: group.create_task(_tell(SCENARIOS[name], turns)) for name in names}
        await asyncio.gather(*(task for name, task in telling.items() if not SCENARIOS[name].heavy))
        turns.quiet.set()
    return {name: task.result() for name, task in telling.items()}


def table(told: Mapping[str, Told]) -> str:
    """One line for each scenario: where its true service is ranked, by which mechanism the first is explained, how long that took."""
    lines = [f"{'scenario':<15}{'true service':<14}{'rank':>4}  {'mechanism':<44}{'seconds':>7}{'requests':>10}"]
    for name, one in told.items():
        right = one.mechanism == one.scenario.mechanism
        mechanism = f"{one.scenario.mechanism}: {'right' if right else f'not {one.mechanism}' if one.mechanism else 'not found'}"
        if not one.scenario.service:
            mechanism = "nothing is wrong: " + next((f"{each.about}, {each.confidence:.2f}" for each in one.conclusion.hypotheses), "right")
        seconds = sum(run.seconds for run in one.conclusion.runs)
        lines.append(f"{name:<15}{one.scenario.service:<14}{one.rank or '-':>4}  {mechanism:<44}{seconds:>7.2f}{one.requests:>10}")
    return "\n".join(lines)


async def _tell(scenario: Scenario, turns: _Turns) -> Told:
    async with AsyncExitStack() as stack:
        async with turns.start:
            lab = await stack.enter_async_context(up(pods=scenario.pods))
        if scenario.heavy:
            await turns.quiet.wait()
            await stack.enter_async_context(turns.core)
        await healthy(lab)
        fingerprint = await broken(lab, scenario)
        before = await _served(lab)
        workspace = Workspace(clock=utc_now)
        await workspace.start()
        stack.push_async_callback(workspace.stop)
        conclusion = await _investigated(lab, fingerprint, workspace)
        requests = await _served(lab) - before
        again = [(seen, await _again(lab, seen)) for seen in _measured(conclusion)]
        return Told(scenario, tuple(workspace.messages), conclusion, requests, tuple(again))


async def _investigated(lab: Stack, fingerprint: str, workspace: Workspace) -> Conclusion:
    settings = load(
        {
            "COMPASS_PROMETHEUS_URL": lab.url("prometheus"),
            "COMPASS_ALERTMANAGER_URL": lab.url("alertmanager"),
            "COMPASS_DATABASE_URL": f"sqlite:///{lab.servers.folder / 'compass.db'}",
        }
    )

    stop, slack = asyncio.Event(), SlackAccess(workspace.bot_token, workspace.app_token, workspace.api_url)
    async with live(settings) as compass, asyncio.TaskGroup() as group:
        here = replace(compass, engine=None)
        group.create_task(serve(here, slack, stop))
        await workspace.connected()
        await workspace.command(f"investigate {fingerprint}")
        told = await workspace.wait_for(lambda message: bool(message.ephemeral) or step(message) == "final", 60)
        assert not told.ephemeral, told.text
        conclusion = await ended(workspace, here)
        stop.set()
    return conclusion


def step(message: Message) -> str:
    """Which part of an investigation's thread a message is, '' for others."""
    return str((message.metadata or {"event_payload": {"step": ""}})["event_payload"]["step"])


async def _served(lab: Stack) -> int:
    """How many API requests Prometheus has answered, by its own count; Alertmanager, asked once, counts none of its own."""
    page = (await lab.http.get(f"{lab.url('prometheus')}/metrics")).text
    return sum(map(int, ANSWERED.findall(page)))


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


def main() -> None:
    """Play what the arguments name, or everything, and print the table."""
    print(table(asyncio.run(tell_all(sys.argv[1:] or SCENARIOS))))


if __name__ == "__main__":
    main()
