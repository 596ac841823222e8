"""Steps of an investigation that ends with its process, and how every step is watched."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from opentelemetry import trace

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
    """A span and a debug event with its seconds; a foreign error's text may hold anything, so neither has it."""
    begun = time.perf_counter()
    tracer = trace.get_tracer(__name__)
    try:
        with tracer.start_as_current_span(f"step {name}", record_exception=False, set_status_on_exception=False) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise
    finally:
        structlog.get_logger().debug("step.finished", step=name, seconds=round(time.perf_counter() - begun, 3))
