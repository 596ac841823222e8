"""Which families Prometheus lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from compass_core.errors import Reason, SourceError
from compass_core.readings import Family, Match, Reduction, Selection
from compass_core.sources.http import Allowance
from tests.sources.fake_prometheus import FakePrometheus, ok, prometheus
from tests.sources.handmade import HOUR, T0
from tests.sources.kit import params_of

if TYPE_CHECKING:
    from tests.sources.kit import Answer


def series(name: str, **labels: str) -> dict[str, str]:
    return {"__name__": name, **labels}


async def test_one_request_for_all_labels_and_names() -> None:
    server = FakePrometheus([series("down", service="other", job="other", pod="other-0", path="/")])
    assert (await prometheus(server).families(["web", "shop/db"], ["up", "pg_*"], HOUR)).values == ()
    (asked,) = server.asked("series")
    assert len(asked.get_list("match[]")) == 3 + 1
    assert (asked["start"], asked["end"]) == (f"{T0:.3f}", f"{T0 + 3600:.3f}")
    assert int(asked["limit"]) > 0


async def test_nothing_asked_for() -> None:
    server = FakePrometheus()
    assert (await prometheus(server).families([""], [], HOUR)).values == ()
    assert server.requests == []


async def test_many_services_are_split_over_requests() -> None:
    server = FakePrometheus([series("up", service="s-7")])
    found = await prometheus(server).families([f"s-{k}" for k in range(300)], [], HOUR)
    assert len(found.values) == 1
    assert max(len(str(request.url)) for request in server.requests) < 7000
    assert 1 < len(server.requests) < 12


async def test_what_a_series_is_about_must_be_wanted() -> None:
    listed = [
        series("up", service_name="other", app="web", job="shop/web"),
        series("up", app="web", job="apps"),
        series("up", job="shop/web", instance="10.0.0.1:9090"),
        series("up", job="elsewhere"),
    ]
    found = await prometheus(FakePrometheus(listed)).families(["web"], [], HOUR)
    assert [(family.service_label, family.members, set(family.services)) for family in found.values] == [
        ("app", (("web", "web"),), {"web"}),
        ("job", (("shop/web", "web"),), {"web"}),
    ]


async def test_families_by_name_have_all_services() -> None:
    listed = [
        series("pg_up", server="db-a:5432", job="exporter", instance="x:9187"),
        series("pg_up", server="db-b:5432", job="exporter", instance="x:9187"),
        series("pg_other", pod="db-0", job="exporter"),
        series("pg_last", instance="x:1", job="exporter"),
        series("last_total", instance="x:1", job="batch"),
        series("pg_nobody", cluster="eu"),
        series("unasked", server="db-a:5432"),
    ]
    found = await prometheus(FakePrometheus(listed)).families([], ["pg_*", "last_*"], HOUR)
    assert {family.name: (family.service_label, set(family.services)) for family in found.values} == {
        "pg_up": ("server", {"db-a", "db-b"}),
        "pg_other": ("pod", {"db"}),
        "pg_last": ("instance", {"x"}),
        "last_total": ("job", {"batch"}),
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("r_total", "counter"),
        ("t_seconds_count", "counter"),
        ("t_seconds_sum", "counter"),
        ("pool_count", "gauge"),
        ("odd", "counter"),
        ("openmetrics_total", "counter"),
        ("odd_total", "gauge"),
        ("summary", "gauge"),
    ],
)
async def test_kinds(name: str, kind: str) -> None:
    names = (
        "r_total",
        "t_seconds_count",
        "t_seconds_sum",
        "pool_count",
        "odd",
        "openmetrics_total",
        "odd_total",
        "summary",
        "r_created",
    )
    listed = [series(each, service="web") for each in names] + [series("t_seconds_bucket", service="web", le="+Inf")]
    metadata = {
        "odd": [{"type": "counter", "unit": "s", "help": ""}],
        "odd_total": [{"type": "gauge"}],
        "openmetrics": [{"type": "counter"}],
        "summary": [{"type": "summary"}],
        "t_seconds": [{"type": "histogram"}],
    }
    found = await prometheus(FakePrometheus(listed, metadata)).families(["web"], [], HOUR)
    families = {family.name: family for family in found.values}
    assert set(families) == {*names, "t_seconds"} - {"r_created"}
    assert families[name].kind == kind
    assert families["t_seconds"] == Family("t_seconds", "histogram", "service", (("web", "web"),))
    assert families["odd"].unit == "s"


async def test_parts_are_listed_only_when_asked_for() -> None:
    listed = [series(f"t_{part}", service="web", **({"le": "+Inf"} if part == "bucket" else {})) for part in ("bucket", "count", "sum")]
    found = await prometheus(FakePrometheus(listed)).families([], ["t", "t_count"], HOUR)
    assert [(family.name, family.kind) for family in found.values] == [("t", "histogram"), ("t_count", "counter")]


async def test_metadata_once_and_not_needed() -> None:
    server = FakePrometheus([series("r_total", service="web")], metadata="no metadata")
    source = prometheus(server)
    for _ in range(2):
        assert (await source.families(["web"], [], HOUR)).values[0].kind == "counter"
    assert len(server.asked("metadata")) == 1


async def test_labels_with_many_values_are_cut() -> None:
    listed = [series("up", service="web", path=str(k)) for k in range(80)]
    found = await prometheus(FakePrometheus(listed)).families(["web"], [], HOUR)
    assert len(found.values[0].labels["path"]) == 50


async def test_one_of_several_requests_fails() -> None:
    server = FakePrometheus([series("up", service="s-7")])
    found = await prometheus(server).families([f"s-{k}" for k in range(300)], ["bad"], HOUR)
    assert len(found.values) == 1
    assert [gap.reason for gap in found.gaps] == [Reason.REJECTED]


class OneNameAtATime(FakePrometheus):
    """Google's service: it lists nothing by a pattern of names, and takes no form for it."""

    def _route(self, request: httpx.Request) -> Answer:
        if request.url.path.endswith("__name__/values"):
            return ok(sorted({one["__name__"] for one in self.series}))
        if not request.url.path.endswith("/series"):
            return super()._route(request)
        if request.method == "POST":
            return httpx.Response(405)
        names = [re.search(r'__name__="(\w+)"', match) for match in request.url.params.get_list("match[]")]
        if None in names:
            return httpx.Response(
                400, json={"status": "error", "error": 'invalid parameter "match[]": exact metric name must be specified'}
            )
        return ok([one for one in self.series if one["__name__"] in {name[1] for name in names if name}])


