"""Steps in one process: the result, the span, the event, and what is raised."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from compass_core.domain import Post
from compass_core.journal import durable
from compass_core.journal.steps import InProcess
from compass_core.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from compass_core.ports import Journal


async def test_a_step_gives_back_what_its_action_returned_and_says_so() -> None:
    journal: Journal = InProcess()

    async def action() -> int:
        return 42

    with capture_logs() as events:
        assert await journal.step("observe", action) == 42
    (event,) = events
    assert (event["event"], event["step"], event["log_level"]) == ("step.finished", "observe", "debug")
    assert event["seconds"] >= 0


async def test_what_an_action_raises_passes_through_and_the_step_is_still_told() -> None:
    async def action() -> None:
        raise KeyError("gone")

    with capture_logs() as events, pytest.raises(KeyError, match="gone"):
        await InProcess().step("post", action)
    assert [event["event"] for event in events] == ["step.finished"]


async def test_steps_nest() -> None:
    journal = InProcess()

    async def inner() -> str:
        return "done"

    async def outer() -> str:
        return await journal.step("inner", inner)

    with capture_logs() as events:
        assert await journal.step("outer", outer) == "done"
    assert [event["step"] for event in events] == ["inner", "outer"]


async def test_a_step_that_did_not_wait_for_the_database_is_not_done_again_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, done = asyncio.Event(), []

    class Slow:
        @staticmethod
        async def run_step_async(_options: Any, work: Callable[[], Awaitable[str]]) -> str:
            await answers.wait()
            return await work()

    async def action() -> int:
        done.append("posted")
        answers.set()
        for _ in range(9):  # whoever waits for the database has time enough
            await asyncio.sleep(0)
        return 42

    monkeypatch.setattr(durable, "DBOS", Slow)
    monkeypatch.setattr(durable, "PATIENCE_SECONDS", 0.0)
    assert await durable.Durable(durable.Lease(), "run-1 look").step("root", action, int) == 42
    assert done == ["posted"]


async def test_a_process_that_was_frozen_while_it_announced_a_message_does_not_post_it(tmp_path: Path) -> None:
    store, lease = Store(f"sqlite:///{tmp_path}/compass.db"), durable.Lease()
    fenced, post = durable.Fenced(store, lease), Post(investigation="run-1", step="root", channel="C1")
    assert await fenced.claim(post) is None
    lease.ticked -= 2 * lease.seconds
    with pytest.raises(asyncio.CancelledError):
        await fenced.claim(post)
    store.dispose()


async def test_a_process_that_is_told_to_end_while_it_announced_a_message_leaves_the_rest_to_another(tmp_path: Path) -> None:
    store, lease = Store(f"sqlite:///{tmp_path}/compass.db"), durable.Lease()
    journal, fenced = durable.Durable(lease, "run-1 look"), durable.Fenced(store, lease)
    before, lease.ending = journal.left, True
    with pytest.raises(asyncio.CancelledError):
        await fenced.claim(Post(investigation="run-1", step="network", channel="C1"))
    assert (before, journal.left) == (False, True), "or it would close the investigation as one that was stopped"
    store.dispose()
