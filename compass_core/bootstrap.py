"""Builds Compass from its parts: the one module that knows all of them. Each is imported where it is built: `--help` needs none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import httpx

    from compass_core.agents.view import Sources
    from compass_core.compass import Compass, Models, Telemetry
    from compass_core.domain import Conclusion
    from compass_core.journal.workflows import Plot, Workflows
    from compass_core.ports import Offload
    from compass_core.settings import Access, Settings
    from compass_core.sources.grafana import Grafana, Kind
    from compass_core.sources.http import Backend
    from compass_core.store import Store

T = TypeVar("T")


@asynccontextmanager
async def live(settings: Settings) -> AsyncIterator[Compass]:
    """Compass over the configured backends, with its database, from which `working` takes work; raises `SettingsError`."""
    with _store(settings.database_url.get_secret_value()) as store:

        def engine(plot: Plot) -> Workflows:
            from compass_core.journal.workflows import Workflows

            return Workflows(store.url, store, plot, settings.most_running, max(settings.most_everywhere, settings.most_running))

        async with _over_backends(settings, store, store) as compass:
            yield replace(compass, engine=engine)


@asynccontextmanager
async def unkept(settings: Settings) -> AsyncIterator[Compass]:
    """Compass over the configured backends for one investigation in a terminal, which leaves nothing behind; raises `SettingsError`.

    Incidents that were declared are known where there is a database already.
    """
    from compass_core.store import exists

    known = settings.database_url.get_secret_value()
    with _store() as store, _store(known if exists(known) else "") as declared:
        async with _over_backends(settings, store, declared) as compass:
            yield compass


async def history(settings: Settings, which: str, most: int) -> tuple[Conclusion, ...]:
    """The latest investigations that ended, or of an incident or an id the latest, with all that was found.

    Raises `SettingsError`, and `RefusalError` where there is none.
    """
    from compass_core.errors import RefusalError
    from compass_core.store import exists

    url = settings.database_url.get_secret_value()
    with _store(url if exists(url) else "") as store:
        ended = await store.recent(10_000 if which else most)
        mine = [one for one in ended if which.casefold() in {"", one.investigation.id, one.investigation.incident.id.casefold()}]
        whole = await store.conclusion(mine[0].investigation.id) if which and mine else None
    if not mine:
        raise RefusalError(f"Nothing {f'of {which} ' if which else ''}was investigated here. COMPASS_DATABASE_URL says where that is kept.")
    return (whole,) if whole else tuple(mine)


@asynccontextmanager
async def replayed(case: Path, settings: Settings, without: Collection[str] = (), also: Sequence[Path] = ()) -> AsyncIterator[Compass]:
    """Compass over a recorded case and `also` those of other times, with a database that is gone afterwards.

    `without` leaves out some of `metrics`, `logs` and `spans`, as if they had not been recorded. Raises `CaseError` and `SettingsError`.
    """
    from compass_core.agents.view import Sources
    from compass_core.compass import Compass, Telemetry
    from compass_core.redaction.redact import Redactor
    from compass_core.sources.recorded import Recorded, RecordedIncidents

    with _store() as store, _one_thread() as offload:
        source = await offload(partial(Recorded, case, offload, without, also))
        sources = Sources(source, source, source, source)
        places = (RecordedIncidents(each) for each in (case, *also))
        async with _model(settings) as model:
            telemetry = Telemetry((store, *places), lambda: sources, offload)
            yield Compass(telemetry, store, settings, model=model, redact=Redactor(settings.redact))


@asynccontextmanager
async def _over_backends(settings: Settings, store: Store, declared: Store) -> AsyncIterator[Compass]:
    import httpx

    from compass_core.compass import Compass
    from compass_core.redaction.redact import Redactor

    with _one_thread() as offload:
        async with httpx.AsyncClient() as http, _model(settings) as model:
            telemetry = _telemetry(settings, declared, _Backends(settings, http, offload))
            yield Compass(telemetry, store, settings, model=model, redact=Redactor(settings.redact))


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
    from compass_core.compass import Telemetry
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
        readers: dict[str, Any] = {"keep_for": allowance.keep_for, "further": allowance.further}
        if prometheus:
            link = grafana.linker("prometheus") if grafana else None
            readers["metrics"] = Prometheus(prometheus.reader(allowance), service_labels=labels, link=link, public_url=public)
        if loki:
            readers["logs"] = Loki(loki.reader(allowance), service_labels=labels, link=grafana.linker("loki") if grafana else None)
        if tempo:
            readers["traces"] = Tempo(tempo.reader(allowance), link=grafana.linker("tempo") if grafana else None)
        if front and settings.grafana:
            readers["changes"] = GrafanaChanges(front.reader(allowance), settings.grafana.url)
        return Sources(**readers)

    alerting = ((alertmanager, False), (front, True))
    places = (Alertmanager(backend, service_labels=labels, of_grafana=own, rules=prometheus) for backend, own in alerting if backend)
    return Telemetry((store, *places), sources, offload)


@asynccontextmanager
async def _model(settings: Settings) -> AsyncIterator[Models | None]:
    """The configured model, or None; raises `SettingsError` where what it costs is not known."""
    url = settings.for_model()
    if not url:
        yield None
        return

    from compass_core.llm.gateway import Gateway
    from compass_core.llm.prices import tariff
    from compass_core.llm.wire import Server, connect

    name, free, seconds = settings.model, settings.model_free, settings.model_seconds
    prices = tariff(name, url, configured=settings.prices.get(name, ()), free=free)
    async with connect(url, settings.openai_api_key.get_secret_value()) as client:
        server = Server(client, name, url, settings.token_limit_field, seconds, bounds=free, schema=settings.json_schema)
        yield lambda budget, redact: Gateway(server, prices, budget, redact=redact)


@contextmanager
def _store(url: str = "") -> Iterator[Store]:
    """The database there; without a URL one that is gone afterwards."""
    from compass_core.store import Store

    with TemporaryDirectory(prefix="compass-") as folder:
        store = Store(url or f"sqlite:///{folder}/compass.db")
        try:
            yield store
        finally:
            store.dispose()


@contextmanager
def _one_thread() -> Iterator[Offload]:
    """One thread for what computes: more would only take turns, and the event loop would have to wait for each of them."""

    async def offload(work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="compass-think") as pool:
        yield offload
