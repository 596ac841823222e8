"""Where text comes in: what telemetry answers and what incidents say holds no secret behind here, and what is cut later was whole here."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from compass_core.domain import AgentName, Incident, Message
from compass_core.errors import CompassError, SourceError
from compass_core.ports import Incidents, Model, Offload, V
from compass_core.readings import Reading
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import asked, redacted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RedactedTelemetry:
    """What sources answer, and their errors, without secrets.

    They may be asked by the names that they answered: a name with a secret in it is asked by what telemetry calls it.
    """

    redact: Redactor
    offload: Offload
    clean: set[str] = field(default_factory=set)

    async def ask(self, method: Callable[..., Awaitable[Reading[T]]], *question: object) -> Reading[T]:
        """What a method of a source (`ports.Metrics`, `Logs`, `Traces` or `Changes`) answers to that."""
        with without_secrets(self.redact):
            reading = await method(*asked(question, self.redact))
        return await self.offload(partial(redacted, reading, self.redact, self.clean))


@dataclass(frozen=True, slots=True)
class RedactedIncidents:
    """`ports.Incidents` whose incidents, references and errors hold no secret."""

    of: Incidents
    redact: Redactor

    @property
    def place(self) -> str:
        return self.of.place

    async def find(self, reference: str) -> Incident | None:
        with without_secrets(self.redact):
            return redacted(await self.of.find(self.redact.raw(reference)), self.redact)

    async def known(self) -> tuple[str, ...]:
        with without_secrets(self.redact):
            return tuple(map(self.redact.name, await self.of.known()))


@dataclass(frozen=True, slots=True)
class RedactedModel:
    """`ports.Model` whose answers and errors hold no secret."""

    of: Model
    redact: Redactor

    @property
    def advice(self) -> str:
        return self.of.advice

    async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
        with without_secrets(self.redact):
            return redacted(await self.of.ask(agent, messages, shape), self.redact)


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
