"""Steps of an investigation that ends with its process, and how every step is watched."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from compass_core import conventions

T = TypeVar("T")


class InProcess:
    """The `Journal` of an investigation that ends with its process; every step is a span `step <name>` and a debug event."""

    left = False

    async def step(self, name: str, action: Callable[[], Awaitable[T]], _shape: Any = None) -> T:
        """Await `action` and give back what it returned; what it raises passes through."""
        with watched(name):
            return await action()


@contextmanager
def watched(name: str) -> Iterator[None]:
    """A span and a debug event with its seconds; neither holds the text of an error."""
    begun = time.perf_counter()
    try:
        with conventions.span(f"step {name}"):
            yield
    finally:
        structlog.get_logger().debug("step.finished", step=name, seconds=round(time.perf_counter() - begun, 3))
