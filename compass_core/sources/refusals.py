"""What a server means with an error status and its text: a reason, and for well-known products what to do about it."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from compass_core.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

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
