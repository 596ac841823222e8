"""All four backends at once, as `bootstrap.live` builds them: how many requests an investigation sends, and what it makes of them."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from compass_core.agents.scope import MOST_SERVICES
from compass_core.bootstrap import live
from compass_core.compass import utc_now
from compass_core.domain import AgentName, Incident, Outcome, Request
from compass_core.errors import Reason
from compass_core.incidents.resolve import resolve
from compass_core.settings import load
from compass_core.signals.catalogue import names_of
from compass_core.sources.http import Allowance
from tests.fakes import FakeThread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SERVICES = [f"service-{i}" for i in range(MOST_SERVICES + 12)]
NAMES = [name for agent in AgentName for name in names_of(agent)] + [f"own_metric_{i}_total" for i in range(200)]


class Backends:
    """Prometheus, Loki, Tempo and Grafana behind one port: a large system in which every family of the catalogue exists."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.Response:
        path = re.sub("^/grafana/api/datasources/proxy/uid/", "/", request.path)
        self.asked[path.split("/")[1]] += 1
        for pattern, make in self.answers().items():
            if re.fullmatch(pattern, path):
                return web.json_response(make(await request.post() if request.method == "POST" else request.query))
        raise web.HTTPNotFound

    def answers(self) -> dict[str, Any]:
        return {
            "/prometheus/api/v1/series": self.series,
            "/prometheus/api/v1/metadata": lambda _: {"status": "success", "data": {}},
            "/prometheus/api/v1/query": lambda _: {"status": "success", "data": {"resultType": "vector", "result": []}},
            "/prometheus/api/v1/query_range": self.points,
            "/loki/loki/api/v1/labels": lambda _: {"status": "success", "data": ["service"]},
            "/loki/loki/api/v1/label/service/values": lambda _: {"status": "success", "data": SERVICES},
            "/loki/loki/api/v1/query_range": self.lines,
            "/tempo/api/search": lambda _: {"traces": [{"traceID": f"{i:032x}", "durationMs": i + 1} for i in range(50)]},
            "/tempo/api/v2/traces/[0-9a-f]+": self.trace,
            "/grafana/api/datasources": lambda _: [
                {"id": at, "uid": kind, "name": kind, "type": kind} for at, kind in enumerate(("prometheus", "loki", "tempo"))
            ],
            "/grafana/api/health": lambda _: {"version": "11.0.0"},
            "/grafana/api/annotations": lambda _: [],
            "/grafana/api/alertmanager/grafana/api/v2/alerts": self.alerts,
        }

    def alerts(self, _: Any) -> Any:
        named = {"labels": {"alertname": "Slow", "service": SERVICES[0]}, "annotations": {}, "status": {"state": "active"}}
        return [{**named, "fingerprint": "00aa", "startsAt": "2026-01-05T14:00:00Z"}]

    def series(self, query: Any) -> Any:
        labels = {"http_response_status_code": "500", "error_type": "connection_refused", "server_address": "service-1", "le": "+Inf"}
        found = [{"__name__": name, "service": service, **labels} for name in NAMES for service in SERVICES]
        wanted = " ".join(query.getall("match[]"))
        return {"status": "success", "data": [one for one in found if one["__name__"] in wanted or one["service"] in wanted]}

    def points(self, query: Any) -> Any:
        tags = re.findall(r'"compass_selection", "(\d+)"', query["query"]) or [""]
        start, step = float(query["start"]), float(query["step"])
        count = int((float(query["end"]) - start) / step)
        values = [[start + k * step, str(1 + k % 3)] for k in range(count)]
        made = [{"metric": {"compass_selection": tag, "service": service}, "values": values} for tag in tags for service in SERVICES[:3]]
        return {"status": "success", "data": {"resultType": "matrix", "result": made}}

    def lines(self, query: Any) -> Any:
        if query["query"].startswith("sum"):
            return {"status": "success", "data": {"resultType": "matrix", "result": []}}
        line = [query["end"][:10] + "0" * 9, "error: connection refused by service-1"]
        return {"status": "success", "data": {"resultType": "streams", "result": [{"stream": {"service": "service-0"}, "values": [line]}]}}

    def trace(self, _: Any) -> Any:
        def span(service: str, name: str, parent: str = "") -> Any:
            body = {
                "traceId": "AA==",
                "spanId": name,
                "parentSpanId": parent,
                "name": name,
                "startTimeUnixNano": "1",
                "endTimeUnixNano": "9",
            }
            resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
            return {"resource": resource, "scopeSpans": [{"spans": [body]}]}

        chain = [span(SERVICES[0], "AAAAAAAA")] + [span(one, f"BBBBBBB{i:01x}", "AAAAAAAA") for i, one in enumerate(SERVICES[1:16])]
        return {"trace": {"resourceSpans": chain}}


@asynccontextmanager
async def backends() -> AsyncIterator[tuple[Backends, str]]:
    app, system = web.Application(), Backends()
    app.router.add_route("*", "/{path:.*}", system.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield system, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("given", [("prometheus", "loki", "tempo", "grafana"), ("grafana",)])
async def test_a_large_system_needs_no_more_requests_than_allowed(given: tuple[str, ...], tmp_path: Path) -> None:
    """Also where Grafana alone is configured, which finds its data sources itself."""
    async with backends() as (system, url):
        environ = {f"COMPASS_{name.upper()}_URL": f"{url}/{name}" for name in given}
        async with live(load({**environ, "COMPASS_DATABASE_URL": f"sqlite:///{tmp_path}/compass.db"})) as compass:
            incident = Incident(id="I-1", title="t", services=(SERVICES[0],), started_at=utc_now().replace(year=2026, month=1))
            conclusion = await compass.investigate(Request(incident=incident, budget=Decimal(0)), FakeThread())
    assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3
    assert sum(system.asked.values()) <= Allowance().limit
    assert all(system.asked[kind] for kind in ("prometheus", "loki", "tempo"))
    assert {(seen.link or "").partition("?")[0] for seen in conclusion.observations.values()} == {f"{url}/grafana/explore"}
    gaps = [gap for run in conclusion.runs for gap in run.findings.gaps]
    assert not [gap for gap in gaps if gap.reason is Reason.REQUEST_LIMIT], gaps


async def test_grafana_alone_knows_the_alerts_of_its_own_rules(tmp_path: Path) -> None:
    async with backends() as (_, url):
        environ = {"COMPASS_GRAFANA_URL": f"{url}/grafana", "COMPASS_DATABASE_URL": f"sqlite:///{tmp_path}/compass.db"}
        async with live(load(environ)) as compass:
            found = await resolve(Request(reference="Slow"), compass.telemetry.places, utc_now())
    assert (found.id, found.services) == ("00aa", (SERVICES[0],))
