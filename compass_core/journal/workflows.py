"""Investigations as workflows of DBOS Transact, which any process of Compass on the same database goes on with.

`accept` runs where it was asked for and opens the thread; `look` waits in a queue, so that several processes share the work and its
limits.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Protocol

from dbos import DBOS, SetWorkflowID

from compass_core.database import Steps
from compass_core.domain import Request
from compass_core.errors import CompassError, StoreError
from compass_core.journal.durable import PATIENCE_SECONDS, Durable
from compass_core.journal.watch import TICK_SECONDS, Processes, Watch

VERSION = "1"  # of the plot, for DBOS: work of any Compass is gone on with by any other
QUEUE = "investigations"
THREADS, POOL = 6, 8  # more would only take turns with the loop that acknowledges commands
NIGHTLY = "17 3 * * *"
GRADED_FOR = 86_400.0  # seconds in which an answer is looked at again


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


class Workflows:
    """The engine: launched once in a process. `most` may investigate at once in this process, `most_everywhere` in all together."""

    settle: ClassVar[float] = 300.0  # seconds after an answer until it is looked at again

    def __init__(self, url: str, processes: Processes, plot: Plot, most: int, most_everywhere: int) -> None:
        self._watch = Watch(processes)
        self.lease = self._watch.lease
        self._url, self._processes, self._plot = url, processes, plot
        self._most, self._most_everywhere = min(most, most_everywhere), most_everywhere
        self._asking: dict[str, list[CompassError]] = {}

    @asynccontextmanager
    async def launched(self) -> AsyncIterator[None]:
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
        # partial: DBOS writes on what it is given, and nobody can write on a method
        self._accept = DBOS.workflow(name="accept")(partial(self._accepting))
        self._look = DBOS.workflow(name="look", max_recovery_attempts=None)(partial(self._looking))
        self._grade = DBOS.workflow(name="grade", max_recovery_attempts=None)(partial(self._grading))
        forget = DBOS.workflow(name="forget")(partial(self._forgetting))
        await self._watch.begin()
        DBOS.launch()
        try:
            queue: dict[str, Any] = {"worker_concurrency": self._most, "global_concurrency": self._most_everywhere}
            await DBOS.register_queue_async(QUEUE, **queue, polling_interval_sec=TICK_SECONDS, on_conflict="always_update")
            await DBOS.apply_schedules_async([{"schedule_name": "forget", "workflow_fn": forget, "schedule": NIGHTLY}])
            async with self._watch.kept():
                for key in await self._plot.open():  # of a Compass that did not know workflows yet
                    if await DBOS.get_workflow_status_async(key) is None:
                        await self._end(key, "interrupted by an upgrade")
                yield
        finally:
            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

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
        if self._watch.cancel(key, why):
            return
        await self._processes.ask_to_stop(key, why)
        status = await DBOS.get_workflow_status_async(f"{key} look")
        if status is not None and status.status == "ENQUEUED":
            await DBOS.cancel_workflow_async(f"{key} look")
            await self._end(key, why)

    async def _end(self, key: str, why: str) -> None:
        with SetWorkflowID(f"{key} stop"):
            await DBOS.start_workflow_async(self._look, key, why)

    async def _accepting(self, key: str, text: str) -> None:
        request = Request.model_validate_json(text)
        with self._watch.running(key, key) as journal:
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

    async def _looking(self, key: str, stop: str) -> None:
        with self._watch.running(key, f"{key} stop" if stop else f"{key} look") as journal:
            await self._plot.look(key, journal, stop)
        if not stop:  # in a context of its own, for this is no step of the plot, of which nothing is left to do after a crash
            await asyncio.create_task(self._begin_grading(key), context=Context())

    async def _begin_grading(self, key: str) -> None:
        with suppress(Exception), SetWorkflowID(f"{key} grade"):  # without a database it is not graded
            await DBOS.start_workflow_async(self._grade, key)

    async def _grading(self, key: str) -> None:
        pause, passed, came = self.settle, 0.0, "open"
        while came != "done" and passed < GRADED_FOR:
            with self._watch.running(f"{key} grade", f"{key} grade") as journal:
                journal.doing = "pause"
                await DBOS.sleep_async(pause)
                passed += pause
                look = partial(self._plot.grade, key, first=passed == self.settle)
                with suppress(CompassError):  # another time
                    came = await journal.step(f"grade {passed:g}", look, str)
                pause *= 2 if came == "open" else 1

    async def _forgetting(self, _at: datetime, _context: Any) -> None:
        keys = await self._plot.forget()
        await DBOS.delete_workflows_async([f"{key}{part}" for key in keys for part in ("", " look", " stop", " grade")])
