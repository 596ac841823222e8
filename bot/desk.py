"""Where a request arrives: who asked, how they are answered, and that they hear of whatever goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from weakref import WeakValueDictionary

import structlog
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from bot import blocks
from bot.slack import UNANSWERED, attempted, permalink, reason
from compass_core.agents.asked import Asked
from compass_core.domain import Address, Conclusion, Incident, Request
from compass_core.errors import AlreadyRunningError, RefusalError, StoreError, ThreadError
from compass_core.ports import Answering, Clock, History, Outbox, Thread
from compass_core.redaction.redact import Redactor

log = structlog.get_logger()

_UNEXPECTED = "Something went wrong in Compass itself ({}); its log says what. Please try again."
_OTHER_TEAM = "Only people of the workspace that Compass belongs to can start an investigation."


class Compass(Protocol):
    """`compass_core.compass.Compass`, as the bot needs it."""

    @property
    def history(self) -> History: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def redact(self) -> Redactor: ...
    @property
    def clock(self) -> Clock: ...

    def working(self, threads: Callable[[Address, Outbox], Answering]) -> AbstractAsyncContextManager["Compass"]:
        """It takes work, in threads that are made for it, until the end of it: what is then on its way is handed over or told."""

    async def declare(self, title: str, service: str, since: timedelta) -> Incident: ...
    async def accept(self, request: Request, thread: Thread, key: str) -> None:
        """Begin it, once for each key; `RefusalError`, `ThreadError` or `StoreError` where nothing was started."""

    def refuse_too_dear(self, request: Request) -> None: ...
    async def asked(self, of: Conclusion) -> Asked: ...
    async def stop(self, channel: str, reference: str, why: str) -> list[str]: ...


class Tasks:
    """Work that outlives the listener which started it: held here, and awaited before the app ends."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by thread: who waits comes one after the other

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self, grace: float) -> None:
        """Wait for what runs, after `grace` seconds cancel it, and wait until it has ended."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a request arrived: who is answered, in which channel, and for which team the bot works."""

    compass: Compass
    tasks: Tasks
    client: AsyncWebClient
    respond: AsyncRespond
    body: dict[str, Any]
    team: str | None

    @property
    def asker(self) -> str:
        return str(self.body["user"]["id"] if "user" in self.body else self.body["user_id"])

    @property
    def channel(self) -> str:
        """Where they ask, '' in a modal."""
        return str(self.body.get("channel_id") or (self.body.get("channel") or {}).get("id") or "")

    @property
    def clicked(self) -> blocks.Json:
        return dict(self.body["actions"][0])

    @property
    def value(self) -> str:
        return str(self.clicked["value"])

    @property
    def name(self) -> str:
        """Their name, '' where Slack does not tell it."""
        user = self.body.get("user") or {}
        return str(user.get("username") or user.get("name") or self.body.get("user_name") or "")


async def with_name(desk: Desk) -> Desk:
    """With the person's name, which an event does not tell."""
    told = await attempted("person.unknown", desk.client.users_info(user=desk.asker))
    name = "" if told is None else told["user"]["name"]
    return replace(desk, body=desk.body | {"user": desk.body["user"] | {"name": name}})


async def open_view(desk: Desk, view: blocks.Json) -> None:
    """Show a modal, in place of the one in which the person clicked."""
    if opened := desk.body.get("view"):
        shown = desk.client.views_update(view_id=opened["id"], view=view)
    else:
        shown = desk.client.views_open(trigger_id=desk.body["trigger_id"], view=view)
    if await attempted("view.not_opened", shown) is None:
        raise RefusalError("Slack did not open it in time. Click again.")


async def answered(act: Callable[[Desk], Awaitable[None]], desk: Desk) -> None:
    """Do it, and tell the person, whom alone it concerns, why it was not done."""
    try:
        _refuse_other_team(desk)
        await act(desk)
    except AlreadyRunningError as error:
        running = await links(desk, [error.investigation])
        await answer(desk, blocks.refusal(desk.compass.redact(str(error)), running.get(error.investigation)))
    except (RefusalError, ThreadError, StoreError) as error:
        await answer(desk, blocks.refusal(desk.compass.redact(str(error))))
    except Exception as error:  # the edge: whatever went wrong, the person who asked must hear of it
        log.exception("interaction.failed")
        await answer(desk, blocks.refusal(_UNEXPECTED.format(type(error).__name__)))


async def answer(desk: Desk, message: blocks.Message) -> None:
    """Tell the person alone: by what Slack gave for that, else in the channel where they asked, else in a message to them."""
    try:
        if desk.body.get("response_url"):
            response = await desk.respond(text=message.text, blocks=message.blocks, response_type="ephemeral", replace_original=False)
            if response.status_code == 200:  # noqa: PLR2004 - OK
                return
            log.warning("answer.refused", status=response.status_code)
        if desk.channel:
            where: dict[str, Any] = {"channel": desk.channel, "user": desk.asker, "thread_ts": desk.body.get("thread_ts")}
            await desk.client.chat_postEphemeral(text=message.text, blocks=message.blocks, **where)
        else:
            await desk.client.chat_postMessage(channel=desk.asker, text=message.text, blocks=message.blocks)
    except UNANSWERED as error:
        log.warning("answer.failed", reason=reason(error))


async def links(desk: Desk, investigations: Iterable[str]) -> dict[str, str]:
    """Where the threads of these investigations are; without those that Slack does not name."""
    threads: dict[str, str] = {}
    for investigation in investigations:
        if root := await desk.compass.outbox.posted(investigation, "root"):
            threads[investigation] = await permalink(desk.client, root)
    return threads


def _refuse_other_team(desk: Desk) -> None:
    user = desk.body.get("user") or {}
    asker = user["team_id"] if "team_id" in user else desk.body.get("team_id") or (desk.body.get("team") or {}).get("id")
    if not asker or asker != desk.team:
        raise RefusalError(_OTHER_TEAM)
