"""The root message moves with the investigation, as often as Slack takes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bot.slack import Pace
from bot.thread import SlackThread
from bot.workspace import INCIDENTS
from compass_core.budget import Budget
from compass_core.domain import AgentName, Moment
from compass_core.orchestrator import Limits, Orchestrator, Outside
from tests.bot.made import INVESTIGATION, START, FakeOutbox, conclusion
from tests.fakes import FakeAgent, FakeClock, FakeInvestigations, FakeJournal, FakeLedger, FakeThread

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from compass_core.domain import Investigation
    from tests.workspace.strict import Workspace


@pytest.fixture
def thread(client: AsyncWebClient) -> SlackThread:
    return SlackThread(client, FakeOutbox(), INCIDENTS)


async def test_the_root_tells_the_moment_and_at_last_the_end(thread: SlackThread, workspace: Workspace) -> None:
    await thread.moved(INVESTIGATION, Moment(doing="application"))
    assert workspace.messages == [], "before there is a root nothing is told"
    await thread.opened(INVESTIGATION)
    for seconds in (1, 1, 2):
        await thread.moved(INVESTIGATION, Moment(doing="application", seconds=seconds))
    assert "▸ application, 2 s" in workspace.messages[0].text
    assert [call.method for call in workspace.calls].count("chat.update") == 2, "what says the same is not sent"
    await thread.concluded(conclusion())
    assert "▸" not in workspace.messages[0].text


@pytest.mark.parametrize("fault", [{"status": 429}, {"drop": True}, {"error": "message_not_found"}])
async def test_nothing_hangs_on_it(thread: SlackThread, workspace: Workspace, fault: dict[str, object]) -> None:
    await thread.opened(INVESTIGATION)
    workspace.fail_next("chat.update", **fault)  # type: ignore[arg-type] # a column of the table
    await thread.moved(INVESTIGATION, Moment(doing="application"))
    assert [call.method for call in workspace.calls] == ["chat.postMessage", "chat.update"], "it is not tried again"


def test_all_threads_together_update_so_often_a_minute() -> None:
    now = [0.0]
    pace = Pace(most=3, clock=lambda: now[0])
    assert [pace.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] = 61.0
    assert [pace.take() for _ in range(4)] == [True, True, True, False]


@dataclass
class Watched(FakeThread):
    """Ends the waiting of its agent when it was shown so many moments."""

    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        await super().moved(investigation, now)
        if len(self.moments) == 3:
            self.enough.set()
        if len(self.moments) == 2:
            raise KeyError("a fault of ours")


async def test_the_plot_shows_where_it_is_every_few_seconds() -> None:
    thread, budget = Watched(), Budget(Decimal(10), FakeLedger(), INVESTIGATION.id)

    class Slow(FakeAgent):
        async def observe(self, *given: object) -> object:  # type: ignore[override] # it waits, and is the same
            await thread.enough.wait()
            return await super().observe(*given)  # type: ignore[arg-type] # the same

    agents = {name: Slow(name, budget) for name in AgentName}
    clock = FakeClock(START + timedelta(minutes=12))
    outside = Outside((), FakeInvestigations(), thread, FakeJournal(), clock, asking=lambda: "logs")
    await Orchestrator(agents, budget, outside, Limits(show_seconds=0.001)).investigate(INVESTIGATION)
    assert {(one.doing, one.asking) for one in thread.moments[:3]} == {("application", "logs")}
    assert thread.said[-1] == "final"
    shown = len(thread.moments)
    await asyncio.sleep(0)
    assert len(thread.moments) == shown, "the end is the last that is shown"
