"""Where text comes in: what telemetry answers and what incidents say holds no secret behind here, and what is cut later was whole here."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from compass_core.domain import AgentName, Environment, Incident, Message, Window
from compass_core.errors import CompassError, SourceError
from compass_core.ports import Changes, Incidents, Logs, Metrics, Model, Offload, Traces, V
from compass_core.readings import Change, Family, LogLine, Reading, Selection, Series, Span
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import asked, redacted

T = TypeVar("T")


class Telemetry:
    """`ports.Metrics`, `Logs`, `Traces` and `Changes` whose answers and errors hold no secret.

    They may be asked by the names that they answered: a name with a secret in it is asked by what telemetry calls it.
    """

    def __init__(self, sources: tuple[Metrics, Logs, Traces, Changes], redact: Redactor, offload: Offload) -> None:
        self._metrics, self._logs, self._traces, self._changes = sources
        self._redact = redact
        self._offload = offload
        self._clean: set[str] = set()

    async def families(
        self, services: Sequence[str], names: Sequence[str], window: Window, environment: Environment = (), details: Sequence[str] = ()
    ) -> Reading[Family]:
        return await self._entered(self._metrics.families(self._raw(services), self._raw(names), window, self._raw(environment), details))

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        return await self._entered(self._metrics.series(self._raw(selections), window, step))

    async def log_lines(
        self, services: Sequence[str], window: Window, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[LogLine]:
        return await self._entered(self._logs.log_lines(self._raw(services), window, phrases, self._raw(environment)))

    async def log_counts(
        self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[Series]:
        return await self._entered(self._logs.log_counts(self._raw(services), window, step, phrases, self._raw(environment)))

    async def spans(self, services: Sequence[str], window: Window, environment: Environment = ()) -> Reading[Span]:
        return await self._entered(self._traces.spans(self._raw(services), window, self._raw(environment)))

    async def changes(self, services: Sequence[str], window: Window) -> Reading[Change]:
        return await self._entered(self._changes.changes(self._raw(services), window))

    def _raw(self, names: Sequence[T]) -> tuple[T, ...]:
        return asked(tuple(names), self._redact)

    async def _entered(self, answer: Awaitable[Reading[T]]) -> Reading[T]:
        with without_secrets(self._redact):
            reading = await answer
        return await self._offload(partial(redacted, reading, self._redact, self._clean))


class Place:
    """`ports.Incidents` whose incidents, references and errors hold no secret."""

    def __init__(self, place: Incidents, redact: Redactor) -> None:
        self._place = place
        self._redact = redact

    @property
    def place(self) -> str:
        return self._place.place

    async def find(self, reference: str) -> Incident | None:
        with without_secrets(self._redact):
            return redacted(await self._place.find(self._redact.raw(reference)), self._redact)

    async def known(self) -> tuple[str, ...]:
        with without_secrets(self._redact):
            return tuple(map(self._redact.name, await self._place.known()))


class Words:
    """`ports.Model` whose answers and errors hold no secret."""

    def __init__(self, model: Model, redact: Redactor) -> None:
        self._model = model
        self._redact = redact

    @property
    def advice(self) -> str:
        return self._model.advice

    async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
        with without_secrets(self._redact):
            return redacted(await self._model.ask(agent, messages, shape), self._redact)


@contextmanager
def without_secrets(redact: Redactor) -> Iterator[None]:
    """What is raised within says nothing secret."""
    try:
        yield
    except CompassError as error:
        error.args = tuple(redact(text) for text in error.args)
        if isinstance(error, SourceError):
            error.detail = redact(error.detail)
        raise
