"""What the database does not take is held in memory and written later, so that an investigation goes on without it.

Money is not: what cannot be written into the ledger before a call is not spent. What is known of a bill is written later, as
all the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import NamedTuple, Protocol

import structlog

from compass_core.budget import Attempt, Bill, Caps, Ledger
from compass_core.domain import Conclusion, Investigation, Post
from compass_core.errors import AlreadyRunningError, CompassError, StoreError
from compass_core.ports import Investigations, Outbox

RETRY_SECONDS = 5.0

log = structlog.get_logger()


class Store(Investigations, Outbox, Ledger, Protocol):
    """What writes at once, or raises `StoreError`."""


class Late(NamedTuple):
    """What is not written yet. What has the same key is written in its order."""

    key: str
    write: Callable[[], Awaitable[None]]


class Buffer:
    """`Investigations`, `Outbox` and `Ledger` over a store that may fail for a while. Only `reserve` and `attempts` raise `StoreError`."""

    def __init__(self, store: Store, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._store = store
        self._pause = pause
        self._running: dict[str, str] = {}  # investigations of this process, by their incidents
        self._posts: dict[tuple[str, str], Post] = {}
        self._late: list[Late] = []
        self._down = False
        self._why = ""  # it failed last
        self._catching_up: asyncio.Task[None] | None = None

    async def opened(self, investigation: Investigation) -> None:
        incident = investigation.incident.id
        if self._running.setdefault(incident, investigation.id) != investigation.id:
            raise AlreadyRunningError(incident, self._running[incident])
        writing = asyncio.ensure_future(self._write(investigation.id, lambda: self._store.opened(investigation)))
        try:
            await asyncio.shield(writing)
        except AlreadyRunningError:  # in another process
            del self._running[incident]
            raise
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # a thread cannot be cancelled; who closes it then finds its row
            raise
        open_ = {*self._running.values(), *(late.key.removeprefix("posts of ") for late in self._late)}
        self._posts = {key: post for key, post in self._posts.items() if key[0] in open_}

    async def closed(self, conclusion: Conclusion) -> str:
        key, kept = conclusion.investigation.id, conclusion.model_copy(update={"runs": (), "hypotheses": ()})
        if self._running.get(conclusion.investigation.incident.id) == key:
            del self._running[conclusion.investigation.incident.id]

        async def close() -> None:
            await self._store.closed(kept)

        await self._write(key, close)
        return self._why if any(late.key in {key, f"posts of {key}"} for late in self._late) else ""

    async def posted(self, investigation: str, step: str) -> Post | None:
        """As `ports.Outbox.posted`; where the database does not tell, what this process has posted."""
        post = self._posts.get((investigation, step))
        if post is None and not self._down:
            try:
                post = await self._store.posted(investigation, step)
            except StoreError as error:
                self._fails(error)
        return post

    async def record(self, post: Post) -> None:
        self._posts[post.investigation, post.step] = post
        await self._write(f"posts of {post.investigation}", lambda: self._store.record(post))

    async def reserve(self, attempt: Attempt, caps: Caps) -> int:
        """As `budget.Ledger.reserve`; raises `StoreError` at once while nothing can be written."""
        if self._down:
            raise StoreError(self._why)
        return await self._store.reserve(attempt, caps)

    async def close(self, number: int, bill: Bill, amount: Decimal) -> None:
        await self._write(f"attempt {number}", lambda: self._store.close(number, bill, amount))

    async def attempts(self, investigation: str) -> tuple[Attempt, ...]:
        return await self._store.attempts(investigation)

    async def drain(self) -> None:
        """Try once more to write what is late; what cannot be written then is lost, and counted in the log."""
        if self._catching_up:
            self._catching_up.cancel()
            await asyncio.wait([self._catching_up])
        await self._write_late()
        if self._late:
            log.error("database.lost", writes=len(self._late), reason=self._why)

    async def _write(self, key: str, write: Callable[[], Awaitable[None]]) -> None:
        if not self._down and all(late.key != key for late in self._late):
            try:
                return await write()
            except StoreError as error:
                self._fails(error)
        self._late.append(Late(key, write))
        return None

    def _fails(self, error: StoreError) -> None:
        self._down, self._why = True, str(error)
        log.warning("database.fails", reason=self._why)
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._catch_up())

    async def _catch_up(self) -> None:
        while self._down or self._late:
            await self._pause(RETRY_SECONDS)
            await self._write_late()

    async def _write_late(self) -> None:
        stuck = set()
        for each in tuple(self._late):
            try:
                if each.key not in stuck:
                    await each.write()
                    self._late.remove(each)
            except StoreError as error:
                stuck.add(each.key)
                self._why = str(error)
            except CompassError as refused:  # another process investigates the same incident by now
                log.warning("database.refused", reason=str(refused))
                self._late.remove(each)
        self._down = bool(stuck) and not await self._answers()

    async def _answers(self) -> bool:
        """Whether it does anything: then only some of it fails, as a table that is gone, and the rest can be written at once."""
        try:
            await self._store.attempts("")
        except StoreError:
            return False
        return True


class Unkept:
    """`ports.Investigations` for a terminal: whoever started the investigation sees it end."""

    async def opened(self, investigation: Investigation) -> None:
        pass

    async def closed(self, conclusion: Conclusion) -> str:  # noqa: ARG002 - the port's
        return ""
