"""Grafana against recorded answers of 7.5; what came later is built after its documentation."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import Window
from compass_core.errors import Reason, SourceError
from compass_core.readings import Change
from compass_core.sources.grafana import ELEMENT, Grafana, GrafanaChanges
from tests.sources.kit import SourceKit
from tests.sources.replay import Answer, Replay, body, recorded

if TYPE_CHECKING:
    from compass_core.readings import Reading
    from compass_core.sources.grafana import Explored, Kind
    from compass_core.sources.http import Allowance, Backend

BASE = "https://u53r:s3cr3t@grafana.test/g/"
SERVED = Window(start=datetime.fromtimestamp(1795345545, UTC), end=datetime.fromtimestamp(1795347345, UTC))


def server(version: str = "7.5.5", sources: Answer | list[httpx.Response] | None = None) -> Replay:
    health = httpx.Response(200, json={"database": "ok", "version": version} if version else {"database": "ok"})
    return Replay({"/api/health": health, "/api/datasources": sources or recorded("grafana-7.5/datasources")})


def grafana(replay: Replay) -> Grafana:
    return Grafana(replay.backend("Grafana"), BASE)


def source(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": 7, "uid": f"uid-{name}", "orgId": 3, "name": name, "type": kind, **fields}


@pytest.mark.parametrize(("kind", "uid"), [("prometheus", "prom"), ("loki", "loki"), ("tempo", "tempo"), ("alertmanager", "am")])
async def test_data_sources_are_found_by_kind(kind: Kind, uid: str) -> None:
    assert (await grafana(server()).datasource(kind)).uid == uid


async def test_the_default_one_wins_then_the_first_by_name() -> None:
    sources = [source("b", "loki"), source("a", "loki"), source("z", "tempo", isDefault=True), source("c", "tempo")]
    found = grafana(server("11.2.0", httpx.Response(200, json=sources)))
    assert (await found.datasource("loki")).name == "a"
    assert (await found.datasource("tempo")).name == "z"


async def test_a_kind_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="Grafana has no Tempo data source") as caught:
        await grafana(server(sources=httpx.Response(200, json=[]))).locate("tempo")()
    assert caught.value.reason is Reason.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("version", "path"),
    [("7.5.5", "/3"), ("8.5.27", "/3"), ("9.0.0", "/uid/tempo"), ("12.1.0-88106", "/uid/tempo"), ("", "/uid/tempo")],
)
async def test_the_proxy_by_uid_exists_since_9(version: str, path: str) -> None:
    assert await grafana(server(version)).locate("tempo")() == f"https://u53r:s3cr3t@grafana.test/g/api/datasources/proxy{path}"


async def test_a_uid_stays_one_part_of_the_path() -> None:
    sources = httpx.Response(200, json=[source("a", "loki", uid="../../admin?x=")])
    assert (await grafana(server("10.0.0", sources)).locate("loki")()).endswith("/proxy/uid/..%2F..%2Fadmin%3Fx%3D")


@pytest.mark.parametrize(
    ("implementation", "below"), [("mimir", "/alertmanager"), ("cortex", "/alertmanager"), ("prometheus", ""), (None, "")]
)
async def test_where_the_interface_of_an_alertmanager_begins(implementation: str | None, below: str) -> None:
    told = source("a", "alertmanager", uid="am") | ({"jsonData": {"implementation": implementation}} if implementation else {})
    assert (await grafana(server("10.0.0", httpx.Response(200, json=[told]))).locate("alertmanager")()).endswith(f"/proxy/uid/am{below}")


@pytest.mark.parametrize("kind", ["grafana-amazonprometheus-datasource", "victoriametrics-metrics-datasource"])
async def test_what_speaks_as_prometheus_does_is_one(kind: str) -> None:
    assert (await grafana(server(sources=httpx.Response(200, json=[source("a", kind)]))).datasource("prometheus")).type == kind


async def test_discovery_happens_once() -> None:
    replay = server()
    found = grafana(replay)
    await asyncio.gather(found.datasource("loki"), found.locate("tempo")(), found.linker("prometheus")("up", SERVED))
    assert Counter(request.url.path for request in replay.requests) == {"/prefix/api/health": 1, "/prefix/api/datasources": 1}


async def test_a_failed_discovery_is_not_kept() -> None:
    found = grafana(server(sources=[recorded("grafana-7.5/err_401"), recorded("grafana-7.5/datasources")]))
    with pytest.raises(SourceError) as caught:
        await found.datasource("loki")
    assert caught.value.reason is Reason.UNAUTHORIZED
    assert (await found.datasource("loki")).name == "Loki"


async def test_new_links_are_panes() -> None:
    url = urlsplit(str(await grafana(server("10.4.1")).linker("prometheus")('up{a="b & c"}', SERVED)))
    assert (url.netloc, url.path) == ("grafana.test", "/g/explore")
    state = parse_qs(url.query)
    assert (state["schemaVersion"], state["orgId"]) == (["1"], ["1"])
    (pane,) = json.loads(state["panes"][0]).values()
    assert pane == {
        "datasource": "prom",
        "queries": [
            {
                "refId": "A",
                "datasource": {"type": "prometheus", "uid": "prom"},
                "range": True,
                "instant": False,
                "expr": 'up{a="b & c"}',
            }
        ],
        "range": {"from": "1795345545000", "to": "1795347345000"},
    }


async def test_older_links_are_left() -> None:
    url = urlsplit(str(await grafana(server("9.5.3")).linker("loki")('{a="b"} |= "c"', SERVED)))
    assert json.loads(parse_qs(url.query)["left"][0]) == {
        "datasource": "Loki",
        "queries": [{"refId": "A", "queryType": "range", "expr": '{a="b"} |= "c"'}],
        "range": {"from": "1795345545000", "to": "1795347345000"},
    }


async def test_links_to_traces_hold_traceql() -> None:
    url = urlsplit(str(await grafana(server("11.0.0")).linker("tempo")("{status=error}", SERVED)))
    (pane,) = json.loads(parse_qs(url.query)["panes"][0]).values()
    assert (pane["queries"][0]["queryType"], pane["queries"][0]["query"]) == ("traceql", "{status=error}")


@given(st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace").decode()))
async def test_any_query_survives_the_link(query: str) -> None:
    link = str(await grafana(server("10.4.1")).linker("loki")(query, SERVED))
    assert link.isascii()
    assert not set(" <>|\"'\n") & set(link)
    (pane,) = json.loads(parse_qs(urlsplit(link).query)["panes"][0]).values()
    assert pane["queries"][0]["expr"] == query


@pytest.mark.parametrize("kind", ["prometheus", "loki", "tempo"])
async def test_a_kind_without_data_source_has_no_link_and_the_others_do(kind: Explored) -> None:
    found = grafana(server(sources=httpx.Response(200, json=[source("am", "alertmanager"), source("x", "jaeger")])))
    assert await found.linker(kind)("up", SERVED) is None
    assert (await found.datasource("alertmanager")).name == "am"


async def test_a_grafana_that_is_down_gives_no_link_and_rest() -> None:
    replay = server(sources=[httpx.Response(500), httpx.Response(500), recorded("grafana-7.5/datasources")])
    now = [0.0]
    found = Grafana(replay.backend("Grafana"), BASE, clock=lambda: now[0])
    links = []
    for now[0] in (0, 59, 61, 130):
        links.append(await found.linker("loki")("x", SERVED))
    assert [bool(link) for link in links] == [False, False, False, True]
    assert replay.count("/datasources") == 3


@pytest.mark.parametrize("wrong", [{}, [7], [{"type": "loki"}], [{"id": "x", "name": "a", "type": "loki"}], None])
async def test_data_sources_of_another_shape_are_garbage(wrong: object) -> None:
    with pytest.raises(SourceError) as caught:
        await grafana(server(sources=httpx.Response(200, json=wrong))).datasource("loki")
    assert caught.value.reason is Reason.GARBAGE


async def test_a_password_in_a_bad_answer_is_not_repeated() -> None:
    wrong = httpx.Response(200, json=[source("a", "loki", id="x", password="s3cr3t")])
    with pytest.raises(SourceError) as caught:
        await grafana(server(sources=wrong)).datasource("loki")
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


async def read(annotations: list[Any] | httpx.Response, *services: str) -> Reading[Change]:
    answer = annotations if isinstance(annotations, httpx.Response) else httpx.Response(200, json=annotations)
    replay = Replay({"/api/annotations": answer})
    return await GrafanaChanges(replay.reader("Grafana"), BASE).changes(services or ("checkout", "cart"), SERVED)


def annotation(text: str = "", *tags: str, time: int = 1795346025000) -> dict[str, Any]:
    return {"time": time, "timeEnd": time, "text": text, "tags": list(tags)}


async def test_a_recorded_annotation_is_a_deploy() -> None:
    reading = await read(recorded("grafana-7.5/annotations"))
    query = "/api/annotations?from=1795345545000&to=1795347345000&type=annotation&limit=500"
    link = "https://grafana.test/g" + query
    assert reading.values == (Change(1795346025.0, "checkout", "checkout 2.14.0", "deploy", query, "Grafana", link),)
    assert (reading.query, reading.link, reading.gaps) == (query, link, ())


@pytest.mark.parametrize(
    ("text", "tags", "service", "kind"),
    [
        ("v2", ["deploy", "checkout"], "checkout", "deploy"),
        ("v2", ["service:checkout", "Deployment"], "checkout", "deploy"),
        ("v2", ["service=payment", "type:config"], "payment", "config"),
        ("v2", ["service_name: cart", "cart", "scale"], "cart", "scale"),
        ("rolled out cart.", [], "cart", "annotation"),
        ("cart-v2 and mycart rolled out", [], "", "annotation"),
        ("checkout then cart", ["prod"], "checkout", "annotation"),
        ("nothing", [], "", "annotation"),
    ],
)
async def test_service_and_kind(text: str, tags: list[str], service: str, kind: str) -> None:
    (change,) = (await read([annotation(text, *tags)])).values
    assert (change.service, change.kind) == (service, kind)


async def test_the_text_loses_its_markup() -> None:
    (change,) = (
        await read([annotation('<a href="https://evil.test">checkout</a><br/>\n<b>2.14</b> &amp; more, 1 < 2 <!-- no -->')])
    ).values
    assert change.text == "checkout 2.14 & more, 1 < 2"


@given(st.text(st.one_of(st.sampled_from("<>/!ab &;"), st.characters(codec="utf-8")), max_size=40))
async def test_no_element_is_left(text: str) -> None:
    assert not ELEMENT.search((await read([annotation(text.replace("&", ""))])).values[0].text)


async def test_only_what_begins_in_the_window_oldest_first() -> None:
    times = [1795347345000, 1795346000000, 1795345545000, 1795345544999]
    assert [change.t for change in (await read([annotation(time=time) for time in times])).values] == [1795345545.0, 1795346000.0]


async def test_a_full_answer_is_a_gap() -> None:
    reading = await read([annotation()] * 500)
    assert [(gap.reason, gap.detail) for gap in reading.gaps] == [(Reason.TRUNCATED, "500 annotations or more: older ones were not read")]


async def test_tags_may_be_null() -> None:
    assert (await read([{"time": 1795346025000, "text": "x", "tags": None}])).values[0].kind == "annotation"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("grafana-7.5/err_401", Reason.UNAUTHORIZED),
        ("grafana-7.5/err_401_bad_token", Reason.UNAUTHORIZED),
        ("grafana-7.5/err_404", Reason.NOT_FOUND),
        ("grafana-7.5/err_404_ds", Reason.NOT_FOUND),
        ("grafana-7.5/err_proxy_uid_not_in_7x", Reason.SERVER_ERROR),
    ],
)
async def test_what_grafana_refuses_is_an_error_with_its_reason(name: str, reason: Reason) -> None:
    with pytest.raises(SourceError) as caught:
        await read(recorded(name))
    assert (caught.value.source, caught.value.reason) == ("Grafana", reason)


@pytest.mark.parametrize(
    "wrong", [{}, [7], [{"text": "x"}], [{"time": "soon"}], [annotation() | {"tags": "x"}], body("grafana-7.5/health")]
)
async def test_annotations_of_another_shape_are_garbage(wrong: object) -> None:
    with pytest.raises(SourceError) as caught:
        await read(httpx.Response(200, json=wrong))
    assert caught.value.reason is Reason.GARBAGE


class TestKitOfChanges(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        return await GrafanaChanges(backend.reader(allowance), BASE).changes(["web"], SERVED)
