"""Builds Compass from its parts: the one module that knows all of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from compass_core.domain import Address
from compass_core.redaction.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Iterator
    from datetime import timedelta
    from pathlib import Path

    import httpx

    from compass_core.agents.view import Sources, View
    from compass_core.budget import Budget
    from compass_core.domain import Conclusion, Incident, Investigation, Request, Run
    from compass_core.journal.workflows import Plot, Workflows
    from compass_core.orchestrator import Limits, Orchestrator
    from compass_core.ports import Answering, Clock, History, Incidents, Journal, Model, Offload, Outbox, Thread
    from compass_core.settings import Access, Settings
    from compass_core.sources.grafana import Grafana, Kind
    from compass_core.sources.http import Backend
    from compass_core.store import Store

T = TypeVar("T")
Threads = Callable[[Address, "Outbox"], "Answering"]
"""From where an investigation speaks, and what keeps its posts, to its thread."""


def utc_now() -> datetime:
    """What time it is, in aware UTC."""
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

    `redact` is everywhere where text comes in. Nobody but `admins` may ask for more than the default budget; a workspace may
    spend `daily` dollars a day. `engine` builds the workflows of `working`; without it investigations end with the process.
    """

    telemetry: Telemetry
    store: Store
    default_budget: Decimal
    limits: Limits
    clock: Clock = utc_now
    model: Callable[[Budget, Callable[[str], str]], Model] | None = None
    redact: Redactor = field(default_factory=Redactor)
    daily: Decimal = Decimal(50)
    admins: tuple[str, ...] = ()
    most_running: int | None = None
    keep_days: float = 90.0
    engine: Callable[[Plot], Workflows] | None = None
    workflows: Workflows | None = None
    fenced: Outbox | None = None
    _tasks: dict[str, asyncio.Task[Any]] = field(default_factory=dict)

    @property
    def history(self) -> History:
        """What was investigated."""
        return self.store

    @property
    def outbox(self) -> Outbox:
        """What was posted."""
        return self.fenced or self.store

    async def declare(self, title: str, service: str, since: timedelta) -> Incident:
        """Keep an incident that somebody declares, without its secrets."""
        return await self.store.declare(self.redact(title), self.redact.name(service), self.clock() - since)

    async def investigate(self, request: Request, thread: Thread, key: str = "") -> Conclusion:
        """From the request to the conclusion, in this process; what comes back holds no secret. Raises as `Orchestrator.accept`."""
        from compass_core.journal.steps import InProcess
        from compass_core.redaction.whole import redacted

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
        from compass_core.redaction.whole import redacted

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
        from compass_core.agents.view import View
        from compass_core.budget import Budget, limit_of
        from compass_core.redaction.entrance import without_secrets

        with without_secrets(self.redact):
            limit = limit_of(request, self.default_budget, self.admins)
            account = f"{request.workspace or 'terminal'}/{self.clock():%Y-%m-%d}"
            budget = Budget(limit, self.store, key, account, self.daily)
            view = View(self.telemetry.sources(), self.telemetry.offload, self.clock, self.redact)
            return await self._orchestrator({}, budget, thread, journal, view).accept(request)

    async def look(self, investigation: Investigation, thread: Thread, journal: Journal, stop: str = "") -> Conclusion:
        """As `Orchestrator.investigate`, with agents, budget and sources of its own."""
        from compass_core.agents.application import ApplicationAgent
        from compass_core.agents.database import DatabaseAgent
        from compass_core.agents.network import NetworkAgent
        from compass_core.agents.view import View
        from compass_core.budget import Budget, stopped_short
        from compass_core.redaction.entrance import Words, without_secrets

        before = await self.store.conclusion(investigation.goes_on) if investigation.goes_on else None
        finished = [run for run in before.runs if not stopped_short(run)] if before else []
        now = await journal.step("begin", self._now, datetime)  # a crash must not move the window
        view = View(self.telemetry.sources(), self.telemetry.offload, lambda: now, self.redact)
        spent = before.costs if before else {}
        budget = Budget(investigation.budget, self.store, investigation.id, investigation.account, self.daily, spent)
        model = Words(self.model(budget, self.redact), self.redact) if self.model and investigation.budget else None
        agents = {agent.name: agent(view, model) for agent in (ApplicationAgent, DatabaseAgent, NetworkAgent)}
        with without_secrets(self.redact):
            return await self._orchestrator(agents, budget, thread, journal, view, finished).investigate(investigation, stop)

    async def _now(self) -> datetime:
        return self.clock()

    def _orchestrator(
        self, agents: Any, budget: Budget, thread: Thread, journal: Journal, view: View, finished: Iterable[Run] = ()
    ) -> Orchestrator:
        from compass_core.agents.names import Names
        from compass_core.agents.tester import Tester
        from compass_core.orchestrator import Orchestrator, Outside
        from compass_core.redaction.entrance import Place
        from compass_core.redaction.exits import Told

        places = tuple(Place(each, self.redact) for each in self.telemetry.places)
        tried = Names(view, self.clock), Tester(view)
        outside = Outside(
            places, self.store, Told(thread, self.redact), journal, self.clock, *tried, self.most_running, self.store, asking=view.asking
        )
        return Orchestrator(agents, budget, outside, self.limits, finished)


