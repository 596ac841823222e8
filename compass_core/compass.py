"""Compass itself: what may be asked of it, and what its workflows do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from compass_core import orchestrator
from compass_core.agents import grader
from compass_core.agents.application import ApplicationAgent
from compass_core.agents.asked import Asked
from compass_core.agents.database import DatabaseAgent
from compass_core.agents.names import Names
from compass_core.agents.network import NetworkAgent
from compass_core.agents.tester import Tester
from compass_core.agents.view import Sources, View
from compass_core.budget import Budget, limit_of, stopped_short
from compass_core.domain import Address, Conclusion, Feedback, Incident, Investigation, Request, Run
from compass_core.errors import CompassError, StoreError
from compass_core.journal.steps import InProcess
from compass_core.orchestrator import Limits, Orchestrator, Outside
from compass_core.ports import Answering, Clock, History, Incidents, Journal, Model, Offload, Outbox, Thread
from compass_core.redaction.entrance import RedactedIncidents, RedactedModel, without_secrets
from compass_core.redaction.exits import RedactedThread
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import redacted
from compass_core.settings import Settings
from compass_core.store import Store

if TYPE_CHECKING:
    from compass_core.journal.workflows import Plot, Workflows

log = structlog.get_logger()

T = TypeVar("T")
Models = Callable[[Budget, Callable[[str], str]], Model]
"""The model that a budget pays, and that is told what was redacted."""
Threads = Callable[[Address, Outbox], Answering]
"""From where an investigation speaks, and what keeps its posts, to its thread."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What investigations read. `sources` gives each investigation its own, with its own allowance of requests."""

    places: tuple[Incidents, ...]
    sources: Callable[[], Sources]
    offload: Offload


@dataclass(frozen=True, slots=True)
class Compass:
    """The investigator, ready to work. `model` gives each investigation the model that its budget pays, None is none.

    `redact` is everywhere where text comes in. `engine` builds the workflows of `working`; without it investigations end with the process.
    """

    telemetry: Telemetry
    store: Store
    settings: Settings
    clock: Clock = utc_now
    model: Models | None = None
    redact: Redactor = field(default_factory=Redactor)
    engine: Callable[[Plot], Workflows] | None = None
    workflows: Workflows | None = None
    fenced: Outbox | None = None
    _tasks: dict[str, asyncio.Task[Any]] = field(default_factory=dict)

    @property
    def history(self) -> History:
        return self.store

    @property
    def outbox(self) -> Outbox:
        return self.fenced or self.store

    async def declare(self, title: str, service: str, since: timedelta) -> Incident:
        """Keep an incident that somebody declares, without its secrets."""
        return await self.store.declare(self.redact(title), self.redact.name(service), self.clock() - since)

    async def investigate(self, request: Request, thread: Thread, key: str = "") -> Conclusion:
        """From the request to the conclusion, in this process; what comes back holds no secret. Raises as `Orchestrator.accept`."""
        key, task = key or uuid.uuid4().hex, asyncio.current_task()
        assert task is not None  # noqa: S101 - whoever awaits runs in one
        self._tasks[key] = task
        try:
            investigation = await self.accept_as(key, redacted(request, self.redact), thread, InProcess())
            return redacted(await self.look(investigation, thread, InProcess()), self.redact)
        finally:
            del self._tasks[key]

    async def accept(self, request: Request, thread: Thread, key: str) -> None:
        """Begin what was asked for under that key, once, however often it is asked; raises as `Orchestrator.accept`.

        Where there are workflows it returns when the thread is opened, else when the investigation has ended.
        """
        if self.workflows is None:
            await self.investigate(request, thread, key)
        else:
            await self.workflows.accept(key, redacted(request, self.redact))

    async def stop(self, channel: str, reference: str, why: str) -> list[str]:
        """End what investigates in that channel, or of that only this incident; each then tells its thread why. The incidents' ids."""
        stopped = []
        for one in await self.store.running():
            if one.address.channel == channel and reference.casefold() in {"", one.incident.id.casefold()}:
                stopped.append(one.incident.id)
                if self.workflows is not None:
                    await self.workflows.stop(one.id, why)
                elif one.id in self._tasks:
                    self._tasks[one.id].cancel(why)
        return stopped

    @asynccontextmanager
    async def working(self, threads: Threads) -> AsyncIterator[Compass]:
        """Go on with what an earlier process left, and take work, until the end of it."""
        if self.engine is None:
            yield self
            return

        from compass_core.journal.durable import Fenced

        plot = _Plot(self, threads)
        workflows = self.engine(plot)
        plot.outbox = Fenced(self.store, workflows.lease)
        async with workflows.launched():
            yield replace(self, workflows=workflows, fenced=plot.outbox)

    async def accept_as(self, key: str, request: Request, thread: Thread, journal: Journal) -> Investigation:
        """As `Orchestrator.accept`, of a request without secrets."""
        with without_secrets(self.redact):
            limit = limit_of(request, self.settings.budget_usd, self.settings.admins)
            budget = Budget(limit, self.store, key, self._account(request.workspace), self.settings.daily_usd)
            return await self._orchestrator({}, budget, thread, journal, self.view()).accept(request)

    async def look(self, investigation: Investigation, thread: Thread, journal: Journal, stop: str = "") -> Conclusion:
        """As `Orchestrator.investigate`, with agents, budget and sources of its own."""
        before = await patiently(partial(self.store.conclusion, investigation.goes_on)) if investigation.goes_on else None
        ended = await patiently(partial(self.store.conclusion, investigation.id))
        finished = [run for run in before.runs if not stopped_short(run)] if before else []
        now = await journal.step("begin", self._now, datetime)  # a crash must not move the window
        view = self.view(lambda: now)
        budget, model = self._paying(investigation, before)
        agents = {agent.name: agent(view, model) for agent in (ApplicationAgent, DatabaseAgent, NetworkAgent)}
        with without_secrets(self.redact):
            plot = self._orchestrator(agents, budget, thread, journal, view, finished)
            if ended is None:
                return await plot.investigate(investigation, stop)
            await plot.tell(ended)  # a process died when that was kept and not yet said
            return ended

    def refuse_too_dear(self, request: Request) -> None:
        """Raise `RefusalError` where the asker may not spend as much."""
        limit_of(request, self.settings.budget_usd, self.settings.admins)

    async def asked(self, of: Conclusion) -> Asked:
        """Who answers questions about an investigation that has ended: by few queries of its own, and a model that its budget pays."""
        goes_on, today = of.investigation.goes_on, self._account(of.investigation.account.partition("/")[0])
        before = await self.store.conclusion(goes_on) if goes_on else None
        budget, model = self._paying(of.investigation.model_copy(update={"account": today}), before)
        await budget.resume()
        return Asked(of, self.view(), self.clock(), budget, model)

    def view(self, clock: Clock | None = None) -> View:
        """What an investigation sees of the telemetry, with its own allowance of requests."""
        return View(self.telemetry.sources(), self.telemetry.offload, clock or self.clock, self.redact)

    def _account(self, workspace: str) -> str:
        """A workspace's day."""
        return f"{workspace or 'terminal'}/{self.clock():%Y-%m-%d}"

    def _paying(self, investigation: Investigation, before: Conclusion | None) -> tuple[Budget, Model | None]:
        """The budget of an investigation that goes on with another one, and the model that it pays."""
        spent, daily = before.costs if before else {}, self.settings.daily_usd
        budget = Budget(investigation.budget, self.store, investigation.id, investigation.account, daily, spent)
        return budget, RedactedModel(self.model(budget, self.redact), self.redact) if self.model and investigation.budget else None

    async def _now(self) -> datetime:
        return self.clock()

    def _orchestrator(
        self, agents: Any, budget: Budget, thread: Thread, journal: Journal, view: View, finished: Iterable[Run] = ()
    ) -> Orchestrator:
        places = tuple(RedactedIncidents(each, self.redact) for each in self.telemetry.places)
        told, checks = RedactedThread(thread, self.redact), (Names(view, self.clock), Tester(view))
        most = self.settings.most_running if self.engine else None  # without workflows nobody waits in a line
        outside = Outside(places, self.store, told, journal, self.clock, *checks, most, self.store, asking=view.asking)
        limits = Limits(self.settings.agent_seconds, self.settings.investigation_seconds)
        return Orchestrator(agents, budget, outside, limits, finished)


