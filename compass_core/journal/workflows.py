"""Investigations as workflows of DBOS Transact, which any process of Compass on the same database goes on with.

`accept` runs where it was asked for and opens the thread; `look` waits in a queue, so that several processes share the work and its
limits. Each process says every few seconds that it lives; what a dead one has left is taken over by the others. One that was only frozen
finds on waking that it may not act any more, before it posts anything.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Protocol

import structlog
from dbos import DBOS, SetWorkflowID

from compass_core.database import Steps
from compass_core.domain import Request
from compass_core.errors import CompassError, StoreError
from compass_core.journal.durable import PATIENCE_SECONDS, Durable, Lease

VERSION = "1"  # of the plot, for DBOS: work of any Compass is gone on with by any other
QUEUE = "investigations"
BEATS = 5  # in the time for which a process may be silent
TICK_SECONDS = 0.25  # also how soon a process hears that it shall stop an investigation
GRACE_SECONDS = 3.0  # for a post or a model's answer that is on its way when the process is told to end
THREADS, POOL = 6, 8  # more would only take turns with the loop that acknowledges commands
NIGHTLY = "17 3 * * *"
GRADED_FOR = 86_400.0  # seconds in which an answer is looked at again

log = structlog.get_logger()

Work = Callable[[str, str], Coroutine[Any, Any, None]]


class Plot(Protocol):
    """What is done in the workflows."""

    async def accept(self, key: str, request: Request, journal: Durable) -> object:
        """Begin the investigation with that id; raises `CompassError` where nothing was started."""

    async def look(self, key: str, journal: Durable, stop: str) -> None:
        """Investigate what was accepted; with `stop`, only tell that it ends, and why."""

    async def refuse(self, request: Request, why: str) -> None:
        """Tell who asked, since nobody waits for the answer any more."""

    async def forget(self) -> Collection[str]:
        """Delete what is older than it shall be kept; the ids of those investigations."""

    async def grade(self, key: str, *, first: bool) -> str:
        """Look whether an answer was right: `done`, or `open` where it is too early to say, or `fires` while its alert does."""

    async def open(self) -> Collection[str]:
        """The ids of the investigations that have not ended."""


class Processes(Protocol):
    """Which processes live, and which investigations shall end; all raise `StoreError`."""

    async def beat(self, process: str, lease: float) -> frozenset[str]: ...

    async def lives(self, process: str) -> bool: ...

    async def leave(self, process: str) -> None: ...

    async def ask_to_stop(self, investigation: str, why: str) -> None: ...

    async def to_stop(self, investigations: Collection[str]) -> dict[str, str]: ...


class Workflows:
    """The engine: launched once in a process. `most` may investigate at once in this process, `most_everywhere` in all together."""

    settle: ClassVar[float] = 300.0  # seconds after an answer until it is looked at again

    def __init__(self, url: str, processes: Processes, plot: Plot, most: int, most_everywhere: int) -> None:
        self.lease = Lease()
        self._url, self._processes, self._plot = url, processes, plot
        self._most, self._most_everywhere = min(most, most_everywhere), most_everywhere
        self._running: dict[asyncio.Task[Any], tuple[str, Durable]] = {}
        self._asking: dict[str, list[CompassError]] = {}
        self._beating: list[asyncio.Task[None]] = []
        self._living = frozenset[str]()
        self._given_up = False  # what ran here, to whoever goes on with it

    @asynccontextmanager
    async def launched(self) -> AsyncIterator[Workflows]:
        """Take work until the end of it, then hand over what runs."""
        DBOS(
            config={
                "name": "compass",
                "system_database_url": self._url,
                "application_version": VERSION,
                "executor_id": self.lease.process,
                "max_executor_threads": THREADS,
                "sys_db_pool_size": POOL,
                "db_engine_kwargs": {"connect_args": {"factory": Steps}} if self._url.startswith("sqlite") else None,
                "sys_db_idle_transaction_timeout_sec": self.lease.seconds / 2,  # one that was frozen must not hold locks for long
                "log_level": "CRITICAL",  # its errors may quote what was said; ours are logged here
                "use_listen_notify": False,
            }
        )
        self._accept = DBOS.workflow(name="accept")(self._accepting())
        self._look = DBOS.workflow(name="look", max_recovery_attempts=None)(self._looking())
        self._grade = DBOS.workflow(name="grade", max_recovery_attempts=None)(self._grading())
        forget = DBOS.workflow(name="forget")(self._forgetting())
        with _logged():  # before it can be given work: else others would take that for a dead one's
            await self._processes.beat(self.lease.process, self.lease.seconds)
        DBOS.launch()
        try:
            await DBOS.register_queue_async(
                QUEUE,
                worker_concurrency=self._most,
                global_concurrency=self._most_everywhere,
                polling_interval_sec=TICK_SECONDS,
                on_conflict="always_update",
            )
            await DBOS.apply_schedules_async([{"schedule_name": "forget", "workflow_fn": forget, "schedule": NIGHTLY}])
            self.lease.ticked = time.monotonic()
            self._beating = [asyncio.create_task(each()) for each in (self._tick, self._beat, self._mind)]
            for key in await self._plot.open():  # of a Compass that did not know workflows yet
                if await DBOS.get_workflow_status_async(key) is None:
                    await self._end(key, "interrupted by an upgrade")
            yield self
        finally:
            await self._hand_over()

    async def accept(self, key: str, request: Request) -> None:
        """Begin an investigation with that id, once; raises `CompassError` where nothing was started."""
        self._asking.setdefault(key, [])
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                with SetWorkflowID(key):
                    handle = await DBOS.start_workflow_async(self._accept, key, request.model_dump_json())
        except Exception as error:
            self._asking.pop(key, None)
            why = f"The database does not answer ({type(error).__name__})."
            raise StoreError(f"{why} If nothing appears here in a minute, nothing was started: try again.") from error
        await handle.get_result()
        for refused in self._asking.pop(key, ()):
            raise refused

    async def stop(self, key: str, why: str) -> None:
        """End it, wherever it runs or waits; it then tells its thread why."""
        if self._cancel(key, why):
            return
        await self._processes.ask_to_stop(key, why)
        status = await DBOS.get_workflow_status_async(f"{key} look")
        if status is not None and status.status == "ENQUEUED":
            await DBOS.cancel_workflow_async(f"{key} look")
            await self._end(key, why)

    async def _end(self, key: str, why: str) -> None:
        with SetWorkflowID(f"{key} stop"):
            await DBOS.start_workflow_async(self._look, key, why)

    def _accepting(self) -> Work:
        async def accept(key: str, text: str) -> None:
            request = Request.model_validate_json(text)
            with self._current(key, key) as journal:
                try:
                    await self._plot.accept(key, request, journal)
                except CompassError as error:
                    why = str(error)  # an error that is told where a person waits for it is not told again
                    if key in self._asking:
                        self._asking[key].append(error)
                    else:
                        await self._plot.refuse(request, why)
                    return
            with SetWorkflowID(f"{key} look"):
                await DBOS.enqueue_workflow_async(QUEUE, self._look, key, "")

        return accept

    def _looking(self) -> Work:
        async def look(key: str, stop: str) -> None:
            with self._current(key, f"{key} stop" if stop else f"{key} look") as journal:
                await self._plot.look(key, journal, stop)
            if not stop:  # in a context of its own, for this is no step of the plot, of which nothing is left to do after a crash
                await asyncio.create_task(self._begin_grading(key), context=Context())

        return look

    async def _begin_grading(self, key: str) -> None:
        with suppress(Exception), SetWorkflowID(f"{key} grade"):  # without a database it is not graded
            await DBOS.start_workflow_async(self._grade, key)

    def _grading(self) -> Callable[[str], Coroutine[Any, Any, None]]:
        async def grade(key: str) -> None:
            pause, passed, came = self.settle, 0.0, "open"
            while came != "done" and passed < GRADED_FOR:
                with self._current(f"{key} grade", f"{key} grade") as journal:
                    journal.doing = "pause"
                    await DBOS.sleep_async(pause)
                    passed += pause
                    look = partial(self._plot.grade, key, first=passed == self.settle)
                    with suppress(CompassError):  # another time
                        came = await journal.step(f"grade {passed:g}", look, str)
                    pause *= 2 if came == "open" else 1

        return grade

    def _forgetting(self) -> Callable[[datetime, Any], Coroutine[Any, Any, None]]:
        async def forget(_at: datetime, _context: Any) -> None:
            keys = await self._plot.forget()
            await DBOS.delete_workflows_async([f"{key}{part}" for key in keys for part in ("", " look", " stop", " grade")])

        return forget

    @contextmanager
    def _current(self, key: str, workflow: str) -> Iterator[Durable]:
        task, journal = asyncio.current_task(), Durable(self.lease, workflow)
        assert task is not None  # noqa: S101 - workflows run in tasks
        self._running[task] = key, journal
        try:
            yield journal
        finally:
            del self._running[task]

    async def _tick(self) -> None:
        """Notice that this process was frozen, before anything else goes on."""
        while True:
            if self.lease.lost:
                log.warning("process.was_frozen")
                self._given_up = True
                self._give_up()
            self.lease.ticked = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)

    async def _beat(self) -> None:
        """Say that this process lives, and nothing else: it must not wait for anything."""
        known = False
        while True:
            with _logged():
                gone = known and not await self._processes.lives(self.lease.process)
                self._living = await self._processes.beat(self.lease.process, self.lease.seconds)
                known = True
                if gone:
                    self._given_up = True
                    self._give_up()
            await asyncio.sleep(self.lease.seconds / BEATS)

    async def _mind(self) -> None:
        """End what shall end, and take over what the dead have left, or this process has given up."""
        minded = -math.inf
        while True:
            with _logged():
                if self._given_up or time.monotonic() - minded >= self.lease.seconds / BEATS:
                    minded = time.monotonic()
                    await self._take_over()
                for key, why in (await self._processes.to_stop([key for key, _ in self._running.values()])).items():
                    self._cancel(key, why)
            await asyncio.sleep(TICK_SECONDS)

    async def _take_over(self) -> None:
        mine, self._given_up = self._given_up, False
        try:
            if mine:  # the others must know first that it lives again
                self._living = await self._processes.beat(self.lease.process, self.lease.seconds)
            pending = await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
            unheard = {str(one.executor_id) for one in pending} - self._living - {self.lease.process}
            dead = {one for one in unheard if not await self._processes.lives(one)}  # it may have come since the last beat
            dead |= {self.lease.process} if mine else set()
            if dead and pending:
                log.info("work.taken_over", workflows=len([one for one in pending if one.executor_id in dead]))
                await asyncio.to_thread(DBOS._recover_pending_workflows, sorted(dead))  # noqa: SLF001 - the public way is a paid service
        except Exception:
            self._given_up |= mine
            raise

    def _cancel(self, key: str, why: str) -> bool:
        """Whether it runs here; it is cancelled once, so that it can tell its end undisturbed."""
        mine = [task for task, (running, _) in self._running.items() if running == key]
        for task in mine:
            if not task.cancelling():
                task.cancel(why)
        return bool(mine)

    def _give_up(self) -> None:
        for task, (_, journal) in self._running.items():
            journal.left = True
            task.cancel()

    async def _hand_over(self) -> None:
        """Let what is on its way arrive, leave the rest as it stands, and say that others may go on with it."""
        self.lease.ending = True
        for task in self._beating:  # which would take the end for a freeze, and cancel what is on its way
            task.cancel()
        for task, (_, journal) in self._running.items():
            if journal.doing.endswith((" findings", "pause")):  # free, and done again by whoever goes on
                journal.left = True
                task.cancel()
        if self._running:
            await asyncio.wait({*self._running}, timeout=GRACE_SECONDS)
            self._give_up()
            await asyncio.wait({*self._running, asyncio.create_task(asyncio.sleep(0))}, timeout=1.0)
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._processes.leave(self.lease.process)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


@contextmanager
def _logged() -> Iterator[None]:
    """Whatever fails for a while must not end the watch."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - as it says
        log.warning("watch.failed", error=type(error).__name__)
