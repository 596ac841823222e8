"""One request to an OpenAI-compatible server, and what came of it: the one module that knows `openai` and `httpx2`.

The client sends each request once, since every attempt may be billed. Foreign errors become `ModelError` here; the texts
quote nothing that a server said, since some servers repeat a part of the key.
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import openai
import structlog
from pydantic import BaseModel

from compass_core.domain import Message
from compass_core.errors import ModelError, Reason
from compass_core.llm import bounded

MOST_OUTPUT_TOKENS = 4096
MOST_BYTES = 2_000_000
BOUNDS = frozenset({"enum", "maxItems", "maxLength"})
CONNECT_SECONDS = 5.0
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
FREE = frozenset({401, 403, 404, 429})  # nothing was generated; of any other status a part of an answer may be billed
CLAIMS_USAGE = re.compile(rb'"(usage|\w+_tokens)"')  # in an error's body: then something was
NO_SCHEMA = re.compile(rb"response.?format|json.?schema|structured.?output|grammar", re.IGNORECASE)
WIDEST = 8  # characters of a token, at the most, of what people and programs write
SPOKEN = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls")
STATUS = {401: Reason.UNAUTHORIZED, 403: Reason.UNAUTHORIZED, 404: Reason.NOT_FOUND, 408: Reason.TIMEOUT, 429: Reason.RATE_LIMITED}
TEXTS = {
    Reason.UNREACHABLE: "the model's server cannot be reached; check OPENAI_BASE_URL",
    Reason.UNAUTHORIZED: "the model's server refuses the key; check OPENAI_API_KEY",
    Reason.NOT_FOUND: "the model's server does not know the model or the path; check COMPASS_MODEL and OPENAI_BASE_URL",
    Reason.RATE_LIMITED: "the model's server takes no more requests for now, or the account has no credit left",
    Reason.REJECTED: "the model's server refuses the request; some need COMPASS_TOKEN_LIMIT_FIELD=max_tokens or a longer context",
    Reason.TIMEOUT: "the model did not answer in time; COMPASS_MODEL_SECONDS says how long it may take",
    Reason.SERVER_ERROR: "the model's server failed",
    Reason.TOO_LARGE: "the model's server sent too much",
    Reason.GARBAGE: "the model did not answer in the form that was asked for",
    Reason.TRUNCATED: "the model's answer was too long and was cut off",
    Reason.DECLINED: "the model declined to answer",
}
PLAIN = "the model's server takes no JSON schema (response_format); set COMPASS_JSON_SCHEMA=false"

log = structlog.get_logger()


class Reply(NamedTuple):
    """`told` is all that the server said; `text` holds the answer, None where there is none; `spoken` is all that was generated."""

    told: Mapping[str, Any]
    text: str | None
    spoken: str
    finish: str
    declined: bool


class CallError(ModelError):
    """No reply. `free`: nothing can have been generated; `wait`: the server wants to be asked again after so many seconds.

    `schema`: it does not take the answer's JSON schema.
    """

    def __init__(self, reason: Reason, *, free: bool = False, wait: float | None = None, schema: bool = False) -> None:
        self.free, self.wait, self.schema = free, wait, schema
        super().__init__(reason, PLAIN if schema else TEXTS[reason])


def connect(url: str, key: str, transport: httpx2.AsyncBaseTransport | None = None) -> openai.AsyncOpenAI:
    """A client that sends each request once, to that URL and nowhere else."""
    http = bounded.client(MOST_BYTES, transport)
    return openai.AsyncOpenAI(api_key=key or "none", base_url=url, max_retries=0, http_client=http)


@dataclass(slots=True)
class Server:
    """A model at a server, for all investigations. `seconds` is how long one agent may wait for it in all.

    `bounds`: the answer's schema is sent with its bounds. `schema`: it is sent as one at all, and not as a part of the question;
    `plain`: it is not, or the server is known to take none, and is asked in words.
    """

    client: openai.AsyncOpenAI
    model: str
    url: str
    token_limit_field: str = "max_completion_tokens"  # noqa: S105 - the name of a field
    seconds: float = 45.0
    most_output_tokens: int = MOST_OUTPUT_TOKENS
    bounds: bool = False
    schema: bool = True
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        self.plain = not self.schema

    def body_of(self, messages: Sequence[Message], shape: type[BaseModel]) -> dict[str, Any]:
        """The request; what only OpenAI itself understands is sent to OpenAI alone."""
        schema = schema_of(shape, bounds=self.bounds)
        # lone surrogates, as broken telemetry has them, cannot be sent
        said = [{"role": each.role, "content": each.text.encode(errors="replace").decode()} for each in messages]
        if self.plain:
            said[0]["content"] += f"\n\nAnswer with nothing but one JSON object of this JSON schema:\n{json.dumps(schema)}"
        format_ = {"type": "json_schema", "json_schema": {"name": shape.__name__, "strict": True, "schema": schema}}
        openai_itself = f".{urlsplit(self.url).hostname}".endswith(".api.openai.com")
        return {
            "model": self.model,
            "messages": said,
            **({} if self.plain else {"response_format": format_}),
            self.token_limit_field: self.most_output_tokens,
            **({"service_tier": "default", "store": False} if openai_itself else {}),
        }


def schema_of(shape: type[BaseModel], *, bounds: bool = False) -> dict[str, Any]:
    """The JSON schema of an answer, with what its parts may be and how long, or without.

    Azure and OpenAI's strict mode refuse some such bounds, and they cost tokens there. A server of one's own keeps a model to them by a
    grammar; without them a small model may find no end until it is cut off, and names mechanisms that do not exist.
    """
    schema = shape.model_json_schema()
    return schema if bounds else dict(_unbounded(schema))


def _unbounded(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _unbounded(part) for name, part in schema.items() if name not in BOUNDS}
    return schema


def size_of(body: Mapping[str, Any]) -> int:
    """Its length in UTF-8 bytes: no tokenizer makes more tokens of it."""
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())


def fewest_tokens(*texts: str) -> int:
    """Fewer no tokenizer makes of them: usual text has about four characters a token, and white space may have none of its own."""
    return sum(len("".join(text.split())) for text in texts) // WIDEST


async def send(client: openai.AsyncOpenAI, body: Mapping[str, Any], seconds: float) -> Reply:
    """What the server replied within so many seconds, also where it trickles; every failure is a `CallError`."""
    content = bytearray()
    times = httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    call = client.chat.completions.with_streaming_response.create(**body, timeout=times)
    try:
        async with asyncio.timeout(seconds), call as response:
            async for part in response.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise CallError(Reason.TOO_LARGE)
    except openai.APIStatusError as error:
        raise _refusal(error) from None
    except openai.APIConnectionError as error:
        raise _broken(error.__cause__) from None
    except (OSError, httpx2.RequestError) as error:  # while the reply was read
        raise _broken(error) from None
    return _reply(content)


def _refusal(error: openai.APIStatusError) -> CallError:
    status, body = error.status_code, error.response.content
    log.warning("model.refused", status=status, code=str(error.code)[:60], param=str(error.param)[:60])
    free = status in FREE and not CLAIMS_USAGE.search(body)
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        after = error.response.headers.get("Retry-After", "")
        return CallError(Reason.RATE_LIMITED, free=free, wait=float(after) if after.isascii() and after.isdecimal() else None)
    failed = Reason.SERVER_ERROR if status >= httpx2.codes.INTERNAL_SERVER_ERROR else Reason.REJECTED
    return CallError(STATUS.get(status, failed), free=free, schema=status not in STATUS and bool(NO_SCHEMA.search(body)))


def _broken(cause: BaseException | None) -> CallError:
    if isinstance(cause, NOT_SENT):
        return CallError(Reason.UNREACHABLE, free=True)
    return CallError(Reason.TIMEOUT if isinstance(cause, (TimeoutError, httpx2.TimeoutException)) else Reason.SERVER_ERROR)


def _reply(content: bytes | bytearray) -> Reply:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise CallError(Reason.GARBAGE)
    choice = told.get("choices")
    choice = choice[0] if isinstance(choice, list) and choice else None
    message, finish = at(choice, "message"), str(at(choice, "finish_reason") or "")
    said = {name: _joined(at(message, name)) for name in SPOKEN}
    declined = bool(at(message, "refusal")) or finish == "content_filter"
    # some servers put the answer of a model that thinks where its thoughts belong
    text = said["content"] or said["reasoning_content"] or said["reasoning"]
    answered = isinstance(message, dict) and isinstance(message.get("content"), str | list | None)
    return Reply(told, text if answered else None, "\n".join(dict.fromkeys(said.values())), finish, declined)


def _joined(part: object) -> str:
    """The texts in a value: most servers give one, some a list of parts."""
    if isinstance(part, dict):
        return "\n".join(filter(None, (_joined(each) for name, each in part.items() if name not in {"type", "id", "thinking"})))
    if isinstance(part, list):
        return "\n".join(filter(None, map(_joined, part)))
    return part if isinstance(part, str) else ""


def at(value: object, *path: str) -> Any:
    """What stands at that path of a JSON value, None where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
