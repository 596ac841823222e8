"""Families that no row knows are asked in the way that their names, kinds, labels and siblings call for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.readings import Family, Kind, Match, Reduction, Selection
from compass_core.signals.unknown import others

if TYPE_CHECKING:
    from collections.abc import Mapping


def family(name: str, kind: Kind = "gauge", services: str = "web", labels: Mapping[str, str] | None = None) -> Family:
    """`labels` holds a label's values as one string, separated by blanks."""
    held = {key: frozenset(values.split(" ")) for key, values in (labels or {}).items()}
    return Family(name, kind, "service", tuple((service, service) for service in services.split()), held)


def asked(*families: Family) -> dict[str, Selection]:
    """By signal how it is asked."""
    return {one.signal: one for one in others(families, {"web"}, 20, 100)}


@pytest.mark.parametrize(
    ("name", "label", "values", "signal", "taken"),
    [
        ("django_http_responses_total_by_status_total", "status", "200 500 503", "error_ratio", ("500", "503")),
        ("traefik_service_requests_total", "code", "200 502", "error_ratio", ("502",)),
        ("envoy_http_downstream_rq_xx", "envoy_response_code_class", "2 4 5", "error_ratio", ("5",)),
        ("envoy_http_downstream_rq_xx", "envoy_response_code_class", "2 4 5", "client_errors", ("4",)),
        ("response_total", "classification", "success failure", "error_ratio", ("failure",)),
        ("jobs_handled_total", "outcome", "SUCCESS CLIENT_ERROR SERVER_ERROR", "error_ratio", ("SERVER_ERROR",)),
        ("payments_total", "result", "ok declined error", "error_ratio", ("error",)),
        ("kitchen_orders_total", "success", "true false", "error_ratio", ("false",)),
        ("shop_calls_total", "grpc_code", "OK Unavailable NotFound", "error_ratio", ("Unavailable",)),
        ("api_calls_total", "http_status", "200 429", "rate_limited", ("429",)),
        ("page_views_total", "status_code", "200 404", "client_errors", ("404",)),
    ],
)
def test_a_status_label_makes_a_ratio_of_a_counter_whatever_its_name(
    name: str, label: str, values: str, signal: str, taken: tuple[str, ...]
) -> None:
    made = asked(family(name, "counter", labels={label: values, "path": "/error"}))[signal]
    assert (made.reduction, made.where, made.over) == (Reduction.RATE_RATIO, (Match(label, taken),), name)


def test_where_all_that_is_counted_fails_there_is_no_ratio() -> None:
    assert "error_ratio" not in asked(family("declined_total", "counter", labels={"code": "500"}))


def test_a_sum_is_nothing_without_its_count() -> None:
    total, count = family("work_duration_seconds_sum", "counter"), family("work_duration_seconds_count", "counter")
    assert asked(total) == {}
    made = asked(total, count)
    assert (made["latency_mean"].family, made["latency_mean"].over, made["latency_mean"].unit) == (total.name, count.name, "s")
    assert made["request_rate"].family == count.name
    buckets = asked(total, count, family("work_duration_seconds", "histogram"))
    assert {one.quantile for one in buckets.values()} == {0.0, 0.5, 0.95, 0.99}
    assert "latency_mean" not in buckets, "the buckets say more"


def test_micrometer_without_buckets_and_times_beside_their_number_are_means() -> None:
    served = [family(f"http_server_requests_seconds_{part}", "counter", labels={"status": "200 500"}) for part in ("sum", "count")]
    assert asked(*served)["latency_mean"].over == "http_server_requests_seconds_count"
    busy = [family("shop_steps_duration_seconds_total", "counter"), family("shop_steps_total", "counter")]
    assert asked(*busy)["latency_mean"].over == "shop_steps_total"
    alone = [family("shop_steps_latency_total", "counter")]
    assert asked(*alone) == {}, "by itself it is always one"


def test_a_summary_is_asked_by_its_quantiles_and_a_peak_as_it_is() -> None:
    made = asked(family("answer_seconds", labels={"quantile": "0.5 0.9 0.99"}))
    assert {signal: one.where for signal, one in made.items()} == {
        "latency_p50": (Match("quantile", ("0.5",)),),
        "latency_p95": (Match("quantile", ("0.9",)),),
        "latency_p99": (Match("quantile", ("0.99",)),),
    }
    assert asked(family("answer_seconds_max"))["latency_p99"].reduction is Reduction.RAW


def test_a_histogram_of_sizes_is_no_latency() -> None:
    assert asked(family("answer_size_bytes", "histogram")) == {}


