"""How Slack is called: a pause where it asks for one, another try where that cannot post twice, and its refusals in our words."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.blocks.elements import Json, Message
from bot.words import shown
from compass_core.domain import Post
from compass_core.errors import ThreadError

log = structlog.get_logger()

TRIES = 5
LONGEST_PAUSE = 60.0
UNANSWERED = (SlackClientError, aiohttp.ClientError, TimeoutError)  # what a call raises
TOO_MUCH = {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"}
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


class Pace:
    """Updates that nobody waits for, in all threads together: so many a minute, for Slack takes about fifty and others matter more."""

    def __init__(self, most: int = 40, clock: Callable[[], float] = time.monotonic) -> None:
        self._sent: deque[float] = deque(maxlen=most)
        self._clock = clock

    def take(self) -> bool:
        """Whether one more may be sent now; then it counts."""
        now = self._clock()
        if len(self._sent) == self._sent.maxlen and self._sent[0] > now - 60:
            return False
        self._sent.append(now)
        return True


class Slack:
    """Calls by `client`, which must not retry by itself; every failure is a `ThreadError`. Only what is `repeatable` may be done twice."""

    def __init__(self, client: AsyncWebClient, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.client, self._pause = client, pause

    async def call(self, call: Callable[[], Awaitable[Any]], *, repeatable: bool) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return await call()
            except UNANSWERED as error:
                seconds = _pause_before_again(error, repeatable=repeatable)
                if seconds is None or not left:
                    name = reason(error)
                    raise ThreadError(name, _TEXTS.get(name, f"Slack refused the message: {name}.")) from error
            await self._pause(seconds)
        raise AssertionError  # the last try returned or raised

    async def send(self, method: Callable[..., Awaitable[Any]], message: Message, *, repeatable: bool, **arguments: Any) -> Any:
        """What a method that takes a message answers; where Slack does not take the blocks, to the text alone."""
        try:
            return await self.call(lambda: method(text=message.text, blocks=message.blocks, **arguments), repeatable=repeatable)
        except ThreadError as error:
            if error.reason not in TOO_MUCH or message.whole:
                raise
            log.warning("blocks.rejected", reason=error.reason)
        return await self.call(lambda: method(text=message.text, blocks=[], **arguments), repeatable=repeatable)

    async def messages(self, channel: str, thread_ts: str, since: float) -> AsyncIterator[Json]:
        """What was posted from then on (Unix seconds): in that thread, or, with '', in the channel itself."""
        where: dict[str, Any] = {"channel": channel, "oldest": f"{since:.6f}", "limit": 200, "include_all_metadata": True, "cursor": ""}
        method: Callable[..., Awaitable[Any]] = self.client.conversations_history
        if thread_ts:
            where, method = where | {"ts": thread_ts}, self.client.conversations_replies
        while True:
            answer = await self.call(lambda: method(**where), repeatable=True)
            for message in answer["messages"]:
                yield message
            where["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not where["cursor"]:
                return


async def attempted(event: str, call: Awaitable[Any]) -> Any:
    """What a call that may fail answers; None where it did, which the log tells as that event."""
    try:
        return await call
    except UNANSWERED as error:
        log.warning(event, reason=reason(error))
        return None


async def is_public(client: AsyncWebClient, channel: str) -> bool:
    """Whether everybody may read there; not, where Slack does not say."""
    told = await attempted("channel.unknown", client.conversations_info(channel=channel))
    return told is not None and told["channel"].get("is_private") is False


async def permalink(client: AsyncWebClient, post: Post) -> str:
    """Where a message is; '' where Slack does not say."""
    told = await attempted("permalink.failed", client.chat_getPermalink(channel=post.channel, message_ts=post.ts))
    return "" if told is None else str(told["permalink"])


def reason(error: Exception) -> str:
    """The name that Slack gave a failure, or ours for one of the connection."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return "unreachable"
    if not isinstance(error, SlackApiError) or not isinstance(answer := error.response, AsyncSlackResponse):
        return "connection_lost"
    named = answer.data.get("error") if isinstance(answer.data, dict) else None
    limited = answer.status_code == 429  # noqa: PLR2004 - Too Many Requests
    return shown(str(named)) if named else "ratelimited" if limited else "connection_lost"


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
