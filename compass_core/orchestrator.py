"""The plot of an investigation: three agents in order, one at a time, under one budget, told in one thread."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import structlog

from compass_core import conventions
from compass_core.agents.base import Agent
from compass_core.budget import Budget
from compass_core.domain import (
    AgentName,
    Conclusion,
    Findings,
    Incident,
    Investigation,
    Moment,
    Outcome,
    Request,
    Run,
    Thoughts,
    Tried,
)
from compass_core.errors import BudgetExceededError, CompassError, StoreError, ThreadError
from compass_core.hypotheses import again
from compass_core.hypotheses.calibrated import how_sure
from compass_core.hypotheses.coverage import coverage, is_blind, lowered
from compass_core.hypotheses.propose import propose
from compass_core.hypotheses.rank import rank
from compass_core.hypotheses.turned import changed, harmless, unexplained, why_not
from compass_core.incidents.resolve import resolve
from compass_core.ports import Clock, History, Incidents, Investigations, Journal, Names, Tester, Thread

log = structlog.get_logger()


RECALLED, MOST_ALIKE = 200, 20  # earlier investigations that are looked through, and of those that are read whole
WHOLE = frozenset({Outcome.ANSWERED, Outcome.OUT_OF_BUDGET})  # investigations that were not cut short
KEEP_SECONDS = 5.0  # between tries to keep the end of an investigation

Ending = tuple[Outcome, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one agent, an investigation and the tests of its hypotheses may take, and between two updates of the root: seconds."""

    agent_seconds: float = 90.0
    investigation_seconds: float = 290.0
    test_seconds: float = 15.0
    show_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Outside:
    """What the plot needs from outside. `most_running` is how many may investigate at once, everywhere; `asking` is what is waited for."""

    places: tuple[Incidents, ...]
    investigations: Investigations
    thread: Thread
    journal: Journal
    clock: Clock
    names: Names | None = None
    tester: Tester | None = None
    most_running: int | None = None
    history: History | None = None
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    asking: Callable[[], str] = str


