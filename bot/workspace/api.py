"""The Web API: the methods that the bot calls, over the board, answering as Slack would."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from bot.workspace.board import APP, BOT, BOT_USER, CHANNELS, PEOPLE, TEAM, TEAM_NAME, Board, Json, Message

SCOPES = (
    "commands", "app_mentions:read", "chat:write", "files:write", "channels:history", "groups:history", "channels:read", "groups:read",
    "users:read",
)  # fmt: skip
_CONTENT = ("text", "blocks", "metadata")


class SlackError(Exception):
    """An answer `{"ok": false, "error": name}`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class WebApi:
    """Slack's Web API for one app; `opened` gives the address for a new Socket Mode connection."""

    def __init__(self, board: Board, bot_token: str, app_token: str, opened: Callable[[], str]) -> None:
        self._board, self._bot_token, self._app_token, self._opened = board, bot_token, app_token, opened

    async def serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        try:
            self._authorise(method, request.headers.get("Authorization", ""))
            answer = self._answer(method, await arguments(request), f"{request.scheme}://{request.host}")
        except SlackError as refused:
            return web.json_response({"ok": False, "error": refused.name})
        return web.json_response({"ok": True, **answer}, headers={"X-OAuth-Scopes": ",".join(SCOPES)})

    def _authorise(self, method: str, header: str) -> None:
        """Only the bot's tokens are taken: any page that a browser has open could send something here."""
        token = header.removeprefix("Bearer ").strip()
        if not token:
            raise SlackError("not_authed")
        if token not in {self._bot_token, self._app_token}:
            raise SlackError("invalid_auth")
        if (token == self._app_token) != (method == "apps.connections.open"):
            raise SlackError("not_allowed_token_type")

    def _answer(self, method: str, asked: Json, url: str) -> Json:
        match method:
            case "auth.test":
                return {"url": f"{url}/", "team": TEAM_NAME, "team_id": TEAM, "user": "compass", "user_id": BOT_USER, "bot_id": BOT}
            case "apps.connections.open":
                return {"url": f"{self._opened()}&app_id={APP}"}
            case "chat.postMessage":
                parent = self._board.find(asked["channel"], str(asked.get("thread_ts")))  # an answer to what is gone stands alone
                return _posted(self._board.add(asked["channel"], thread_ts=parent.ts if parent else "", **content(asked)))
            case "chat.postEphemeral":
                seen_by = {"ephemeral": str(asked.get("user")), "thread_ts": asked.get("thread_ts") or ""}
                return {"message_ts": self._board.add(asked["channel"], **seen_by, **content(asked)).ts}
            case "chat.update":
                return _posted(self._board.edit(self._existing(asked, "ts"), **content(asked)))
        return self._looked_up(method, asked, url)

    def _looked_up(self, method: str, asked: Json, url: str) -> Json:
        match method:
            case "chat.delete":
                self._board.remove(self._existing(asked, "ts"))
                return {"channel": asked["channel"], "ts": asked["ts"]}
            case "conversations.history" | "conversations.replies":
                return {"messages": [one.payload() for one in self._board.after(asked)], "has_more": False}
            case "chat.getPermalink":
                message = self._existing(asked, "message_ts")
                thread = f"?thread_ts={message.thread_ts}&cid={message.channel}" if message.thread_ts else ""
                return {"permalink": f"{url}/archives/{message.channel}/p{message.ts.replace('.', '')}{thread}"}
            case "files.getUploadURLExternal":
                name = f"F{len(self._board.files):08}"
                link = f"{url}/files/{name}"
                told = {"id": name, "name": asked["filename"], "alt_txt": asked.get("alt_txt", ""), "url_private": link}
                self._board.files[name] = told
                return {"file_id": name, "upload_url": link}
            case "files.completeUploadExternal":
                files = [self._board.files[one["id"]] | {"title": one["title"]} for one in json.loads(asked["files"])]
                if any(one["id"] not in self._board.contents for one in files):
                    raise SlackError("file_not_found")
                self._board.add(asked["channel_id"], "", thread_ts=str(asked.get("thread_ts") or ""), files=files)
                return {"files": files}
        return self._viewed(method, asked)

    def _viewed(self, method: str, asked: Json) -> Json:
        """A view or where a person is. `views.open` needs the trigger of something that a person just did, and takes it once."""
        board = self._board
        if method == "users.conversations":
            return {"channels": [{"id": one} for one in (*CHANNELS, *board.private.get(asked["user"], ()))]}
        if method == "users.info":
            return {"user": {"id": asked["user"], "name": PEOPLE[asked["user"]]}}
        if method == "conversations.info":
            return {"channel": {"id": asked["channel"], "is_private": asked["channel"] not in CHANNELS}}
        if method == "views.publish":
            board.homes[asked["user_id"]] = {"id": f"H{asked['user_id']}"} | asked["view"]
            board.notify()
            return {"view": board.homes[asked["user_id"]]}
        if method == "views.open":
            person, name, wrong = board.triggers.pop(str(asked.get("trigger_id")), ""), f"V{board.version:08}", "invalid_trigger_id"
        elif method == "views.update":
            name, wrong = str(asked.get("view_id")), "not_found"
            person = next((who for who, view in board.views.items() if view["id"] == name), "")
        else:
            raise SlackError("unknown_method")
        if not person:
            raise SlackError(wrong)
        return {"view": board.show(person, asked["view"], name)}

    def _existing(self, asked: Json, name: str) -> Message:
        message = self._board.find(asked["channel"], str(asked.get(name)))
        if message is None:
            raise SlackError("message_not_found")
        return message


def content(asked: Json) -> Json:
    """What is given of a message's text, blocks and metadata."""
    return {"text": "", **{name: asked[name] for name in _CONTENT if asked.get(name) is not None}}


async def arguments(request: web.Request) -> dict[str, Any]:
    """Those of the address and those of the body, which is a form, a JSON object or empty."""
    if "form" in request.content_type:
        return {**request.query, **await request.post()}
    return {**request.query, **(await request.json() if await request.read() else {})}


def _posted(message: Message) -> Json:
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": message.payload()}
