"""What the core needs from outside: protocols of one or two methods, in the core's words.

Every method that reads telemetry raises `SourceError` when nothing could be read; what is missing from an answer
that was otherwise good is a `Gap` in its `Reading`. Where an environment is given, what says of itself that it is in another is not read.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from compass_core.domain import (
    AgentName,
    Conclusion,
    Environment,
    Feedback,
    Incident,
    Investigation,
    Message,
    Moment,
    Post,
    Run,
    Tried,
    Window,
)
from compass_core.readings import Change, Family, LogLine, Reading, Selection, Series, Span

T = TypeVar("T")
V = TypeVar("V", bound="BaseModel")
Tester = Callable[[Incident, Sequence[Run], float], Awaitable[tuple[Tried, ...]]]
"""Tries to prove the leading hypotheses wrong within so many seconds, by telemetry alone: free of charge."""
Clock = Callable[[], datetime]
"""What time it is, in aware UTC."""


class Metrics(Protocol):
    async def families(
        self, services: Sequence[str], names: Sequence[str], window: Window, environment: Environment = (), details: Sequence[str] = ()
    ) -> Reading[Family]:
        """Which families exist for these services, or, whatever their service, with these names (`*` at the end: any ending).

        With `details` those with names are told without other labels than these, which costs little where there are many series.
        """

    async def series(self, selections: Sequence[Selection], window: Window, step: float) -> Reading[Series]:
        """The points of all selections at `start + k·step`; one request serves many selections."""


class Logs(Protocol):
    async def log_lines(
        self, services: Sequence[str], window: Window, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[LogLine]:
        """Lines of these services, ascending in time, that hold one of the phrases (none given: every line).

        A phrase is found in any case, and `#` in it is any digit. Where a source cuts the answer, the lines that are kept are spread or
        newest, and a gap says so.
        """

    async def log_counts(
        self, services: Sequence[str], window: Window, step: float, phrases: Sequence[str], environment: Environment = ()
    ) -> Reading[Series]:
        """How many such lines each service wrote in each step; where none is named, everyone who writes."""


class Traces(Protocol):
    async def spans(self, services: Sequence[str], window: Window, environment: Environment = ()) -> Reading[Span]:
        """Spans of whole traces that touch these services: failing and slow ones first, then others, within a cap."""


class Changes(Protocol):
    """Deploys, configuration and scale events."""

    async def changes(self, services: Sequence[str], window: Window) -> Reading[Change]:
        """What was changed in that window; an event that names no service has the service ''."""


class Incidents(Protocol):
    """One place where incidents are known."""

    @property
    def place(self) -> str:
        """What a person calls it: `declared incidents`, `Alertmanager`."""

    async def find(self, reference: str) -> Incident | None:
        """The incident, or None; raises `SourceError` when the place does not answer, `AmbiguousIncidentError` when it must ask."""

    async def known(self) -> tuple[str, ...]:
        """References that `find` would take now, for a hint at near misses."""


class Names(Protocol):
    """Which things telemetry knows."""

    async def check(self, incident: Incident) -> None:
        """Raises `UnknownNameError` where every source that could be asked knows others, and nothing of what the incident is about.

        Raises `AmbiguousPlaceError` where it runs in several environments, and nobody said in which.
        """


class Investigations(Protocol):
    """Where investigations are kept while they run and after."""

    async def opened(self, investigation: Investigation) -> tuple[Investigation, int]:
        """Keep it as running, once; what is kept, and how many others run.

        Raises `AlreadyRunningError` when another runs for the same incident and channel.
        """

    async def closed(self, conclusion: Conclusion) -> None:
        """Keep how it ended; the first end stays."""


class History(Protocol):
    """What was kept of investigations, for buttons, `status` and `history`."""

    async def investigation(self, investigation: str) -> Investigation | None:
        """One investigation by its id."""

    async def conclusion(self, investigation: str) -> Conclusion | None:
        """How one ended, with all that was found; None while it runs."""

    async def running(self) -> tuple[Investigation, ...]:
        """Those that were opened and not closed."""

    async def recent(self, count: int) -> tuple[Conclusion, ...]:
        """The last that ended, newest first, without their runs, and with the first hypothesis alone."""

    async def costs(self, investigations: Collection[str]) -> Mapping[str, Mapping[AgentName, Decimal]]:
        """What each of these took so far, also for questions that were asked later, by agent, in US dollars."""

    async def answered(self, feedback: Feedback) -> bool:
        """Keep what a person says of a hypothesis, in place of what they said before; whether that is something else."""

    async def in_thread(self, channel: str, ts: str) -> tuple[str, ...]:
        """The ids of those that speak below this message, or in it, the newest first."""


class Outbox(Protocol):
    """Which messages were posted: one per investigation and step, ever."""

    async def posted(self, investigation: str, step: str) -> Post | None:
        """The message of that step, if it was posted."""

    async def claim(self, post: Post) -> Post | None:
        """Keep, before it is posted, that it will be; what is there already of that step stays, and is given back."""

    async def record(self, post: Post) -> None:
        """Keep where it was posted."""


class Thread(Protocol):
    """Where an investigation speaks. Each call posts at most once per investigation; raises `ThreadError`."""

    async def opened(self, investigation: Investigation) -> None: ...

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        """Where it is now; told again and again, so that none of it matters: where it cannot be shown at once, it is not."""

    async def agent_finished(self, investigation: Investigation, run: Run, spent: Decimal) -> None:
        """What one agent saw and thinks, and the cost so far."""

    async def concluded(self, conclusion: Conclusion) -> None:
        """The final message."""


class Answering(Thread, Protocol):
    """A thread in which somebody asks from afar, and may wait longer than the process lives."""

    async def refused(self, asker: str, why: str) -> None:
        """Tell who asked that nothing was started."""

    async def say(self, investigation: Investigation, step: str, line: str) -> None:
        """One short line more, once for each step."""


class Journal(Protocol):
    """Named steps: what was found, thought or paid before a crash is not done again after it."""

    @property
    def left(self) -> bool:
        """Whether another process goes on with the investigation: this one must do and say nothing more."""

    async def step(self, name: str, action: Callable[[], Awaitable[T]], shape: Any = None) -> T:
        """Do it, under a name that is unique within the investigation, or give what it gave before, which has that shape.

        Without a shape nothing is kept: such a step may be repeated, for what it does is done once by itself.
        """


class Offload(Protocol):
    """Runs work that computes off the event loop."""

    async def __call__(self, work: Callable[[], T]) -> T: ...


class Model(Protocol):
    """A language model that is paid from the investigation's budget."""

    @property
    def advice(self) -> str:
        """Which setting a person should change so that the server is asked as it can answer; '' for none."""

    async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
        """Its answer in that shape, which forbids extra fields and has no defaults.

        Raises `BudgetExceededError` before a call that does not fit, and `ModelError` when there is no usable answer.
        """
