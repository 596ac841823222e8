"""Tempo against recorded answers of Tempo 3.0 and 2.10."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compass_core.domain import Window
from compass_core.errors import Reason, SourceError
from compass_core.sources.tempo import FAILS, Tempo
from tests.sources.kit import SourceKit
from tests.sources.replay import Answer, Replay, body, recorded

if TYPE_CHECKING:
    from compass_core.readings import Reading, Span
    from compass_core.sources.http import Allowance, Backend

SERVED = Window(start=datetime.fromtimestamp(1795345545, UTC), end=datetime.fromtimestamp(1795347345, UTC))
TRACE = "f705d582a843cfa3f37aa97ba9a35134"
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
NAMES = st.lists(st.text(st.one_of(st.sampled_from("\"'`\\\n{}|&~=()."), st.characters()), min_size=1, max_size=20), min_size=1, max_size=3)


async def link(query: str, window: Window) -> str:
    return f"https://grafana.test/{window.start:%H%M}?{query}"


def found(*durations: int, first: int = 1) -> dict[str, Any]:
    """A search that found traces with ids from `first` and these durations in milliseconds."""
    return {"traces": [{"traceID": f"{first + place:x}"} | ({"durationMs": ms} if ms else {}) for place, ms in enumerate(durations)]}


class Searches:
    """Answers each of the three searches with its own traces."""

    def __init__(self, failing: Any, others: Any, slow: Any = None) -> None:
        self.bodies = {"status=error": failing, "traceDuration": slow, "}": others}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = next(answer for part, answer in self.bodies.items() if part in request.url.params["q"])
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def server(searches: Answer | None = None, trace: Answer | list[httpx.Response] | None = None) -> Replay:
    empty = recorded("tempo/search_empty")
    return Replay({"/api/search": searches or Searches(found(135), empty), "/api/v2/traces/": trace or recorded("tempo/trace_v2")})


def tempo(replay: Replay) -> Tempo:
    return Tempo(replay.reader("Tempo"), link=link)


def fetched(replay: Replay) -> list[int]:
    """The ids of the traces that were asked for."""
    return [int(request.url.path.rpartition("/")[2], 16) for request in replay.requests if "/traces/" in request.url.path]


async def test_a_trace_is_read_whole() -> None:
    reading = await tempo(server()).spans(["checkout"], SERVED)
    spans = {span.span_id: span for span in reading.values}
    assert len(spans) == 9
    assert {span.trace_id for span in spans.values()} == {TRACE}
    assert {span.service for span in spans.values()} == {"frontend", "checkout", "cart", "payment"}
    root, failed = spans["0f3d96bd982c649f"], next(span for span in spans.values() if span.name == "pool.acquire")
    assert (root.parent_id, root.kind, root.error, root.name) == ("", "server", True, "POST /checkout")
    assert root.t == pytest.approx(1795346240.088372)
    assert root.ms == pytest.approx(5180.555776)
    assert root.attributes["http.response.status_code"] == "502"
    assert root.attributes["service.version"] == "3.8.1"
    assert "service.name" not in root.attributes
    assert (failed.kind, failed.error, failed.attributes["exception.type"]) == ("internal", True, "pgxpool.AcquireTimeout")
    assert failed.attributes["exception.message"] == "acquire connection: context deadline exceeded after 5s"
    assert failed.attributes["k8s.pod.name"] == "checkout-7c9b6d-c8hnv"
    assert all(span.parent_id in spans for span in spans.values() if span is not root)
    assert [span.error for span in spans.values() if span.service == "cart"] == [False]


@pytest.mark.parametrize("name", ["tempo/trace_v1", "tempo/trace_v2"])
async def test_both_answers_hold_the_same_trace(name: str) -> None:
    expected = (await tempo(server()).spans(["checkout"], SERVED)).values
    assert (await tempo(server(trace=recorded(name))).spans(["checkout"], SERVED)).values == expected


async def test_the_trace_of_an_older_tempo_is_read() -> None:
    spans = (await tempo(server(trace=recorded("tempo2/trace_v2"))).spans(["checkout"], SERVED)).values
    batches = body("tempo2/trace_v2")["trace"]["resourceSpans"]
    assert len(spans) == sum(len(scope["spans"]) for batch in batches for scope in batch["scopeSpans"])
    assert any("exception.message" in span.attributes for span in spans)


async def test_the_query_finds_all_traces_and_times_are_whole_seconds() -> None:
    replay = server()
    window = Window(start=SERVED.start + timedelta(seconds=0.4), end=SERVED.end + timedelta(seconds=0.4))
    reading = await tempo(replay).spans(["checkout", "orders.db"], window)
    assert reading.query == '{resource.service.name=~"checkout|orders\\\\.db"}'
    assert (reading.link, reading.source) == (await link(reading.query, window), "Tempo")
    assert sorted(replay.asked("/search", "q")) == sorted([reading.query, reading.query.replace("}", f" && {FAILS}}}")])
    assert set(replay.asked("/search", "start")) == {"1795345545"}
    assert set(replay.asked("/search", "end")) == {"1795347346"}


@settings(deadline=None, max_examples=50)
@given(NAMES)
async def test_nothing_escapes_from_a_service_name(names: list[str]) -> None:
    replay = server(Searches(found(), found(*range(50)), found()), recorded("tempo/err_trace_404"))
    await tempo(replay).spans(names, SERVED)
    skeletons = {
        re.sub("=~?S", "=S", STRING.sub("S", query)).partition(" by ")[0]
        for query in [*replay.asked("/search", "q"), *replay.asked("/metrics", "q")]
    }
    assert skeletons == {
        "{resource.service.name=S}",
        f"{{resource.service.name=S && {FAILS}}}",
        "{resource.service.name=S && traceDuration > 49ms}",
        "{resource.service.name=S} | count_over_time()",
    }


async def test_three_failing_two_slow_and_three_others_within_twelve_requests() -> None:
    replay = server(Searches(found(*[9] * 20), found(*range(50), first=100), found(900, 700, 800, 600, 500, first=200)))
    await tempo(replay).spans(["checkout"], SERVED)
    assert fetched(replay) == [1, 7, 14, 200, 202, 100, 116, 133], "spread over those that were found"
    assert len(replay.requests) == 12


async def test_a_search_that_found_everything_needs_no_search_for_slow_ones() -> None:
    replay = server(Searches(found(9), found(9, 5, 0, 7, 3, 8, first=1)))
    await tempo(replay).spans(["checkout"], SERVED)
    assert fetched(replay) == [1, 6, 4, 2, 3, 5]
    assert len(replay.asked("/search", "q")) == 2


async def test_recorded_searches_lead_to_their_traces() -> None:
    answer = body("tempo/search_traceql")
    replay = server(Searches(answer, answer))
    await tempo(replay).spans(["checkout"], SERVED)
    asked = [request.url.path.rpartition("/")[2] for request in replay.requests if "/traces/" in request.url.path]
    assert [len(trace_id) for trace_id in asked] == [32] * 3, "all of them failed"
    ids = [trace["traceID"].zfill(32) for trace in answer["traces"]]
    assert set(asked) <= set(ids)


@pytest.mark.parametrize("count", [1, 8])
async def test_an_older_server_is_asked_in_the_older_way(count: int) -> None:
    searches = Searches(found(*[9] * 5), found(*range(20), first=100)) if count > 1 else Searches(found(9), found())
    replay = server(searches, httpx.Response(404, text="404 page not found"))
    replay.answers["/api/traces/"] = recorded("tempo/trace_v1")
    source = tempo(replay)
    reading = await source.spans(["checkout"], SERVED)
    assert len(reading.values) == 9 * (7 if count > 1 else 1)
    assert reading.gaps == ()
    assert len(replay.requests) <= 12
    await source.spans(["checkout"], SERVED)
    assert replay.count("/v2/") == 1


async def test_traces_that_cannot_be_read_are_gaps() -> None:
    answers = [recorded("tempo/trace_v2"), recorded("tempo/err_trace_404"), httpx.Response(500, text="no"), recorded("tempo/trace_v2")]
    reading = await tempo(server(Searches(found(9, 9, 9), found(9, first=4)), answers)).spans(["checkout"], SERVED)
    assert len(reading.values) == 18
    assert [(gap.source, gap.reason, gap.detail) for gap in reading.gaps] == [
        ("Tempo", Reason.SERVER_ERROR, f"1 of 4 traces were not read: /api/v2/traces/{'3'.zfill(32)} answers 500: no"),
        ("Tempo", Reason.NO_DATA, "1 of 4 traces are gone"),
    ]


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        ("tempo/err_trace_bad_id", Reason.REJECTED),
        ("tempo-mt/err_401_no_org_trace", Reason.UNAUTHORIZED),
    ],
)
async def test_no_readable_trace_is_an_error(trace: str, reason: Reason) -> None:
    with pytest.raises(SourceError) as caught:
        await tempo(server(Searches(found(9, 9), found()), recorded(trace))).spans(["checkout"], SERVED)
    assert caught.value.reason is reason


async def test_a_trace_that_is_gone_is_a_gap() -> None:
    reading = await tempo(server(trace=recorded("tempo2/err_trace_404"))).spans(["checkout"], SERVED)
    assert (reading.values, [gap.detail for gap in reading.gaps]) == ((), ["1 of 1 traces are gone"])


async def test_a_trace_that_neither_way_knows_is_an_error() -> None:
    replay = server(trace=httpx.Response(404))
    replay.answers["/api/traces/"] = recorded("tempo/err_trace_v1_404")
    with pytest.raises(SourceError) as caught:
        await tempo(replay).spans(["checkout"], SERVED)
    assert caught.value.reason is Reason.NOT_FOUND


async def test_a_trace_that_the_server_cut_is_a_gap() -> None:
    cut = httpx.Response(200, json=body("tempo/trace_v2") | {"status": "PARTIAL", "message": "trace exceeds max size"})
    reading = await tempo(server(trace=cut)).spans(["checkout"], SERVED)
    assert [(gap.reason, gap.detail) for gap in reading.gaps] == [
        (Reason.TRUNCATED, "1 of 1 traces are larger than the server returns: spans are missing")
    ]


async def test_one_failed_search_is_a_gap() -> None:
    reading = await tempo(server(Searches(recorded("tempo/err_traceql_type"), found(9)))).spans(["checkout"], SERVED)
    assert len(reading.values) == 9
    assert [gap.reason for gap in reading.gaps] == [Reason.REJECTED]
    assert "invalid TraceQL query" in reading.gaps[0].detail


async def test_no_trace_is_a_gap_and_no_service_asks_nothing() -> None:
    replay = server(Searches(body("tempo/search_empty"), body("tempo-mt/ok_other_tenant_empty")))
    reading = await tempo(replay).spans(["a", "b"], SERVED)
    assert [(gap.reason, gap.detail) for gap in reading.gaps] == [(Reason.NO_DATA, "no trace of a, b")]
    assert (await tempo(Replay({})).spans([], SERVED)).values == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tempo/err_traceql_parse", Reason.REJECTED),
        ("tempo2/err_traceql_parse", Reason.REJECTED),
        ("tempo/err_search_range_gt_168h", Reason.REJECTED),
        ("tempo/err_search_end_before_start", Reason.REJECTED),
        ("tempo-mt/err_401_no_org", Reason.UNAUTHORIZED),
    ],
)
async def test_what_tempo_refuses_is_an_error_with_its_reason(name: str, reason: Reason) -> None:
    with pytest.raises(SourceError) as caught:
        await tempo(server(recorded(name))).spans(["checkout"], SERVED)
    assert (caught.value.source, caught.value.reason) == ("Tempo", reason)


def of_one_span(**fields: Any) -> httpx.Response:
    span = {"traceId": "AAAAAAAAAAAAAAAAAAAAAQ==", "spanId": "AAAAAAAAAAE=", "startTimeUnixNano": "1000000000", **fields}
    return httpx.Response(200, json={"trace": {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}})


async def test_what_proto_json_leaves_out_is_zero() -> None:
    (span,) = (
        await tempo(server(trace=of_one_span(parentSpanId="AAAAAAAAAAA=", kind="SPAN_KIND_UNSPECIFIED"))).spans(["x"], SERVED)
    ).values
    assert (span.trace_id, span.span_id, span.parent_id) == ("1".zfill(32), "1".zfill(16), "")
    assert (span.t, span.ms, span.kind, span.service, span.name, span.error, dict(span.attributes)) == (1.0, 0.0, "", "", "", False, {})


async def test_attributes_become_text() -> None:
    values = [
        {"stringValue": "x"},
        {"intValue": "5"},
        {"doubleValue": 0.5},
        {"boolValue": True},
        {},
        {"arrayValue": {"values": [{"intValue": "1"}]}},
    ]
    attributes = [{"key": f"k{place}", "value": value} for place, value in enumerate(values)]
    (span,) = (await tempo(server(trace=of_one_span(attributes=attributes, traceId="ab" * 16))).spans(["x"], SERVED)).values
    assert list(span.attributes.values()) == ["x", "5", "0.5", "true", "", '{"values": [{"intValue": "1"}]}']
    assert span.trace_id == "ab" * 16


@pytest.mark.parametrize(
    "fields",
    [{"traceId": "?"}, {"startTimeUnixNano": "soon"}, {"startTimeUnixNano": None}, {"attributes": {}}, {"status": 2}, {"events": [7]}],
)
async def test_a_span_of_another_shape_is_garbage(fields: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        await tempo(server(trace=of_one_span(**fields))).spans(["x"], SERVED)
    assert caught.value.reason is Reason.GARBAGE


@pytest.mark.parametrize("trace_id", ["../../admin", "", "0" * 33, 5])
async def test_an_id_that_is_none_is_never_asked_for(trace_id: object) -> None:
    replay = server(httpx.Response(200, json={"traces": [{"traceID": trace_id}]}))
    with pytest.raises(SourceError) as caught:
        await tempo(replay).spans(["x"], SERVED)
    assert caught.value.reason is Reason.GARBAGE
    assert fetched(replay) == []


class Population(Replay):
    """A Tempo with so many requests to `shop`, of which every kth fails; a search tells the first 50 that it finds."""

    def __init__(self, every: int, failing: int, *, counts: bool = False) -> None:
        super().__init__({"/api/search": self.search, "/api/v2/traces/": self.trace, **({"/api/metrics": self.counted} if counts else {})})
        self.fails = [bool(failing) and k % every < failing for k in range(400)]

    def search(self, request: httpx.Request) -> httpx.Response:
        wanted = [k for k, fails in enumerate(self.fails) if fails or "status" not in request.url.params["q"]]
        if "traceDuration" in request.url.params["q"]:
            wanted = []
        heads = [{"traceID": f"{k + 1:x}", "durationMs": 5, "startTimeUnixNano": str(k + 1)} for k in wanted[:50]]
        return httpx.Response(200, json={"traces": heads})

    def trace(self, request: httpx.Request) -> httpx.Response:
        """A call in front of the one that fails, and one beneath that does not."""
        key = request.url.path.rpartition("/")[2]
        failed = {"status": {"code": "STATUS_CODE_ERROR"}} if self.fails[int(key, 16) - 1] else {}
        names = (("1", "", "door"), ("2", "1", "shop"), ("3", "2", "shop"))
        blocks = [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                "scopeSpans": [{"spans": [shape(key, n, above) | (failed if n == "2" else {})]}],
            }
            for n, above, service in names
        ]
        return httpx.Response(200, json={"trace": {"resourceSpans": blocks}})

    def counted(self, _: httpx.Request) -> httpx.Response:
        def series(status: str, *counts: int) -> Any:
            samples = [{"timestampMs": "1"}, *({"timestampMs": "1", "value": count} for count in counts)]
            return {"labels": [{"key": "status", "value": {"stringValue": status}}], "samples": samples}

        return httpx.Response(
            200, json={"series": [series("error", sum(self.fails)), series("unset", 700, 2 * 400 - sum(self.fails) - 700)]}
        )


def shape(trace: str, span: str, above: str) -> dict[str, Any]:
    ids = {"traceId": trace.zfill(32), "spanId": span.zfill(16), "parentSpanId": above.zfill(16)}
    return {**ids, "name": f"call {span}", "startTimeUnixNano": "5", "endTimeUnixNano": "6"}


def share(reading: Reading[Span], name: str = "call 2") -> float:
    """The share of failing spans of an operation, each counted as often as it stands for."""
    spans = [span for span in reading.values if span.name == name]
    return sum(span.weight * span.error for span in spans) / sum(span.weight for span in spans)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(("every", "failing"), [(100, 0), (100, 1), (30, 1), (10, 1), (5, 3), (10, 9), (1, 1)])
async def test_what_is_read_for_failing_stands_for_no_more_than_fails(every: int, failing: int, counts: bool) -> None:  # noqa: FBT001
    population = Population(every, failing, counts=counts)
    reading = await tempo(population).spans(["shop"], SERVED)
    assert share(reading) == pytest.approx(sum(population.fails) / len(population.fails), abs=0.0001 if counts else 0.02)
    assert sum(span.weight for span in reading.values) == pytest.approx(len(reading.values))


async def test_of_so_many_that_fail_that_a_search_does_not_tell_all() -> None:
    """The search for failing ones ends elsewhere than that for all: what was read for no reason tells how many fail."""
    replay = Population(5, 3)
    whole = replay.search

    def search(request: httpx.Request) -> httpx.Response:
        if "status" in request.url.params["q"]:
            late = [k for k, fails in enumerate(replay.fails) if fails][-50:]
            return httpx.Response(200, json={"traces": [{"traceID": f"{k + 1:x}"} for k in late]})
        return whole(request)

    replay.answers["/api/search"] = search
    assert 0.3 < share(await tempo(replay).spans(["shop"], SERVED)) < 0.9


@pytest.mark.parametrize("version", ["tempo", "tempo2"])
async def test_counts_of_real_servers(version: str) -> None:
    replay = Population(2, 1)
    replay.answers["/api/metrics"] = recorded(f"{version}/metrics_query_range")
    reading = await tempo(replay).spans(["shop"], SERVED)
    expected = {"tempo": 2.3333 / (2.3333 + 16.5833), "tempo2": 1.3 / (1.3 + 16.3)}[version]
    spans = [span for span in reading.values if span.service == "shop"]
    assert sum(span.weight * span.error for span in spans) / sum(span.weight for span in spans) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("version", ["tempo", "tempo2"])
async def test_a_server_that_does_not_count_is_asked_once(version: str) -> None:
    replay = Population(10, 1)
    replay.answers["/api/metrics"] = recorded(f"{version}/err_metrics_range_24h")
    source = tempo(replay)
    for _ in range(2):
        reading = await source.spans(["shop"], SERVED)
        assert reading.gaps == ()
        assert share(reading) == pytest.approx(0.1, abs=0.02)
    assert replay.count("/api/metrics") == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"status": {"code": 2}}, True),
        ({"status": {"code": 1}, "attributes": [{"key": "http.status_code", "value": {"intValue": "503"}}]}, True),
        ({"attributes": [{"key": "http.response.status_code", "value": {"intValue": "500"}}]}, True),
        ({"attributes": [{"key": "http.response.status_code", "value": {"intValue": "404"}}]}, False),
        ({"attributes": [{"key": "http.status_code", "value": {"stringValue": "?"}}]}, False),
    ],
)
async def test_an_answer_of_5xx_is_an_error_whatever_the_status(fields: dict[str, Any], error: bool) -> None:  # noqa: FBT001
    (span,) = (await tempo(server(trace=of_one_span(kind=2, **fields))).spans(["x"], SERVED)).values
    assert (span.error, span.kind) == (error, "server")


@pytest.mark.parametrize("outer", ["resourceSpans", "batches"])
@pytest.mark.parametrize("inner", ["scopeSpans", "instrumentationLibrarySpans"])
async def test_traces_as_every_version_tells_them(outer: str, inner: str) -> None:
    blocks = body("tempo/trace_v1")["batches"]
    told = {outer: [{("resource" if key == "resource" else inner): value for key, value in block.items()} for block in blocks]}
    expected = (await tempo(server()).spans(["checkout"], SERVED)).values
    assert (await tempo(server(trace=httpx.Response(200, json=told))).spans(["checkout"], SERVED)).values == expected


class TestKit(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        return await Tempo(backend.reader(allowance), link=None).spans(["web"], SERVED)


class TestKitOfTraces(SourceKit):
    """The searches are answered by another server, so that the traces alone fail."""

    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        source = Tempo(backend.reader(allowance), link=None)
        return await source._read_all(["1".zfill(32), "2".zfill(32)])


class TestOfOneEnvironment:
    """Traces say where their services run, or they do not."""

    BOUND = (("namespace", "shop"), ("cluster", "eu"))

    async def test_traces_are_searched_in_it(self) -> None:
        replay = server()
        await tempo(replay).spans(["cart"], SERVED, self.BOUND)
        within = '(resource.k8s.namespace.name="shop" || resource.service.namespace="shop") && (resource.k8s.cluster.name="eu")'
        assert all(within in query for query in replay.asked("/api/search", "q"))

    async def test_where_none_says_that_it_is_there_those_are_taken_that_say_nothing(self) -> None:
        def search(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json={"traces": []} if "namespace" in request.url.params["q"] else found(135))

        plain = server(search)
        assert (await tempo(plain).spans(["frontend"], SERVED, self.BOUND)).values
        elsewhere = json.loads(json.dumps(body("tempo/trace_v2")).replace('"stringValue": "shop"', '"stringValue": "staging"'))
        replay = server(search, httpx.Response(200, json=elsewhere))
        services = {span.service for span in (await tempo(plain).spans(["frontend"], SERVED)).values}
        assert (await tempo(replay).spans(sorted(services), SERVED, self.BOUND)).values == ()