class _Plot:
    """What the workflows do, in threads that the bot makes."""

    def __init__(self, compass: Compass, threads: Threads) -> None:
        self._compass, self._threads = compass, threads
        self.outbox: Outbox = compass.store

    async def accept(self, key: str, request: Request, journal: Journal) -> None:
        await self._compass.accept_as(key, request, self._threads(request.address, self.outbox), journal)

    async def look(self, key: str, journal: Journal, stop: str) -> None:
        investigation = await self._compass.store.investigation(key)
        if investigation is None or await self._compass.store.conclusion(key):
            return
        address = investigation.address
        if not address.channel and (root := await self.outbox.posted(key, "root")):  # an earlier Compass kept no address
            address = Address(channel=root.channel, thread_ts=root.thread_ts or root.ts)
        await self._compass.look(investigation, self._threads(address, self.outbox), journal, stop)

    async def refuse(self, request: Request, why: str) -> None:
        await self._threads(request.address, self.outbox).refused(request.asker, self._compass.redact(why))

    async def forget(self) -> list[str]:
        return await self._compass.store.forget(self._compass.keep_days)

    async def open(self) -> list[str]:
        return [one.id for one in await self._compass.store.running()]


@asynccontextmanager
async def live(settings: Settings) -> AsyncIterator[Compass]:
    """Compass over the configured backends, with its database, from which `working` takes work; raises `SettingsError`."""
    import httpx

    from compass_core.store import Store

    url = settings.database_url.get_secret_value()
    store = Store(url)

    def engine(plot: Plot) -> Workflows:
        from compass_core.journal.workflows import Workflows

        return Workflows(store.url, store, plot, settings.most_running, max(settings.most_everywhere, settings.most_running))

    try:
        with _one_thread() as offload:
            async with httpx.AsyncClient() as http, _model(settings) as model:
                yield _compass(settings, _telemetry(settings, store, _Backends(settings, http, offload)), store, model, engine)
    finally:
        store.dispose()


@asynccontextmanager
async def unkept(settings: Settings) -> AsyncIterator[Compass]:
    """Compass over the configured backends for one investigation in a terminal, which leaves nothing behind; raises `SettingsError`.

    Incidents that were declared are known where there is a database already.
    """
    import httpx

    from compass_core.store import Store, exists

    known = settings.database_url.get_secret_value()
    with TemporaryDirectory(prefix="compass-") as folder, _one_thread() as offload:
        store = Store(f"sqlite:///{folder}/compass.db")
        declared = Store(known) if exists(known) else store
        try:
            async with httpx.AsyncClient() as http, _model(settings) as model:
                yield _compass(settings, _telemetry(settings, declared, _Backends(settings, http, offload)), store, model)
        finally:
            store.dispose()
            declared.dispose()


async def history(settings: Settings, which: str, most: int) -> tuple[Conclusion, ...]:
    """The latest investigations that ended, or of an incident or an id the latest, with all that was found.

    Raises `SettingsError`, and `RefusalError` where there is none.
    """
    from compass_core.errors import RefusalError
    from compass_core.store import Store, exists

    url = settings.database_url.get_secret_value()
    if exists(url):
        store = Store(url)
        try:
            ended = await store.recent(most if not which else 10_000)
            mine = [one for one in ended if which.casefold() in {"", one.investigation.id, one.investigation.incident.id.casefold()}]
            whole = await store.conclusion(mine[0].investigation.id) if which and mine else None
            if mine:
                return (whole,) if whole else tuple(mine)
        finally:
            store.dispose()
    raise RefusalError(f"Nothing {f'of {which} ' if which else ''}was investigated here. COMPASS_DATABASE_URL says where that is kept.")


@asynccontextmanager
async def replayed(case: Path, settings: Settings, without: Collection[str] = ()) -> AsyncIterator[Compass]:
    """Compass over one recorded case, with a database that is gone afterwards; raises `CaseError` and `SettingsError`.

    `without` leaves out some of the case's `metrics`, `logs` and `spans`, as if they had not been recorded.
    """
    from compass_core.agents.view import Sources
    from compass_core.sources.recorded import Recorded, RecordedIncidents
    from compass_core.store import Store

    with TemporaryDirectory(prefix="compass-") as folder, _one_thread() as offload:
        store = Store(f"sqlite:///{folder}/compass.db")
        try:
            source = Recorded(case, offload, without)
            await source.load()  # a case that cannot be read is told at once, not by each agent
            sources = Sources(source, source, source, source)
            telemetry = Telemetry((store, RecordedIncidents(case, offload)), lambda: sources, offload)
            async with _model(settings) as model:
                yield _compass(settings, telemetry, store, model)
        finally:
            store.dispose()


