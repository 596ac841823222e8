from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from slack_bolt.request.async_request import AsyncBoltRequest
from structlog.testing import capture_logs

from bot.app import build_app
from bot.desk import Tasks
from bot.listeners import register
from bot.workspace import ALEX, INCIDENTS, TEAM
from compass_core.domain import AgentName, Post
from compass_core.errors import AlreadyRunningError, StoreError
from compass_core.settings import SlackAccess
from tests.bot.made import INVESTIGATION, FakeCompass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from slack_bolt.app.async_app import AsyncApp

    from tests.workspace.strict import Workspace


class Hook:
    """A response URL that keeps what it is sent."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.answers.append((await request.json())["text"])
        return web.Response(text="ok")


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook, app = Hook(), web.Application()
    app.router.add_post("/hook", hook.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hook
    await runner.cleanup()


@pytest.fixture
def app(compass: FakeCompass, workspace: Workspace) -> tuple[AsyncApp, Tasks]:
    tasks = Tasks()
    built = build_app(SlackAccess(workspace.bot_token, workspace.app_token, workspace.api_url))
    register(built, compass, tasks)
    return built, tasks


@pytest.fixture
def ask(app: tuple[AsyncApp, Tasks], hook: Hook) -> Callable[..., Any]:
    """Dispatch one payload as Bolt does, wait for what it started, and give the answers that the person saw."""
    built, tasks = app

    async def send(body: dict[str, Any], response_url: str = "") -> list[str]:
        response = await built.async_dispatch(AsyncBoltRequest(mode="socket_mode", body={"response_url": response_url or hook.url, **body}))
        assert response.status == 200
        await tasks.drain(5)
        return hook.answers

    return send


def click(value: str = "0f3a", team: str = TEAM) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": ALEX, "team_id": team},
        "team": {"id": TEAM},
        "channel": {"id": INCIDENTS},
        "message": {"ts": "1.000001"},
        "actions": [{"type": "button", "action_id": "reinvestigate", "block_id": "b", "value": value}],
    }


def command(text: str = "investigate INC-42", team: str = TEAM) -> dict[str, Any]:
    return {"command": "/compass", "text": text, "user_id": ALEX, "team_id": team, "channel_id": INCIDENTS}


@pytest.mark.parametrize(
    "body", [click(team="T0EVIL"), click(team=""), command(team="T0EVIL"), command("declare a --service a --since 1m", "T0EVIL")]
)
async def test_people_of_another_team_start_nothing(ask: Callable[..., Any], compass: FakeCompass, body: dict[str, Any]) -> None:
    compass.history.known["0f3a"] = INVESTIGATION
    answers = await ask(body)
    assert ["Only people of the workspace" in answer for answer in answers] == [True]
    assert (compass.requests, compass.declarations.declared) == ([], [])


async def test_an_answer_that_cannot_be_given_is_logged_and_nothing_more(ask: Callable[..., Any]) -> None:
    with capture_logs() as logs:
        await ask(command("help"), response_url="http://127.0.0.1:9/")
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("answer.failed", "warning")]


@pytest.mark.parametrize("body", [command("help"), command(), click()])
async def test_without_a_response_url_the_person_is_told_in_the_channel(
    app: tuple[AsyncApp, Tasks], compass: FakeCompass, workspace: Workspace, hook: Hook, body: dict[str, Any]
) -> None:
    """Some interactions carry none, and one that is too old leads nowhere."""
    compass.broken = StoreError("The database did not do it: database is locked.")
    compass.history.known["0f3a"] = INVESTIGATION
    built, tasks = app
    for more in ({}, {"response_url": f"{hook.url}/gone"}):
        await built.async_dispatch(AsyncBoltRequest(mode="socket_mode", body={**body, **more}))
        await tasks.drain(5)
    told = [message for message in workspace.messages if message.ephemeral == ALEX]
    assert len(told) == 2
    assert body.get("text") == "help" or all("database is locked" in message.text for message in told)


async def test_a_payload_of_another_shape_is_told_not_raised(ask: Callable[..., Any]) -> None:
    broken = click()
    del broken["actions"][0]["value"]
    with capture_logs() as logs:
        answers = await ask(broken)
    assert "Something went wrong in Compass itself (KeyError)" in answers[0]
    assert logs[0]["event"] == "interaction.failed"


@pytest.mark.parametrize("ts", ["", "9.000009"])
async def test_without_a_permalink_the_refusal_stays(ask: Callable[..., Any], compass: FakeCompass, ts: str) -> None:
    compass.broken = AlreadyRunningError("INC-42", "0f3a")
    if ts:
        await compass.outbox.record(Post(investigation="0f3a", step="root", channel=INCIDENTS, ts=ts))
    assert await ask(command()) == ["INC-42 is being investigated already."]


async def test_the_button_keeps_the_former_limits(ask: Callable[..., Any], compass: FakeCompass) -> None:
    compass.history.known["0f3a"] = INVESTIGATION.model_copy(update={"only": AgentName.DATABASE, "budget": Decimal(0)})
    await ask(click())
    assert [(request.incident, request.only, request.budget) for request in compass.requests] == [
        (INVESTIGATION.incident, AgentName.DATABASE, Decimal(0))
    ]


async def test_tasks_are_waited_for_then_cancelled_once() -> None:
    tasks, told = Tasks(), []
    release, never = asyncio.Event(), asyncio.Event()

    async def work(event: asyncio.Event, name: str) -> None:
        try:
            await event.wait()
            told.append(name)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            told.append(f"{name} cancelled")

    await tasks.drain(0)
    tasks.start(work(release, "first"))
    tasks.start(work(never, "second"))
    release.set()
    await tasks.drain(0.01)
    assert told == ["first", "second cancelled"]
