"""Steps that are not done twice, and who may do them.

When the database fails in the middle, an investigation goes on without being written down: it tells everything, once.
"""

import asyncio
import contextvars
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import structlog
from dbos import DBOS
from dbos import error as failures
from pydantic import TypeAdapter

from compass_core.domain import Post
from compass_core.journal.steps import watched
from compass_core.ports import Outbox

T = TypeVar("T")

PATIENCE_SECONDS = 10.0  # with the database, in the middle of an investigation
IMPATIENCE_SECONDS = 0.5  # once it has failed

log = structlog.get_logger()


class Lease:
    """Whether this process may act: it ticks while it runs, and may not once others take it for dead, or when it is told to end."""

    seconds: ClassVar[float] = 10.0

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex
        self.ending = False
        self.ticked = time.monotonic()

    @property
    def lost(self) -> bool:
        """Whether it may not: then whoever goes on with its work may already be at it."""
        return self.ending or time.monotonic() - self.ticked > self.seconds


class Fenced(NamedTuple):
    """`ports.Outbox` that lets nothing be posted by a process that was frozen since it asked."""

    outbox: Outbox
    lease: Lease

    async def posted(self, investigation: str, step: str) -> Post | None:
        return await self.outbox.posted(investigation, step)

    async def claim(self, post: Post) -> Post | None:
        try:
            return await self.outbox.claim(post)
        finally:
            if self.lease.lost:
                raise asyncio.CancelledError

    async def record(self, post: Post) -> None:
        await self.outbox.record(post)


class Durable:
    """The `Journal` of one run of a workflow: a step that succeeded is checkpointed; one that failed is tried again after a crash."""

    def __init__(self, lease: Lease, workflow: str) -> None:
        self.doing = ""
        self._lease = lease
        self._left = False
        self._workflow = workflow
        self.patience = PATIENCE_SECONDS  # with the database
        self._by_name: dict[str, str] | None = None

    @property
    def left(self) -> bool:
        """As `ports.Journal.left`: from when this process may not act any more, whoever notices that first."""
        return self._left or self._lease.lost

    def leave(self) -> None:
        """To another process, for good."""
        self._left = True

    async def step(self, name: str, action: Callable[[], Awaitable[T]], shape: Any = None) -> T:
        """As `ports.Journal.step`; raises `CancelledError` where this process may not act any more."""
        if self.left:
            self.leave()
            raise asyncio.CancelledError
        self.doing = name
        with watched(name):
            if shape is None:
                return await action()
            adapter: TypeAdapter[T] = TypeAdapter(shape)
            if self._by_name is None:
                return await _Step(name, action, adapter).done(self)
            output = self._by_name.get(name)
            return await action() if output is None else adapter.validate_json(output)

    async def upgraded(self) -> None:
        """The plot of another version went another way so far: from here on go by the names of its steps."""
        log.warning("investigation.upgraded", workflow=self._workflow)
        outside = contextvars.Context()  # of the workflow: to look at its steps would be a step of it
        steps = await asyncio.create_task(DBOS.list_workflow_steps_async(self._workflow), context=outside)
        self._by_name = {step["function_name"]: step["output"] for step in steps if isinstance(step["output"], str)}

    def fails(self, error: object) -> None:
        """The database does not take it: do not wait long for it again until it does."""
        log.warning("journal.fails", workflow=self._workflow, step=self.doing, error=type(error).__name__)
        self.patience = IMPATIENCE_SECONDS


class _Step(Generic[T]):
    """One step under DBOS. The database may fail at each point of it; what was done is then done, and given."""

    def __init__(self, name: str, action: Callable[[], Awaitable[T]], shape: TypeAdapter[T]) -> None:
        self._name, self._action, self._shape = name, action, shape
        self._given: list[T] = []
        self._failed: list[Exception] = []
        self._begun, self._acted = asyncio.Event(), asyncio.Event()

    async def done(self, journal: Durable) -> T:
        work = asyncio.create_task(DBOS.run_step_async({"name": self._name}, self._once))
        try:
            await _first(work, self._begun, journal.patience)
            if not self._begun.is_set() and not work.done():
                work.cancel()  # or it would be done twice, once the database answers
                journal.fails(TimeoutError())
                return await self._action()
            await _first(work, self._acted, None)
            if not work.done():
                await asyncio.wait({work}, timeout=journal.patience)
            return await self._result(work, journal)
        finally:
            if not self._given:
                work.cancel()

    async def _once(self) -> str:
        self._begun.set()
        try:
            self._given.append(await self._action())
        except Exception as error:
            self._failed.append(error)
            raise asyncio.CancelledError from error  # which DBOS does not keep
        finally:
            self._acted.set()
        return self._shape.dump_json(self._given[0]).decode()

    async def _result(self, work: asyncio.Task[str], journal: Durable) -> T:
        if self._failed:
            raise self._failed[0]
        if not work.done():
            journal.fails(TimeoutError())
            work.add_done_callback(lambda late: late.cancelled() or late.exception())
        elif work.cancelled():
            raise asyncio.CancelledError
        elif isinstance(error := work.exception(), failures.DBOSWorkflowConflictIDError):
            journal.leave()
            raise asyncio.CancelledError from error
        elif isinstance(error, failures.DBOSUnexpectedStepError):
            await journal.upgraded()
            return await journal.step(self._name, self._action, self._shape._type)  # noqa: SLF001 - what it was made of
        elif error is not None:
            journal.fails(error)
        else:
            journal.patience = PATIENCE_SECONDS
            return self._given[0] if self._given else self._shape.validate_json(work.result())
        return self._given[0] if self._given else await self._action()


async def _first(work: asyncio.Task[Any], event: asyncio.Event, seconds: float | None) -> None:
    """Return when one of them is done, or so many seconds have passed."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({work, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
