"""Working stand-ins for the core's ports: they keep state, and tests read it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from compass_core.agents.base import Agent
from compass_core.budget import Attempt, Bill
from compass_core.domain import AgentName, Findings, Hypothesis, Incident, Observation, Thoughts, Trial, Tried, Window
from compass_core.errors import AlreadyRunningError, BudgetExceededError, SourceError, StoreError, ThreadError
from compass_core.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from compass_core.budget import Budget, Caps
    from compass_core.domain import Conclusion, Investigation, Message, Moment, Run, Verdict
    from compass_core.hypotheses.refine import Answer
    from compass_core.ports import V

T = TypeVar("T")

START = datetime(2026, 1, 5, 14, 0, tzinfo=UTC)
INCIDENT = Incident(id="INC-1", title="checkout is slow", services=("checkout",), started_at=START)
WINDOW = Window(start=START, end=datetime(2026, 1, 5, 14, 30, tzinfo=UTC))


def observation(
    agent: AgentName, name: str = "", service: str = "checkout", signal: str = "error_ratio", score: float = 0.9
) -> Observation:
    name = name or f"{agent[0].upper()}1"
    return Observation(
        id=name, agent=agent, source="fake", signal=signal, service=service, summary="seen", score=score, query="q", window=WINDOW
    )


def hypothesis(agent: AgentName, confidence: float, statement: str = "because", service: str = "checkout") -> Hypothesis:
    return Hypothesis(
        agent=agent, service=service, mechanism="bad_deploy", statement=statement, initial_confidence=confidence, confidence=confidence
    )


async def inline(work: Callable[[], T]) -> T:
    return work()


@dataclass
class FakeClock:
    now: datetime = WINDOW.end

    def __call__(self) -> datetime:
        return self.now


@dataclass
class FakeThread:
    """Remembers what was said; `refuses` names the steps that cannot be posted."""

    refuses: frozenset[str] = frozenset()
    breaks: frozenset[str] = frozenset()  # once each
    said: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    spent: list[Decimal] = field(default_factory=list)  # by then
    conclusions: list[Conclusion] = field(default_factory=list)

    def _say(self, step: str) -> None:
        if step in self.refuses:
            raise ThreadError("channel_not_found", "invite Compass")
        if step in self.breaks:
            self.breaks -= {step}
            raise KeyError(step)
        self.said.append(step)

    async def opened(self, investigation: Investigation) -> None:
        self._say("root")

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        self.moments.append(now)

    async def agent_finished(self, investigation: Investigation, run: Run, spent: Decimal) -> None:
        self._say(run.agent)
        self.runs.append(run)
        self.spent.append(spent)

    async def concluded(self, conclusion: Conclusion) -> None:
        self._say("final")
        self.conclusions.append(conclusion)


@dataclass
class FakeJournal:
    steps: list[str] = field(default_factory=list)
    left: bool = False

    async def step(self, name: str, action: Callable[[], Awaitable[T]], shape: Any = None) -> T:
        self.steps.append(name)
        return await action()


@dataclass
class FakeInvestigations:
    running: dict[str, str] = field(default_factory=dict)
    ended: list[Conclusion] = field(default_factory=list)
    broken: Exception | None = None

    async def opened(self, investigation: Investigation) -> tuple[Investigation, int]:
        if other := self.running.get(investigation.incident.id):
            raise AlreadyRunningError(investigation.incident.id, other)
        self.running[investigation.incident.id] = investigation.id
        return investigation, len(self.running) - 1

    async def closed(self, conclusion: Conclusion) -> None:
        if self.broken:
            raise self.broken
        self.running.pop(conclusion.investigation.incident.id, None)
        self.ended.append(conclusion)


@dataclass
class FakeLedger:
    """`ports.Ledger` in memory."""

    rows: list[Attempt] = field(default_factory=list)

    async def reserve(self, attempt: Attempt, caps: Caps) -> int:
        def taken(kind: str) -> Decimal:
            return sum((row.amount for row in self.rows if getattr(row, kind) == getattr(attempt, kind)), Decimal(0))

        caps.refuse_what_does_not_fit(attempt.amount, taken("investigation"), taken("account"))
        self.rows.append(attempt.model_copy(update={"number": len(self.rows) + 1}))
        return len(self.rows)

    async def close(self, number: int, bill: Bill, amount: Decimal, answer: str = "") -> None:
        if self.rows[number - 1].bill is Bill.OPEN:
            self.rows[number - 1] = self.rows[number - 1].model_copy(update={"bill": bill, "amount": amount, "answer": answer})

    async def attempts(self, investigation: str) -> tuple[Attempt, ...]:
        return tuple(row for row in self.rows if row.investigation == investigation)


@dataclass
class FakeIncidents:
    place: str = "declared incidents"
    incidents: dict[str, Incident] = field(default_factory=lambda: {INCIDENT.id: INCIDENT})
    down: SourceError | StoreError | None = None

    async def find(self, reference: str) -> Incident | None:
        if self.down:
            raise self.down
        return self.incidents.get(reference)

    async def known(self) -> tuple[str, ...]:
        return tuple(self.incidents)


@dataclass
class FakeAgent(Agent):
    """Sees and thinks what it is told to; spends through the budget as a model's gateway does: reserve, then settle."""

    name: AgentName
    budget: Budget
    cost: Decimal = Decimal(0)
    reserves: Decimal | None = None
    confidences: tuple[float, ...] = (0.5,)
    blames: tuple[str, ...] = ()
    fails: Exception | None = None
    fails_after: Exception | None = None
    hangs: bool = False
    ponders: bool = False
    sees: Findings | None = None
    earlier: list[tuple[Run, ...]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    pondering: asyncio.Event = field(default_factory=asyncio.Event)

    async def observe(self, incident: Incident, earlier: Sequence[Run]) -> Findings:
        self.earlier.append(tuple(earlier))
        self.begun.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.sees or Findings(observations=(observation(self.name),))

    async def generate_hypotheses(self, incident: Incident, findings: Findings, earlier: Sequence[Run]) -> Thoughts:
        if self.fails:
            raise self.fails
        if self.ponders:
            self.pondering.set()
            await asyncio.Event().wait()
        services = self.blames or ("checkout",) * len(self.confidences)
        rules = tuple(hypothesis(self.name, one, service=service) for one, service in zip(self.confidences, services, strict=True))
        if self.cost:
            try:
                reservation = await self.budget.reserve(self.name, "fake", self.cost if self.reserves is None else self.reserves)
            except BudgetExceededError as error:
                return Thoughts(hypotheses=rules, unrefined=str(error))
            await self.budget.settle(reservation, self.cost)
        if self.fails_after:
            raise self.fails_after
        return Thoughts(hypotheses=rules)


def tried(service: str, verdict: Verdict) -> Tried:
    """One test of what `hypothesis` says of a service."""
    return Tried(service=service, mechanism="bad_deploy", tests=(Trial(name="order", verdict=verdict, detail="it began"),))


@dataclass
class FakeTester:
    """Says what it is told to; remembers which runs it was shown."""

    says: tuple[Tried, ...] = ()
    breaks: bool = False
    told: list[Run] = field(default_factory=list)

    async def __call__(self, incident: Incident, runs: Sequence[Run], seconds: float) -> tuple[Tried, ...]:
        self.told += runs
        if self.breaks:
            raise KeyError(incident.id)
        return self.says


@dataclass
class FakeModel:
    """Answers what stands in its queue, or raises it; remembers what it was told. Each call costs, where it has a budget."""

    answers: list[Answer | Exception] = field(default_factory=list)
    budget: Budget | None = None
    cost: Decimal = Decimal("0.001")
    advice: str = ""
    told: list[tuple[AgentName, str]] = field(default_factory=list)

    async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
        if self.budget:
            await self.budget.settle(await self.budget.reserve(agent, "fake", self.cost), self.cost)
        self.told.append((agent, "\n".join(message.text for message in messages)))
        answer = self.answer(agent)
        if isinstance(answer, Exception):
            raise answer
        return shape.model_validate_json(answer.model_dump_json())

    def answer(self, agent: AgentName) -> Answer | Exception:
        return self.answers.pop(0)


@dataclass
class FakeSource:
    """Every telemetry port at once: gives what it holds, remembers what it was asked, fails where it is told to."""

    answers: dict[str, Reading[Any]] = field(default_factory=dict)
    fails: dict[str, SourceError] = field(default_factory=dict)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    bound: list[tuple[tuple[str, str], ...]] = field(default_factory=list)

    def _answer(self, *question: Any) -> Reading[Any]:
        self.asked.append(question)
        if error := self.fails.get(question[0]):
            raise error
        return self.answers.get(question[0], Reading())

    async def families(
        self, services: Sequence[str], names: Sequence[str], window: Window, environment: Any = (), *_: object
    ) -> Reading[Any]:
        self.bound.append(environment)
        return self._answer("families", tuple(services), tuple(names))

    async def series(self, selections: Sequence[Any], window: Window, step: float) -> Reading[Any]:
        return self._answer("series", tuple(selections), step)

    async def log_lines(self, services: Sequence[str], window: Window, phrases: Sequence[str], *_where: object) -> Reading[Any]:
        return self._answer("log_lines", tuple(services), tuple(phrases), window)

    async def log_counts(self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str], *_: object) -> Reading[Any]:
        return self._answer("log_counts", tuple(services), tuple(phrases))

    async def spans(self, services: Sequence[str], window: Window, *_where: object) -> Reading[Any]:
        return self._answer("spans", tuple(services), window)

    async def changes(self, services: Sequence[str], window: Window) -> Reading[Any]:
        return self._answer("changes", tuple(services))
