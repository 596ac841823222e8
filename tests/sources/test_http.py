"""How one backend is asked; what every source withstands is in `sources/kit.py`."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import json
import re
import tracemalloc
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from compass_core.errors import Reason, SourceError
from compass_core.sources.http import Allowance, authorization
from compass_core.sources.refusals import FOREIGN
from tests.sources.kit import Chunks, Server

if TYPE_CHECKING:
    from typing import Any

OK = httpx.Response(200, json={"fine": True})
NEVER = (httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)  # raised before a request, or by what is not used
EXCEPTIONS = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, httpx.HTTPError)]


def always(status: int, content: object = "", **headers: str) -> Server:
    text = content if isinstance(content, str) else json.dumps(content)
    return Server(lambda _: httpx.Response(status, headers=headers, text=text))


def in_turn(*answers: httpx.Response | Exception) -> Server:
    left = iter(answers)
    return Server(lambda _: next(left))


async def refused(server: Server, allowance: Allowance | None = None, path: str = "/api", **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await server.backend(**settings).reader(allowance or Allowance()).ask(path, dict, [("query", "up{secret}")])
    return caught.value


def instance(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        return kind("x", request=httpx.Request("GET", "http://x"), response=OK)
    return kind("x")


def test_every_exception_of_httpx_is_known() -> None:
    """Fails when httpx grows one of another kind, so that somebody decides what it means."""
    everything = {kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, Exception)}
    assert {kind for kind in everything if not issubclass(kind, NEVER)} == set(EXCEPTIONS)


@pytest.mark.parametrize("kind", EXCEPTIONS)
async def test_every_exception_of_httpx_becomes_ours(kind: type[Exception]) -> None:
    error = await refused(Server(lambda _: instance(kind)))
    assert error.reason is next(reason for known, reason, _ in FOREIGN if issubclass(kind, known))
    assert isinstance(error.__cause__, kind)
    assert "/api" in error.detail
    assert "COMPASS_TELEMETRY_URL" in error.detail


async def test_what_a_server_says_is_redacted_before_it_is_cut() -> None:
    error = await refused(always(400, {"error": f"{'.' * 160} postgres://app:{'Hunter2x' * 6}@db"}))
    assert error.detail.endswith("postgres://app:[hidden]@db")


async def test_json_that_takes_far_more_memory_than_its_length_is_not_decoded() -> None:
    body = b"[" + b"[]," * 2_500_000 + b"[]]"
    assert (await refused(Server(lambda _: httpx.Response(200, content=body)))).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("after", [b"", b"x" * 50_000_000], ids=["bomb", "more-than-the-bomb"])
async def test_one_small_chunk_cannot_fill_the_memory(status: int, after: bytes) -> None:
    """100 MB of spaces in one chunk; and what follows the end of a gzip is not kept."""
    chunk = gzip.compress(b" " * (10 if after else 100_000_000))

    def answer(_: httpx.Request) -> httpx.Response:
        body = Chunks([chunk, *([after[:1_000_000]] * (len(after) // 1_000_000))])
        return httpx.Response(status, headers={"Content-Encoding": "gzip"}, stream=body)

    tracemalloc.start()
    try:
        error = await refused(Server(answer), max_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.reason is (Reason.SERVER_ERROR if status > 200 else Reason.GARBAGE if after else Reason.TOO_LARGE)
    assert peak < 5_000_000


async def test_what_is_not_gzip_although_it_says_so() -> None:
    server = Server(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Chunks([b"plain"])))
    assert (await refused(server)).reason is Reason.GARBAGE


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(403, json={"message": "Missing Authentication Token"}), "SigV4.*COMPASS_TELEMETRY_URL.*COMPASS_GRAFANA_URL"),
        (httpx.Response(403, headers={"x-amzn-errortype": "AccessDeniedException"}), "SigV4"),
        (httpx.Response(401, json={"error": {"message": "Expected OAuth 2 access token, login cookie or …"}}), "Google.*OAuth"),
        (httpx.Response(401, text="no org id"), "several tenants.*COMPASS_TELEMETRY_TENANT"),
        (httpx.Response(422, json={"error": "too long (err-mimir-max-query-length)"}), "limit of the tenant, err-mimir-max-query-length"),
        (httpx.Response(401, text="who are you?"), "COMPASS_TELEMETRY_TOKEN"),
    ],
)
async def test_what_to_do_about_the_refusals_that_products_are_known_for(answer: httpx.Response, said: str) -> None:
    assert re.search(said, (await refused(Server(lambda _: answer))).detail)


async def test_an_answer() -> None:
    server = Server(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b'{"a": [1]}')))
    reader = server.backend(headers={"X-A": "1"}).reader(Allowance())
    assert await reader.ask("/api/v1/label/a%2Fb", dict, [("match[]", "a b"), ("match[]", "&")], {"X-B": "2"}) == {"a": [1]}
    request = server.requests[0]
    assert str(request.url) == "http://telemetry.test/prefix/api/v1/label/a%2Fb?match%5B%5D=a+b&match%5B%5D=%26"
    assert (request.headers["X-A"], request.headers["X-B"], request.headers["Accept-Encoding"]) == ("1", "2", "gzip")


@pytest.mark.parametrize("url", ["http://t.test", "http://t.test/", "http://t.test/prefix/", "http://u:p@t.test/?x=1"])
async def test_base_urls(url: str) -> None:
    server = Server(lambda _: OK)
    await server.backend(url=url).reader(Allowance()).ask("/api", dict)
    asked = server.requests[0].url
    assert str(asked) == ("http://t.test/prefix/api" if "prefix" in url else "http://t.test/api")
    assert server.requests[0].headers.get("Authorization") == ("Basic dTpw" if "@" in url else None)


@pytest.mark.parametrize("first", [httpx.Response(503), httpx.Response(429, headers={"Retry-After": "2"}), httpx.ReadError("x")])
async def test_the_second_attempt_counts(first: httpx.Response | Exception) -> None:
    server, allowance = in_turn(first, OK), Allowance()
    assert await server.backend().reader(allowance).ask("/api", dict) == {"fine": True}
    assert server.pauses == [2.0 if isinstance(first, httpx.Response) and first.status_code == 429 else 0.5]
    assert allowance.used == 2


@pytest.mark.parametrize("after", ["6", "3600", "9" * 400])
async def test_a_long_pause_is_not_waited_for(after: str) -> None:
    server = always(429, **{"Retry-After": after})
    assert (await refused(server)).reason is Reason.RATE_LIMITED
    assert (len(server.requests), server.pauses) == (1, [])


@pytest.mark.parametrize("after", ["", "soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "٣"])
async def test_a_pause_that_is_no_number(after: str) -> None:
    server = in_turn(httpx.Response(503, headers=[(b"Retry-After", after.encode())]), OK)
    await server.backend().reader(Allowance()).ask("/api", dict)
    assert server.pauses == [0.5]


async def test_a_query_that_took_too_long_is_not_asked_again() -> None:
    server = always(503, {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"})
    assert (await refused(server)).reason is Reason.TIMEOUT
    assert len(server.requests) == 1


async def test_the_allowance_is_shared_and_counts_retries() -> None:
    server, allowance = always(503), Allowance(3)
    assert (await refused(server, allowance)).reason is Reason.SERVER_ERROR
    assert (await refused(server, allowance)).reason is Reason.REQUEST_LIMIT
    assert (len(server.requests), allowance.used) == (3, 3)


def test_the_first_agent_cannot_use_up_what_the_later_ones_need() -> None:
    def may_ask() -> bool:
        try:
            allowance.take("Prometheus")
        except SourceError:
            return False
        return True

    allowance = Allowance(40, halvings=6)
    sent, halved = [], []
    for later in (2, 1, 0):
        allowance.keep_for(later)
        sent.append(sum(may_ask() for _ in range(100)))
        halved.append(sum(allowance.halve() for _ in range(100)))
    assert (sum(sent), sum(halved)) == (40, 6)
    assert all(each > 5 for each in sent)
    assert all(halved)


async def test_no_more_at_once_than_allowed() -> None:
    arrived, leave = asyncio.Semaphore(0), asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response | Exception:
        arrived.release()
        await leave.wait()
        return OK

    server = Server(answer)
    reader = server.backend(concurrency=2).reader(Allowance())
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(reader.ask("/api", dict))
        await arrived.acquire()
        await arrived.acquire()
        for _ in range(100):  # a third would have come by now
            await asyncio.sleep(0)
        assert len(server.requests) == 2
        leave.set()
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"status": "error", "errorType": "bad_data", "error": "parse\nerror"}, "parse error"),
        ({"code": 601, "message": "bad  filter"}, "bad filter"),
        ("bad \x1b[31m filter\r\n", "bad [31m filter"),
        ('"a bare string"', "a bare string"),
        ("x" * 300, "x" * 200),
        ("abcd" + "x" * 194 + "tenant-7", "abcd" + "x" * 194 + "**"),
    ],
)
async def test_the_servers_own_words(content: object, said: str) -> None:
    error = await refused(always(400, content), headers=authorization("", "", "", "tenant-7"))
    assert error.detail == f"/api answers 400: {said}"
    assert str(error) == f"telemetry: {error.detail} (rejected)"


@pytest.mark.parametrize("content", ["<html>Bad gateway</html>", "", [1], {}, None, "[" * 100_000])
async def test_words_that_say_nothing(content: object) -> None:
    error = await refused(always(502, content))
    assert error.detail.partition(":")[0] == "/api answers 502"
    assert len(error.detail) < 250
    assert "html" not in error.detail


async def test_an_endless_error() -> None:
    assert (await refused(always(401, "x" * 100_000), max_bytes=10)).reason is Reason.UNAUTHORIZED


async def test_a_refusal_names_the_variables() -> None:
    assert "COMPASS_TELEMETRY_TOKEN" in (await refused(always(401))).detail
    assert "COMPASS_GRAFANA_TOKEN" in (await refused(always(403), setting="GRAFANA")).detail
    assert "login" in (await refused(always(307, Location="https://sso.test/?client_secret=1"))).detail


@pytest.mark.parametrize(
    "url", ["telemetry.test:9090", "", "/x", "http://u:s3cr3t/x@telemetry.test", "http://u:s3cr3t@[::1/", "ftp://t.test", "http://a\nb"]
)
async def test_an_address_that_is_none(url: str) -> None:
    server = Server(lambda _: httpx.UnsupportedProtocol("x"))
    error = await refused(server, url=url)
    assert error.reason is Reason.UNREACHABLE
    assert "COMPASS_TELEMETRY_URL" in error.detail
    assert "s3cr3t" not in f"{error}{error.__cause__}"


@pytest.mark.parametrize("token", ["s3cr3t\n", "s3cr3t\u2019s"])
async def test_a_token_that_no_header_can_carry(token: str) -> None:
    server = Server(lambda _: OK)
    error = await refused(server, headers=authorization(token, "", "", ""))
    assert "COMPASS_TELEMETRY_TOKEN" in error.detail
    assert "s3cr3t" not in str(error)
    assert server.requests == []


async def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(SourceError):
        await Server(lambda _: OK).backend().reader(Allowance()).ask("/api", dict, [("query", "\ud800")])


async def test_the_query_is_in_no_error() -> None:
    assert "secret" not in str(await refused(always(500)))


def test_authorization() -> None:
    assert authorization("", "", "", "") == {}
    assert authorization("t", "u", "p", "1") == {"Authorization": "Bearer t", "X-Scope-OrgID": "1"}
    assert authorization("", "ü", "p:q", "") == {"Authorization": "Basic w7w6cDpx"}


async def test_a_span_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    await Server(lambda _: OK).backend().reader(Allowance()).ask("/good", dict)
    await refused(always(404, "s3cr3t"), path="/bad")
    good, bad = kept.get_finished_spans()
    assert (good.name, good.kind, dict(good.attributes or {})["url.path"]) == ("source.request", trace.SpanKind.CLIENT, "/good")
    assert (bad.status.status_code, dict(bad.attributes or {})["error.type"]) == (trace.StatusCode.ERROR, "not_found")
    assert "s3cr3t" not in bad.to_json()
