"""The bot by its real Socket Mode client in the local workspace."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from bot.app import serve
from bot.workspace import INCIDENTS, SAM, Message
from compass_core.domain import Address, AgentName, Outcome
from compass_core.errors import SettingsError
from compass_core.settings import SlackAccess
from tests.bot.made import INCIDENT, INVESTIGATION, FakeCompass, conclusion
from tests.workspace.limits import links, mentions
from tests.workspace.strict import RANDOM, SECRET, Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@asynccontextmanager
async def served(compass: FakeCompass, workspace: Workspace, grace: float = 5.0) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(compass, SlackAccess(workspace.bot_token, workspace.app_token, workspace.api_url), stop, grace))
        await workspace.connected()
        try:
            yield
        finally:
            stop.set()


def says(*parts: str, ephemeral: bool = False) -> Callable[[Message], bool]:
    return lambda message: bool(message.ephemeral) == ephemeral and all(part in message.text for part in parts)


def is_step(step: str) -> Callable[[Message], bool]:
    return lambda message: bool(message.metadata) and message.metadata["event_payload"]["step"] == step  # type: ignore[index]  # bool() hides it


async def answer(workspace: Workspace, *parts: str) -> Message:
    return await workspace.wait_for(says(*parts, ephemeral=True))


async def test_a_command_is_acknowledged_and_investigated_in_a_thread(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        result = await workspace.command("investigate INC-42 --budget 5")
        await workspace.wait_for(is_step("final"))
    assert result.error == ""
    assert result.ack_seconds is not None
    steps = [message.metadata["event_payload"]["step"] for message in workspace.messages if message.metadata]
    assert steps == ["root", *AgentName, "final"]
    assert {message.thread_ts for message in workspace.messages[1:]} == {workspace.messages[0].ts}
    assert str(compass.requests[0].budget) == "5"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("investigate INC-43", "Nearest: INC-42"),
        ("investigate", "Say which incident"),
        ("investigat INC-42", "Did you mean investigate?"),
        ("", "/compass declare"),
        ("help", "/compass status"),
    ],
)
async def test_answers_that_only_the_asker_sees(compass: FakeCompass, workspace: Workspace, text: str, told: str) -> None:
    async with served(compass, workspace):
        result = await workspace.command(text, user=SAM)
        message = await answer(workspace, told)
    assert result.error == ""
    assert message.ephemeral == SAM
    assert len(workspace.messages) == 1
    assert not mentions(message)


@pytest.mark.parametrize("channel", [SECRET, RANDOM])
async def test_a_channel_without_the_bot_is_told_how_to_invite_it(compass: FakeCompass, workspace: Workspace, channel: str) -> None:
    async with served(compass, workspace):
        await workspace.command("investigate INC-42", channel=channel)
        message = await answer(workspace, "/invite @Compass")
    assert message.channel == channel
    assert await compass.history.running() == ()


async def test_a_second_one_is_led_to_the_first(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        root = await workspace.wait_for(is_step("application"))
        await workspace.command("investigate INC-42", user=SAM)
        message = await answer(workspace, "INC-42 is being investigated already")
        compass.gate.set()
        await workspace.wait_for(is_step("final"))
    assert [link for link in links(message) if root.thread_ts.replace(".", "") in link]
    assert len(compass.history.known) == 1


async def test_the_button_investigates_again_in_the_same_thread(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        final = await workspace.wait_for(is_step("final"))
        await workspace.wait_for(lambda message: is_step("root")(message) and message.edited)
        result = await workspace.click(INCIDENTS, final.ts, "reinvestigate")
        await workspace.wait_for(lambda message: is_step("final")(message) and message.ts != final.ts)
    assert result.error == ""
    assert compass.requests[1].incident == INCIDENT
    assert compass.requests[1].budget == INVESTIGATION.budget
    assert {message.thread_ts for message in workspace.messages[1:]} == {workspace.messages[0].ts}
    assert len(workspace.messages) == 10


async def test_a_click_on_what_nobody_remembers(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        final = await workspace.wait_for(is_step("final"))
        compass.history.known.clear()
        await workspace.click(INCIDENTS, final.ts, "reinvestigate")
        await answer(workspace, "no longer knows this investigation")
    assert len(compass.requests) == 1


async def test_what_is_declared_all_see_and_anybody_investigates(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.command("declare <!channel> checkout is slow —service checkout —since 20m", user=SAM)
        message = await workspace.wait_for(says("sam declared INC-1: &lt;!channel&gt; checkout is slow"))
        await workspace.click(INCIDENTS, message.ts, "investigate")
        await answer(workspace, "No incident 'INC-1'")
    assert not mentions(message)
    assert [(request.reference, request.asked_by, request.address.thread_ts) for request in compass.requests] == [("INC-1", "alex", "")]
    assert compass.declarations.declared[0].started_at.isoformat() == "2026-01-05T13:43:00+00:00"


async def test_what_is_declared_where_the_bot_is_not_is_told_to_who_did(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await workspace.command("declare checkout is slow --service checkout --since 20m", channel=RANDOM)
        message = await answer(workspace, "alex declared INC-1: checkout is slow")
    assert message.channel == RANDOM


async def test_status_lists_what_runs_and_what_ended(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        await workspace.wait_for(is_step("application"))
        await workspace.command("status")
        running = await answer(workspace, "1 running, 0 ended")
        compass.gate.set()
        await workspace.wait_for(lambda message: is_step("root")(message) and message.edited)
        await workspace.command("status")
        ended = await answer(workspace, "0 running, 1 ended")
    link = f"{workspace.url}/archives/{INCIDENTS}/p{workspace.messages[0].ts.replace('.', '')}"
    assert [links(running), links(ended)] == [(f"{link}|INC-42",)] * 2
    assert "$0.0000 / $10.00" in ended.text


async def test_status_tells_no_secret(compass: FakeCompass, workspace: Workspace) -> None:
    """What runs is kept as it was found, with what its alert says."""
    incident = INCIDENT.model_copy(update={"title": "login fails with password=Hunter2x"})
    about = {"incident": incident, "address": Address(channel=INCIDENTS)}
    running, ended = (INVESTIGATION.model_copy(update={"id": name, **about}) for name in ("running", "ended"))
    async with served(compass, workspace):
        compass.history.known[running.id] = running
        compass.history.ended.append(conclusion(investigation=ended, reason="token=Hunter3x is refused"))
        await workspace.command("status")
        message = await answer(workspace, "1 running, 1 ended")
    assert "login fails with password=<password-1>" in str(message.blocks)
    assert "Hunter" not in f"{message}"


async def test_an_unexpected_error_is_logged_and_told(compass: FakeCompass, workspace: Workspace) -> None:
    compass.broken = RuntimeError("secret detail")
    with capture_logs() as logs:
        async with served(compass, workspace):
            result = await workspace.command("investigate INC-42")
            message = await answer(workspace, "Something went wrong in Compass itself")
    assert result.error == ""
    assert "secret" not in message.text
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["interaction.failed"]


async def test_stopping_waits_for_what_runs(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        await workspace.wait_for(is_step("application"))
        asyncio.get_running_loop().call_later(0.05, compass.gate.set)
    assert compass.history.ended[0].outcome == Outcome.ANSWERED


async def test_what_outlasts_the_grace_is_cancelled_and_says_so(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace, grace=0.0):
        await workspace.command("investigate INC-42")
        await workspace.wait_for(is_step("application"))
    assert compass.history.ended[0].outcome == Outcome.STOPPED
    assert says("Compass was shut down")(await workspace.wait_for(is_step("final")))


@pytest.mark.parametrize("text", ["stop", "cancel", "stop `inc-42`"])
async def test_stop_ends_what_runs_in_the_channel_and_its_thread_says_who_did(
    compass: FakeCompass, workspace: Workspace, text: str
) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        await workspace.wait_for(is_step("application"))
        await workspace.command(text, user=SAM)
        await answer(workspace, "Stopping INC-42")
        assert says("stopped by sam")(await workspace.wait_for(is_step("final")))
    assert [ended.outcome for ended in compass.history.ended] == [Outcome.STOPPED]


async def test_stop_leaves_alone_what_runs_elsewhere_or_has_another_name(compass: FakeCompass, workspace: Workspace) -> None:
    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        await workspace.command("stop")
        await answer(workspace, "Nothing is running in this channel")
        await workspace.command("investigate INC-42")
        await workspace.wait_for(is_step("application"))
        for text, channel in (("stop", RANDOM), ("stop INC-4", INCIDENTS)):
            await workspace.command(text, channel=channel, user=SAM)
            await workspace.wait_for(lambda seen: seen.ephemeral == SAM and seen.channel == channel and "Nothing is running" in seen.text)  # noqa: B023 - called at once
        compass.gate.set()
        await workspace.wait_for(is_step("final"))
    assert [ended.outcome for ended in compass.history.ended] == [Outcome.ANSWERED]


@pytest.mark.parametrize(
    ("tokens", "variable"),
    [
        ({"bot_token": "xoxb-wrong"}, "SLACK_BOT_TOKEN"),
        ({"app_token": "xapp-wrong"}, "SLACK_APP_TOKEN"),
        ({"api_url": "http://127.0.0.1:9"}, "SLACK_API_URL"),
    ],
)
async def test_a_wrong_setting_stops_the_start(compass: FakeCompass, workspace: Workspace, tokens: dict[str, str], variable: str) -> None:
    given = {"bot_token": workspace.bot_token, "app_token": workspace.app_token, "api_url": workspace.api_url} | tokens
    with pytest.raises(SettingsError, match=variable) as refused:
        await serve(compass, SlackAccess(**given), asyncio.Event())
    assert "-wrong" not in str(refused.value)


def test_tokens_stay_out_of_the_repr() -> None:
    assert "secret" not in repr(SlackAccess("xoxb-secret", "xapp-secret", "https://slack.com/api/"))
