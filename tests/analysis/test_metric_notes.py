"""From series and changes to observations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compass_core.analysis.metric_notes import of_changes, of_counts, of_series, of_versions
from compass_core.analysis.notes import Note
from compass_core.domain import AgentName, Observation
from compass_core.readings import Change, Match, Reading, Reduction, Selection, Series
from compass_core.signals.catalogue import SIGNALS
from tests.analysis.test_notes import TIMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTE = Note(AgentName.APPLICATION, TIMES)
BEGIN, START = TIMES.baseline.start.timestamp(), TIMES.window.start.timestamp()


def halves(first: int, last: int) -> NDArray[np.float64]:
    """Times every half minute from the baseline's begin."""
    return np.arange(BEGIN + 30.0 * first, BEGIN + 30.0 * last, 30.0, dtype=np.float64)


def series(signal: str, window: float | None, service: str = "web", before: float = 1.0, **more: Any) -> Series:
    """An hour at `before`, then the window at `window` (None: nothing more)."""
    by = more.pop("by", {})
    ways = SIGNALS[signal].asked if signal in SIGNALS else ()
    family = more.pop("family", ways[0].families[0] if ways else signal)
    v = np.array([before] * 120 + ([] if window is None else [window] * 40), dtype=np.float64)
    reduction, unit = more.pop("reduction", Reduction.RAW), more.pop("unit", "")
    selection = Selection(signal, family, reduction, "service", ((service, service),), by=tuple(by), unit=unit)
    return Series(selection, service, {"service": service, **by}, halves(0, v.size), v, f"sum({signal})", "Prometheus", "link", 30.0)


def one(*given: Series) -> Observation:
    (found,) = of_series(NOTE, given)
    return found


def test_a_series_tells_its_value_what_is_usual_and_what_was_asked() -> None:
    found = one(series("error_ratio", 0.3, before=0.0))
    assert found.summary == "web: failing requests 30%, usually 0%"
    assert (found.value, found.baseline_value, found.unit) == (0.3, 0.0, "ratio")
    assert found.reduction == "max over the window; usually: median before"
    assert (found.query, found.link, found.source, found.step) == ("sum(error_ratio)", "link", "Prometheus", 30)
    assert (found.onset, found.onset_within) == (TIMES.window.start, 30)
    assert found.score > 0.8


def latencies(p50: float, p95: float, p99: float, *more: Series) -> dict[str, float]:
    """The score of each signal of a service of which half answer in 8 ms, nineteen of twenty in 80 ms and almost all in 100 ms."""
    usual = (("latency_p50", p50, 0.008), ("latency_p95", p95, 0.08), ("latency_p99", p99, 0.1))
    given = (series(name, window, before=before) for name, window, before in usual)
    return {found.signal: found.score for found in of_series(NOTE, (*given, *more))}


def test_of_a_hundred_requests_one_that_is_slow_makes_no_slow_service() -> None:
    alone = latencies(0.008, 0.08, 0.3)["latency_p99"]
    assert 0 < alone < 0.5 * latencies(0.008, 0.3, 0.3)["latency_p99"], "one of twenty is slow as well"
    assert alone < 0.5 * latencies(0.008, 0.08, 0.3, series("error_ratio", 0.1, before=0.0))["latency_p99"], "requests fail as well"
    assert alone < 0.5 * one(series("latency_p99", 0.3, before=0.1)).score, "nobody knows how long the others take"


def test_other_requests_than_before_make_no_slow_service() -> None:
    """Half of the requests were quick ones, and now less than half: each of both kinds takes as long as ever."""
    assert 0 < latencies(0.08, 0.08, 0.1)["latency_p50"] < 0.5 * latencies(0.08, 0.8, 1.0)["latency_p50"]


def test_a_node_has_cpu_left_until_little_of_it_is_idle() -> None:
    """How long work waits grows as 1 ÷ what is idle."""
    assert one(series("cpu_idle", 0.5, before=0.82)).score == 0
    assert 0.5 < one(series("cpu_idle", 0.2, before=0.82)).score < one(series("cpu_idle", 0.05, before=0.82)).score
    assert one(series("cpu_idle", 0.02, before=0.08)).score == 0, "it always was as busy"


def killed(service: str) -> Series:
    """A state that is told only once it holds: from ten minutes after the start on."""
    family = "kube_pod_container_status_last_terminated_reason"
    where = (Match("reason", ("OOMKilled",)),)
    selection = Selection("out_of_memory_kills", family, Reduction.RAW, "pod", ((service, service),), where=where)
    return Series(selection, service, {}, halves(140, 160), np.ones(20), "q", "Prometheus", "link", 30.0)


