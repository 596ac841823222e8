"""What runs when its process is told to end, or somebody stops it, is disturbed once, and tells its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from compass_core.domain import Request
from compass_core.journal import watch, workflows
from compass_core.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from compass_core.journal.durable import Durable

SECONDS = 20.0


class Stopping:
    """Processes of which each look at what shall stop is counted, and says so again until the investigation has ended."""

    def __init__(self) -> None:
        self.stop, self.looks = "", 0

    async def beat(self, process: str, _lease: float) -> frozenset[str]:
        return frozenset({process})

    async def lives(self, _process: str) -> bool:
        return True

    async def leave(self, _process: str) -> None:
        return None

    async def ask_to_stop(self, _investigation: str, why: str) -> None:
        self.stop = why

    async def to_stop(self, investigations: Collection[str]) -> dict[str, str]:
        self.looks += 1
        return dict.fromkeys(investigations, self.stop) if self.stop else {}


GRADES = ["open", "fires", "done"]


class Play:
    """A plot of one step that waits, and of one that tells how it ended."""

    def __init__(self) -> None:
        self.begun, self.ended, self.settled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.graded: list[tuple[str, bool]] = []
        self.waits = self.tells = self.hang
        self.told: list[str] = []

    async def hang(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()

    async def accept(self, key: str, request: Request, journal: Durable) -> None: ...

    async def refuse(self, request: Request, why: str) -> None: ...

    async def forget(self) -> list[str]:
        return []

    async def grade(self, key: str, *, first: bool) -> str:
        self.graded.append((key, first))
        if len(self.graded) == len(GRADES):
            self.settled.set()
        return GRADES[len(self.graded) - 1]

    async def open(self) -> list[str]:
        return []

    async def look(self, _key: str, journal: Durable, _stop: str) -> None:
        try:
            await journal.step("post", self._wait)
        except asyncio.CancelledError as error:
            if journal.left:
                self.told.append("left")
                raise
            await self._end(str(error))
        finally:
            self.ended.set()

    async def _wait(self) -> None:
        await self.waits()
        self.told.append("posted")

    async def _end(self, why: str) -> None:
        try:
            await self.tells()
            self.told.append(why)
        except asyncio.CancelledError:
            self.told.append("disturbed")
            raise


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    store = Store(f"sqlite:///{tmp_path}/compass.db")
    yield store.url
    store.dispose()


async def rounds(count: int, so: Callable[[], bool]) -> None:
    """Let everything else go on until it is so, and then that many times more."""
    async with asyncio.timeout(SECONDS):
        while not so() or (count := count - 1) > 0:  # noqa: ASYNC110 - what it waits for sets no events
            await asyncio.sleep(0)


async def test_a_post_that_is_on_its_way_when_the_process_is_told_to_end_arrives(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    engine = workflows.Workflows(url, Stopping(), play, 5, 5)

    async def slowly() -> None:
        monkeypatch.setattr(watch, "TICK_SECONDS", 0)  # from now on the watch looks at each turn of the loop
        before = engine.lease.ticked
        await rounds(1, lambda: engine.lease.ticked > before)
        play.begun.set()
        await rounds(50, lambda: engine.lease.ending)

    play.waits = slowly
    async with engine.launched():
        await engine.accept("run-1", Request(reference="INC-1"))
        await asyncio.wait_for(play.begun.wait(), SECONDS)
    assert play.told == ["posted"]


async def test_what_a_process_that_was_frozen_has_given_up_it_goes_on_with_where_nobody_else_does(url: str) -> None:
    play = Play()
    engine = workflows.Workflows(url, Stopping(), play, 5, 5)
    async with engine.launched():
        await engine.accept("run-1", Request(reference="INC-1"))
        await asyncio.wait_for(play.begun.wait(), SECONDS)
        play.begun.clear()
        engine.lease.ticked -= 2 * engine.lease.seconds
        await asyncio.wait_for(play.begun.wait(), SECONDS)
        assert play.told == ["left"]


async def test_what_is_stopped_is_told_so_once_however_long_it_takes_to_tell_its_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "TICK_SECONDS", 0.01)
    play, processes = Play(), Stopping()
    engine = workflows.Workflows(url, processes, play, 5, 5)

    async def slowly() -> None:
        seen = processes.looks
        await rounds(1, lambda: processes.looks > seen + 2)

    play.tells = slowly
    async with engine.launched():
        await engine.accept("run-1", Request(reference="INC-1"))
        await asyncio.wait_for(play.begun.wait(), SECONDS)
        processes.stop = "stopped by alex"
        await asyncio.wait_for(play.ended.wait(), SECONDS)
    assert play.told == ["stopped by alex"]


async def test_an_answer_is_looked_at_again_until_it_is_graded(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows.Workflows, "settle", 0.01)
    play = Play()
    engine = workflows.Workflows(url, Stopping(), play, 5, 5)

    async def at_once() -> None: ...

    play.waits = at_once
    async with engine.launched():
        await engine.accept("run-1", Request(reference="INC-1"))
        await asyncio.wait_for(play.settled.wait(), SECONDS)
        await rounds(50, lambda: not engine._watch._running)
    assert play.graded == [("run-1", True), ("run-1", False), ("run-1", False)]