class Orchestrator:
    """Runs one investigation; it calls no model itself. Built once for each. `finished` are runs of one that it goes on with."""

    def __init__(
        self,
        agents: Mapping[AgentName, Agent],
        budget: Budget,
        outside: Outside,
        limits: Limits | None = None,
        finished: Iterable[Run] = (),
    ) -> None:
        self._agents = agents
        self._budget = budget
        self._outside = outside
        self._step = outside.journal.step
        self._limits = limits or Limits()
        self._finished = {run.agent: run for run in finished}
        self._runs: list[Run] = []
        self._doing = ("", time.perf_counter())  # what, and since when
        self._seen = Findings()  # by the agent that runs
        self._tried: tuple[Tried, ...] = ()

    async def investigate(self, investigation: Investigation, stop: str = "") -> Conclusion:
        """Run the agents, rank what they think, and say so in the thread that `accept` opened; with `stop` only say why it ends.

        It always ends with a conclusion in the thread, also when it is cancelled or Compass itself fails, unless another
        process goes on with it. A cancellation with a text says why; then it ends as any other.
        """
        started = time.perf_counter()
        cancelled: asyncio.CancelledError | None = None
        try:
            await self._budget.resume()
            if not stop:
                async with self._shown(investigation):
                    await self.observe(investigation)
                    await self._test(investigation.incident, self._limits.investigation_seconds - (time.perf_counter() - started))
            ending = (Outcome.STOPPED, stop) if stop else _ending(self._runs)
        except asyncio.CancelledError as error:
            if self._outside.journal.left:
                raise
            cancelled, ending = error, (Outcome.STOPPED, str(error) or "Compass was shut down")
            self._runs += self._cut(ending)
        except Exception as error:  # a fault of ours ends in the thread too
            log.exception("investigation.failed")
            ending = (Outcome.FAILED, f"Compass itself failed ({type(error).__name__}); its log says why")
        conclusion = await self._recalled(self._conclude(investigation, ending, time.perf_counter() - started))
        unkept = await asyncio.shield(self._say(conclusion))
        if cancelled and not str(cancelled):
            raise cancelled
        while unkept:  # a database that comes back must not hold the incident for one that still runs
            await self._outside.pause(KEEP_SECONDS)
            unkept = await self._close(conclusion)
        return conclusion

    @asynccontextmanager
    async def _shown(self, investigation: Investigation) -> AsyncIterator[None]:
        """Until the end of it, the thread is told every few seconds where the investigation is."""
        ended = asyncio.Event()
        showing = asyncio.create_task(self._show(investigation, ended))
        try:
            yield
        finally:
            ended.set()
            await asyncio.wait({showing})

    async def _show(self, investigation: Investigation, ended: asyncio.Event) -> None:
        while not ended.is_set():
            (doing, since), asking = self._doing, self._outside.asking()
            seconds, spent = time.perf_counter() - since, self.get_total_cost()
            try:
                now = Moment(runs=tuple(self._runs), doing=doing, asking=asking, seconds=seconds, spent=spent)
                await self._outside.thread.moved(investigation, now)
            except Exception:
                log.warning("moment.not_shown", exc_info=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.show_seconds):
                    await ended.wait()

    async def observe(self, investigation: Investigation) -> None:
        """Let the three agents observe and think, one after the other; each is told what those before it found."""
        deadline = time.monotonic() + self._limits.investigation_seconds
        with conventions.span("orchestrator.observe", {"incident.id": investigation.incident.id}):
            for name in AgentName:
                run = self._finished.get(name) or await self._run(name, investigation, deadline)
                self._runs.append(run)
                if run.outcome is not Outcome.SKIPPED and name not in self._finished:
                    say = partial(self._outside.thread.agent_finished, investigation, run, self.get_total_cost())
                    await self._tell(name, say)

    async def _test(self, incident: Incident, left: float) -> None:
        """Test the hypotheses; whatever happens there, what was found is ranked."""
        if self._outside.tester is None or left <= 0 or any(run.outcome is Outcome.OUT_OF_BUDGET for run in self._runs):
            return
        self._doing = ("testing", time.perf_counter())
        with conventions.span("orchestrator.test"):
            try:
                ask = partial(self._outside.tester, incident, self._runs, min(self._limits.test_seconds, left))
                self._tried = await self._step("tests", ask, tuple[Tried, ...])
            except Exception:
                log.warning("tests.failed", exc_info=True)

    def get_total_cost(self) -> Decimal:
        """What was billed so far, in US dollars."""
        return self._budget.spent

    def get_agent_costs(self) -> dict[AgentName, Decimal]:
        """What was billed to each of the three agents, in US dollars."""
        return {name: self._budget.spent_by(name) for name in AgentName}

    async def accept(self, request: Request) -> Investigation:
        """Find the incident, keep that it is investigated, and open its thread.

        Raises `RefusalError`, `ThreadError` or `StoreError`; then nothing was posted or spent.
        """
        investigation = await self._step("opened", partial(self._opened, request), Investigation)
        try:
            await self._step("root", lambda: self._outside.thread.opened(investigation))
        except BaseException:
            if not self._outside.journal.left:
                unsaid = self._conclude(investigation, (Outcome.FAILED, "its thread could not be opened"), 0.0)
                await asyncio.shield(self._outside.investigations.closed(unsaid))
            raise
        incident = investigation.incident
        log.info("investigation.opened", investigation=investigation.id, incident=incident.id, services=incident.services)
        return investigation

    async def _opened(self, request: Request) -> Investigation:
        now = self._outside.clock()
        incident = await resolve(request, self._outside.places, now)
        if request.incident is None and incident.by_hand and self._outside.names:  # of an alert's things the agents say what is unknown
            await self._outside.names.check(incident)
        of_request = request.model_dump(include={"only", "again", "asker", "asked_by", "address", "goes_on"})
        paid = {"id": self._budget.investigation, "budget": self._budget.limit, "account": self._budget.account}
        asked = Investigation(incident=incident, started_at=now, **of_request, **paid)
        kept, others = await self._outside.investigations.opened(asked)
        most = self._outside.most_running
        return kept if most is None else kept.model_copy(update={"waits": max(0, others + 1 - most)})

    async def _run(self, name: AgentName, investigation: Investigation, deadline: float) -> Run:
        agent, left = self._agents.get(name), deadline - time.monotonic()
        if agent is None or (why := self._why_skipped(name, investigation, left)):
            return Run(agent=name, outcome=Outcome.SKIPPED, reason="not configured" if agent is None else why)
        self._doing = (name.value, time.perf_counter())
        seconds = min(self._limits.agent_seconds, left)
        with conventions.span(f"orchestrator.observe.{name}") as span:
            thoughts, ending = await self._attempt(agent, name, investigation.incident, seconds)
            span.set_attribute(conventions.OUTCOME, ending[0])
        run = self._ended(name, thoughts, ending)
        log.info("agent.finished", agent=name, outcome=run.outcome, reason=run.reason, seconds=round(run.seconds, 3))
        return run

    def _ended(self, name: AgentName, thoughts: Thoughts, ending: Ending) -> Run:
        """The run of the agent in progress, with what it had seen by now."""
        return Run(
            agent=name,
            outcome=ending[0],
            reason=ending[1],
            seconds=time.perf_counter() - self._doing[1],
            cost=self._budget.spent_by(name),
            findings=self._seen,
            hypotheses=thoughts.hypotheses,
            unrefined=thoughts.unrefined if self._budget.limit or not thoughts.unrefined else "the budget is 0",  # then none is asked
            remark=thoughts.remark,
        )

    async def _attempt(self, agent: Agent, name: AgentName, incident: Incident, seconds: float) -> tuple[Thoughts, Ending]:
        """What one agent thought, and how it ended; the budget is checked after each, however that was.

        The seed's `BudgetExceededError` is read so: more was billed than the budget, which this check finds, and the
        investigation stops at once. A call that would not fit ends nothing: it is not made, the agent answers by its
        rules, which are free, and the later ones do the same (`agents.thinking`).
        """
        earlier = tuple(self._runs)
        self._seen, thoughts, ending = Findings(), Thoughts(), (Outcome.ANSWERED, "")
        self._budget.deadline = time.monotonic() + seconds
        try:
            about = {conventions.OPERATION: conventions.INVOKE_AGENT, conventions.AGENT: name.value}
            with conventions.span(f"{conventions.INVOKE_AGENT} {name}", about):
                async with asyncio.timeout(seconds):
                    self._seen = await self._step(f"{name} findings", lambda: agent.observe(incident, earlier), Findings)
                    think = partial(agent.generate_hypotheses, incident, self._seen, earlier)
                    thoughts = await self._step(f"{name} thoughts", think, Thoughts)
        except BudgetExceededError as error:
            ending = (Outcome.OUT_OF_BUDGET, str(error))
        except TimeoutError:
            ending = (Outcome.STOPPED, f"took longer than {seconds:.0f} s")
        except Exception as error:
            log.warning("agent.failed", exc_info=True)
            ending = (Outcome.FAILED, str(error) if isinstance(error, CompassError) else type(error).__name__)
        try:
            self._budget.check()
        except BudgetExceededError as error:
            ending = (Outcome.OUT_OF_BUDGET, str(error))
        return thoughts, ending

    def _why_skipped(self, name: AgentName, investigation: Investigation, left: float) -> str:
        if investigation.only not in {None, name}:
            return "left out"
        if any(run.outcome is Outcome.OUT_OF_BUDGET for run in self._runs):
            return "budget"
        return "time" if left <= 0 else ""

    def _conclude(self, investigation: Investigation, ending: Ending, seconds: float) -> Conclusion:
        share, sure, why, rest = 0.0, "", "", ""
        ranked = tuple(one for run in self._runs for one in run.hypotheses)
        try:
            share = coverage(self._runs)
            ranked = lowered(rank(self._runs, self._tried, investigation.incident.services), share)
            sure = how_sure(ranked[0].confidence) if ranked else ""
            why = " ".join(filter(None, (each(ranked, self._runs) for each in (why_not, harmless))))
            rest = unexplained(ranked, self._runs)
        except Exception as error:
            log.exception("ranking.failed")
            ending = (Outcome.FAILED, f"the hypotheses are not ranked, since Compass itself failed ({type(error).__name__})")
        return Conclusion(
            investigation=investigation,
            outcome=ending[0],
            reason=ending[1],
            runs=tuple(self._runs),
            hypotheses=ranked,
            costs=self.get_agent_costs(),
            seconds=seconds,
            coverage=share,
            how_sure=sure,
            why_not=why,
            unexplained=rest,
        )

    def _cut(self, ending: Ending) -> list[Run]:
        """The run that was ended in the middle, with what it had seen and what the rules make of that."""
        said = {(one.service, one.mechanism) for run in self._runs for one in run.hypotheses}
        seen = (*(one for run in self._runs for one in run.findings.observations), *self._seen.observations)
        cut = [name for name in AgentName if name == self._doing[0] and name not in {run.agent for run in self._runs}]
        return [self._ended(name, Thoughts(hypotheses=propose(name, seen, self._seen, said)), ending) for name in cut]

    async def _recalled(self, conclusion: Conclusion) -> Conclusion:
        """With when the same was found before, and how often an answer this sure was right here, as far as that is kept."""
        history = self._outside.history
        if history is None or not conclusion.hypotheses:
            return conclusion
        try:
            earlier = await history.recent(RECALLED)
            alike = [one.investigation.id for one in earlier if again.may_be(conclusion, one)]
            past = [whole for key in alike[:MOST_ALIKE] if (whole := await history.conclusion(key))]
            ended = (one for one in earlier if conclusion.investigation.again and one.outcome in WHOLE)
            same = (one for one in ended if again.is_same(conclusion, one))
            before = await history.conclusion(one.investigation.id) if (one := next(same, None)) else None
        except StoreError:
            return conclusion
        sure = how_sure(conclusion.hypotheses[0].confidence, *again.here(conclusion, earlier))
        since = {"changed": changed(conclusion, before)} if before else {}
        return conclusion.model_copy(update={"how_sure": sure, **since, **again.seen_before(conclusion, past)})

    async def _say(self, conclusion: Conclusion) -> str:
        """Why it could not be kept, '' where it was; closed first, so that the button of the final message works."""
        unkept = await self._close(conclusion)
        if unkept:
            reason = "; ".join(filter(None, (conclusion.reason, f"it could not be kept: {unkept.rstrip('.')}")))
            conclusion = conclusion.model_copy(update={"reason": reason})
        await self.tell(conclusion)
        return unkept

    async def tell(self, conclusion: Conclusion) -> None:
        """Say in the thread how it ended, where that was not said yet."""
        if broken := await self._tell("final", lambda: self._outside.thread.concluded(conclusion)):
            bare = {"runs": (), "hypotheses": (), "outcome": Outcome.FAILED, "reason": f"its message could not be written ({broken})"}
            await self._tell("bare final", lambda: self._outside.thread.concluded(conclusion.model_copy(update=bare)))
        log.info("investigation.closed", investigation=conclusion.investigation.id, outcome=conclusion.outcome)

    async def _close(self, conclusion: Conclusion) -> str:
        """Why it could not be kept, '' where it was."""
        try:
            await self._outside.investigations.closed(conclusion)
        except Exception as error:
            log.exception("close.failed")
            return str(error) if isinstance(error, CompassError) else type(error).__name__
        return ""

    async def _tell(self, name: str, post: Callable[[], Awaitable[None]]) -> str:
        """The fault of ours that kept it from being posted, '' for none; what Slack refuses is not tried again."""
        try:
            await self._step(name, post)
        except ThreadError as error:
            log.warning("post.failed", step=name, reason=error.reason)
        except Exception as error:
            log.exception("post.broke", step=name)
            return type(error).__name__
        return ""


def _ending(runs: list[Run]) -> Ending:
    if is_blind(runs):
        return Outcome.BLIND, "no source gave anything in the time there was"
    ran = [run for run in runs if run.outcome is not Outcome.SKIPPED]
    for outcome in (Outcome.OUT_OF_BUDGET, Outcome.STOPPED):
        for run in ran:
            if run.outcome is outcome:
                later = "; the later agents did not run, so this answer is incomplete" if outcome is Outcome.OUT_OF_BUDGET else ""
                return outcome, f"{run.agent}: {run.reason}{later}"
    if any(run.reason == "time" for run in runs):
        return Outcome.STOPPED, "the time for an investigation was used up"
    if ran and all(run.outcome is Outcome.FAILED for run in ran):
        return Outcome.FAILED, "; ".join(f"{run.agent}: {run.reason}" for run in ran)
    return Outcome.ANSWERED, ""