@dataclass(frozen=True, slots=True)
class _Backends:
    """Every backend by its kind: addressed directly where a URL is set, else through Grafana where that is set."""

    settings: Settings
    http: httpx.AsyncClient
    offload: Offload

    def direct(self, name: str, access: Access) -> Backend:
        from compass_core.sources.http import Backend, authorization, fixed

        secrets = (access.token.get_secret_value(), access.username, access.password.get_secret_value(), access.tenant.get_secret_value())
        return Backend(name, self.http, fixed(access.url), self.offload, headers=authorization(*secrets))

    def reach(self, kind: Kind, grafana: Grafana | None) -> Backend | None:
        from compass_core.sources.http import Backend

        access: Access | None = getattr(self.settings, kind)
        if access is not None:
            return self.direct(kind.title(), access)
        if grafana is None or self.settings.grafana is None:
            return None
        through = self.direct("Grafana", self.settings.grafana)
        return Backend(kind.title(), self.http, grafana.locate(kind), self.offload, headers=through.headers, setting="GRAFANA")


def _telemetry(settings: Settings, store: Store, backends: _Backends) -> Telemetry:
    from compass_core.agents.view import Sources
    from compass_core.incidents.alertmanager import Alertmanager
    from compass_core.sources.grafana import Grafana, GrafanaChanges
    from compass_core.sources.http import Allowance
    from compass_core.sources.loki import Loki
    from compass_core.sources.prometheus import Prometheus
    from compass_core.sources.tempo import Tempo

    offload, labels = backends.offload, settings.service_labels
    front = backends.direct("Grafana", settings.grafana) if settings.grafana else None
    grafana = Grafana(front, settings.grafana.url) if front and settings.grafana else None
    prometheus, loki, tempo = (backends.reach(kind, grafana) for kind in ("prometheus", "loki", "tempo"))
    alertmanager = backends.reach("alertmanager", grafana)
    public = settings.prometheus.url if settings.prometheus else ""

    def sources() -> Sources:
        allowance = Allowance()
        found: dict[str, Any] = {"keep_for": allowance.keep_for, "further": allowance.further}
        if prometheus:
            link = grafana.linker("prometheus") if grafana else None
            found["metrics"] = Prometheus(prometheus.reader(allowance), service_labels=labels, link=link, public_url=public)
        if loki:
            found["logs"] = Loki(loki.reader(allowance), service_labels=labels, link=grafana.linker("loki") if grafana else None)
        if tempo:
            found["traces"] = Tempo(tempo.reader(allowance), link=grafana.linker("tempo") if grafana else None)
        if front and settings.grafana:
            found["changes"] = GrafanaChanges(front.reader(allowance), settings.grafana.url)
        return Sources(**found)

    alerting = ((alertmanager, False), (front, True))
    places = (Alertmanager(backend, service_labels=labels, of_grafana=own, rules=prometheus) for backend, own in alerting if backend)
    return Telemetry((store, *places), sources, offload)


@asynccontextmanager
async def _model(settings: Settings) -> AsyncIterator[Callable[[Budget, Callable[[str], str]], Model] | None]:
    """The configured model, or None; raises `SettingsError` where what it costs is not known."""
    url = settings.for_model()
    if not url:
        yield None
        return

    from compass_core.llm.gateway import Gateway
    from compass_core.llm.prices import tariff
    from compass_core.llm.wire import Server, Terms, connect

    free, seconds = settings.model_free, settings.model_seconds
    terms = Terms(settings.model, url, settings.token_limit_field, seconds, bounds=free, schema=settings.json_schema)
    prices = tariff(settings.model, url, configured=settings.prices.get(settings.model, ()), free=free)
    async with connect(url, settings.openai_api_key.get_secret_value()) as client:
        server = Server(client, terms)
        yield lambda budget, redact: Gateway(server, prices, budget, redact=redact)


@contextmanager
def _one_thread() -> Iterator[Offload]:
    """One thread for what computes: more would only take turns, and the event loop would have to wait for each of them."""

    async def offload(work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="compass-think") as pool:
        yield offload


def _compass(
    settings: Settings,
    telemetry: Telemetry,
    store: Store,
    model: Callable[[Budget, Callable[[str], str]], Model] | None,
    engine: Callable[[Plot], Workflows] | None = None,
) -> Compass:
    from compass_core.orchestrator import Limits

    limits = Limits(settings.agent_seconds, settings.investigation_seconds)
    more: dict[str, Any] = {"daily": settings.daily_usd, "admins": settings.admins, "keep_days": settings.keep_days, "engine": engine}
    more["most_running"] = settings.most_running if engine else None
    return Compass(telemetry, store, settings.budget_usd, limits, model=model, redact=Redactor(settings.redact), **more)
