"""One investigation's view of the telemetry: asks each thing once, and turns what fails into gaps."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NoReturn, TypeVar

from compass_core.agents.when import find_times
from compass_core.analysis.calls import Detour, Failure, detours, failures
from compass_core.analysis.notes import Times
from compass_core.analysis.timing import Growth, Slowness, changed, growths, slow_throughout
from compass_core.analysis.traces import edges, traces
from compass_core.domain import AgentName, Edge, Environment, Gap, Incident, Window
from compass_core.errors import AmbiguousPlaceError, Reason, SourceError
from compass_core.identity import anywhere, several
from compass_core.ports import Changes, Clock, Logs, Metrics, Offload, Traces
from compass_core.readings import Change, Family, LogLine, Reading, Selection, Series, Span
from compass_core.redaction.entrance import RedactedTelemetry
from compass_core.redaction.redact import Redactor
from compass_core.signals.plan import DETAILS

T = TypeVar("T")

LASTING = frozenset({Reason.UNREACHABLE, Reason.TIMEOUT, Reason.UNAUTHORIZED, Reason.REQUEST_LIMIT, Reason.NOT_CONFIGURED})


class Absent:
    """A source that is not configured: whatever it is asked, it says so."""

    def __init__(self, product: str) -> None:
        self._product = product

    async def _refuse(self, *_question: object, **_more: object) -> NoReturn:
        raise SourceError(self._product, Reason.NOT_CONFIGURED, f"{self._product} is not configured")

    families = series = log_lines = log_counts = spans = changes = _refuse


@dataclass(frozen=True, slots=True)
class Sources:
    """What can be read."""

    metrics: Metrics = field(default_factory=lambda: Absent("Prometheus"))
    logs: Logs = field(default_factory=lambda: Absent("Loki"))
    traces: Traces = field(default_factory=lambda: Absent("Tempo"))
    changes: Changes = field(default_factory=lambda: Absent("Grafana"))
    keep_for: Callable[[int], None] = lambda _: None
    """Leaves a part of what may be asked for so many agents that are still to come."""
    further: Callable[[int], None] = lambda _: None
    """Allows so many requests beyond those that were sent."""


@dataclass(frozen=True, slots=True)
class Traced:
    """What the spans of window and baseline say; `spans` is the window's reading, with the gaps of both."""

    spans: Reading[Span]
    edges: tuple[Edge, ...]
    growths: tuple[Growth, ...]
    slow_throughout: tuple[Slowness, ...]
    failures: tuple[Failure, ...]
    detours: tuple[Detour, ...]


def _traced(window: Reading[Span], before: Reading[Span]) -> Traced:
    calls = traces(window.values, before.values)
    gaps = tuple(dict.fromkeys((*window.gaps, *before.gaps)))
    grown = changed(calls)
    return Traced(replace(window, gaps=gaps), edges(calls), growths(grown), slow_throughout(grown), failures(calls), detours(calls))


