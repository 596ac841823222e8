"""Steps that run in this process and are not kept: a killed investigation is reported, not resumed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import structlog
from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class InProcess:
    """The `Journal` of one process; every step is a span `step <name>` and a debug event with its seconds."""

    async def step(self, name: str, action: Callable[[], Awaitable[T]]) -> T:
        """Await `action` and give back what it returned; what it raises passes through."""
        begun = time.perf_counter()
        try:
            with trace.get_tracer(__name__).start_as_current_span(f"step {name}"):
                return await action()
        finally:
            structlog.get_logger().debug("step.finished", step=name, seconds=round(time.perf_counter() - begun, 3))
