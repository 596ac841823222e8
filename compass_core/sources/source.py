"""What the live sources share: they ask one backend, often for several things at once, and link to what they asked."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from compass_core.domain import Window
from compass_core.errors import SourceError
from compass_core.sources.http import Linker, Reader

T = TypeVar("T")


class Source:
    """A client of one backend, for one investigation. `link` shows a query, where something can."""

    def __init__(self, reader: Reader, link: Linker | None = None) -> None:
        self._reader = reader
        self._link = link

    async def _linked(self, query: str, window: Window) -> str | None:
        return await self._link(query, window) if self._link else None


def parted(answers: Sequence[T | SourceError]) -> tuple[list[T], list[SourceError]]:
    """What succeeded and what failed; raises the first failure where nothing succeeded."""
    errors = [answer for answer in answers if isinstance(answer, SourceError)]
    if errors and len(errors) == len(answers):
        raise errors[0]
    return [answer for answer in answers if not isinstance(answer, SourceError)], errors


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them return, in their order."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]