class View:
    """Readings of the sources, without their secrets.

    The same question is asked once. A source that is down, too slow or refuses us is not asked again in this
    investigation: each agent would only wait for the same answer.
    """

    def __init__(self, sources: Sources, offload: Offload, clock: Clock, redact: Redactor | None = None) -> None:
        self.offload = offload
        self._clock = clock
        self._times: Times | None = None
        self.environment: Environment = ()  # where the incident is
        self.hinted: Callable[[str], bool] = lambda _: False  # what is looked at first
        self.afar: tuple[Series, ...] = ()  # every service at a coarse step, once `times` are known
        self._abroad: frozenset[str] = frozenset()
        self._sources, self._telemetry = sources, RedactedTelemetry(redact or Redactor(), offload)
        self._answers: dict[Hashable, Reading[Any]] = {}
        self._asked: dict[Hashable, asyncio.Lock] = {}
        self._worked_out: dict[Hashable, Any] = {}
        self._down: dict[str, Gap] = {}
        self._silent = {"metrics", "logs", "traces"}
        self._late: set[str] = set()
        self._waiting: dict[Hashable, str] = {}
        self._began = False
        self.queries = 0  # that were sent

    async def times(self, incident: Incident) -> Times:
        """When to look; the same for all agents of the investigation, however long each takes."""
        self.environment, self.hinted = incident.environment, incident.hints_at
        async with self._asked.setdefault("times", asyncio.Lock()):
            if self._times is None:
                self._times, self.afar = await find_times(self, incident, self._clock())
        return self._times

    def asking(self) -> str:
        """The kind of telemetry that is waited for longest now, '' for none."""
        return next(iter(self._waiting.values()), "")

    def turn(self, agent: AgentName) -> None:
        """It is this agent's turn: it may ask again what the share of those before it did not allow, not what used up their time."""
        self._sources.keep_for(len(AgentName) - 1 - list(AgentName).index(agent))
        self._next()

    def tests(self, requests: int) -> None:
        """The agents are done: so many more requests may be sent."""
        self._sources.further(requests)
        self._next()

    def _next(self) -> None:
        for kind in self._late if self._began else ():
            self._down[kind] = Gap(source=kind, reason=Reason.TIMEOUT, detail=f"no {kind}: no answer before the time of an agent was up")
        self._began = True
        self._late.clear()
        self._down = {kind: gap for kind, gap in self._down.items() if gap.reason is not Reason.REQUEST_LIMIT}
        cut = [key for key, one in self._answers.items() if any(gap.reason is Reason.REQUEST_LIMIT for gap in one.gaps)]
        for key in cut:
            del self._answers[key]

    @property
    def silent(self) -> tuple[str, ...]:
        """The kinds of telemetry that have given nothing so far."""
        return tuple(sorted(self._silent))

    def follow(self, services: Collection[str]) -> None:
        """These are called from the incident's namespace and are not in it: they are read where they are, if that is one place."""
        self._abroad = frozenset(services) if anywhere(self.environment) != self.environment else frozenset()

    async def families(self, services: Sequence[str], names: Sequence[str], window: Window) -> Reading[Family]:
        """As `ports.Metrics.families`; never raises, as all of these.

        A family that is named is told with all its services, as they were in the first window for which it was asked.
        """
        home, abroad = (tuple(sorted({one for one in services if (one in self._abroad) is away})) for away in (False, True))
        own = await self._families(home, (), window, self.environment)
        guests, unclear = await self._guests(abroad, window)
        named = await self._families((), tuple(names), window, self.environment)
        gaps = [Gap(source="metrics", reason=Reason.NO_DATA, detail=str(AmbiguousPlaceError(*pair))) for pair in unclear.items()]
        held = {(one.name, one.service_label) for one in named.values}
        rest = (one for one in own.values if (one.name, one.service_label) not in held)
        foreign = (one for one in guests.values if not one.services & unclear.keys())
        values = (*named.values, *rest, *foreign)
        return Reading(values, tuple(dict.fromkeys((*own.gaps, *guests.gaps, *named.gaps, *gaps))), source=own.source or named.source)

    async def _guests(self, abroad: tuple[str, ...], window: Window) -> tuple[Reading[Family], dict[str, tuple[str, ...]]]:
        """The families of services of other namespaces, and those services that are in several places, with these."""
        guests = await self._families(abroad, (), window, anywhere(self.environment))
        return guests, {one: places for family in guests.values for one in abroad if (places := several(family.places.get(one, ())))}

    async def _families(
        self, services: tuple[str, ...], names: tuple[str, ...], window: Window, environment: Environment
    ) -> Reading[Family]:
        if not services and not names:
            return Reading()
        question, key = (services, names, window, environment, DETAILS), (services, names, None if names else window, environment)
        return await self._ask("metrics", self._sources.metrics.families, *question, key=key)

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        """As `ports.Metrics.series`; no selections need no request."""
        if not selections:
            return Reading()
        return await self._ask("metrics", self._sources.metrics.series, tuple(selections), window, step)

    async def log_lines(self, services: Sequence[str], window: Window, phrases: Sequence[str]) -> Reading[LogLine]:
        async def ask(these: tuple[str, ...], environment: Environment) -> Reading[LogLine]:
            return await self._ask("logs", self._sources.logs.log_lines, these, window, tuple(phrases), environment)

        return await self._logged(ask, tuple(services), window)

    async def log_counts(self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str]) -> Reading[Series]:
        async def ask(these: tuple[str, ...], environment: Environment) -> Reading[Series]:
            return await self._ask("logs", self._sources.logs.log_counts, these, window, step, tuple(phrases), environment)

        return await self._logged(ask, tuple(services), window)

    async def _logged(
        self, ask: Callable[[tuple[str, ...], Environment], Awaitable[Reading[T]]], services: tuple[str, ...], window: Window
    ) -> Reading[T]:
        """What is logged at home and, asked apart, by services of other namespaces, if each of these is in one place."""
        abroad = tuple(sorted(self._abroad.intersection(services)))
        home = tuple(one for one in services if one not in abroad)
        nothing: Reading[T] = Reading()
        own = await ask(home, self.environment) if home or not services else nothing
        if not abroad:
            return own
        _, unclear = await self._guests(abroad, self._times.all if self._times else window)
        clear = tuple(one for one in abroad if one not in unclear)
        guests = await ask(clear, anywhere(self.environment)) if clear else nothing
        gaps = tuple(dict.fromkeys((*own.gaps, *guests.gaps)))
        return replace(own, values=(*own.values, *guests.values), gaps=gaps, apart=dict.fromkeys(clear, guests))

    async def spans(self, services: Sequence[str], window: Window) -> Reading[Span]:
        return await self._ask("traces", self._sources.traces.spans, tuple(services), window, self.environment)

    async def traced(self, services: Sequence[str], times: Times) -> Traced:
        """What the spans of these services say, worked out once for all agents."""
        window, before = await self.spans(services, times.window), await self.spans(services, times.baseline)
        async with self._asked.setdefault("traced", asyncio.Lock()):
            key = (tuple(services), times)
            if key not in self._worked_out:
                self._worked_out[key] = await self.offload(partial(_traced, window, before))
        traced: Traced = self._worked_out[key]
        return traced

    async def changes(self, services: Sequence[str], window: Window) -> Reading[Change]:
        return await self._ask("changes", self._sources.changes.changes, tuple(services), window)

    async def _ask(
        self, kind: str, method: Callable[..., Awaitable[Reading[T]]], *question: Hashable, key: tuple[Hashable, ...] = ()
    ) -> Reading[T]:
        """What a source of this kind answers; what was asked under the same key, by default the question, is not asked again."""
        if kind in self._down:
            return Reading(gaps=(self._down[kind],))
        key = (kind, *(key or question))
        async with self._asked.setdefault(key, asyncio.Lock()):
            if key not in self._answers:
                self._waiting[key] = kind
                self.queries += 1
                try:
                    self._answers[key] = await self._telemetry.ask(method, *question)
                    if self._answers[key].values:
                        self._silent.discard(kind)
                except asyncio.CancelledError:
                    self._late.add(kind)
                    raise
                except SourceError as error:
                    gap = Gap(source=kind, reason=error.reason, detail=f"no {kind}: {error.detail}")
                    if error.reason in LASTING:
                        self._down[kind] = gap
                    self._answers[key] = Reading(gaps=(gap,))
                finally:
                    del self._waiting[key]
        answer: Reading[T] = self._answers[key]
        return answer