def test_a_state_that_was_never_told_before_is_none_before() -> None:
    states = {seen.signal: seen for seen in of_series(NOTE, (killed("web"), series("memory_used", 3e8, before=3e8)))}
    assert (states["out_of_memory_kills"].baseline_value, states["out_of_memory_kills"].score > 0.5) == (0.0, True)
    assert one(killed("new")).score == 0, "of what was not measured before nobody knows"


def test_what_did_not_move_has_no_onset() -> None:
    calm = one(series("error_ratio", 0.001, before=0.0))
    assert (calm.score, calm.onset, calm.onset_within) == (0, None, None)


def test_what_falls_is_told_by_its_minimum() -> None:
    found = one(series("up", 0.0))
    assert found.summary == "web: instances that answer 0, usually 1"
    assert found.reduction.startswith("min over the window")


def test_a_drop_is_not_a_rise() -> None:
    assert one(series("request_rate", 90.0, before=30.0)).signal == "request_rate"
    assert one(series("request_rate", 2.0, before=30.0)).signal == "request_rate_drop"
    assert one(series("request_rate", 29.9, before=30.0)).signal == "request_rate", "nothing unusual"


def test_without_points_in_the_window_nothing_is_said() -> None:
    assert of_series(NOTE, [series("error_ratio", None)]) == []


def test_without_a_baseline_nothing_is_usual() -> None:
    whole = series("up", 0.0)
    late = Series(whole.selection, "web", whole.labels, whole.t[120:], whole.v[120:], "q", "Prometheus")
    assert one(late).summary == "web: instances that answer 0"
    assert one(late).baseline_value is None


def test_of_several_families_the_strongest_speaks_for_the_signal() -> None:
    weak, strong = series("cpu_usage", 1.2, family="a"), series("cpu_usage", 9.0, family="b")
    assert one(weak, strong).value == 9
    assert one(strong, weak).value == 9
    assert len(of_series(NOTE, [weak, series("cpu_usage", 9.0, "cart")])) == 2


@pytest.mark.parametrize(
    ("label", "value", "peer"),
    [
        ("server_address", "orders-db.shop.svc:5432", "orders-db"),
        ("net_peer_name", "10.0.0.7", "10.0.0.7"),
        ("destination_service_name", "orders", "orders"),
        ("envoy_cluster_name", "outbound|8080||orders.shop.svc.cluster.local", "orders"),
        ("envoy_cluster_name", "orders_v2", "orders_v2"),
    ],
)
def test_what_is_seen_of_a_call_is_said_of_the_callee(label: str, value: str, peer: str) -> None:
    found = one(series("refused_calls", 0.5, before=0.0, by={label: value}))
    assert (found.service, found.summary) == (peer, f"{peer}: calls refused from web 50%, usually 0%")


def test_each_caller_and_callee_is_told() -> None:
    pairs = [("web", "db"), ("cart", "db"), ("web", "user")]
    calls = [series("refused_calls", 0.5, caller, before=0.0, by={"server_address": callee}) for caller, callee in pairs]
    assert [found.service for found in of_series(NOTE, calls)] == ["db", "db", "user"]


def test_a_label_that_is_no_peer_keeps_nothing_apart() -> None:
    disks = [series("disk_free", level, before=0.9, by={"mountpoint": mount}) for mount, level in (("/", 0.5), ("/var", 0.1))]
    assert one(*disks).value == 0.1


def test_seconds_of_a_family_in_milliseconds_alone_are_converted() -> None:
    assert one(series("requests_in_flight", 9.0, before=1.0, family="requests_milliseconds")).unit == ""
    assert one(series("latency_p95", 2.5, before=0.1)).summary == "web: latency p95 2.5 s, usually 100 ms"


def test_a_call_to_nobody_is_said_of_the_caller() -> None:
    found = one(series("upstream_errors", 0.5, before=0.0, by={"envoy_cluster_name": ""}))
    assert found.summary == "web: failing upstream requests 50%, usually 0%"
    assert one(series("upstream_errors", 0.5, before=0.0)).service == "web"


def test_values_are_told_in_the_signals_unit_and_the_query_says_how() -> None:
    found = one(series("latency_p95", 2500.0, before=100.0, family="http_server_duration_milliseconds", unit="ms"))
    assert (found.summary, found.query) == ("web: latency p95 2.5 s, usually 100 ms", "(sum(latency_p95)) * 0.001")
    calm = one(series("latency_p95", 14.0, before=1.0, family="http_server_duration_milliseconds", unit="ms"))
    assert calm.score == 0, "what is nothing is nothing in milliseconds too"


