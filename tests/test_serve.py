"""`compass serve` as a process of its own, against the local workspace: what people get, also when it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.workspace import INCIDENTS
from compass_core.compass import utc_now
from tests.workspace.strict import SECRET, Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.workspace import Message

NOBODY = "http://127.0.0.1:9"  # refuses connections
SECONDS = 60.0


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    place = Workspace(clock=utc_now)
    await place.start()
    yield place
    await place.stop()


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A backend that takes requests and never answers."""
    ends: list[asyncio.StreamWriter] = []

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for end in ends:
            end.close()


@asynccontextmanager
async def serving(workspace: Workspace, folder: Path, prometheus: str) -> AsyncIterator[asyncio.subprocess.Process]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("COMPASS_", "SLACK_", "OTEL_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from bot.cli import main; main(['serve'])",
        cwd=folder,
        env={
            **bare,
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": workspace.api_url,
            "COMPASS_PROMETHEUS_URL": prometheus,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            while b"app.connected" not in (line := await process.stderr.readline()):
                assert line, "compass serve ended before it was connected"
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def threads(workspace: Workspace) -> list[Message]:
    return [message for message in workspace.messages if not message.ephemeral]


def final(message: Message) -> bool:
    return bool(message.metadata and message.metadata["event_payload"]["step"] == "final")


async def answer(workspace: Workspace, text: str, **more: Any) -> Message:
    """What only the person who typed sees."""
    before = len(workspace.messages)
    result = await workspace.command(text, **more)
    assert result.error == ""
    return await workspace.wait_for(lambda message: bool(message.ephemeral) and message in workspace.messages[before:], SECONDS)


async def test_everything_down_is_said_and_the_button_tries_again(workspace: Workspace, tmp_path: Path) -> None:
    async with serving(workspace, tmp_path, NOBODY) as process:
        await workspace.command("declare checkout is slow --service checkout --since 20m")
        await workspace.wait_for(lambda message: "declared INC-1" in message.text, SECONDS)
        await workspace.command("investigate INC-1")
        end = await workspace.wait_for(final, SECONDS)
        assert "othing could be observed" in json.dumps(end.blocks)
        assert [message.metadata["event_payload"]["step"] for message in threads(workspace) if message.metadata] == [
            "root",
            "application",
            "database",
            "network",
            "final",
        ]
        await workspace.click(INCIDENTS, end.ts, "reinvestigate")
        again = await workspace.wait_for(lambda message: final(message) and message.ts != end.ts, SECONDS)
        assert again.thread_ts == end.thread_ts
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0


async def test_what_a_killed_process_left_is_gone_on_with_once_and_the_button_still_works(
    workspace: Workspace, silent: str, tmp_path: Path
) -> None:
    async with serving(workspace, tmp_path, silent) as process:
        await workspace.command("investigate --service checkout --since 20m")
        root = await workspace.wait_for(lambda message: message.metadata is not None, SECONDS)
        busy = await answer(workspace, "investigate --service checkout --since 20m")
        assert root.ts.replace(".", "") in json.dumps(busy.blocks), "the second gets a link to the running thread"
        process.kill()
        await process.wait()
    for _ in range(2):
        async with serving(workspace, tmp_path, NOBODY):
            end = await workspace.wait_for(final, SECONDS)
    assert "no source gave anything" in end.text
    assert [message.ts for message in workspace.messages if final(message)] == [end.ts]
    async with serving(workspace, tmp_path, NOBODY):
        await workspace.click(INCIDENTS, end.ts, "reinvestigate")
        again = await workspace.wait_for(lambda message: final(message) and message.ts != end.ts, SECONDS)
        assert again.thread_ts == root.ts


async def test_refusals_post_nothing(workspace: Workspace, tmp_path: Path) -> None:
    async with serving(workspace, tmp_path, NOBODY):
        await workspace.command("declare one --service a --since 5m")
        await workspace.wait_for(lambda message: "declared INC-1" in message.text, SECONDS)
        unknown = await answer(workspace, "investigate INC-9")
        assert "declared incidents" in unknown.text
        assert "INC-1" in unknown.text
        for text in ("investigate", "investigate x --bugdet 3", "investigate x --budget -3", "investigate x" * 1000):
            assert "/compass investigate" in (await answer(workspace, text)).text or "--budget" in text
        invite = await answer(workspace, "investigate INC-1", channel=SECRET)
        assert "/invite @Compass" in invite.text
        assert [message.text for message in threads(workspace) if "declared" not in message.text] == []