def test_what_is_used_is_compared_with_its_limit() -> None:
    made = asked(family("tomcat_threads_busy_threads"), family("tomcat_threads_config_max_threads"))
    assert (made["saturation_of_limit"].reduction, made["saturation_of_limit"].over) == (
        Reduction.RATIO,
        "tomcat_threads_config_max_threads",
    )
    heap = asked(family("jvm_memory_used_bytes"), family("jvm_memory_max_bytes"))
    assert heap["memory_of_limit"].over == "jvm_memory_max_bytes"
    volume = asked(family("kubelet_volume_stats_available_bytes"), family("kubelet_volume_stats_capacity_bytes"))
    assert volume["disk_free"].over == "kubelet_volume_stats_capacity_bytes"
    other = asked(family("jvm_memory_used_bytes"), family("redis_memory_max_bytes"))
    assert "memory_of_limit" not in other


def test_a_bad_state_is_counted() -> None:
    made = asked(family("elasticsearch_cluster_health_status", labels={"color": "green yellow red"}))
    assert (made["unhealthy"].where, made["unhealthy"].over_where) == ((Match("color", ("red",)),), ())


def test_idle_is_not_use() -> None:
    made = asked(family("windows_cpu_time_total", "counter", labels={"mode": "idle user privileged"}))
    assert made["cpu_idle"].where == (Match("mode", ("idle",)),)
    assert "cpu_usage" not in made
    assert asked(family("mem_available_bytes"))["memory_free"].aggregate == "min"


def test_only_its_own_work_counts_where_labels_tell_it_from_calls() -> None:
    made = asked(family("response_latency_ms", "histogram", labels={"direction": "inbound outbound"}))
    assert made["latency_p95"].where == (Match("direction", ("inbound",)),)
    assert made["latency_p95"].unit == "ms"
    assert asked(family("response_latency_ms", "histogram", labels={"direction": "outbound"})) == {}


def test_of_two_proxies_that_report_a_request_one_is_counted() -> None:
    def reported(reporters: str) -> list[Selection]:
        labels = {"reporter": frozenset(reporters.split()), "destination_service_name": frozenset({"web"})}
        mesh = Family("istio_requests_total", "counter", "destination_workload", (("web", "web"),), labels)
        return list(others([mesh], {"web"}, 20, 100))

    assert [(one.signal, one.where) for one in reported("source destination")] == [("request_rate", (Match("reporter", ("destination",)),))]
    assert [(one.signal, one.where) for one in reported("source")] == [("request_rate", ())], "a callee without a proxy"


def test_calls_are_told_by_whom_they_went_to() -> None:
    made = asked(family("grpc_client_handled_total", "counter", labels={"grpc_code": "OK Internal", "host": "db pay"}))
    assert made["upstream_errors"].by == ("host",)


def test_what_is_counted_one_by_one_is_told_by_how_many_more() -> None:
    assert asked(family("pod_restarts_total", "counter"))["restarts"].reduction is Reduction.INCREASE


def test_what_the_table_knows_and_what_nothing_tells_of() -> None:
    known = [family("up"), family("pg_settings_max_connections"), family("build_info"), family("jobs_created")]
    assert asked(*known) == {}
    made = others([family("relation_size"), family("redo_latency")], {"web"}, 10, 100)
    assert [one.signal for one in made] == ["latency_mean", "other:relation_size"], "what says most comes first"
    assert [one.family for one in others([family("relation_size"), family("redo_latency")], {"web"}, 1, 100)] == ["redo_latency"]


def test_only_what_has_room_is_looked_at() -> None:
    wide = family("ticket_latency", services=" ".join(f"web-{number}" for number in range(8)))
    found = [
        family("redo_latency", services="web-1 web-2"),
        wide,
        family("depths", services="web-1 web-2 x"),
        family("size", services="web-3"),
    ]
    services = {f"web-{number}" for number in range(8)}
    assert [one.family for one in others(found, services, 10, 100)] == ["redo_latency", "ticket_latency", "depths", "size"]
    assert [one.family for one in others(found, services, 10, 5)] == ["redo_latency", "depths", "size"], (
        "one that is too wide hides no other"
    )
    assert sum(len(one.members) for one in others(found, services, 10, 4)) == 4


words = st.text(max_size=12)


@given(
    st.lists(
        st.builds(
            Family,
            words | st.sampled_from(["x_seconds_sum", "x_seconds_count", "cpu_seconds_total", "pool_active", "pool_max"]),
            st.sampled_from(["counter", "gauge", "histogram"]),
            st.sampled_from(["service", "server"]),
            st.lists(st.tuples(words, st.sampled_from(["web", "db"])), max_size=3).map(tuple),
            st.dictionaries(
                st.sampled_from(["code", "status", "mode", "quantile", "direction"]) | words,
                st.frozensets(st.sampled_from(["500", "200", "idle", "0.5", "inbound"]) | words, max_size=3),
                max_size=4,
            ),
            words,
            words,
        ),
        max_size=6,
    )
)
def test_no_family_is_too_odd(found: list[Family]) -> None:
    made = others(found, {"web"}, 5, 9)
    names = {one.name for one in found}
    assert {one.family for one in made} | {one.over for one in made if one.over} <= names
    assert len(made) <= 5
