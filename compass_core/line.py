"""Who may investigate now: so many at once in a process, the rest wait in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_RUNNING = 20


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A place in the line: `place` is 0 for one that need not wait, else where it stood when it came; `come` is set when it may begin."""

    place: int
    come: asyncio.Event = field(default_factory=asyncio.Event)


class Line:
    """One for all investigations of a process."""

    def __init__(self, most: int = MOST_RUNNING) -> None:
        self._most = most
        self._turns: list[Turn] = []

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """A place at the end, given up at the end of the block, whether its turn had come or not."""
        turn = Turn(max(0, len(self._turns) + 1 - self._most))
        self._turns.append(turn)
        self._call()
        try:
            yield turn
        finally:
            self._turns.remove(turn)
            self._call()

    def _call(self) -> None:
        for turn in self._turns[: self._most]:
            turn.come.set()
