"""A process of Compass over the demo's incident, which can be told to die at one of the boundaries that it passes:
the nth of all, or of those with a name.

`run({"folder": …, "database": …, "slack": […], "model": …, "die_at": 17, "passed": "file"})`
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import event
from sqlalchemy.pool import Pool

from bot.app import serve
from compass_core import bootstrap, database, orchestrator, telemetry
from compass_core.agents import grader
from compass_core.agents.base import Specialist
from compass_core.compass import Compass
from compass_core.domain import Findings
from compass_core.journal import durable, workflows
from compass_core.llm import gateway
from compass_core.settings import SlackAccess, load
from compass_core.store import Store
from tests.llm.scripted import MODEL, PRICE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

STORED = ("opened", "closed", "claim", "record", "reserve", "close", "conclusion", "attempts")


class Boundaries:
    """Counts what is passed, writes it down, and at one of them is killed, or by another signal frozen."""

    def __init__(self, die_at: int | tuple[str, int], passed: str, by: signal.Signals) -> None:
        self._die_at, self._passed, self._by = die_at, Counter[str](), by
        self._file = os.open(passed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def passes(self, name: str) -> None:
        self._passed[name] += 1
        os.write(self._file, f"{name}\n".encode())
        if self._die_at in (self._passed.total(), (name, self._passed[name])):
            os.kill(os.getpid(), self._by)
            time.sleep(0.1)  # the signal may need a moment

    def watch(self, place: Any, name: str, said: str = "") -> None:
        """From now on its boundaries are the call of that function and its return."""
        inner: Callable[..., Awaitable[Any]] = getattr(place, name)

        async def watched(*arguments: Any, **more: Any) -> Any:
            self.passes(f"before {said or name}")
            given = await inner(*arguments, **more)
            self.passes(f"after {said or name}")
            return given

        setattr(place, name, watched)


def watched(die_at: int | tuple[str, int], passed: str, by: signal.Signals) -> None:
    """Everything that has an effect outside the process, each agent's looking, and each step of the journal."""
    boundaries = Boundaries(die_at, passed, by)
    for name in STORED:
        boundaries.watch(Store, name, f"the database's {name}")
    for name in ("chat_postMessage", "chat_update"):
        boundaries.watch(AsyncWebClient, name, f"Slack's {name}")
    boundaries.watch(Specialist, "told", "looking at log lines")
    boundaries.watch(gateway, "send", "the model's call")
    boundaries.watch(durable._Step, "done", "a step of the journal")


@asynccontextmanager
async def compass(database: str, model: str, seconds: float | None, most: int, everywhere: int) -> AsyncIterator[Compass]:
    """Over the demo's recording, with that database; with `seconds` its agents wait instead of looking."""
    given = {"OPENAI_BASE_URL": model, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE, "COMPASS_BUDGET_USD": "100"} if model else {}
    settings = load({**given, "COMPASS_DATABASE_URL": database})
    if seconds is not None:

        async def wait(_agent: Specialist, *_: object) -> Findings:
            await asyncio.sleep(seconds)
            return Findings()

        Specialist.observe = wait  # type: ignore[method-assign, assignment]  # an agent that costs nothing
    with as_file(files("bot") / "demo_case") as case:
        async with bootstrap.replayed(case, settings) as replayed:
            store = Store(database)

            def engine(plot: workflows.Plot) -> workflows.Workflows:
                return workflows.Workflows(store.url, store, plot, most, everywhere)

            telemetry_ = replace(replayed.telemetry, places=(store, *replayed.telemetry.places[1:]))
            try:
                yield replace(replayed, store=store, telemetry=telemetry_, engine=engine)
            finally:
                store.dispose()


async def main(told: dict[str, Any]) -> None:
    telemetry.configure({}, level=getattr(logging, told.get("level", "WARNING")))
    durable.Lease.seconds = told.get("lease", durable.Lease.seconds)
    orchestrator.KEEP_SECONDS = durable.PATIENCE_SECONDS = told.get("patience", durable.PATIENCE_SECONDS)
    database.BUSY_MS = told.get("busy", database.BUSY_MS)
    if pragma := told.get("pragma"):
        event.listen(Pool, "checkout", lambda connection, *_: connection.execute(Path(pragma).read_text()))
    workflows.Workflows.settle = told.get("settle", workflows.Workflows.settle)
    if "grade" in told:

        async def graded(*_: object) -> grader.Grade:
            return grader.Grade(*told["grade"])

        grader.graded = graded  # type: ignore[assignment]  # it asks nothing
    if passed := told.get("passed"):
        watched(told.get("die_at", 0), passed, told.get("by", signal.SIGKILL))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with compass(
        told["database"], told.get("model", ""), told.get("seconds"), told.get("most", 20), told.get("everywhere", 1000)
    ) as built:
        await serve(built, SlackAccess(*told["slack"]), stop)


def run(told: dict[str, Any]) -> None:
    """To its end, in a folder of its own, where its log is."""
    os.chdir(told["folder"])
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    asyncio.run(main(told))
