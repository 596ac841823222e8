"""One investigation's thread in Slack: each message is posted once, and the root message is kept current.

That a message will be posted is kept before it is. Where a connection broke, or a process ended, before anybody knew whether it
arrived, Slack is looked at first: each message carries its investigation and step. While that cannot be found out it is not posted
again, `ThreadError` says so, and the root message, whose update may safely be repeated, still tells how the investigation ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from weakref import WeakSet

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot import blocks, charts
from bot.words import shown
from compass_core.domain import Conclusion, Investigation, Moment, Post, Progress
from compass_core.errors import StoreError, ThreadError
from compass_core.ports import Outbox

log = structlog.get_logger()

TRIES = 5
PATIENCE = 5.0  # seconds for an update that nobody waits for
EARLIER = 60.0  # seconds by which Slack's clock may be behind ours
LONGEST_PAUSE = 60.0
PICTURES = "pictures"  # the step that uploads them
Pictures = list[tuple[bytes, charts.Chart]]
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


_no_charts: WeakSet[AsyncWebClient] = WeakSet()  # whose Slack has refused to draw one


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


class SlackThread:
    """Speaks in `channel`: under a root message of its own, or, with `thread_ts`, under one that is there. `client` must not retry."""

    def __init__(
        self,
        client: AsyncWebClient,
        outbox: Outbox,
        channel: str,
        thread_ts: str = "",
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pace: Pace | None = None,
    ) -> None:
        self._pace, self._moved = pace or Pace(), ""
        self._client, self._outbox, self._channel, self._thread_ts, self._pause = client, outbox, channel, thread_ts, pause
        self._note: list[dict[str, Any]] = []  # what is said below the root besides
        self._posts: dict[str, Post] = {}  # what a database that fails has forgotten

    async def opened(self, investigation: Investigation) -> None:
        """The root message."""
        await self._post(investigation, "root", blocks.root(investigation))

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        """The root message as of now, where that is something new and Slack takes it at once."""
        message = blocks.root(investigation, now)
        root = await self._root(investigation.id)
        if root is None or message.text == self._moved or not self._pace.take():
            return
        self._moved = message.text
        try:
            async with asyncio.timeout(PATIENCE):
                await self._client.chat_update(channel=root.channel, ts=root.ts, text=message.text, blocks=[*message.blocks, *self._note])
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.info("root.not_moved", reason=reason(error))

    async def agent_finished(self, investigation: Investigation, progress: Progress) -> None:
        """What one agent saw and thinks."""
        await self._post(investigation, progress.run.agent, blocks.agent_update(investigation, progress))

    async def concluded(self, conclusion: Conclusion) -> None:
        """The final message; the root message then says how it ended. Without a root message there is nobody to tell."""
        investigation = conclusion.investigation
        if await self._root(investigation.id) is None:
            return
        await self._draw(conclusion)
        link = ""
        with suppress(StoreError):
            before = await self._outbox.posted(conclusion.seen_in, "root") if conclusion.seen_in else None
            if before and (before.channel == self._channel or await is_public(self._client, before.channel)):
                link = await permalink(self._client, before)
        if not link:  # nobody here need be allowed to read of it
            conclusion = conclusion.model_copy(update={"seen_how": ""})
        try:
            await self._post(investigation, "final", blocks.final(conclusion, link))
        finally:
            if root := await self._root(investigation.id):
                await self._refresh(root, blocks.root(investigation, conclusion))

    async def add(self, investigation: Investigation, step: str, message: blocks.Message) -> None:
        """One short message more."""
        await self._post(investigation, step, message)

    async def say(self, investigation: Investigation, step: str, line: str) -> None:
        """One short line more."""
        await self.add(investigation, step, blocks.refusal(line))

    async def _draw(self, conclusion: Conclusion) -> None:
        """Charts by Slack itself or, where it does not draw them, as pictures; without them the answer is as good."""
        drawn, investigation = charts.charts(conclusion), conclusion.investigation
        if not drawn:
            return None
        try:
            if self._client not in _no_charts:
                try:
                    return await self._post(investigation, "charts", charts.message(drawn))
                except ThreadError as error:
                    if error.reason not in _TOO_MUCH:
                        raise
                    _no_charts.add(self._client)
            pictures = [(await asyncio.to_thread(charts.png, each), each) for each in drawn]
            await self._post(investigation, PICTURES, pictures)
        except ThreadError as error:
            log.warning("charts.not_posted", investigation=investigation.id, reason=error.reason)

    async def refused(self, asker: str, why: str) -> None:
        """That nothing was started, to the one who asked."""
        message = blocks.refusal(why)
        await self._send(self._client.chat_postEphemeral, message, {"channel": self._channel, "user": asker}, repeatable=True)

    async def _root(self, investigation: str) -> Post | None:
        if "root" in self._posts:
            return self._posts["root"]
        try:
            root = await self._outbox.posted(investigation, "root")
        except StoreError:
            return None
        if root:
            self._posts["root"] = root
        return root

    async def _post(self, investigation: Investigation, step: str, message: blocks.Message | Pictures) -> None:
        root = await self._root(investigation.id)
        thread_ts = self._thread_ts or (root.ts if root else "")
        post = Post(investigation=investigation.id, step=step, channel=self._channel, thread_ts=thread_ts)
        try:
            there = self._posts.get(step) or await self._outbox.claim(post)
        except StoreError:
            there = post  # nobody knows whether a former process got as far
        if there and there.ts:
            return None
        for left in reversed(range(TRIES)):
            if there and (found := await self._found(post, investigation.started_at)):
                return await self._record(post.model_copy(update={"ts": found}))
            try:
                return await self._post_once(investigation, post, message)
            except ThreadError as error:
                if error.reason != "connection_lost" or not left:
                    raise
            there = post
        raise AssertionError  # the last try returned or raised

    async def _post_once(self, investigation: Investigation, post: Post, message: blocks.Message | Pictures) -> None:
        if isinstance(message, list):
            return await self._upload(post, message)
        arguments: dict[str, Any] = {
            "channel": post.channel,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "compass_post", "event_payload": _payload(post)},
            **({"thread_ts": post.thread_ts} if post.thread_ts else {}),
        }
        answer = await self._send(self._client.chat_postMessage, message, arguments, repeatable=False)
        posted = post.model_copy(update={"channel": answer["channel"], "ts": answer["ts"]})
        if post.thread_ts and not answer["message"].get("thread_ts"):  # the message that it answers is gone: it stands alone
            await self._call(lambda: self._client.chat_delete(channel=posted.channel, ts=posted.ts), repeatable=True)
            await self._reopen(investigation, post)
            return await self._post(investigation, f"{post.step} again", message)
        await self._record(posted)
        return None

    async def _upload(self, post: Post, pictures: Pictures) -> None:
        """The pictures in one message; their names tell whose they are, for an upload carries nothing else that is ours."""
        files = [{"filename": _picture(post), "title": of.title, "alt_txt": of.says, "content": content} for content, of in pictures]
        send = partial(self._client.files_upload_v2, file_uploads=files, channel=post.channel, thread_ts=post.thread_ts)
        answer = await self._call(send, repeatable=False)
        await self._record(post.model_copy(update={"ts": answer["files"][0]["id"]}))

    async def _reopen(self, investigation: Investigation, post: Post) -> None:
        """A new root message, with a link to where the old one was."""
        link = f"<https://slack.com/archives/{post.channel}/p{post.thread_ts.replace('.', '')}|the message that is gone>"
        root = blocks.root(investigation)
        self._note = [{"type": "context", "elements": [{"type": "mrkdwn", "text": f"This goes on from {link}."}]}]
        self._thread_ts = ""
        self._posts.pop("root", None)
        fresh = Post(investigation=post.investigation, step="root", channel=post.channel)
        await self._post_once(investigation, fresh, replace(root, blocks=[*root.blocks, *self._note]))

    async def _found(self, post: Post, since: datetime) -> str:
        """The `ts` of a message that is there already, '' for none; raises `ThreadError` where that cannot be found out."""
        oldest = f"{since.timestamp() - EARLIER:.6f}"
        where: dict[str, Any] = {"channel": post.channel, "oldest": oldest, "limit": 200, "include_all_metadata": True}
        cursor = ""
        while True:
            if post.thread_ts:
                ask = partial(self._client.conversations_replies, ts=post.thread_ts, cursor=cursor, **where)
            else:
                ask = partial(self._client.conversations_history, cursor=cursor, **where)
            answer = await self._call(ask, repeatable=True)
            for message in answer["messages"]:
                named = [file.get("name") for file in message.get("files") or ()]
                if (message.get("metadata") or {}).get("event_payload") == _payload(post) or _picture(post) in named:
                    return str(message["ts"])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return ""

    async def _record(self, post: Post) -> None:
        self._posts[post.step] = post
        try:
            await self._outbox.record(post)
        except StoreError:
            log.warning("post.not_recorded", investigation=post.investigation, step=post.step)

    async def _refresh(self, root: Post, message: blocks.Message) -> None:
        message = replace(message, blocks=[*message.blocks, *self._note])
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
            if error.reason not in _TOO_MUCH or message.whole:
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


def _picture(post: Post) -> str:
    return f"compass-{post.investigation}.png" if post.step == PICTURES else ""


async def is_public(client: AsyncWebClient, channel: str) -> bool:
    """Whether everybody may read there; not, where Slack does not say."""
    try:
        told = (await client.conversations_info(channel=channel))["channel"]
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        log.warning("channel.unknown", reason=reason(error))
        return False
    return told.get("is_private") is False


async def permalink(client: AsyncWebClient, post: Post) -> str:
    """Where a message is; '' where Slack does not say."""
    try:
        return str((await client.chat_getPermalink(channel=post.channel, message_ts=post.ts))["permalink"])
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        log.warning("permalink.failed", error=type(error).__name__)
        return ""


def _payload(post: Post) -> dict[str, str]:
    return {"investigation": post.investigation, "step": post.step}


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
