"""What went wrong: the reasons of foreign errors, and of a status and its text; for well-known products also what to do about it."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import httpx

from compass_core.errors import Reason

FOREIGN: Final[tuple[tuple[type[Exception], Reason, str], ...]] = (
    (httpx.TimeoutException, Reason.TIMEOUT, "no answer in time"),
    (httpx.ProxyError, Reason.UNREACHABLE, "no connection through the proxy"),
    (httpx.UnsupportedProtocol, Reason.UNREACHABLE, "the address must begin with http:// or https://"),
    (httpx.LocalProtocolError, Reason.REJECTED, "the request could not be sent"),
    (httpx.DecodingError, Reason.GARBAGE, "the answer cannot be decompressed"),
    (zlib.error, Reason.GARBAGE, "the answer cannot be decompressed"),
    (httpx.ConnectError, Reason.UNREACHABLE, "nothing answers at its address"),
    (httpx.HTTPError, Reason.UNREACHABLE, "the connection broke"),
)
SHORTEST_SECRET: Final = 4
AMAZON: Final = """Amazon's service takes only requests that are signed with SigV4, which Compass does not do:
put a signing proxy (aws-sigv4-proxy) in between and its address in {URL}, or read it through Grafana (COMPASS_GRAFANA_URL)"""
GOOGLE: Final = """Google's service takes only OAuth tokens, which expire within an hour:
put its frontend (prometheus-engine) in between and its address in {URL}"""
TENANT: Final = "the server keeps several tenants and none was named: set {TENANT}"
ADVICE: Final = (
    (r"x-amzn-errortype|Missing ?Authentication ?Token|IncompleteSignature|SignatureDoesNotMatch", AMAZON),
    (r"Expected OAuth 2 access token|ACCESS_TOKEN_|Anonymous caller does not have", GOOGLE),
    (r"(?i)no org ?id", TENANT),
)
_LIMIT: Final = re.compile(r"err-(?:mimir|cortex)-[a-z-]+")
_OPTION: Final = re.compile(r"(?<=configure )-[\w.-]+\w")


def server_text(body: bytes) -> tuple[str, str]:
    """The kind and the text of an error that a server wrote as JSON or as plain text, on one line."""
    kind, text = "", body.decode("utf-8", "replace")
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        answer = "" if text.lstrip().startswith("<") else text
    if isinstance(answer, dict):
        error = answer.get("error") or answer.get("message") or ""
        kind, answer = str(answer.get("errorType", "")), str(error.get("message", "") if isinstance(error, dict) else error)
    said = answer if isinstance(answer, str) else ""
    return kind, " ".join("".join(c if c.isprintable() else " " for c in said).split())


def reason(status: int, kind: str, said: str) -> Reason:
    """Why nothing came."""
    if kind == "timeout" or status == HTTPStatus.GATEWAY_TIMEOUT or "deadline exceeded" in said:
        return Reason.TIMEOUT
    by_status = {401: Reason.UNAUTHORIZED, 403: Reason.UNAUTHORIZED, 404: Reason.NOT_FOUND, 429: Reason.RATE_LIMITED}
    by_class = {3: Reason.UNAUTHORIZED, 4: Reason.REJECTED, 5: Reason.SERVER_ERROR}
    return by_status.get(status) or by_class.get(status // 100, Reason.GARBAGE)


def advice(said: str, variable: Callable[[str], str]) -> str:
    """What to do about an error that a product is known for, '' where none is; `variable` names a setting by its last part."""
    for pattern, text in ADVICE:
        if re.search(pattern, said):
            return " ".join(text.format(URL=variable("URL"), TENANT=variable("TENANT")).split())
    if limit := _LIMIT.search(said):
        option = _OPTION.search(said)
        return f"a limit of the tenant, {limit[0]}: whoever runs the server can raise {option[0] if option else 'it'}"
    return ""


def without_own(said: str, headers: httpx.Headers) -> str:
    """The text without what a server repeats of our own headers."""
    for secret in _secrets(headers):
        said = said.replace(secret, "***")
    return said


def _secrets(headers: httpx.Headers) -> list[str]:
    """What a server could repeat of our own headers, the longest first; shorter ones would only garble texts."""
    scheme, _, credential = headers.get("Authorization", "").partition(" ")
    secrets = [credential, headers.get("X-Scope-OrgID", "")]
    if scheme == "Basic":
        secrets += [b64decode(credential).decode(), *b64decode(credential).decode().split(":", 1)]
    return sorted((secret for secret in secrets if len(secret) >= SHORTEST_SECRET), key=len, reverse=True)
