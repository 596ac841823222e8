"""Where text comes in: what telemetry answers and what incidents say holds no secret behind here, and what is cut later was whole here."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from compass_core.domain import AgentName, Incident, Message
from compass_core.errors import CompassError, SourceError
from compass_core.ports import Incidents, Model, Offload, V
from compass_core.readings import Reading
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import asked, redacted

T = TypeVar("T")


class Telemetry:
    """What sources answer, and their errors, without secrets.

    They may be asked by the names that they answered: a name with a secret in it is asked by what telemetry calls it.
    """

    def __init__(self, redact: Redactor, offload: Offload) -> None:
        self._redact = redact
        self._offload = offload
        self._clean: set[str] = set()

    async def ask(self, method: Callable[..., Awaitable[Reading[T]]], *question: object) -> Reading[T]:
        """What a method of a source (`ports.Metrics`, `Logs`, `Traces` or `Changes`) answers to that."""
        with without_secrets(self._redact):
            reading = await method(*asked(question, self._redact))
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
