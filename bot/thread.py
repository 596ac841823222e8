"""One investigation's thread in Slack: each message is posted once, and the root message is kept current.

A post is repeated only where Slack cannot have taken it: it was refused for its rate, or no connection came about. A
connection that breaks later leaves open whether the message arrived; it is not posted again, `ThreadError` says so, and
the root message, whose update may safely be repeated, still tells how the investigation ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot import blocks
from bot.words import shown
from compass_core.domain import Post
from compass_core.errors import ThreadError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slack_sdk.web.async_client import AsyncWebClient

    from compass_core.domain import Conclusion, Investigation, Progress
    from compass_core.ports import Outbox

log = structlog.get_logger()

TRIES = 5
LONGEST_PAUSE = 60.0
_TOO_MUCH = {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"}
_LIMITED = {"ratelimited", "rate_limited"}
_TEXTS = {
    **dict.fromkeys(("channel_not_found", "not_in_channel"), "Compass is not in this channel. Type /invite @Compass here, then try again."),
    **dict.fromkeys(
        ("invalid_auth", "not_authed", "token_revoked", "account_inactive"), "Slack refuses the bot's token: check SLACK_BOT_TOKEN."
    ),
    **dict.fromkeys(_LIMITED, "Slack takes no more messages in this channel right now. Try again in a minute."),
    "is_archived": "This channel is archived. Ask in another one.",
    "unreachable": "Slack cannot be reached. Try again in a minute.",
    "connection_lost": "The connection to Slack broke while a message was posted; it may or may not be there. Look, then try again.",
}


class SlackThread:
    """Speaks in `channel`: under a root message of its own, or, with `thread_ts`, under one that is there. `client` must not retry."""

    def __init__(
        self,
        client: AsyncWebClient,
        outbox: Outbox,
        channel: str,
        thread_ts: str = "",
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client, self._outbox, self._thread_ts, self._pause = client, outbox, thread_ts, pause
        self.channel = channel
        self.incident = ""  # its id, as soon as it is known

    async def opened(self, investigation: Investigation) -> None:
        """The root message."""
        self.incident = investigation.incident.id
        await self._post(investigation.id, "root", blocks.root(investigation))

    async def agent_finished(self, investigation: Investigation, progress: Progress) -> None:
        """What one agent saw and thinks."""
        await self._post(investigation.id, progress.run.agent, blocks.agent_update(investigation, progress))

    async def concluded(self, conclusion: Conclusion) -> None:
        """The final message; the root message then says how it ended. Without a root message there is nobody to tell."""
        root = await self._outbox.posted(conclusion.investigation.id, "root")
        if root is None:
            return
        try:
            await self._post(conclusion.investigation.id, "final", blocks.final(conclusion))
        finally:
            await self._refresh(root, blocks.root(conclusion.investigation, conclusion))

    async def _post(self, investigation: str, step: str, message: blocks.Message) -> None:
        if await self._outbox.posted(investigation, step):
            return
        root = await self._outbox.posted(investigation, "root")
        thread_ts = self._thread_ts or (root.ts if root else "")
        arguments: dict[str, Any] = {
            "channel": self.channel,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "compass_post", "event_payload": {"investigation": investigation, "step": step}},
            **({"thread_ts": thread_ts} if thread_ts else {}),
        }
        answer = await self._send(self._client.chat_postMessage, message, arguments, repeatable=False)
        await self._outbox.record(
            Post(investigation=investigation, step=step, channel=answer["channel"], ts=answer["ts"], thread_ts=thread_ts)
        )

    async def _refresh(self, root: Post, message: blocks.Message) -> None:
        try:
            await self._send(self._client.chat_update, message, {"channel": root.channel, "ts": root.ts}, repeatable=True)
        except ThreadError as error:
            log.warning("root.not_updated", investigation=root.investigation, reason=error.reason)

    async def _send(
        self, method: Callable[..., Awaitable[Any]], message: blocks.Message, arguments: dict[str, Any], *, repeatable: bool
    ) -> Any:
        try:
            return await self._call(lambda: method(text=message.text, blocks=message.blocks, **arguments), repeatable=repeatable)
        except ThreadError as error:
            if error.reason not in _TOO_MUCH:
                raise
            log.warning("blocks.rejected", reason=error.reason)
        return await self._call(lambda: method(text=message.text, blocks=[], **arguments), repeatable=repeatable)

    async def _call(self, call: Callable[[], Awaitable[Any]], *, repeatable: bool) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return await call()
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                seconds = _pause_before_again(error, repeatable=repeatable)
                if seconds is None or not left:
                    raise _translated(error) from error
            await self._pause(seconds)
        raise AssertionError  # the last try returned or raised


def _pause_before_again(error: Exception, *, repeatable: bool) -> float | None:
    """How many seconds to wait before the same call may be tried again; None where it must not be."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return 1.0
    if not isinstance(error, SlackClientError):
        return 1.0 if repeatable else None
    if reason(error) not in _LIMITED or not isinstance(error, SlackApiError):
        return None
    after = str(error.response.headers.get("Retry-After", ""))
    return min(float(after), LONGEST_PAUSE) if after.isdecimal() else 1.0


def _translated(error: Exception) -> ThreadError:
    name = reason(error)
    return ThreadError(name, _TEXTS.get(name, f"Slack refused the message: {name}."))


def reason(error: Exception) -> str:
    """The name that Slack gave a failure, or ours for one of the connection."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return "unreachable"
    if not isinstance(error, SlackApiError):
        return "connection_lost"
    answer = error.response
    if not isinstance(answer, AsyncSlackResponse):
        return "connection_lost"
    named = answer.data.get("error") if isinstance(answer.data, dict) else None
    limited = answer.status_code == 429  # noqa: PLR2004 - Too Many Requests
    return shown(str(named)) if named else "ratelimited" if limited else "connection_lost"
