"""Loki against recorded answers of Loki 3.7 and of a multi-tenant one with tight limits."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compass_core.domain import Window
from compass_core.errors import Reason, SourceError
from compass_core.sources.loki import Loki
from tests.sources.kit import SourceKit
from tests.sources.replay import CONTRACTS, Answer, Replay, body, recorded

if TYPE_CHECKING:
    from compass_core.sources.http import Allowance, Backend

SERVED = Window(start=datetime.fromtimestamp(1795345545, UTC), end=datetime.fromtimestamp(1795347345, UTC))
EARLIER = Window(start=datetime.fromtimestamp(1795341945, UTC), end=SERVED.start)
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
SIGNS = st.text(st.one_of(st.sampled_from("\"'`\\\n{}|~=()[].*"), st.characters(codec="utf-8")), min_size=1, max_size=20)


async def link(query: str, window: Window) -> str:
    return f"https://grafana.test/{window.start:%H%M}?{query}"


def server(answer: Answer | list[httpx.Response] | None = None) -> Replay:
    return Replay(
        {
            "/labels": recorded("loki/labels"),
            "/service_name/values": recorded("loki/label_values"),
            "/job/values": httpx.Response(200, json={"status": "success", "data": ["kubernetes-events", "shop/cart"]}),
            "/query_range": answer or recorded("loki/query_range_categorized"),
        }
    )


def loki(replay: Replay, *labels: str) -> Loki:
    return Loki(replay.reader("Loki"), service_labels=labels or ("app", "service_name", "job"), link=link)


async def test_lines_carry_service_level_and_trace() -> None:
    replay = server()
    reading = await loki(replay).log_lines(["checkout"], SERVED, [])
    assert [(line.service, line.level, line.trace_id) for line in reading.values] == [
        ("checkout", "error", "5176ae9b2950b67e6b165200594377a0"),
        ("checkout", "error", "50e88d2d9cdc67dad1ce2b2ceda09b82"),
    ]
    assert reading.values[1].line.startswith('{"ts": "2026-11-22T11:35:15.876Z"')
    assert reading.values[1].t == pytest.approx(1795347315.876488)
    assert (reading.query, reading.source, reading.gaps) == ('{service_name="checkout"}', "Loki", ())
    assert reading.link == await link(reading.query, SERVED)
    asked = replay.requests[-1]
    assert dict(asked.url.params) == {
        "query": reading.query,
        "start": "1795345545000000000",
        "end": "1795347345000000000",
        "limit": "5000",
        "direction": "backward",
    }
    assert asked.headers["X-Loki-Response-Encoding-Flags"] == "categorize-labels"


@pytest.mark.parametrize(
    "answer", ["loki/query_range_streams", "loki/query_range_otlp_stream", "loki/query_json_parse_errors", "loki-mt/ok_tenant"]
)
async def test_streams_are_merged_by_time_and_no_line_is_lost(answer: str) -> None:
    reading = await loki(server(recorded(answer))).log_lines(["checkout"], SERVED, [])
    values = [value for stream in body(answer)["data"]["result"] for value in stream["values"]]
    assert Counter(line.line for line in reading.values) == Counter(value[1] for value in values)
    assert [line.t for line in reading.values] == sorted(int(value[0]) / 1e9 for value in values)
    assert all(line.level for line in reading.values)


async def test_lines_of_one_moment_keep_their_order() -> None:
    stream = {"stream": {"service_name": "cart", "detected_level": "unknown", "level": "WARN"}, "values": [["7", "second"], ["7", "first"]]}
    reading = await loki(server(httpx.Response(200, json={"data": {"result": [stream]}}))).log_lines(["cart"], SERVED, [])
    assert [(line.line, line.level) for line in reading.values] == [("first", "warn"), ("second", "warn")]


async def test_phrases_become_one_filter() -> None:
    reading = await loki(server()).log_lines(["checkout", "cart"], SERVED, ["too many (clients)", "OOM"])
    assert reading.query == '{service_name=~"cart|checkout"} |~ "(?i)(too many \\\\(clients\\\\)|OOM)"'


@settings(deadline=None, max_examples=50)
@given(st.lists(SIGNS, min_size=1, max_size=3), st.lists(SIGNS, min_size=1, max_size=3))
async def test_nothing_escapes_from_names_and_phrases(names: list[str], phrases: list[str]) -> None:
    replay = Replay(
        {
            "/labels": recorded("loki/labels"),
            "/service_name/values": httpx.Response(200, json={"data": names}),
            "/query_range": recorded("loki/query_range_empty"),
        }
    )
    source = loki(replay, "service_name")
    await source.log_lines(names, SERVED, phrases)
    await source.log_counts(names, SERVED, 60, phrases)
    lines, counts = (re.sub("=~?", "=~", STRING.sub("S", query), count=1) for query in replay.asked("/query_range", "query"))
    assert lines == "{service_name=~S} |~ S"
    assert counts == "sum by (service_name) (count_over_time({service_name=~S} |~ S [60s]))"


async def test_the_first_configured_label_with_a_wanted_service_is_used() -> None:
    replay = server(recorded("loki/query_range_empty"))
    reading = await loki(replay, "app", "job", "service_name").log_lines(["cart", "checkout"], SERVED, [])
    assert reading.query == '{job="shop/cart"}'
    assert [(gap.reason, gap.detail) for gap in reading.gaps] == [(Reason.NO_DATA, "no log stream of checkout")]
    reading = await loki(replay, "job", "service_name").log_lines(["checkout"], SERVED, [])
    assert reading.query == '{service_name="checkout"}'


async def test_discovery_is_shared_and_done_again_for_another_window() -> None:
    replay = server(recorded("loki/query_range_empty"))
    source = loki(replay)
    await asyncio.gather(*(source.log_lines([service], SERVED, []) for service in ("checkout", "cart", "payment")))
    await source.log_lines(["cart"], EARLIER, [])
    paths = Counter(request.url.path.rpartition("/api/v1/")[2] for request in replay.requests)
    assert paths == {"labels": 1, "label/service_name/values": 2, "query_range": 4}


async def test_a_service_without_streams_is_a_gap() -> None:
    replay = server()
    replay.answers["/labels"] = httpx.Response(200, json={"status": "success", "data": ["filename", "job", "service_name"]})
    for reading in (await loki(replay).log_lines(["nope"], SERVED, []), await loki(replay).log_counts(["nope"], SERVED, 60, [])):
        assert reading.values == ()
        assert [(gap.reason, gap.detail) for gap in reading.gaps] == [(Reason.NO_DATA, "no log stream of nope")]
    assert not replay.asked("/query_range", "query")


async def test_what_loki_leaves_out_without_a_word_is_a_gap() -> None:
    """With a `max_query_lookback`, older lines are just not there: neither the labels nor the answers say so."""
    replay = server()
    replay.answers["/labels"] = recorded("loki-mt/gotcha_max_query_lookback_labels")
    for reading in (await loki(replay).log_lines(["cart"], SERVED, []), await loki(replay).log_counts(["cart"], SERVED, 60, [])):
        assert reading.values == ()
        assert [(gap.reason, "max_query_lookback" in gap.detail) for gap in reading.gaps] == [(Reason.NO_DATA, True)]
    assert not replay.asked("/query_range", "query")


@pytest.mark.parametrize("older", [[], ["checkout"]])
async def test_counts_begin_where_loki_begins_to_tell(older: list[str]) -> None:
    """Where it has lines of others from before, there were none of these, and that is a count of 0."""
    values = {"checkout": [[1795346640 + 60 * k, "4"] for k in range(10)]}
    matrix = [{"metric": {"service_name": name}, "values": points} for name, points in values.items()]
    replay = server(httpx.Response(200, json={"data": {"resultType": "matrix", "result": matrix}}))
    known = [httpx.Response(200, json={"data": names}) for names in (["cart", "checkout"], older)]
    replay.answers["/service_name/values"] = known
    reading = await loki(replay).log_counts(["checkout", "cart"], SERVED, 60, [])
    assert {(one.t[0], one.t.size == one.v.size) for one in reading.values} == {(1795345620 if older else 1795346640, True)}
    said = [gap.detail.startswith("Loki tells of no line at all from 11:05 to 11:23 UTC:") for gap in reading.gaps]
    assert said == [True] * (not older)


@pytest.mark.parametrize(("refusal", "allowed"), [("loki-mt/err_max_entries", "1000"), ("loki/err_limit_5001", "5000")])
async def test_a_lower_limit_of_the_server_is_used_and_remembered(refusal: str, allowed: str) -> None:
    replay = server([recorded(refusal), recorded("loki/query_range_streams")])
    source = loki(replay)
    assert len((await source.log_lines(["checkout"], SERVED, [])).values) == 5
    await source.log_lines(["checkout"], SERVED, [])
    assert replay.asked("/query_range", "limit") == ["5000", allowed, allowed]


async def test_a_server_that_refuses_every_limit_is_an_error() -> None:
    replay = server(recorded("loki-mt/err_max_entries"))
    with pytest.raises(SourceError, match="max entries limit") as caught:
        await loki(replay).log_lines(["checkout"], SERVED, [])
    assert caught.value.reason is Reason.REJECTED
    assert len(replay.asked("/query_range", "limit")) == 2


async def test_a_full_answer_says_where_it_was_cut() -> None:
    refusal = httpx.Response(400, text="max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 5)")
    reading = await loki(server([refusal, recorded("loki/query_range_streams")])).log_lines(["checkout"], SERVED, [])
    first = datetime.fromtimestamp(reading.values[0].t, UTC)
    assert [(gap.reason, gap.detail) for gap in reading.gaps] == [
        (Reason.TRUNCATED, f"only the newest 5 lines were read, back to {first:%H:%M:%S} UTC")
    ]


async def test_counts_are_zero_where_the_answer_has_no_point() -> None:
    replay = server(recorded("loki/query_range_matrix"))
    reading = await loki(replay).log_counts(["checkout", "cart"], SERVED, 60, ["error"])
    answered = {points["metric"]["service_name"]: dict(points["values"]) for points in body("loki/query_range_matrix")["data"]["result"]}
    cart, checkout = reading.values
    assert (cart.service, checkout.service) == ("cart", "checkout")
    assert not cart.v.any()
    assert checkout.v.tolist() == [float(answered["checkout"].get(at, 0)) for at in checkout.t]
    assert checkout.v.max() == 7
    assert checkout.t.dtype == checkout.v.dtype == np.float64


async def test_counts_have_whole_steps_inside_the_window_and_their_own_query() -> None:
    replay = server(recorded("loki/query_range_matrix"))
    series = (await loki(replay).log_counts(["checkout", "cart"], SERVED, 60, ["error"])).values[1]
    assert (series.t[0], series.t[-1], series.t.size) == (1795345620, 1795347300, 29)
    assert series.query == 'sum by (service_name) (count_over_time({service_name="checkout"} |~ "(?i)(error)" [60s]))'
    assert (series.labels, series.step, series.link) == ({"service_name": "checkout"}, 60, await link(series.query, SERVED))
    assert series.selection.members == (("cart", "cart"), ("checkout", "checkout"))
    asked = replay.requests[-1].url.params
    assert (asked["start"], asked["end"], asked["step"]) == ("1795345620000000000", "1795347300000000001", "60s")


async def test_a_window_without_a_whole_step_has_no_counts() -> None:
    replay = server()
    assert (await loki(replay).log_counts(["checkout"], SERVED, 3600, [])).values == ()
    assert not replay.asked("/query_range", "query")


REFUSED = sorted(
    str(path.relative_to(CONTRACTS).with_suffix(""))
    for folder in ("loki", "loki-mt")
    for path in (CONTRACTS / folder).glob("err_*.json")
    if "max_entries" not in path.stem and "limit_5001" not in path.stem
)
REASONS = {400: Reason.REJECTED, 401: Reason.UNAUTHORIZED, 500: Reason.SERVER_ERROR, 504: Reason.TIMEOUT}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_loki_refuses_is_an_error_with_its_reason(name: str) -> None:
    answer = recorded(name)
    for replay in (server(answer), Replay({"/labels": answer})):
        source = loki(replay)
        for call in (source.log_lines(["checkout"], SERVED, []), source.log_counts(["checkout"], SERVED, 60, [])):
            with pytest.raises(SourceError) as caught:
                await call
            assert (caught.value.source, caught.value.reason) == ("Loki", REASONS[answer.status_code])


WRONG = [[], 7, None, {"data": 3}, {"data": {"result": [{"stream": {"service_name": "checkout"}, "values": [["x", "y"]]}]}},
         {"data": {"result": [{"stream": {}, "values": [["1", "y"]]}]}}, {"data": {"result": [{"metric": {}, "values": [[1, "1"]]}]}},
         {"data": {"result": [{"metric": {"service_name": "checkout"}, "values": [[1, "NaN"]]}]}}]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
async def test_json_of_another_shape_is_garbage(wrong: object) -> None:
    source = loki(server(httpx.Response(200, json=wrong)))
    for call in (source.log_lines(["checkout"], SERVED, []), source.log_counts(["checkout"], SERVED, 60, [])):
        with pytest.raises(SourceError) as caught:
            await call
        assert caught.value.reason is Reason.GARBAGE


@pytest.mark.parametrize("wrong", [[], {"data": 3}, {"data": [{}]}])
async def test_labels_of_another_shape_are_garbage(wrong: object) -> None:
    with pytest.raises(SourceError) as caught:
        await loki(Replay({"/labels": httpx.Response(200, json=wrong)})).log_lines(["checkout"], SERVED, [])
    assert caught.value.reason is Reason.GARBAGE


class TestKit(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        source = Loki(backend.reader(allowance), service_labels=["data"], link=None)
        source._names = {("/loki/api/v1/labels", ""): ("data",), ("/loki/api/v1/label/data/values", str(SERVED)): ("web",)}
        return await source.log_lines(["web"], SERVED, [])


class TestKitOfDiscovery(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        return await Loki(backend.reader(allowance), service_labels=["web"], link=None).log_counts(["web"], SERVED, 60, [])


async def test_without_grafana_there_is_no_link() -> None:
    source = Loki(server().reader("Loki"), service_labels=["service_name"], link=None)
    assert (await source.log_lines(["checkout"], SERVED, [])).link is None


async def test_only_the_environment_that_is_asked_for() -> None:
    replay = server(recorded("loki/query_range_matrix"))
    replay.answers["/labels"] = httpx.Response(200, json={"status": "success", "data": ["cluster", "namespace", "service_name"]})
    await loki(replay).log_counts(["cart"], SERVED, 60, [], (("k8s_cluster_name", "eu"), ("exported_namespace", "shop")))
    (query,) = replay.asked("/query_range", "query")
    assert '{service_name="cart", cluster=~"|eu", namespace=~"|shop"}' in query


async def test_where_nobody_is_named_everyone_who_writes_is_counted() -> None:
    replay = server(recorded("loki/query_range_matrix"))
    found = await loki(replay).log_counts([], SERVED, 60, [])
    assert {one.service for one in found.values} >= {"cart", "checkout"}
    assert replay.asked("/query_range", "query")[0].startswith('sum by (service_name) (count_over_time({service_name=~".+"}')
