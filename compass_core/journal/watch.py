"""The watch over the processes of Compass on one database: each says every few seconds that it lives.

What a dead one has left is taken over by the others. One that was only frozen finds on waking that it may not act any more, before it
posts anything.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol

import structlog
from dbos import DBOS

from compass_core.errors import StoreError
from compass_core.journal.durable import Durable, Lease

BEATS = 5  # in the time for which a process may be silent
TICK_SECONDS = 0.25  # also how soon a process hears that it shall stop an investigation
GRACE_SECONDS = 3.0  # for a post or a model's answer that is on its way when the process is told to end

log = structlog.get_logger()


class Processes(Protocol):
    """Which processes live, and which investigations shall end; all raise `StoreError`."""

    async def beat(self, process: str, lease: float) -> frozenset[str]: ...
    async def lives(self, process: str) -> bool: ...
    async def leave(self, process: str) -> None: ...
    async def ask_to_stop(self, investigation: str, why: str) -> None: ...
    async def to_stop(self, investigations: Collection[str]) -> dict[str, str]: ...


class Watch:
    """Over what runs in this process, and over the other processes."""

    def __init__(self, processes: Processes) -> None:
        self.lease = Lease()
        self._processes = processes
        self._running: dict[asyncio.Task[Any], tuple[str, Durable]] = {}
        self._living = frozenset[str]()
        self._given_up = False  # what ran here, to whoever goes on with it

    @contextmanager
    def running(self, key: str, workflow: str) -> Iterator[Durable]:
        """The journal of a workflow while this task runs it; `cancel` finds it by the key."""
        task, journal = asyncio.current_task(), Durable(self.lease, workflow)
        assert task is not None  # noqa: S101 - workflows run in tasks
        self._running[task] = key, journal
        try:
            yield journal
        finally:
            del self._running[task]

    def cancel(self, key: str, why: str) -> bool:
        """Whether it runs here; it is cancelled once, so that it can tell its end undisturbed."""
        mine = [task for task, (running, _) in self._running.items() if running == key]
        for task in mine:
            if not task.cancelling():
                task.cancel(why)
        return bool(mine)

    async def begin(self) -> None:
        """Say that this process lives, before it can be given work: else others would take that for a dead one's."""
        with _logged():
            await self._processes.beat(self.lease.process, self.lease.seconds)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Until the end of it; then what is on its way arrives, the rest stands as it is, and others may go on with it."""
        self.lease.ticked = time.monotonic()
        watching = [asyncio.create_task(each()) for each in (self._tick, self._beat, self._mind)]
        try:
            yield
        finally:
            self.lease.ending = True
            for task in watching:  # which would take the end for a freeze, and cancel what is on its way
                task.cancel()
            await self._hand_over()

    async def _tick(self) -> None:
        """Notice that this process was frozen, before anything else goes on."""
        while True:
            if self.lease.lost:
                log.warning("process.was_frozen")
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
                    self.cancel(key, why)
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

    def _give_up(self) -> None:
        """What runs here ends without a word, for whoever goes on with it."""
        self._given_up = True
        for task, (_, journal) in self._running.items():
            journal.leave()
            task.cancel()

    async def _hand_over(self) -> None:
        for task, (_, journal) in self._running.items():
            if journal.doing.endswith((" findings", "pause")):  # free, and done again by whoever goes on
                journal.leave()
                task.cancel()
        if self._running:
            await asyncio.wait({*self._running}, timeout=GRACE_SECONDS)
            self._give_up()
            await asyncio.wait({*self._running, asyncio.create_task(asyncio.sleep(0))}, timeout=1.0)
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._processes.leave(self.lease.process)


@contextmanager
def _logged() -> Iterator[None]:
    """Whatever fails for a while must not end the watch."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - as it says
        log.warning("watch.failed", error=type(error).__name__)
