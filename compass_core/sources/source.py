"""What the live sources share: they ask, parse the answer off the event loop, and say what is missing from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from compass_core.domain import Gap
from compass_core.errors import Reason, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from compass_core.domain import Window
    from compass_core.ports import Offload
    from compass_core.sources.http import Linker, Reader

T = TypeVar("T")


class Source:
    """A client of one backend, for one investigation. `link` shows a query, where something can."""

    def __init__(self, reader: Reader, offload: Offload, link: Linker | None = None) -> None:
        self._reader = reader
        self._offload = offload
        self._link = link
        self._name = reader.name

    async def _ask(
        self,
        path: str,
        parse: Callable[[Any], T],
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = {},
        *,
        form: bool = False,
    ) -> T:
        """What `parse` makes of the answer; raises only `SourceError`."""
        return await self._reader.ask(path, parse, params, headers, form=form)

    async def _try(
        self, path: str, parse: Callable[[Any], T], params: Sequence[tuple[str, str]] = (), *, form: bool = False
    ) -> T | SourceError:
        """As `_ask`, with a failure as a value, since others may succeed."""
        try:
            return await self._ask(path, parse, params, form=form)
        except SourceError as error:
            return error

    async def _linked(self, query: str, window: Window) -> str | None:
        return await self._link(query, window) if self._link else None

    def _gap(self, reason: Reason, detail: str) -> Gap:
        return Gap(source=self._name, reason=reason, detail=detail)


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