async def test_a_server_that_takes_only_exact_names() -> None:
    server = OneNameAtATime([series("up", service="web"), series("http_requests_total", service="web"), series("pg_up", service="db")])
    source = prometheus(server)
    assert [one.name for one in (await source.families(["web"], [], HOUR)).values] == ["http_requests_total", "up"]
    assert [one.name for one in (await source.families([], ["pg_*"], HOUR)).values] == ["pg_up"]
    last = server.asked("series")[-1]
    assert last.get_list("match[]") == ['{__name__="pg_up", le=~"(\\\\+Inf)?"}']


async def test_of_very_many_names_some_are_left_out_and_it_is_said() -> None:
    server = OneNameAtATime([series(f"metric_with_quite_a_long_name_{k}", service="web") for k in range(2000)])
    found = await prometheus(server).families(["web"], [], HOUR)
    assert 100 < len(found.values) < 2000
    assert [gap.detail for gap in found.gaps] == [
        f"the server lists one metric at a time: {2000 - len(found.values):,} of 2,000 metrics were not looked at"
    ]
    assert len(server.requests) < 20


async def test_what_a_store_says_is_a_gap_in_its_words() -> None:
    """Thanos, with a store that is down: nothing says that there were too many series."""
    server = FakePrometheus([series("up", service="web")])
    server.warnings = ["receive series from Addr: 10.0.0.9:10901: rpc error: code = Unavailable"]
    found = await prometheus(server).families(["web"], [], HOUR)
    assert [(gap.reason, gap.detail) for gap in found.gaps] == [(Reason.TRUNCATED, server.warnings[0])]


