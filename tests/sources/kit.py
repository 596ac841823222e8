"""What every source must withstand: subclass `SourceKit` in a test module and say in `ask` how the source is asked."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compass_core.errors import Reason, SourceError
from compass_core.sources.http import Allowance, Backend, authorization, fixed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

T = TypeVar("T")
Answer = httpx.Response | Exception

URL = "http://telemetry.test/prefix"
STATUSES = {
    204: Reason.GARBAGE,
    302: Reason.UNAUTHORIZED,
    400: Reason.REJECTED,
    401: Reason.UNAUTHORIZED,
    403: Reason.UNAUTHORIZED,
    404: Reason.NOT_FOUND,
    410: Reason.REJECTED,
    422: Reason.REJECTED,
    429: Reason.RATE_LIMITED,
    500: Reason.SERVER_ERROR,
    502: Reason.SERVER_ERROR,
    503: Reason.SERVER_ERROR,
    504: Reason.TIMEOUT,
}
TEMPORARY = (429, 502, 503, 504)
LOGIN_PAGE = b"<!doctype html><html><body>Please sign in</body></html>"
NO_JSON = (b"", b"{", b"\xff\xfe", b"[" * 100_000, LOGIN_PAGE, b'{"data": 1e999999} trailing')
OTHER_SHAPES = (None, True, 17, "text")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "result", "metric", "values", "value", "labels", "stream", "traces", "trace", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


async def inline(work: Callable[[], T]) -> T:
    return work()


class Chunks(httpx.AsyncByteStream):
    """A body that arrives in pieces; it counts those that were taken and can stay silent after the last."""

    def __init__(self, chunks: Iterable[bytes], *, then_silent: bool = False) -> None:
        self.chunks = chunks
        self.taken = 0
        self.then_silent = then_silent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk
        if self.then_silent:
            await asyncio.Event().wait()


def params_of(request: httpx.Request) -> httpx.QueryParams:
    """What was asked, in the address or as a form."""
    return httpx.QueryParams(request.content.decode()) if request.method == "POST" else request.url.params


def question(request: httpx.Request) -> tuple[str, str]:
    """What makes two requests the same."""
    return str(request.url), request.content.decode()


class Server:
    """A backend in this process: answers each request with what `answer` makes of it and keeps the requests."""

    def __init__(self, answer: Callable[[httpx.Request], Answer | Awaitable[Answer]]) -> None:
        self._answer = answer
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answer(request)
        answer = answer if isinstance(answer, httpx.Response | Exception) else await answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def backend(self, name: str = "telemetry", url: str = URL, **settings: Any) -> Backend:
        """A backend as `bootstrap` builds it, only that it does not sleep; the client needs no closing: it opens nothing."""
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return Backend(name, http, fixed(url), inline, **{"pause": self.pause, "seconds": 5, **settings})


def recorded(path: Path) -> httpx.Response:
    """What a real server answered, from one file of `tests/contracts`."""
    answer = json.loads(path.read_text())["response"]
    body = json.dumps(answer["body"]) if "body" in answer else answer.get("body_text", "")
    kept = {name: value for name, value in answer["headers"].items() if name in {"Content-Type", "Retry-After", "Location"}}
    return httpx.Response(answer["status"], headers=kept, content=body.encode())


class SourceKit:
    """The contract of a source against a server that fails in every way."""

    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        """Build the source on `backend.reader(allowance)` and await one read that raises when every request fails."""
        raise NotImplementedError

    async def _refused(self, server: Server, allowance: Allowance | None = None, **settings: Any) -> SourceError:
        with pytest.raises(SourceError) as caught:
            await self.ask(server.backend(**settings), allowance or Allowance())
        return caught.value

    @pytest.mark.parametrize(("status", "reason"), STATUSES.items())
    async def test_each_status_has_its_reason(self, status: int, reason: Reason) -> None:
        server = Server(lambda _: httpx.Response(status, headers={"Location": "/login"}, content=b"no such luck"))
        error = await self._refused(server)
        assert error.reason is reason
        assert error.source == "telemetry"
        assert "/login" not in {request.url.path for request in server.requests}

    @pytest.mark.parametrize("status", TEMPORARY)
    async def test_what_is_temporary_is_asked_once_more(self, status: int) -> None:
        server = Server(lambda _: httpx.Response(status))
        await self._refused(server)
        assert set(Counter(map(question, server.requests)).values()) == {2}

    async def test_what_is_not_temporary_is_asked_once(self) -> None:
        server = Server(lambda _: httpx.Response(500))
        await self._refused(server)
        assert set(Counter(map(question, server.requests)).values()) == {1}

    async def test_only_gets_and_forms_that_only_ask(self) -> None:
        server = Server(lambda _: httpx.Response(400))
        await self._refused(server)
        posted = {request.url.path for request in server.requests if request.method != "GET"}
        assert posted <= {f"/prefix/api/v1/{path}" for path in ("query", "query_range", "series")}
        assert {request.method for request in server.requests} <= {"GET", "POST"}
        assert all(request.url.path.startswith("/prefix/") for request in server.requests)

    @pytest.mark.parametrize("status", [403, 404, 405, 415, 501])
    async def test_where_no_form_is_taken_a_get_asks_the_same(self, status: int) -> None:
        server = Server(lambda request: httpx.Response(status if request.method == "POST" else 400))
        assert (await self._refused(server)).reason is Reason.REJECTED
        posted = [request for request in server.requests if request.method == "POST"]
        read = [str(params_of(request)) for request in server.requests if request.method == "GET"]
        assert all(str(params_of(request)) in read for request in posted)

    async def test_no_connection(self) -> None:
        server = Server(lambda _: httpx.ConnectError("refused"))
        assert (await self._refused(server)).reason is Reason.UNREACHABLE

    async def test_no_answer_in_time(self) -> None:
        async def silent(_: httpx.Request) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

        assert (await self._refused(Server(silent), seconds=0.01)).reason is Reason.TIMEOUT

    async def test_a_body_that_trickles(self) -> None:
        server = Server(lambda _: httpx.Response(200, stream=Chunks([b"{", b"}"], then_silent=True)))
        assert (await self._refused(server, seconds=0.01)).reason is Reason.TIMEOUT

    async def test_an_oversized_body_is_not_read_to_its_end(self) -> None:
        bodies: list[Chunks] = []

        def answer(_: httpx.Request) -> Answer:
            bodies.append(Chunks([b" " * 1000] * 1000))
            return httpx.Response(200, stream=bodies[-1])

        assert (await self._refused(Server(answer), max_bytes=10_000)).reason is Reason.TOO_LARGE
        assert {body.taken for body in bodies} == {11}

    async def test_a_gzip_bomb(self) -> None:
        bomb = gzip.compress(b" " * 10_000_000)

        def answer(_: httpx.Request) -> Answer:
            chunks = Chunks([bomb[at : at + 100] for at in range(0, len(bomb), 100)])
            return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=chunks)

        assert (await self._refused(Server(answer), max_bytes=1_000_000)).reason is Reason.TOO_LARGE

    async def test_a_bomb_inside_a_bomb_is_not_opened(self) -> None:
        body = Chunks([gzip.compress(gzip.compress(b"{}"))])
        server = Server(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip, gzip"}, stream=body))
        assert (await self._refused(server)).reason is Reason.GARBAGE
        assert body.taken == 0

    @pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:12]))
    async def test_what_is_not_json(self, body: bytes) -> None:
        assert (await self._refused(Server(lambda _: httpx.Response(200, content=body)))).reason is Reason.GARBAGE

    @pytest.mark.parametrize("shape", OTHER_SHAPES)
    async def test_json_of_another_shape(self, shape: object) -> None:
        assert (await self._refused(Server(lambda _: httpx.Response(200, json=shape)))).reason is Reason.GARBAGE

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(shape=JSON)
    async def test_any_json_is_read_or_refused(self, shape: object) -> None:
        server = Server(lambda _: httpx.Response(200, content=json.dumps(shape).encode()))
        try:
            await self.ask(server.backend(), Allowance())
        except SourceError as error:
            assert error.reason is Reason.GARBAGE  # noqa: PT017 - an answer is as good as this refusal

    async def test_no_request_beyond_the_allowance(self) -> None:
        server = Server(lambda _: httpx.Response(200, json={}))
        assert (await self._refused(server, Allowance(0))).reason is Reason.REQUEST_LIMIT
        assert server.requests == []

    @pytest.mark.parametrize("status", [200, 302, 400, 401, 500, 503])
    @pytest.mark.parametrize("auth", ["token", "password", "userinfo"])
    async def test_no_secret_leaks(self, status: int, auth: str, caplog: pytest.LogCaptureFixture) -> None:
        """The server repeats all that it was sent, in the text of its error and in an answer that is no JSON."""
        headers = authorization("s3cr3t-token" * (auth == "token"), "", "s3cr3t-password" * (auth == "password"), "s3cr3t-tenant")
        url = URL.replace("//", "//u53r:s3cr3t-info@") if auth == "userinfo" else URL

        def echo(request: httpx.Request) -> Answer:
            credential = request.headers["Authorization"].partition(" ")[2]
            decoded = base64.b64decode(credential).decode() if auth != "token" else ""
            return httpx.Response(status, text=f"{request.url} {decoded} {dict(request.headers)} {request.content.decode()}")

        server = Server(echo)
        backend = server.backend(url=url, headers=headers)
        caplog.set_level(logging.DEBUG)
        with structlog.testing.capture_logs() as events, pytest.raises(SourceError) as caught:
            await self.ask(backend, Allowance())
        said = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text + repr(events) + repr(backend)
        credential = server.requests[0].headers["Authorization"].partition(" ")[2]
        assert [secret for secret in ("s3cr3t", "u53r", credential) if secret in said] == []
        assert server.requests[0].headers["X-Scope-OrgID"] == "s3cr3t-tenant"
