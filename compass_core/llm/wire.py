"""One request to an OpenAI-compatible server, and what came of it: the one module that knows `openai` and `httpx2`.

The client sends each request once, since every attempt may be billed. Foreign errors become `ModelError` here; the texts
quote nothing that a server said, since some servers repeat a part of the key.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import openai
import structlog

from compass_core.errors import ModelError, Reason
from compass_core.llm import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from compass_core.domain import Message

MOST_OUTPUT_TOKENS = 4096
MOST_BYTES = 2_000_000
BOUNDS = frozenset({"enum", "maxItems", "maxLength"})
CONNECT_SECONDS = 5.0
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
NOT_BILLED = frozenset({Reason.UNREACHABLE, Reason.UNAUTHORIZED, Reason.NOT_FOUND, Reason.RATE_LIMITED, Reason.REJECTED})
# a 408 may come from a proxy that waited long for an answer that is billed
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

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked of whom. `seconds` is how long one agent may wait for the model in all."""

    model: str
    url: str
    token_limit_field: str = "max_completion_tokens"  # noqa: S105 - the name of a field
    seconds: float = 45.0
    most_output_tokens: int = MOST_OUTPUT_TOKENS
    bounds: bool = False
    """Whether the answer's schema is sent with its bounds."""


class Reply(NamedTuple):
    """`told` is all that the server said; `text` is the answer in it, None where there is none."""

    told: Mapping[str, Any]
    text: str | None
    finish: str
    declined: bool


class WaitError(ModelError):
    """The server asks to be asked again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(Reason.RATE_LIMITED, TEXTS[Reason.RATE_LIMITED])


def failure(reason: Reason) -> ModelError:
    """The error of that reason, with its text."""
    return ModelError(reason, TEXTS[reason])


def connect(url: str, key: str, transport: httpx2.AsyncBaseTransport | None = None) -> openai.AsyncOpenAI:
    """A client that sends each request once, to that URL and nowhere else."""
    http = bounded.client(MOST_BYTES, transport)
    return openai.AsyncOpenAI(api_key=key or "none", base_url=url, max_retries=0, http_client=http)


def body_of(terms: Terms, messages: Sequence[Message], shape: type[BaseModel]) -> dict[str, Any]:
    """The request; what only OpenAI itself understands is sent to OpenAI alone."""
    # lone surrogates, as broken telemetry has them, cannot be sent
    said = [{"role": each.role, "content": each.text.encode(errors="replace").decode()} for each in messages]
    schema = {"name": shape.__name__, "strict": True, "schema": schema_of(shape, bounds=terms.bounds)}
    openai_itself = f".{urlsplit(terms.url).hostname}".endswith(".api.openai.com")
    return {
        "model": terms.model,
        "messages": said,
        "response_format": {"type": "json_schema", "json_schema": schema},
        terms.token_limit_field: terms.most_output_tokens,
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


async def send(client: openai.AsyncOpenAI, body: Mapping[str, Any], seconds: float) -> Reply:
    """What the server replied within so many seconds, also where it trickles; every failure is a `ModelError`."""
    content = bytearray()
    times = httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    call = client.chat.completions.with_streaming_response.create(**body, timeout=times)
    try:
        async with asyncio.timeout(seconds), call as response:
            async for part in response.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise failure(Reason.TOO_LARGE)
    except openai.APIStatusError as error:
        raise _refusal(error) from None
    except openai.APIConnectionError as error:
        raise failure(_broken(error.__cause__)) from None
    except (OSError, httpx2.RequestError) as error:  # while the reply was read
        raise failure(_broken(error)) from None
    return _reply(content)


def _refusal(error: openai.APIStatusError) -> ModelError:
    log.warning("model.refused", status=error.status_code, code=(error.code or "")[:60], param=(error.param or "")[:60])
    if error.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        after = error.response.headers.get("Retry-After", "")
        return WaitError(float(after)) if after.isascii() and after.isdecimal() else failure(Reason.RATE_LIMITED)
    failed = Reason.SERVER_ERROR if error.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR else Reason.REJECTED
    return failure(STATUS.get(error.status_code, failed))


def _broken(cause: BaseException | None) -> Reason:
    if isinstance(cause, NOT_SENT):
        return Reason.UNREACHABLE
    return Reason.TIMEOUT if isinstance(cause, (TimeoutError, httpx2.TimeoutException)) else Reason.SERVER_ERROR


def _reply(content: bytes | bytearray) -> Reply:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise failure(Reason.GARBAGE)
    choice = told.get("choices")
    choice = choice[0] if isinstance(choice, list) and choice else None
    message = at(choice, "message")
    text, finish = at(message, "content"), at(choice, "finish_reason")
    answered = isinstance(message, dict) and (text is None or isinstance(text, str))
    return Reply(told, (text or "") if answered else None, str(finish or ""), bool(at(message, "refusal")) or finish == "content_filter")


def at(value: object, *path: str) -> Any:
    """What stands at that path of a JSON value, None where nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
