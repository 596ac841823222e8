"""Incidents, runs and conclusions as tests need them, and a Compass that keeps what it is asked in memory."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from compass_core.agents.asked import Asked
from compass_core.agents.view import Sources, View
from compass_core.budget import Budget, limit_of
from compass_core.domain import (
    AgentName,
    Conclusion,
    Findings,
    Gap,
    Hypothesis,
    Incident,
    Investigation,
    Observation,
    Outcome,
    Run,
    Window,
)
from compass_core.errors import AlreadyRunningError, IncidentNotFoundError, Reason, ThreadError
from compass_core.redaction.redact import Redactor
from tests.fakes import FakeLedger, FakeModel, inline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from compass_core.domain import Address, Feedback, Post, Request
    from compass_core.errors import StoreError
    from compass_core.ports import Answering, Outbox, Thread

START = datetime(2026, 1, 5, 14, 3, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(minutes=12))
INCIDENT = Incident(id="INC-42", title="Checkout is slow", services=("checkout",), started_at=START, severity="critical")
INVESTIGATION = Investigation(id="0f3a", incident=INCIDENT, started_at=START + timedelta(minutes=12), budget=Decimal("10.00"))
GAP = Gap(source="traces", reason=Reason.NOT_CONFIGURED, detail="no traces: Tempo is not configured")


def observation(name: str = "A1", score: float = 0.9, **more: object) -> Observation:
    made: dict[str, object] = {
        "id": name,
        "agent": AgentName.APPLICATION,
        "source": "metrics",
        "signal": "error ratio",
        "service": "checkout",
        "summary": "error ratio of checkout 12% (before: 0.1%)",
        "value": 0.12,
        "baseline_value": 0.001,
        "reduction": "max over the window",
        "onset": START + timedelta(seconds=15),
        "score": score,
        "query": 'sum(rate(x{service="checkout"}[1m]))',
        "link": "https://grafana.example/explore?a=1",
        "window": WINDOW,
        "step": 15.0,
    }
    return Observation.model_validate(made | more)


def hypothesis(confidence: float = 0.86, **more: object) -> Hypothesis:
    made: dict[str, object] = {
        "agent": AgentName.DATABASE,
        "service": "postgres-orders",
        "mechanism": "connection_exhaustion",
        "statement": "All connections of postgres-orders are taken.",
        "initial_confidence": confidence,
        "confidence": confidence,
        "evidence_for": ("A1",),
    }
    return Hypothesis.model_validate(made | more)


def run(agent: AgentName = AgentName.APPLICATION, **more: object) -> Run:
    made: dict[str, object] = {
        "agent": agent,
        "outcome": Outcome.ANSWERED,
        "seconds": 1.94,
        "findings": Findings(observations=(observation(),), gaps=(GAP,)),
        "unrefined": "no model is configured",
    }
    return Run.model_validate(made | more)


def skipped(agent: AgentName, reason: str = "budget") -> Run:
    return Run(agent=agent, outcome=Outcome.SKIPPED, reason=reason)


def progress(of: Run | None = None, spent: str = "0") -> tuple[Run, Decimal]:
    """What a thread is told when an agent has finished."""
    return of or run(), Decimal(spent)


def conclusion(**more: object) -> Conclusion:
    made: dict[str, object] = {
        "investigation": INVESTIGATION,
        "outcome": Outcome.ANSWERED,
        "runs": tuple(run(name) for name in AgentName),
        "hypotheses": (hypothesis(),),
        "costs": dict.fromkeys(AgentName, Decimal(0)),
        "seconds": 5.2,
    }
    return Conclusion.model_validate(made | more)


class FakeOutbox:
    def __init__(self) -> None:
        self.posts: dict[tuple[str, str], Post] = {}
        self.broken: StoreError | None = None

    async def posted(self, investigation: str, step: str) -> Post | None:
        if self.broken:
            raise self.broken
        there = self.posts.get((investigation, step))
        return there if there and there.ts else None

    async def claim(self, post: Post) -> Post | None:
        if self.broken:
            raise self.broken
        there = self.posts.get((post.investigation, post.step))
        if there is None:
            self.posts[post.investigation, post.step] = post
        return there

    async def record(self, post: Post) -> None:
        if self.broken:
            raise self.broken
        self.posts[post.investigation, post.step] = post


class FakeHistory:
    def __init__(self, outbox: FakeOutbox | None = None) -> None:
        self.outbox = outbox or FakeOutbox()
        self.known: dict[str, Investigation] = {}
        self.ended: list[Conclusion] = []
        self.said: dict[tuple[str, str, str], Feedback] = {}

    async def answered(self, feedback: Feedback) -> bool:
        key = feedback.investigation, feedback.hypothesis, feedback.person
        before, self.said[key] = self.said.pop(key, None), feedback
        return before != feedback

    def _judged(self, ended: Conclusion) -> Conclusion:
        of_it = tuple(one for one in self.said.values() if one.investigation == ended.investigation.id)
        return ended.model_copy(update={"feedback": of_it})

    async def investigation(self, investigation: str) -> Investigation | None:
        return self.known.get(investigation)

    async def conclusion(self, investigation: str) -> Conclusion | None:
        return next((self._judged(one) for one in self.ended if one.investigation.id == investigation), None)

    async def running(self) -> tuple[Investigation, ...]:
        ended = {one.investigation.id for one in self.ended}
        return tuple(one for one in self.known.values() if one.id not in ended)

    async def recent(self, count: int) -> tuple[Conclusion, ...]:
        return tuple(self._judged(one) for one in reversed(self.ended))[:count]

    async def costs(self, investigations: Collection[str]) -> dict[str, dict[AgentName, Decimal]]:
        return {one.investigation.id: one.costs for one in self.ended if one.investigation.id in investigations}

    async def in_thread(self, channel: str, ts: str) -> tuple[str, ...]:
        posts = [post for post in self.outbox.posts.values() if post.channel == channel and ts in {post.ts, post.thread_ts}]
        return tuple(dict.fromkeys(post.investigation for post in reversed(posts)))


class FakeDeclarations:
    def __init__(self) -> None:
        self.declared: list[Incident] = []

    async def declare(self, title: str, service: str, started_at: datetime) -> Incident:
        self.declared.append(Incident(id=f"INC-{len(self.declared) + 1}", title=title, services=(service,), started_at=started_at))
        return self.declared[-1]


class FakeCompass:
    """Knows INC-42. `gate` is what an investigation waits for after its first agent; `broken` fails it before anything."""

    def __init__(self) -> None:
        self.outbox, self.declarations = FakeOutbox(), FakeDeclarations()
        self.history = FakeHistory(self.outbox)
        self.model: FakeModel | None = None
        self.view = View(Sources(), inline, self.clock)
        self.redact = Redactor()
        self.requests: list[Request] = []
        self.gate: asyncio.Event | None = None
        self.running: dict[asyncio.Task[Any], Investigation] = {}
        self.broken: Exception | None = None

    def clock(self) -> datetime:
        return START

    def refuse_too_dear(self, request: Request) -> None:
        limit_of(request, Decimal(10), ())

    async def asked(self, of: Conclusion) -> Asked:
        budget = Budget(Decimal(10), FakeLedger(), "0f3a")
        if self.model:
            self.model.budget = budget
        return Asked(of, self.view, START, budget, self.model)

    async def declare(self, title: str, service: str, since: timedelta) -> Incident:
        return await self.declarations.declare(title, service, START - since)

    @asynccontextmanager
    async def working(self, threads: Callable[[Address, Outbox], Answering]) -> AsyncIterator[FakeCompass]:
        yield self

    async def stop(self, channel: str, reference: str, why: str) -> list[str]:
        stopped = [one for one in self.running.values() if one.address.channel == channel]
        stopped = [one for one in stopped if reference.casefold() in {"", one.incident.id.casefold()}]
        for task, one in self.running.items():
            if one in stopped:
                task.cancel(why)
        return [one.incident.id for one in stopped]

    async def accept(self, request: Request, thread: Thread, key: str) -> None:
        if self.broken:
            raise self.broken
        investigation = await self._accept(request)
        task = asyncio.current_task()
        assert task
        self.running[task] = investigation
        try:
            await thread.opened(investigation)
        except ThreadError:
            self.history.ended.append(conclusion(investigation=investigation, outcome=Outcome.FAILED))
            raise
        ended = conclusion(investigation=investigation)
        try:
            for each in ended.runs:
                await thread.agent_finished(investigation, *progress(each))
                if self.gate:
                    await self.gate.wait()
        except asyncio.CancelledError as error:
            ended = conclusion(investigation=investigation, outcome=Outcome.STOPPED, reason=str(error) or "Compass was shut down")
            raise
        finally:
            await thread.concluded(ended)
            self.history.ended.append(ended)
            del self.running[task]

    async def _accept(self, request: Request) -> Investigation:
        self.requests.append(request)
        incident = request.incident or INCIDENT
        if request.reference not in {"", "INC-42"}:
            raise IncidentNotFoundError(request.reference, ("declared incidents", "Alertmanager"), ("INC-42",))
        for other in await self.history.running():
            if other.incident.id == incident.id:
                raise AlreadyRunningError(incident.id, other.id)
        made = INVESTIGATION.model_copy(
            update={
                "id": f"run-{len(self.history.known) + 1}",
                "incident": incident,
                "again": request.again,
                "address": request.address,
            }
        )
        self.history.known[made.id] = made
        return made
