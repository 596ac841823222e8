"""Kills a process of Compass at one boundary of an investigation, starts another, and reads what came of it."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compass_core.compass import utc_now
from compass_core.store import Store
from tests.durable.process import run
from tests.llm.scripted import Scripted, Turn
from tests.workspace.strict import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from multiprocessing.process import BaseProcess

    from bot.workspace import Message
    from compass_core.domain import Conclusion

FORKED = multiprocessing.get_context("forkserver")  # imports are most of what the start of a process costs: here they are done once
FORKED.set_forkserver_preload(["tests.durable.process"])
SECONDS = 60.0
STEPS = ["root", "application", "database", "network", "charts", "final"]
WITHOUT_CHARTS = [step for step in STEPS if step != "charts"]  # of an answer with nothing to draw
ANSWER = json.dumps({"hypotheses": []})
LEASE = 1.5


@dataclass
class Stage:
    """Slack, a model and a database, which outlive the processes."""

    folder: Path
    database: str
    workspace: Workspace
    model: Scripted
    url: str
    lease: float = LEASE
    processes: list[BaseProcess] = field(default_factory=list)

    async def start(self, **told: Any) -> BaseProcess:
        """A process that is connected to Slack."""
        known = set(self.workspace.sockets.open)
        slack = (self.workspace.bot_token, self.workspace.app_token, self.workspace.api_url)
        about = {"folder": str(self.folder), "database": self.database, "slack": slack, "model": self.url, "lease": self.lease, **told}
        process = FORKED.Process(target=run, args=(about,))
        process.start()
        self.processes.append(process)
        async with asyncio.timeout(SECONDS):
            while not set(self.workspace.sockets.open) - known:
                assert process.is_alive(), (self.folder / "log.txt").read_text()[-3000:]
                await asyncio.sleep(0.02)
        return process

    def tell(self, process: BaseProcess, what: signal.Signals) -> None:
        assert process.pid is not None
        if process.is_alive():
            os.kill(process.pid, what)

    async def end(self) -> None:
        for process in self.processes:
            self.tell(process, signal.SIGCONT)
            self.tell(process, signal.SIGTERM)
        for process in self.processes:
            await gone(process, 20)
            process.kill()

    def told(self, step: str, *, edited: bool = False) -> set[str]:
        """The investigations with a message of that step, or one that was edited."""
        return {step_of(one)[0] for one in self.workspace.messages if step_of(one)[1] == step and one.edited >= edited}

    async def until(self, there: Callable[[], bool]) -> None:
        """Wait until what Slack holds is so."""
        async with asyncio.timeout(SECONDS):
            while not there():
                await self.workspace.board.changed(self.workspace.board.version)

    async def ended(self, count: int = 1) -> None:
        """Wait until so many threads were told their end, and the messages they answer say so too."""
        await self.until(lambda: min(len(self.told("final")), len(self.told("root", edited=True))) >= count)

    def steps(self) -> list[list[str]]:
        """What was posted, for each investigation in the order in which they began."""
        posted = [step_of(one) for one in self.workspace.messages if step_of(one)[1]]
        return [[step for key, step in posted if key == begun] for begun in dict.fromkeys(key for key, _ in posted)]


@asynccontextmanager
async def staged(folder: Path, database: str = "", **more: Any) -> AsyncIterator[Stage]:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - one folder, once
    workspace, model = Workspace(clock=utc_now, patience=SECONDS), Scripted(choose=lambda *_: Turn(text=ANSWER))
    await workspace.start()
    async with model.serving() as url:
        stage = Stage(folder, database or f"sqlite:///{folder}/compass.db", workspace, model, url, **more)
        try:
            yield stage
        finally:
            await stage.end()
            await workspace.stop()


async def frozen(process: BaseProcess) -> None:
    """Wait until it stands still."""
    async with asyncio.timeout(SECONDS):
        while " T " not in Path(f"/proc/{process.pid}/stat").read_text():  # noqa: ASYNC110, ASYNC240 - nobody tells
            await asyncio.sleep(0.02)


async def gone(process: BaseProcess, seconds: float = SECONDS) -> bool:
    """Wait for its end; whether it came."""
    await asyncio.to_thread(process.join, seconds)
    return not process.is_alive()


def step_of(message: Message) -> tuple[str, str]:
    about = (message.metadata or {}).get("event_payload") or {"investigation": "", "step": ""}
    return about["investigation"], about["step"]


def passed(folder: Path) -> list[str]:
    """The boundaries in the order in which they were passed."""
    return (folder / "passed.txt").read_text().splitlines()


@dataclass(frozen=True)
class Result:
    """What there is in the end."""

    steps: list[str]
    answer: dict[str, Any]
    calls: int
    attempts: int
    spent: Decimal
    seconds: float

    def wrong(self, whole: Result, *, in_flight: bool) -> list[str]:
        """How it differs from one without a crash, where a call that was in flight may have been made twice, and counts at its most."""
        wrong = [f"posted {self.steps}"] if self.steps != STEPS else []
        wrong += ["another answer"] if self.answer != whole.answer else []
        most = whole.calls + in_flight
        wrong += [f"{self.calls} calls, {self.attempts} rows"] if not whole.calls <= self.calls <= self.attempts <= most else []
        wrong += [f"spent {self.spent}"] if (self.spent != whole.spent) > in_flight else []
        return wrong


async def result(stage: Stage, seconds: float) -> Result:
    key = next(key for key, step in map(step_of, stage.workspace.messages) if step == "root")
    store = Store(stage.database)
    try:
        conclusion, attempts = await store.conclusion(key), await store.attempts(key)
        assert conclusion is not None
        assert not await store.running()
    finally:
        store.dispose()
    (steps,) = stage.steps()
    return Result(
        steps, answer_of(conclusion), len(stage.model.requests), len(attempts), sum((one.amount for one in attempts), Decimal(0)), seconds
    )


def answer_of(conclusion: Conclusion) -> dict[str, Any]:
    """What was found and thought, without how long it took and what it cost."""
    runs = [{"agent": run.agent, "outcome": run.outcome, "findings": run.findings.model_dump(mode="json")} for run in conclusion.runs]
    thought = [one.model_dump(mode="json") for one in conclusion.hypotheses]
    return json.loads(json.dumps({"outcome": conclusion.outcome, "runs": runs, "hypotheses": thought}))  # type: ignore[no-any-return]


async def killed(folder: Path, die_at: int, database: str = "", drops: Iterable[str] = ()) -> tuple[Result, str]:
    """An investigation whose process dies at that boundary (0: nowhere), gone on with by another; and that boundary's name."""
    async with staged(folder, database) as stage:
        for method in drops:
            stage.workspace.fail_next(method, drop=True)
        first = await stage.start(die_at=die_at, passed=str(folder / "passed.txt"))
        await stage.workspace.command("investigate INC-42")
        begun = time.monotonic()
        if die_at:
            assert await gone(first), "it did not get as far"
            begun = time.monotonic()
            await stage.start()
        await stage.ended()
        return await result(stage, time.monotonic() - begun), passed(folder)[die_at - 1] if die_at else "nowhere"
