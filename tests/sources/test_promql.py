"""What a selection is in PromQL."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from compass_core.identity import NAMING, name_of
from compass_core.readings import Match, Reduction, Selection
from compass_core.sources import promql

WEB = (("web-7c9b6d-k4jxs", "web"), ("web-7c9b6d-x2x2x", "web"))


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (
            Selection("s", "up", Reduction.RAW, "job", (("shop/web", "web"),), aggregate="max"),
            'max by (job) (up{job="shop/web"})',
        ),
        (
            Selection("s", "sessions", Reduction.RAW, "job", (("pg", "pg"),), where=(Match("waits", ("Lock",)),)),
            'sum by (job) (sessions{job="pg", waits="Lock"}) or sum by (job) (sessions{job="pg"}) * 0',
        ),
        (
            Selection("s", "cpu_seconds_total", Reduction.RATE, "pod", WEB, where=(Match("mode", ("idle", "steal")),), by=("mode",)),
            'sum by (pod, mode) (rate(cpu_seconds_total{pod=~"web-7c9b6d-k4jxs|web-7c9b6d-x2x2x", mode=~"idle|steal"}[60s]))',
        ),
        (
            Selection("s", "used", Reduction.RATIO, "pod", WEB[:1], over="limit", over_where=(Match("kind", ("hard",)),), aggregate="max"),
            'sum by (pod) (used{pod="web-7c9b6d-k4jxs"}) / max by (pod) (limit{pod="web-7c9b6d-k4jxs", kind="hard"})',
        ),
        (
            Selection("s", "r_total", Reduction.RATE_RATIO, "job", (("web", "web"),), where=(Match("code", ("500",)),), over="r_total"),
            (
                '(sum by (job) (rate(r_total{job="web", code="500"}[60s])) or sum by (job) (rate(r_total{job="web"}[60s])) * 0)'
                ' / sum by (job) (rate(r_total{job="web"}[60s]))'
            ),
        ),
        (
            Selection("s", "t_seconds", Reduction.QUANTILE, "job", (("web", "web"),), quantile=0.95, by=("route",)),
            'histogram_quantile(0.95, sum by (le, job, route) (rate(t_seconds_bucket{job="web"}[60s])))',
        ),
        (
            Selection("s", "restarts_total", Reduction.INCREASE, "job", (("web", "web"),)),
            'sum by (job) (increase(restarts_total{job="web"}[1800s]))',
        ),
        (
            Selection("s", "cpu_seconds_total", Reduction.RATE_OF, "pod", WEB[:1], over="cores"),
            'sum by (pod) (rate(cpu_seconds_total{pod="web-7c9b6d-k4jxs"}[60s])) / sum by (pod) (cores{pod="web-7c9b6d-k4jxs"})',
        ),
        (
            Selection("s", "ends_at", Reduction.PAST, "job", (("web", "web"),), aggregate="max"),
            'max by (job) (ends_at{job="web"} < bool time())',
        ),
        (
            Selection("s", 'a.b"}', Reduction.RAW, "k8s.pod", (('w"eb', "web"),)),
            'sum by ("k8s.pod") ({__name__="a.b\\"}", "k8s.pod"="w\\"eb"})',
        ),
    ],
    ids=lambda value: value.reduction if isinstance(value, Selection) else "",
)
def test_each_reduction(selection: Selection, text: str) -> None:
    assert promql.expression(selection, 60) == text


@pytest.mark.parametrize(
    ("reduction", "family", "text"),
    [
        (Reduction.QUANTILE, "t_seconds", 'histogram_quantile(0.5, sum by (le, job) (rate(t_seconds{job="web"}[60s])))'),
        (Reduction.RATE, "t_seconds_count", 'sum by (job) (histogram_count(rate(t_seconds{job="web"}[60s])))'),
        (Reduction.RATE, "t_seconds_sum", 'sum by (job) (histogram_sum(rate(t_seconds{job="web"}[60s])))'),
        (Reduction.RATE, "other_count", 'sum by (job) (rate(other_count{job="web"}[60s]))'),
    ],
)
def test_the_parts_of_a_native_histogram_are_functions_of_it(reduction: Reduction, family: str, text: str) -> None:
    selection = Selection("s", family, reduction, "job", (("web", "web"),), quantile=0.5)
    assert promql.expression(selection, 60, {"t_seconds"}) == text
    own = "other_count" if family == "other_count" else "t_seconds"
    assert promql.samples(selection, {"t_seconds"}) == f'max(count_over_time({own}{{job="web"}}[2m]))'


def test_how_often_a_family_gets_points() -> None:
    ratio = Selection("s", "e_total", Reduction.RATE_RATIO, "job", (("web", "web"),), over="r_total")
    assert promql.samples(ratio) == 'max(count_over_time(r_total{job="web"}[2m]))'
    quantile = Selection("s", "t_seconds", Reduction.QUANTILE, "job", (("web", "web"),))
    assert promql.samples(quantile) == 'max(count_over_time(t_seconds_bucket{job="web", le="+Inf"}[2m]))'


def test_some_members_tell_how_often_a_family_gets_a_point() -> None:
    """A thousand pods would make a question of their own; some of them may be gone."""
    few, many = (
        Selection("s", "r_total", Reduction.RATE, "pod", tuple((f"pod-{number}", "web") for number in range(count))) for count in (7, 100)
    )
    assert promql.samples(few).count("pod-") == 7
    asked = promql.samples(many)
    assert 4 <= asked.count("pod-") <= promql.ENOUGH
    assert "pod-0|" in asked
    assert "pod-9" in asked, "from the first to the last"


def test_families_of_services_and_of_names() -> None:
    assert promql.of_services("pod", ["a.b", "c"]) == '{pod=~"(a\\\\.b|c)(-.*)?", le=~"(\\\\+Inf)?"}'
    assert promql.of_names(["up", "pg_*", "x_count"]) == (
        '{__name__=~"up(_bucket|_count|_sum)?|pg_.*|x(_bucket|_count|_sum)?", le=~"(\\\\+Inf)?"}'
    )


def pattern(service: str, label: str) -> str:
    """The regular expression inside the matcher, as the server reads it."""
    literal = promql.of_services(label, [service]).partition("=~")[2].rpartition(", le=")[0]
    return str(json.loads(literal))


@given(
    value=st.text(min_size=1, max_size=20) | st.from_regex(r"(https?://)?[a-z]+-[0-9a-f]+-[a-z0-9]{5}(\.shop)?(:[0-9]+)?", fullmatch=True),
    label=st.sampled_from(NAMING),
)
def test_whatever_names_a_service_is_found(value: str, label: str) -> None:
    assume("\n" not in value)
    assume(service := name_of(value, label))
    assert re.fullmatch(pattern(service, label), value)


@pytest.mark.parametrize(
    ("label", "found", "not_found"),
    [
        ("service", ["web"], ["web-db", "xweb"]),
        ("job", ["web", "shop/web"], ["shop-web", "web/x"]),
        ("server", ["web", "web:80", "web.shop.svc:80", "http://web/x", "[web]:1"], ["web-db", "xweb"]),
        ("pod", ["web", "web-7c9b6d-k4jxs"], ["webx", "xweb-1"]),
    ],
)
def test_what_names_a_service_by_kind_of_label(label: str, found: list[str], not_found: list[str]) -> None:
    assert [value for value in found + not_found if re.fullmatch(pattern("web", label), value)] == found


@given(value=st.text(max_size=20), other=st.text(max_size=20), label=st.text(min_size=1, max_size=10))
def test_nothing_breaks_out(value: str, other: str, label: str) -> None:
    """Every string literal taken away, nothing is left but what we wrote."""
    selection = Selection("s", "up", Reduction.RAW, label, ((value, "x"),), where=(Match(label, (value, other)),))
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "S", promql.expression(selection, 60), flags=re.DOTALL)
    name = label if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label) else "S"
    assert bare == f"sum by ({name}) (up{{{name}=S, {name}=~S}}) or sum by ({name}) (up{{{name}=S}}) * 0"
