"""Builds Compass from its parts: the one module that knows all of them."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from compass_core.line import Line
from compass_core.redaction.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator
    from datetime import timedelta
    from pathlib import Path

    import httpx

    from compass_core.agents.view import Sources
    from compass_core.budget import Budget, Ledger
    from compass_core.domain import Conclusion, Incident, Investigation, Request
    from compass_core.orchestrator import Limits, Orchestrator
    from compass_core.ports import Clock, Declarations, History, Incidents, Investigations, Model, Offload, Outbox, Thread
    from compass_core.settings import Access, Settings
    from compass_core.sources.grafana import Grafana, Kind
    from compass_core.sources.http import Backend
    from compass_core.store import Store

T = TypeVar("T")


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
class Kept:
    """What outlives the process; where nothing is kept, only `investigations` is there to be told."""

    investigations: Investigations
    history: History
    outbox: Outbox
    declarations: Declarations
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Compass:
    """The investigator, ready to work. `model` gives each investigation the model that its budget pays, None is none.

    `redact` is everywhere where text comes in. Nobody but `admins` may ask for more than the default budget; a workspace may
    spend `daily` dollars a day; `line` says who may begin.
    """

    telemetry: Telemetry
    kept: Kept
    default_budget: Decimal
    limits: Limits
    clock: Clock = utc_now
    model: Callable[[Budget, Callable[[str], str]], Model] | None = None
    redact: Redactor = field(default_factory=Redactor)
    daily: Decimal = Decimal(50)
    admins: tuple[str, ...] = ()
    line: Line = field(default_factory=Line)

    @property
    def history(self) -> History:
        """What was investigated."""
        return self.kept.history

    @property
    def outbox(self) -> Outbox:
        """What was posted."""
        return self.kept.outbox

    async def declare(self, title: str, service: str, since: timedelta) -> Incident:
        """Keep an incident that somebody declares, without its secrets."""
        return await self.kept.declarations.declare(self.redact(title), self.redact.name(service), self.clock() - since)

    async def investigate(self, request: Request, thread: Thread) -> Conclusion:
        """As `Orchestrator.investigate`, with agents, budget and sources of its own; what comes back holds no secret."""
        from compass_core.redaction.entrance import without_secrets
        from compass_core.redaction.whole import redacted

        request = redacted(request, self.redact)
        with without_secrets(self.redact):
            return redacted(await self._orchestrator(request, thread).investigate(request), self.redact)

    def _orchestrator(self, request: Request, thread: Thread) -> Orchestrator:
        from compass_core.agents.application import ApplicationAgent
        from compass_core.agents.database import DatabaseAgent
        from compass_core.agents.names import Names
        from compass_core.agents.network import NetworkAgent
        from compass_core.agents.tester import Tester
        from compass_core.agents.view import View
        from compass_core.budget import Budget, limit_of
        from compass_core.journal import InProcess
        from compass_core.orchestrator import Orchestrator, Outside
        from compass_core.redaction.entrance import Place, Words
        from compass_core.redaction.exits import Told

        view = View(self.telemetry.sources(), self.telemetry.offload, self.clock, self.redact)
        limit = limit_of(request, self.default_budget, self.admins)
        account = f"{request.workspace or 'terminal'}/{self.clock():%Y-%m-%d}"
        budget = Budget(limit, self.kept.ledger, uuid.uuid4().hex, account, self.daily)
        model = Words(self.model(budget, self.redact), self.redact) if self.model and limit else None
        agents = {agent.name: agent(view, model) for agent in (ApplicationAgent, DatabaseAgent, NetworkAgent)}
        places = tuple(Place(each, self.redact) for each in self.telemetry.places)
        names = Names(view, self.clock)
        outside = Outside(
            places, self.kept.investigations, Told(thread, self.redact), InProcess(), self.clock, names, Tester(view), self.line
        )
        return Orchestrator(agents, budget, outside, self.limits)

    async def interrupted(self, investigation: Investigation, thread: Thread) -> None:
        """End an investigation that a former process left without an end: one message, with what it cost and the button.

        A call that was in flight counts as the most that it may have cost.
        """
        from compass_core.domain import AgentName, Conclusion, Outcome
        from compass_core.errors import StoreError
        from compass_core.redaction.exits import Told

        why = "interrupted by a restart"
        try:
            spent = await self.kept.ledger.attempts(investigation.id)
        except StoreError as error:
            spent, why = (), f"{why}; what it cost cannot be told: {error}"
        costs = {name: sum((each.amount for each in spent if each.agent is name), Decimal(0)) for name in AgentName}
        conclusion = Conclusion(investigation=investigation, outcome=Outcome.STOPPED, reason=why, costs=costs)
        await self.kept.investigations.closed(conclusion)
        await Told(thread, self.redact).concluded(conclusion)


@asynccontextmanager
async def live(settings: Settings, *, keep: bool = True) -> AsyncIterator[Compass]:
    """Compass over the configured backends, with its database; raises `SettingsError`.

    Without `keep` investigations are not kept: nobody could be told of them after a restart.
    """
    import httpx

    from compass_core.buffer import Buffer, Unkept
    from compass_core.store import Store

    store = Store(settings.database_url.get_secret_value())
    buffer = Buffer(store)
    try:
        with _one_thread() as offload:
            async with httpx.AsyncClient() as http, _model(settings) as model:
                telemetry = _telemetry(settings, store, _Backends(settings, http, offload))
                kept = Kept(buffer if keep else Unkept(), store, buffer, store, buffer)
                yield _compass(settings, telemetry, kept, model)
    finally:
        await buffer.drain()
        store.dispose()


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
            kept = Kept(store, store, store, store, store)
            async with _model(settings) as model:
                yield _compass(settings, telemetry, kept, model)
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
    settings: Settings, telemetry: Telemetry, kept: Kept, model: Callable[[Budget, Callable[[str], str]], Model] | None
) -> Compass:
    from compass_core.orchestrator import Limits

    limits, line = Limits(settings.agent_seconds, settings.investigation_seconds), Line(settings.most_running)
    more: dict[str, Any] = {"daily": settings.daily_usd, "admins": settings.admins, "line": line}
    return Compass(telemetry, kept, settings.budget_usd, limits, model=model, redact=Redactor(settings.redact), **more)
