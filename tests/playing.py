"""The demo's incident investigated with a model: what was concluded, and what Slack and a terminal were told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

from bot import blocks
from bot.terminal import TerminalThread
from compass_core.agents.application import ApplicationAgent
from compass_core.agents.database import DatabaseAgent
from compass_core.agents.network import NetworkAgent
from compass_core.agents.view import Sources, View
from compass_core.budget import Budget
from compass_core.domain import Request
from compass_core.orchestrator import Orchestrator, Outside
from compass_core.sources.recorded import Recorded, RecordedIncidents
from tests.demo_incident import CASE
from tests.fakes import FakeClock, FakeInvestigations, FakeJournal, FakeLedger, FakeModel, FakeThread, inline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from compass_core.agents.base import Agent
    from compass_core.domain import AgentName, Conclusion, Findings, Incident, Run, Thoughts


@cache
def recorded() -> Recorded:
    """Read once: a test only adds to what it answers."""
    return Recorded(CASE, inline)


async def demo_incident() -> Incident:
    found = await RecordedIncidents(CASE).find("INC-42")
    assert found is not None
    return found


@dataclass
class Asked:
    """The recorded source; counts what it is asked, and changes what it answers."""

    change: Callable[[Any], Any] = lambda one: one
    questions: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        async def ask(*question: Any) -> Any:
            self.questions[name, repr(question)] += 1
            reading = await getattr(recorded(), name)(*question)
            return type(reading)(tuple(map(self.change, reading.values)), reading.gaps, reading.query, reading.link, reading.source)

        return ask


OBSERVED: dict[tuple[Any, ...], Findings] = {}


@dataclass(frozen=True)
class Remembering:
    """An agent that sees the recording as it is: what it saw once it sees again where those before it found and thought the same."""

    name: AgentName
    agent: Agent

    async def observe(self, incident: Incident, earlier: Sequence[Run]) -> Findings:
        key = (self.name, *((run.agent, run.findings, run.hypotheses) for run in earlier))
        if key not in OBSERVED:
            OBSERVED[key] = await self.agent.observe(incident, earlier)
        return OBSERVED[key]

    async def generate_hypotheses(self, incident: Incident, findings: Findings, earlier: Sequence[Run]) -> Thoughts:
        return await self.agent.generate_hypotheses(incident, findings, earlier)


@dataclass(frozen=True)
class Played:
    conclusion: Conclusion
    messages: tuple[blocks.Message, ...]
    terminal: str


async def play(model: FakeModel | None, source: Asked | None = None, incident: Incident | None = None, limit: str = "10.00") -> Played:
    given, thread, asked = incident or await demo_incident(), FakeThread(), source or Asked()
    view = View(Sources(asked, asked, asked, asked), inline, FakeClock(given.started_at + timedelta(minutes=12)))
    budget = Budget(Decimal(limit), FakeLedger(), "run-1")
    if model:
        model.budget = budget
    agents: dict[AgentName, Agent] = {kind.name: kind(view, model) for kind in (ApplicationAgent, DatabaseAgent, NetworkAgent)}
    if source is None and incident is None:
        agents = {name: Remembering(name, agent) for name, agent in agents.items()}
    outside = Outside((), FakeInvestigations(), thread, FakeJournal(), FakeClock())
    orchestrator = Orchestrator(agents, budget, outside)
    conclusion = await orchestrator.investigate(await orchestrator.accept(Request(incident=given)))
    out = StringIO()
    terminal = TerminalThread(out)
    await terminal.opened(conclusion.investigation)
    told = list(zip(thread.runs, thread.spent, strict=True))
    for run, spent in told:
        await terminal.agent_finished(conclusion.investigation, run, spent)
    await terminal.concluded(conclusion)
    updates = (blocks.agent_update(conclusion.investigation, run, spent) for run, spent in told)
    messages = (blocks.root(conclusion.investigation, conclusion), *updates, blocks.final(conclusion))
    return Played(conclusion, messages, out.getvalue())
