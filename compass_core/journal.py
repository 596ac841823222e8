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
            # a foreign error's text may hold anything
            with trace.get_tracer(__name__).start_as_current_span(
                f"step {name}", record_exception=False, set_status_on_exception=False
            ) as span:
                try:
                    return await action()
                except Exception as error:
                    span.set_attribute("error.type", type(error).__name__)
                    span.set_status(trace.StatusCode.ERROR)
                    raise
        finally:
            structlog.get_logger().debug("step.finished", step=name, seconds=round(time.perf_counter() - begun, 3))