def test_the_range_of_its_values_tells_the_unit_that_nothing_else_does() -> None:
    busy = one(series("cpu_of_limit", 99.0, before=18.0, family="aws_rds_cpuutilization_average"))
    assert busy.summary == "web: CPU used (aws_rds_cpuutilization_average) 99%, usually 18%"
    slow = one(series("latency_mean", 2500.0, before=80.0, family="rt"))
    assert slow.summary == "web: mean latency (rt) 2.5 s, usually 80 ms"


@pytest.mark.parametrize(
    ("signal", "family", "reduction", "said"),
    [
        ("other:depth", "depth", Reduction.RAW, "depth 9, usually 1"),
        ("other:jobs_total", "jobs_total", Reduction.RATE, "jobs_total 9/s, usually 1/s"),
        ("errors", "error_num", Reduction.RAW, "errors (error_num) 9, usually 1"),
        ("errors", "failures_total", Reduction.RATE, "errors (failures_total) 9/s, usually 1/s"),
    ],
)
def test_a_family_that_the_table_does_not_hold_is_told_by_its_name(signal: str, family: str, reduction: Reduction, said: str) -> None:
    found = one(series(signal, 9.0, family=family, reduction=reduction))
    assert (found.signal, found.summary) == (signal, f"web: {said}")


def test_what_nobody_knows_may_be_bad_in_both_directions() -> None:
    assert one(series("other:depth", 2.0, before=9.0, family="depth")).signal == "other:depth_drop"


# deploys and other changes


def version(number: str, first: int, last: int = 160, service: str = "web") -> Series:
    t = halves(first, last)
    selection = Selection("version", "up", Reduction.RAW, "service", ((service, service),), by=("version",))
    return Series(selection, service, {"version": number}, t, np.ones(t.size), "q", "Prometheus")


def test_a_version_that_was_not_there_is_a_deploy() -> None:
    (found,) = of_versions(NOTE, [version("1.0", 0, 130), version("1.1", 118)])
    assert (found.signal, found.summary) == ("deploy", "web: deployed 1.0 → 1.1")
    assert found.onset is not None
    assert found.onset.timestamp() == BEGIN + 30 * 118
    assert found.score == pytest.approx(0.9 * (1 - 1 / 60), abs=1e-3)
    assert found.window == TIMES.all


def test_a_version_that_replaced_another_is_a_deploy_also_where_nothing_older_is_kept() -> None:
    (found,) = of_versions(NOTE, [version("1.0", 60), version("1.1", 64)])
    assert found.summary == "web: deployed 1.0 → 1.1"


def test_what_was_always_there_or_replaced_nothing_is_no_deploy() -> None:
    assert of_versions(NOTE, [version("1.0", 0), version("1.1", 2)]) == []
    assert of_versions(NOTE, [version("1.0", 60), version("1.0", 60, service="cart")]) == [], "the first scrape of everything"
    assert of_versions(NOTE, [version("", 0), version("1.1", 118)]) == [], "the label is new, not the version"
    assert of_versions(NOTE, [version("1.0", 0), version("1.1", 9, 9)]) == []


def change(minutes: float, service: str = "web", kind: str = "deploy") -> Observation:
    (found,) = of_changes(NOTE, Reading((Change(START + 60 * minutes, service, "2.13 → 2.14", kind, "q", "Grafana", "link"),)))
    return found


def test_a_change_counts_the_more_the_closer_it_came_before() -> None:
    assert [change(minutes).score for minutes in (-60, -30, 0, 5, 15)] == [0, 0.45, 0.9, 0.9, 0.2]
    assert change(-1).summary == "web: 2.13 → 2.14"
    assert (change(-1).query, change(-1).link, change(-1).reduction) == ("q", "link", "first time it is seen")


def test_kinds_of_changes() -> None:
    assert [change(-1, kind=kind).signal for kind in ("deploy", "config", "scale")] == ["deploy", "config_change", "scale_change"]
    assert change(-1, service="").summary == "2.13 → 2.14"


def test_a_change_at_no_time_has_no_onset() -> None:
    assert change(1e18).onset is None


def test_counts_of_error_lines() -> None:
    (found,) = of_counts(NOTE, [series("count", 40.0), series("count", 1.0, "cart")])
    assert found.summary == "web: error lines in 30 s: 40, usually 1"
    assert (found.signal, found.reduction) == ("error_lines", "max over the window; usually: median before")