async def test_where_all_together_is_too_much_the_halves_are_asked() -> None:
    """A tenant of Mimir with a small limit of series a query."""

    class Limited(FakePrometheus):
        def _route(self, request: httpx.Request) -> Answer:
            if request.url.path.endswith("/series") and len(params_of(request).get_list("match[]")) > 2:
                text = "the query exceeded the maximum number of series (limit: 9 series) (err-mimir-max-series-per-query). " + "x" * 200
                text += " To adjust the related per-tenant limit, configure -querier.max-fetched-series-per-query, or ask"
                return httpx.Response(422, json={"status": "error", "errorType": "execution", "error": text})
            return super()._route(request)

    server = Limited([series("up", service="web", job="web", pod="web-0", instance="10.0.0.1:9090")])
    assert [one.name for one in (await prometheus(server).families(["web"], [], HOUR)).values] == ["up"]
    assert (await prometheus(server).families(["web"], [], HOUR)).gaps == ()
    source = prometheus(server, Allowance(halvings=0))
    with pytest.raises(SourceError, match=r"err-mimir-max-series-per-query: .* can raise -querier.max-fetched-series-per-query"):
        await source.families(["web"], [], HOUR)


async def test_a_native_histogram_has_the_families_of_one() -> None:
    """Prometheus 3 keeps it as one series, of which its metadata say what it is; one with buckets beside it is read by these."""
    listed = [
        series("t_seconds", service="web", code="200"),
        series("both_seconds", service="web"),
        *(
            series(f"both_seconds_{part}", service="web", **({"le": "+Inf"} if part == "bucket" else {}))
            for part in ("bucket", "count", "sum")
        ),
    ]
    server = FakePrometheus(listed, metadata={name: [{"type": "histogram"}] for name in ("t_seconds", "both_seconds")})
    source = prometheus(server)
    found = {one.name: one for one in (await source.families(["web"], [], HOUR)).values}
    assert [(name, found[name].kind) for name in ("t_seconds", "t_seconds_count", "t_seconds_sum")] == [
        ("t_seconds", "histogram"),
        ("t_seconds_count", "counter"),
        ("t_seconds_sum", "counter"),
    ]
    assert found["t_seconds_count"].labels["code"] == {"200"}
    selections = [
        Selection("s", name, Reduction.QUANTILE, "service", (("web", "web"),), quantile=0.5) for name in ("t_seconds", "both_seconds")
    ]
    asked = [one.query for one in (await source.series(selections, HOUR, 60)).values]
    assert [re.sub(r".*\(rate\((\w+)\{.*", r"\1", query) for query in asked] == ["t_seconds", "both_seconds_bucket"]


async def test_series_of_another_environment_are_left_out_and_never_asked_for() -> None:
    listed = [
        series("up", service="web", cluster="eu", namespace="shop"),
        series("up", service="web", cluster="us", namespace="shop"),
        series("up", service="web", cluster="eu", namespace="staging"),
        series("shared", service="web"),
    ]
    server = FakePrometheus(listed)
    found = await prometheus(server).families(["web"], [], HOUR, (("cluster", "eu"), ("namespace", "shop")))
    assert {family.name: tuple(sorted(family.where, key=str)) for family in found.values} == {
        "up": (Match("cluster", ("eu",)), Match("namespace", ("shop",))),
        "shared": (),
    }
    (asked,) = server.asked("series")
    assert all('cluster=~"|eu"' in match for match in asked.get_list("match[]"))


async def test_a_pod_is_not_added_to_its_containers() -> None:
    pod = {"pod": "web-0", "namespace": "shop"}
    listed = [series("container_cpu_usage_seconds_total", **pod, container=name) for name in ("", "POD", "app", "proxy")]
    listed += [series("container_network_receive_bytes_total", **pod), series("container_cpu_usage_seconds_total", id="/")]
    found = await prometheus(FakePrometheus(listed)).families(["web"], [], HOUR)
    assert {family.name: (family.members, family.where) for family in found.values} == {
        "container_cpu_usage_seconds_total": ((("web-0", "web"),), (Match("container", ("", "POD"), but=True),)),
        "container_network_receive_bytes_total": ((("web-0", "web"),), ()),
    }
