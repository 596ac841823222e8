"""The Slack app: built from a Compass and a token, served over Socket Mode until it is told to stop."""

import asyncio

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import Compass, Tasks
from bot.listeners import register
from bot.slack import Pace, reason
from bot.thread import SlackThread
from compass_core.domain import Address
from compass_core.errors import SettingsError
from compass_core.ports import Answering, Outbox
from compass_core.settings import SlackAccess

log = structlog.get_logger()

GRACE_SECONDS = 10.0


def build_app(slack: SlackAccess) -> AsyncApp:
    """The app without listeners. Its web client never repeats a call by itself: that could post twice."""
    app = AsyncApp(token=slack.bot_token)  # given a client instead, it warns about SLACK_BOT_TOKEN in the environment
    app.client.base_url = slack.api_url
    app.client.retry_handlers = []
    return app


async def serve(compass: Compass, slack: SlackAccess, stop: asyncio.Event, grace: float = GRACE_SECONDS) -> None:
    """Serve until `stop` is set, then give what runs `grace` seconds to end.

    Raises `SettingsError` when Slack refuses a token or cannot be reached at the start.
    """
    tasks, app, pace = Tasks(), build_app(slack), Pace()

    def thread(address: Address, outbox: Outbox) -> Answering:
        return SlackThread(app.client, outbox, address.channel, address.thread_ts, pace=pace)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=app.client.timeout)) as session:
        app.client.session = session  # one for all calls: else each makes a connection of its own
        await _checked(app.client)
        async with compass.working(thread) as working:
            register(app, working, tasks)
            handler = AsyncSocketModeHandler(app, slack.app_token)
            try:
                await _connected(handler, stop)
                log.info("app.connected")
                await stop.wait()
            finally:
                await handler.close_async()  # type: ignore[no-untyped-call]  # the library leaves it untyped
                await tasks.drain(grace)
                log.info("app.stopped")


async def _checked(client: AsyncWebClient) -> None:
    try:
        await client.auth_test()
    except SlackApiError as error:
        raise SettingsError("SLACK_BOT_TOKEN", f"Slack refuses it ({reason(error)})", "xoxb-…") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SettingsError("SLACK_API_URL", "Slack cannot be reached there", "https://slack.com/api/") from error


async def _connected(handler: AsyncSocketModeHandler, stop: asyncio.Event) -> None:
    """Connect, which tries until it succeeds, unless `stop` is set before; only a refused token ends it at once."""
    try:
        handler.client.wss_uri = await handler.client.issue_new_wss_url()
    except SlackApiError as error:
        raise SettingsError("SLACK_APP_TOKEN", f"Slack refuses it ({reason(error)})", "xapp-…") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("slack.unreachable", error=type(error).__name__)
    connecting = handler.connect_async()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    waiting = {asyncio.ensure_future(connecting), asyncio.ensure_future(stop.wait())}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
