"""The demo: the local workspace, the real bot connected to it, and the recorded incident that comes with Compass."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from importlib.resources import as_file, files
from typing import Any, TextIO

from bot.app import serve
from bot.demo_model import MODEL, PRICE, playing
from bot.report import report
from bot.workspace import Message, Workspace
from compass_core.bootstrap import replayed
from compass_core.compass import Compass, utc_now
from compass_core.domain import AgentName, Conclusion
from compass_core.errors import CompassError
from compass_core.evaluation import planted
from compass_core.settings import SlackAccess, load

INCIDENT = "INC-42"
ANSWER_SECONDS = 1.5
ACCESS = {"COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE, "OPENAI_API_KEY": "none"}
HINTS = f"""/compass investigate {INCIDENT} # with a scripted model
/compass investigate {INCIDENT} --budget 0 # no AI model
/compass investigate {INCIDENT} --budget 0.004 # the budget stops the model
/compass investigate INC-43 # the obvious suspect is innocent"""


async def once(out: TextIO, *, as_json: bool) -> None:
    """Ask the demo's question and print the thread; with `as_json` one object of the shape that the design gives."""
    async with _running(0) as (workspace, compass, truth):
        await workspace.command(f"investigate {INCIDENT}")
        try:
            async with asyncio.timeout(compass.settings.investigation_seconds):
                conclusion = await ended(workspace, compass)
        except TimeoutError as late:
            raise CompassError("The demo's investigation did not end; standard error says why.") from late
    told = [_told(message, conclusion) for message in workspace.messages if message.metadata]
    if as_json:
        shown = {"planted": truth, "messages": told, "hypotheses": report(conclusion)["hypotheses"]}
        out.write(json.dumps(shown, ensure_ascii=False, indent=1) + "\n")
    else:
        out.write("\n\n".join(message["text"] for message in told) + "\n")


async def ended(workspace: Workspace, compass: Compass, nth: int = 1) -> Conclusion:
    """How the investigation ended that is the nth to say so."""
    while len(finals := [post for message in workspace.messages if (post := _post_of(message)).get("step") == "final"]) < nth:
        await workspace.board.changed(workspace.board.version)
    conclusion = await compass.history.conclusion(finals[nth - 1]["investigation"])
    assert conclusion is not None  # noqa: S101 - it is kept before it is told
    return conclusion


async def page(port: int, out: TextIO, stop: asyncio.Event) -> None:
    """Serve the workspace's page until `stop` is set; a model is played there."""
    async with _running(port, stop, ANSWER_SECONDS) as (workspace, _, _):
        out.write(f"The demo is at {workspace.url}: type /compass investigate {INCIDENT} there. Ctrl-C ends it.\n")
        out.flush()
        await stop.wait()


@asynccontextmanager
async def _running(
    port: int, stop: asyncio.Event | None = None, seconds: float | None = None
) -> AsyncIterator[tuple[Workspace, Compass, dict[str, str]]]:
    """The workspace and the bot in it, with a model that takes `seconds` to answer, or none; nothing of the environment is read."""
    stop, room = stop or asyncio.Event(), files("bot")
    async with AsyncExitStack() as kept:
        case, second = (kept.enter_context(as_file(room / name)) for name in ("demo_case", "demo_second"))
        kept.enter_context(_without_proxy())
        model = {"OPENAI_BASE_URL": await kept.enter_async_context(playing(seconds)), **ACCESS} if seconds is not None else {}
        compass = await kept.enter_async_context(replayed(case, load(model), also=(second,)))
        workspace = Workspace(clock=utc_now, hint=HINTS)
        await workspace.start(port)
        kept.push_async_callback(workspace.stop)
        async with asyncio.TaskGroup() as group:
            slack = SlackAccess(workspace.bot_token, workspace.app_token, workspace.api_url)
            group.create_task(serve(compass, slack, stop))
            await workspace.connected()
            yield workspace, compass, planted(case)
            stop.set()


@contextmanager
def _without_proxy() -> Iterator[None]:
    """Slack's library takes a proxy from the environment wherever it is given none, and sends even loopback through it."""
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    taken = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


def _post_of(message: Message) -> dict[str, str]:
    return dict((message.metadata or {}).get("event_payload", {}))


def _told(message: Message, conclusion: Conclusion) -> dict[str, Any]:
    """A message as the workspace received it, with what had been spent by then."""
    step = _post_of(message)["step"]
    spent = Decimal(0)
    for run in conclusion.runs:
        spent += run.cost
        if run.agent == step:
            break
    return {
        "kind": "agent" if step in set(AgentName) else step,
        **({"agent": step} if step in set(AgentName) else {}),
        "text": message.text,
        "cost_usd": f"{Decimal(0) if step == 'root' else spent:.4f}",
        "budget_usd": f"{conclusion.investigation.budget:.2f}",
        "blocks": message.blocks,
    }
