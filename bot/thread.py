"""One investigation's thread in Slack: each message is posted once, and the root message is kept current.

That a message will be posted is kept before it is. Where a connection broke, or a process ended, before anybody knew whether it
arrived, Slack is looked at first: each message carries its investigation and step. While that cannot be found out it is not posted
again, `ThreadError` says so, and the root message, whose update may safely be repeated, still tells how the investigation ended.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from weakref import WeakSet

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot import blocks, charts
from bot.slack import TOO_MUCH, TRIES, UNANSWERED, Pace, Slack, is_public, permalink, reason
from compass_core.domain import Conclusion, Investigation, Moment, Post, Run
from compass_core.errors import StoreError, ThreadError
from compass_core.ports import Outbox

log = structlog.get_logger()

PATIENCE = 5.0  # seconds for an update that nobody waits for
EARLIER = 60.0  # seconds by which Slack's clock may be behind ours
PICTURES = "pictures"  # the step that uploads them
Pictures = list[tuple[bytes, charts.Chart]]

_no_charts: WeakSet[AsyncWebClient] = WeakSet()  # whose Slack has refused to draw one


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
        self._client, self._slack, self._pace = client, Slack(client, pause), pace or Pace()
        self._outbox, self._channel, self._thread_ts = outbox, channel, thread_ts
        self._moved = ""  # what the root message was last moved to
        self._note: list[blocks.Json] = []  # what is said below the root besides
        self._posts: dict[str, Post] = {}  # what a database that fails has forgotten

    async def opened(self, investigation: Investigation) -> None:
        await self.add(investigation, "root", blocks.root(investigation))

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
        except UNANSWERED as error:
            log.info("root.not_moved", reason=reason(error))

    async def agent_finished(self, investigation: Investigation, run: Run, spent: Decimal) -> None:
        await self.add(investigation, run.agent, blocks.agent_update(investigation, run, spent))

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
            await self.add(investigation, "final", blocks.final(conclusion, link))
        finally:
            if root := await self._root(investigation.id):
                await self._refresh(root, blocks.root(investigation, conclusion))

    async def say(self, investigation: Investigation, step: str, line: str) -> None:
        await self.add(investigation, step, blocks.refusal(line))

    async def refused(self, asker: str, why: str) -> None:
        await self._slack.send(self._client.chat_postEphemeral, blocks.refusal(why), channel=self._channel, user=asker, repeatable=True)

    async def _draw(self, conclusion: Conclusion) -> None:
        """Charts by Slack itself or, where it does not draw them, as pictures; without them the answer is as good."""
        drawn, investigation = charts.charts(conclusion), conclusion.investigation
        if not drawn:
            return None
        try:
            if self._client not in _no_charts:
                try:
                    return await self.add(investigation, "charts", charts.message(drawn))
                except ThreadError as error:
                    if error.reason not in TOO_MUCH:
                        raise
                    _no_charts.add(self._client)
            pictures = [(await asyncio.to_thread(charts.png, each), each) for each in drawn]
            await self.add(investigation, PICTURES, pictures)
        except ThreadError as error:
            log.warning("charts.not_posted", investigation=investigation.id, reason=error.reason)

    async def _root(self, investigation: str) -> Post | None:
        if "root" not in self._posts:
            with suppress(StoreError):
                if root := await self._outbox.posted(investigation, "root"):
                    self._posts["root"] = root
        return self._posts.get("root")

    async def add(self, investigation: Investigation, step: str, message: blocks.Message | Pictures) -> None:
        """Post it as that step, once."""
        root = await self._root(investigation.id)
        thread_ts = self._thread_ts or (root.ts if root else "")
        post = Post(investigation=investigation.id, step=step, channel=self._channel, thread_ts=thread_ts)
        try:
            claimed = self._posts.get(step) or await self._outbox.claim(post)
        except StoreError:
            claimed = post  # nobody knows whether a former process got as far
        if claimed and claimed.ts:
            return None
        may_be_there = claimed is not None
        for left in reversed(range(TRIES)):
            if may_be_there and (ts := await self._find(post, investigation.started_at)):
                return await self._record(post.model_copy(update={"ts": ts}))
            try:
                return await self._post_once(investigation, post, message)
            except ThreadError as error:
                if error.reason != "connection_lost" or not left:
                    raise
            may_be_there = True
        raise AssertionError  # the last try returned or raised

    async def _post_once(self, investigation: Investigation, post: Post, message: blocks.Message | Pictures) -> None:
        if isinstance(message, list):
            return await self._upload(post, message)
        arguments: dict[str, Any] = {"channel": post.channel, "unfurl_links": False, "unfurl_media": False}
        arguments["metadata"] = {"event_type": "compass_post", "event_payload": _payload(post)}
        arguments |= {"thread_ts": post.thread_ts} if post.thread_ts else {}
        answer = await self._slack.send(self._client.chat_postMessage, message, **arguments, repeatable=False)
        posted = post.model_copy(update={"channel": answer["channel"], "ts": answer["ts"]})
        if post.thread_ts and not answer["message"].get("thread_ts"):  # the message that it answers is gone: it stands alone
            await self._slack.call(lambda: self._client.chat_delete(channel=posted.channel, ts=posted.ts), repeatable=True)
            await self._reopen(investigation, post)
            return await self.add(investigation, f"{post.step} again", message)
        return await self._record(posted)

    async def _upload(self, post: Post, pictures: Pictures) -> None:
        """The pictures in one message; their names tell whose they are, for an upload carries nothing else that is ours."""
        files = [{"filename": _picture(post), "title": of.title, "alt_txt": of.says, "content": content} for content, of in pictures]
        send = partial(self._client.files_upload_v2, file_uploads=files, channel=post.channel, thread_ts=post.thread_ts)
        answer = await self._slack.call(send, repeatable=False)
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

    async def _find(self, post: Post, since: datetime) -> str:
        """The `ts` of a message that is there already, '' for none; raises `ThreadError` where that cannot be found out."""
        async for message in self._slack.messages(post.channel, post.thread_ts, since.timestamp() - EARLIER):
            names = [file.get("name") for file in message.get("files") or ()]
            if (message.get("metadata") or {}).get("event_payload") == _payload(post) or _picture(post) in names:
                return str(message["ts"])
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
            await self._slack.send(self._client.chat_update, message, channel=root.channel, ts=root.ts, repeatable=True)
        except ThreadError as error:
            log.warning("root.not_updated", investigation=root.investigation, reason=error.reason)


def _payload(post: Post) -> dict[str, str]:
    return {"investigation": post.investigation, "step": post.step}


def _picture(post: Post) -> str:
    return f"compass-{post.investigation}.png" if post.step == PICTURES else ""
