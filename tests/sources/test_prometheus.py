"""What Prometheus answers through the port, from a server in this process and from answers of real ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np
import pytest

from compass_core.errors import Reason, SourceError
from compass_core.readings import Match, Reduction, Selection
from compass_core.sources.http import Allowance
from compass_core.sources.prometheus import LONGEST_FORM, LONGEST_LINE, Prometheus
from tests.sources.fake_prometheus import FakePrometheus, prometheus
from tests.sources.handmade import HOUR, T0
from tests.sources.kit import Server, recorded

if TYPE_CHECKING:
    from compass_core.domain import Window

CONTRACTS = Path(__file__).parents[1] / "contracts"
ERRORS = sorted(CONTRACTS.glob("prometheus*/err_*.json"))
TIMEOUTS = ("err_timeout_eval", "err_timeout_param")
NOT_FOUND = ("err_404", "err_bad_label_name")


def select(family: str = "up", reduction: Reduction = Reduction.RAW, **more: Any) -> Selection:
    return Selection(
        **{
            "signal": f"signal {family}",
            "family": family,
            "reduction": reduction,
            "service_label": "service",
            "members": (("web", "web"),),
            **more,
        }
    )


def said_by(path: Path) -> str:
    text: str = json.loads(path.read_text())["response"].get("body", {}).get("error", "")
    return " ".join(text.split())[:200]


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_errors_of_real_servers(path: Path) -> None:
    said = said_by(path)
    server = Server(lambda _: recorded(path))
    with pytest.raises(SourceError) as caught:
        await prometheus(server).series([select()], HOUR, 60)
    by_name = dict.fromkeys(TIMEOUTS, Reason.TIMEOUT) | dict.fromkeys(NOT_FOUND, Reason.NOT_FOUND)
    expected = by_name.get(path.stem, Reason.UNAUTHORIZED if "401" in path.stem else Reason.REJECTED)
    assert caught.value.reason is expected
    assert [request.method for request in server.requests] == (["POST", "GET"] if expected is Reason.NOT_FOUND else ["POST"])
    assert said in caught.value.detail


@pytest.mark.parametrize("version", ["prometheus", "prometheus-2.42"])
async def test_families_of_a_real_server(version: str) -> None:
    server = Server(
        lambda request: (
            recorded(CONTRACTS / version / "series.json")
            if "series" in request.url.path
            else recorded(CONTRACTS / "prometheus" / "metadata_remote_written.json")
        )
    )
    found = await prometheus(server).families(["postgres-orders"], [], HOUR)
    assert found.gaps == ()
    (family,) = found.values
    assert (family.name, family.kind, family.service_label) == ("pg_stat_activity_count", "gauge", "server")
    assert family.members == (("postgres-orders:5432", "postgres-orders"),)
    assert "idle in transaction" in family.labels["state"]
    assert family.labels["job"] == {"postgres-exporter"}


async def test_a_real_server_cuts_its_answer() -> None:
    server = Server(
        lambda request: recorded(CONTRACTS / "prometheus" / ("series_limit.json" if "series" in request.url.path else "metadata.json"))
    )
    found = await prometheus(server).families(["frontend"], [], HOUR)
    assert [(family.name, family.kind) for family in found.values] == [
        ("http_server_request_duration_seconds", "histogram"),
        ("target_info", "gauge"),
    ]
    assert [gap.reason for gap in found.gaps] == [Reason.TRUNCATED]


@pytest.mark.parametrize("version", ["prometheus", "prometheus-2.42"])
async def test_points_of_a_real_server(version: str) -> None:
    body = json.loads((CONTRACTS / version / "query_range.json").read_text())["response"]["body"]
    for item in body["data"]["result"]:
        item["metric"]["compass_selection"] = "0"
    members = (("checkout", "checkout"), ("cart", "cart"))
    got = await prometheus(Server(lambda _: httpx.Response(200, json=body))).series(
        [select(service_label="service_name", members=members)], HOUR, 60
    )
    by_service = {one.service: one for one in got.values}
    assert set(by_service) == {"cart", "checkout"}, "what was not asked for is dropped"
    points = next(item["values"] for item in body["data"]["result"] if item["metric"]["service_name"] == "checkout")
    assert by_service["checkout"].t.tolist() == [at for at, _ in points]
    assert by_service["checkout"].v.tolist() == [float(text) for _, text in points]


class TestSeries:
    async def test_points(self) -> None:
        got = await prometheus(FakePrometheus(), public_url="http://p.test/").series([select(by=("code",))], HOUR, 60)
        (one,) = got.values
        assert one.t.tolist() == [T0, T0 + 60, T0 + 180]
        assert np.array_equal(one.v, [1.5, math.nan, math.nan], equal_nan=True)
        assert (one.service, one.labels, one.source, one.step) == ("web", {"service": "web"}, "prometheus", 60)
        assert one.query == 'sum by (service, code) (up{service="web", code=""})', "its own points alone, and '' is a label that it has not"
        link = urlsplit(one.link or "")
        assert (link.netloc, link.path) == ("p.test", "/graph")
        assert parse_qs(link.query) == {
            "g0.expr": [one.query],
            "g0.tab": ["0"],
            "g0.range_input": ["3600s"],
            "g0.end_input": [f"{HOUR.end:%Y-%m-%d %H:%M:%S}"],
        }

    async def test_the_window_is_half_open(self) -> None:
        server = FakePrometheus()
        await prometheus(server).series([select()], HOUR, 7)
        (asked,) = server.asked("query_range")
        assert (asked["start"], asked["end"], asked["step"]) == (f"{T0:.3f}", f"{T0 + 514 * 7:.3f}", "7.000")

    async def test_a_grafana_link_wins(self) -> None:
        async def link(query: str, window: Window) -> str | None:
            return None if "nowhere" in query else f"http://g.test/{window.seconds:g}"

        source = prometheus(FakePrometheus(), link=link, public_url="http://p.test")
        got = await source.series([select(), select("nowhere")], HOUR, 60)
        assert got.values[0].link == "http://g.test/3600"
        assert (got.values[1].link or "").startswith("http://p.test/graph?")

    async def test_many_selections_share_requests(self) -> None:
        server = FakePrometheus()
        wanted = [select(f"family_{k}") for k in range(120)]
        got = await prometheus(server).series(wanted, HOUR, 60)
        assert {one.query for one in got.values} == {f'sum by (service) (family_{k}{{service="web"}})' for k in range(120)}
        assert {one.selection.signal for one in got.values} == {one.signal for one in wanted}
        assert len(server.requests) < 4
        assert max(len(request.content) for request in server.requests) < LONGEST_FORM + 300

    async def test_where_no_form_is_taken_lines_are_short(self) -> None:
        """Found out once for the life of the process, at the first question."""
        fake = FakePrometheus([{"__name__": "up", "service": "web"}])
        server = Server(lambda request: httpx.Response(405) if request.method == "POST" else fake._route(request))
        backend = server.backend("prometheus")
        for _ in range(2):
            source = Prometheus(backend.reader(Allowance()), service_labels=("service",), link=None, public_url="")
            await source.families(["web"], [], HOUR)
            assert len((await source.series([select(f"family_{k}") for k in range(120)], HOUR, 60)).values) == 120
        asked = [request for request in server.requests if request.method == "GET"]
        assert max(len(str(request.url)) for request in asked) < LONGEST_LINE + 300
        assert len(server.requests) - len(asked) == len(
            {path for request in asked if (path := request.url.path).rpartition("/")[2] not in {"metadata", "labels"}}
        )

    async def test_a_bad_selection_is_found_and_named(self) -> None:
        server = FakePrometheus()
        got = await prometheus(server).series([select(f"f_{k}") for k in range(7)] + [select("bad")], HOUR, 60)
        assert len(got.values) == 7
        assert [(gap.reason, gap.detail) for gap in got.gaps] == [(Reason.REJECTED, "signal bad: /api/v1/query_range answers 400: no")]
        assert len(server.requests) == 7

    async def test_a_refused_login_is_not_asked_in_halves(self) -> None:
        server = FakePrometheus(refusal=httpx.Response(401))
        with pytest.raises(SourceError, match="COMPASS_PROMETHEUS_TOKEN"):
            await prometheus(server).series([select("bad"), select("good")], HOUR, 60)
        assert len(server.requests) == 1

    async def test_the_allowance_ends_in_the_middle(self) -> None:
        got = await prometheus(FakePrometheus(), Allowance(1)).series([select(f"f_{'x' * 6000}{k}") for k in range(4)], HOUR, 60)
        assert len(got.values) == 2
        assert [gap.reason for gap in got.gaps] == [Reason.REQUEST_LIMIT]
        assert got.gaps[0].detail.startswith(f"signal f_{'x' * 6000}2, signal")

    async def test_warnings_are_gaps(self) -> None:
        server = FakePrometheus()
        server.warnings = ["PromQL warning: " + "x" * 300]
        got = await prometheus(server).series([select()], HOUR, 60)
        assert [(gap.reason, gap.detail) for gap in got.gaps] == [(Reason.TRUNCATED, "PromQL warning: " + "x" * 300)]

    async def test_what_only_informs_is_no_gap(self) -> None:
        server = FakePrometheus()
        server.warnings = ["PromQL info: metric might not be a counter"]
        assert (await prometheus(server).series([select()], HOUR, 60)).gaps == ()

    async def test_a_partial_answer_is_a_gap(self) -> None:
        """VictoriaMetrics with a storage node down: a flag, and no warning."""
        server = FakePrometheus()
        server.more = {"isPartial": True}
        got = await prometheus(server).series([select()], HOUR, 60)
        assert len(got.values) == 1
        assert [(gap.reason, "partial" in gap.detail) for gap in got.gaps] == [(Reason.TRUNCATED, True)]

    async def test_nothing_to_ask(self) -> None:
        server = FakePrometheus()
        assert (await prometheus(server).series([select(members=(), reduction=Reduction.RATE)], HOUR, 60)).values == ()
        assert server.requests == []

    @pytest.mark.parametrize(("services", "matcher"), [(1, 'pod=~"(web0)(-.*)?"'), (2, 'pod=~"(web0|web1)(-.*)?"'), (700, 'pod!=""')])
    async def test_very_many_members_are_asked_for_by_their_services(self, services: int, matcher: str) -> None:
        members = tuple((f"web{k % services}-7c9b6d-{k:05}", f"web{k % services}") for k in range(700))
        server = FakePrometheus()
        await prometheus(server).series([select(members=members, service_label="pod")], HOUR, 60)
        (asked,) = server.asked("query_range")
        assert matcher in asked["query"]

    @pytest.mark.parametrize(
        ("samples", "step", "seconds"), [("8", 15, 60), ("2", 15, 240), ("1", 15, 240), ("120", 15, 15), ("0", 15, 240), ("8", 300, 300)]
    )
    async def test_a_rate_spans_four_points_of_the_family(self, samples: str, step: float, seconds: int) -> None:
        server = FakePrometheus()
        server.samples = samples
        source = prometheus(server)
        for _ in range(2):
            got = await source.series([select("r_total", Reduction.RATE)], HOUR, step)
            assert got.values[0].query == f'sum by (service) (rate(r_total{{service="web"}}[{seconds}s]))'
        assert len(server.asked("query")) == 1

    async def test_an_interval_that_cannot_be_measured(self) -> None:
        selection = select("t_total", Reduction.RATE_RATIO, over="bad_total", where=(Match("code", ("500",)),))
        server = FakePrometheus()
        with pytest.raises(SourceError):
            await prometheus(server).series([selection], HOUR, 15)
        assert "[240s]" in server.asked("query_range")[0]["query"]

    @pytest.mark.parametrize("points", [[(2, "1"), (1, "1")], [(1, "1"), (1, "1")], [(1, "x")], [(1,)], "12", []])
    async def test_points_that_are_none(self, points: Any) -> None:
        server = FakePrometheus()
        server.points = points
        with pytest.raises(SourceError) as caught:
            await prometheus(server).series([select()], HOUR, 60)
        assert caught.value.reason is Reason.GARBAGE