async def patiently(read: Callable[[], Awaitable[T]]) -> T:
    """What is read, as soon as the database gives it."""
    while True:
        try:
            return await read()
        except StoreError as error:
            log.warning("database.fails", problem=str(error))
        await asyncio.sleep(orchestrator.KEEP_SECONDS)


class _Plot:
    """What the workflows do, in threads that the bot makes."""

    def __init__(self, compass: Compass, threads: Threads) -> None:
        self._compass, self._threads = compass, threads
        self.outbox: Outbox = compass.store

    async def accept(self, key: str, request: Request, journal: Journal) -> None:
        await self._compass.accept_as(key, request, self._threads(request.address, self.outbox), journal)

    async def look(self, key: str, journal: Journal, stop: str) -> None:
        investigation = await patiently(partial(self._compass.store.investigation, key))
        if investigation is None:
            return
        address = investigation.address
        if not address.channel and (root := await self.outbox.posted(key, "root")):  # an earlier Compass kept no address
            address = Address(channel=root.channel, thread_ts=root.thread_ts or root.ts)
        await self._compass.look(investigation, self._threads(address, self.outbox), journal, stop)

    async def refuse(self, request: Request, why: str) -> None:
        await self._threads(request.address, self.outbox).refused(request.asker, self._compass.redact(why))

    async def forget(self) -> list[str]:
        return await self._compass.store.forget(self._compass.settings.keep_days)

    async def grade(self, key: str, *, first: bool) -> str:

        compass, ended = self._compass, await self._compass.store.conclusion(key)
        if ended is None or not ended.hypotheses:
            return "done"
        if not first and await self._fires(ended.investigation.incident):
            return "fires"
        if (grade := await grader.graded(compass.view(), ended, compass.clock())) is None:
            return "open"
        about, told = ended.hypotheses[0].about, compass.redact(grade.told)
        await compass.store.answered(Feedback(investigation=key, hypothesis=about, person="", name="", right=grade.right, note=told))
        if not grade.right and (root := await self.outbox.posted(key, "root")):
            thread = self._threads(Address(channel=root.channel, thread_ts=root.thread_ts or root.ts), self.outbox)
            await thread.say(ended.investigation, "grade", f"Looked again: {told}. This speaks against {compass.redact(about)}.")
        return "done"

    async def _fires(self, incident: Incident) -> bool:
        """Whether its alert does, or nobody knows."""
        try:
            return not incident.by_hand and any([incident.id in await one.known() for one in self._compass.telemetry.places])
        except CompassError:
            return True

    async def open(self) -> list[str]:
        return [one.id for one in await self._compass.store.running()]
