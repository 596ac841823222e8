"""A backend that answers as real ones did: recorded exchanges, chosen by the path of the request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from compass_core.sources.http import Allowance
from tests.sources import kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from compass_core.sources.http import Reader

Answer: TypeAlias = "httpx.Response | Callable[[httpx.Request], httpx.Response]"

CONTRACTS = Path(__file__).parent.parent / "contracts"


def recorded(name: str) -> httpx.Response:
    """The answer in `tests/contracts/<name>.json`."""
    return kit.recorded(CONTRACTS / f"{name}.json")


def body(name: str) -> Any:
    return json.loads((CONTRACTS / f"{name}.json").read_text())["response"]["body"]


class Replay(kit.Server):
    """The longest of the given parts of a path that is in the request's wins; of several answers the last repeats."""

    def __init__(self, answers: dict[str, Answer | list[httpx.Response]]) -> None:
        super().__init__(self._find)
        self.answers = answers

    def _find(self, request: httpx.Request) -> httpx.Response:
        parts = [part for part in self.answers if part in request.url.path]
        answer = self.answers[max(parts, key=len)] if parts else httpx.Response(404, text="404 page not found")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        given = answer(request) if callable(answer) else answer
        return httpx.Response(given.status_code, headers=given.headers, content=given.content)

    def reader(self, name: str) -> Reader:
        return self.backend(name).reader(Allowance())

    def asked(self, part: str, param: str) -> list[str]:
        """The values of one parameter in the requests with this in their path."""
        return [kit.params_of(request)[param] for request in self.requests if part in request.url.path]

    def count(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in request.url.path for request in self.requests)
