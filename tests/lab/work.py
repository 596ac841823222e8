"""A service's own work, and what can go wrong in it."""

from __future__ import annotations

import asyncio
import os
import random
import threading

VERSION = os.environ.get("SERVICE_VERSION", "1.8.3")
FAILING = {"1.9.0": 0.3}.get(VERSION, 0.0)  # the share of requests that this version fails
GREEDY = "2.0.0"  # a version of `orders` that gives no connection back
UNLUCKY = 0.08  # the same once the articles are there that `stock` does not expect
KEEPING = "KEEP_ANSWERS"  # the setting by which a process keeps every answer from its start
ANSWER = 750_000  # bytes of one that is kept
HOG_THREADS = 6


class Work:
    """The work of a service that needs nothing else: 1 to 5 ms, and an exception for its share of requests."""

    def __init__(self) -> None:
        self._failing = FAILING
        self._kept: list[bytes] | None = [] if os.environ.get(KEEPING) else None

    async def __call__(self) -> None:
        """Do it once."""
        await asyncio.sleep(random.uniform(0.001, 0.005))  # noqa: S311 - not a secret
        if random.random() < self._failing:  # noqa: S311 - the same
            raise ValueError("an article without a weight")
        if self._kept is not None:
            self._kept.append(b"." * ANSWER)

    def begin_failing(self) -> None:
        """From now on it meets what it does not expect."""
        self._failing = UNLUCKY

    def begin_keeping(self) -> None:
        """From now on a cache without a limit keeps every answer."""
        self._kept = []


def hog() -> None:
    """A report that computes in threads beside the requests, and never ends."""

    def compute() -> None:
        while True:
            sum(range(100))

    for _ in range(HOG_THREADS):
        threading.Thread(target=compute, daemon=True).start()
