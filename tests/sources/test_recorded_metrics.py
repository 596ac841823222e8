"""What a selection gives, against hand-made cases and a slow reference."""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compass_core.domain import Window
from compass_core.readings import Match, Reduction, Selection
from tests.sources.handmade import HOUR, START, T0, metric, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from compass_core.sources.recorded import Recorded


def select(family: str, reduction: Reduction = Reduction.RAW, services: Sequence[str] = ("web",), **rest: Any) -> Selection:
    return Selection(family, family, reduction, "service", tuple((name, name) for name in services), **rest)


async def points(
    source: Recorded, selection: Selection, step: float = 60, window: Window = HOUR
) -> dict[tuple[str, ...], dict[float, float]]:
    """Per series (its labels' values): seconds after `START` → value."""
    found = (await source.series([selection], window, step)).values
    assert len({tuple(series.labels.items()) for series in found}) == len(found)
    return {tuple(s.labels.values()): dict(zip((s.t - T0).tolist(), s.v.tolist(), strict=True)) for s in found}


async def test_raw_is_the_last_sample_of_the_lookback(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("m", [1, None, *[None] * 4, 7])])
    (series,) = (await points(source, select("m"))).values()
    assert series == {0: 1, 60: 1, 120: 1, 180: 1, 240: 1, 360: 7, 420: 7}


async def test_a_series_that_ended_is_not_added_to_the_one_that_follows_it(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("m", [5, 5, 5], pod="old"), metric("m", [5, 5, 5], t=[240, 300, 360], pod="new")])
    (series,) = (await points(source, select("m"))).values()
    assert set(series.values()) == {5}


@pytest.mark.parametrize(("aggregate", "value"), [("sum", 6), ("max", 5), ("min", 1), ("avg", 3)])
async def test_series_of_a_service_are_aggregated(tmp_path: Path, aggregate: str, value: float) -> None:
    source = write(tmp_path, metrics=[metric("m", [1, 1], pod="a"), metric("m", [5, None], pod="b"), metric("m", [9], service="other")])
    series = await points(source, select("m", aggregate=aggregate), window=Window(start=START, end=START + timedelta(seconds=60)))
    assert series == {("web",): {0: value}}


async def test_what_is_counted_one_by_one_shows_for_half_an_hour(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("m", [5] * 10 + [7] * 50, kind="counter")])
    (series,) = (await points(source, select("m", Reduction.INCREASE))).values()
    assert [round(series[60.0 * minute]) for minute in (9, 11, 35, 45)] == [0, 2, 2, 0]


async def test_what_is_used_per_second_of_what_there_is(tmp_path: Path) -> None:
    rows = [metric("used_total", [30 * k for k in range(10)], kind="counter"), metric("cores", [2] * 10), metric("cores", [2], service="b")]
    source = write(tmp_path, metrics=rows)
    series = await points(source, select("used_total", Reduction.RATE_OF, ("web", "b"), over="cores"))
    assert {key: round(v[480], 3) for key, v in series.items()} == {("web",): 0.25}


async def test_a_time_that_has_passed(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("ends_at", [T0 + 150] * 5, host="a"), metric("ends_at", [T0 + 1e6] * 5, host="b")])
    (series,) = (await points(source, select("ends_at", Reduction.PAST, aggregate="max"))).values()
    assert [series[at] for at in (60, 120, 180, 240)] == [0, 0, 1, 1]


async def test_by_keeps_groups_apart_and_an_absent_label_is_empty(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("m", [1], zone="x"), metric("m", [2], zone="y"), metric("m", [4])])
    assert {key: v[0] for key, v in (await points(source, select("m", by=("zone",)))).items()} == {
        ("web",): 4,
        ("web", "x"): 1,
        ("web", "y"): 2,
    }


@pytest.mark.parametrize(
    ("match", "value"),
    [
        (Match("zone", ("x",)), 1),
        (Match("zone", ("x", "y")), 3),
        (Match("zone", ("",)), 4),
    ],
)
async def test_where(tmp_path: Path, match: Match, value: float) -> None:
    source = write(tmp_path, metrics=[metric("m", [1], zone="x"), metric("m", [2], zone="y"), metric("m", [4])])
    assert (await points(source, select("m", where=(match,))))["web",][0] == value


async def test_where_takes_none_of_the_series_is_zero(tmp_path: Path) -> None:
    waiting = metric("m", [3, 3], t=[60, 120], waits="Lock")
    source = write(tmp_path, metrics=[metric("m", [8] * 4, waits=""), waiting, metric("m", [5] * 4, service="other")])
    found = await points(source, select("m", services=("web", "other", "none"), where=(Match("waits", ("Lock",)),)))
    assert found["web",] == {0: 0, 60: 3, 120: 3, 180: 3, 240: 0}
    assert set(found["other",].values()) == {0}


async def test_a_rate_survives_resets_and_gaps(tmp_path: Path) -> None:
    # 60 a minute, a restart after the fourth sample, one sample lost
    source = write(tmp_path, metrics=[metric("m", [1000, 1060, 1120, 1180, 60, None, 180, 240], kind="counter")])
    (series,) = (await points(source, select("m", Reduction.RATE))).values()
    assert 0 not in series
    assert all(series[at] == pytest.approx(1.0) for at in (180, 240, 360, 420))


async def test_a_rate_of_one_sample_is_absent(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("m", [1000], kind="counter")])
    assert await points(source, select("m", Reduction.RATE)) == {}


async def test_ratio(tmp_path: Path) -> None:
    rows = [metric("used", [30], pod="a"), metric("used", [20], pod="b"), metric("limit", [100], pod="a"), metric("limit", [100], pod="b")]
    source = write(tmp_path, metrics=[*rows, metric("used", [1], service="lonely")])
    services = ("web", "lonely")
    summed = await points(source, select("used", Reduction.RATIO, services, over="limit"))
    highest = await points(source, select("used", Reduction.RATIO, services, over="limit", aggregate="max"))
    assert (summed["web",][0], highest["web",][0]) == (0.25, 0.5)
    assert ("lonely",) not in summed


async def test_a_rate_ratio_without_numerator_is_zero(tmp_path: Path) -> None:
    total = [60.0 * k for k in range(10)]
    rows = [
        metric("n", total, kind="counter", code="200"),
        metric("n", total, kind="counter", code="500", t=[60 * k + 240 for k in range(10)]),
    ]
    source = write(tmp_path, metrics=[*rows, metric("n", total, kind="counter", service="fine", code="200")])
    selection = select("n", Reduction.RATE_RATIO, ("web", "fine"), over="n", where=(Match("code", ("500",)),))
    series = await points(source, selection)
    assert set(series["fine",].values()) == {0.0}
    assert series["web",][180] == 0.0
    assert series["web",][540] == pytest.approx(0.5)


async def test_no_traffic_at_all_has_no_error_ratio(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("n", [7, 7, 7, 7], kind="counter", code="200")])
    assert await points(source, select("n", Reduction.RATE_RATIO, over="n", where=(Match("code", ("500",)),))) == {}


@pytest.mark.parametrize(("quantile", "value"), [(0.25, 0.05), (0.5, 0.1), (0.75, 0.6), (0.99, 1.0)])
async def test_quantiles_are_linear_within_a_bucket(tmp_path: Path, quantile: float, value: float) -> None:
    rates = {"0.1": 2, "1.0": 3.8, "+Inf": 4, "odd": 9}  # half below 0.1, 5 % beyond the last bound
    rows = [metric("h_bucket", [60 * rate * k for k in range(5)], kind="counter", le=le) for le, rate in rates.items()]
    series = await points(write(tmp_path, metrics=rows), select("h", Reduction.QUANTILE, quantile=quantile))
    assert series["web",][240] == pytest.approx(value, rel=1e-6)


async def test_a_histogram_without_its_last_bucket_says_nothing(tmp_path: Path) -> None:
    rows = [metric("h_bucket", [0, 60, 120], kind="counter", le=le) for le in ("0.1", "1")]
    assert await points(write(tmp_path, metrics=rows), select("h", Reduction.QUANTILE, quantile=0.5)) == {}


async def test_a_sparser_family_keeps_its_own_step(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[metric("m", [1, None, 2, 3], t=[0, 300, 600, 900])])
    (series,) = (await source.series([select("m")], HOUR, 15)).values
    assert (series.step, (series.t - T0).tolist(), series.v.tolist()) == (300, [0, 300, 600, 900, 1200], [1, 1, 2, 3, 3])


@pytest.mark.parametrize(
    ("selection", "query"),
    [
        (select("m"), 'sum by (service) (m{service="web"})'),
        (
            select("m", by=("pod",), where=(Match("a", ("x.1", "y")),)),
            'sum by (service, pod) (m{service="web", a=~"x\\\\.1|y"}) or sum by (service, pod) (m{service="web"}) * 0',
        ),
        (select("m", Reduction.RATE, where=(Match("a", ("y",)),)), 'sum by (service) (rate(m{service="web", a="y"}[240s]))'),
        (
            select("m", Reduction.RATIO, over="o", aggregate="max"),
            'sum by (service) (m{service="web"}) / max by (service) (o{service="web"})',
        ),
        (
            select("m", Reduction.RATE_RATIO, over="o"),
            '(sum by (service) (rate(m{service="web"}[240s])) or sum by (service) (rate(o{service="web"}[240s])) * 0) / sum by (service) (rate(o{service="web"}[240s]))',
        ),
        (
            select("h", Reduction.QUANTILE, quantile=0.95),
            'histogram_quantile(0.95, sum by (le, service) (rate(h_bucket{service="web"}[240s])))',
        ),
    ],
)
async def test_a_series_states_its_query(tmp_path: Path, selection: Selection, query: str) -> None:
    rows = [metric(name, [1, 2, 3], kind="counter", le=le, a="y") for name in ("m", "o", "h_bucket") for le in ("1", "+Inf")]
    (series,) = (await write(tmp_path, metrics=rows).series([selection], HOUR, 60)).values
    assert (series.query, series.source, series.link) == (query, "recorded", None)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.one_of(st.floats(low, high), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, low]))


odd_series = st.lists(st.tuples(st.integers(-900, 4500), numbers(0, 1e6)), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(odd_series, min_size=1, max_size=4), st.sampled_from([15, 60, 700]))
async def test_odd_series_give_what_a_slow_reference_gives(tmp_path: Path, many: list[list[tuple[int, float]]], step: int) -> None:
    rows = [metric("m", [v for _, v in one], t=[t for t, _ in one], service=f"s{n}") for n, one in enumerate(many)]
    source, names = write(tmp_path, metrics=rows), [f"s{n}" for n in range(len(many))]
    raw = (await source.series([select("m", services=names)], HOUR, step)).values
    rates = (await source.series([select("m", Reduction.RATE, services=names)], HOUR, step)).values
    times = [sorted({t for t, _ in one}) for one in many if any(math.isfinite(v) for _, v in one)]
    interval = float(np.median([float(np.median(np.diff(at))) for at in times if len(at) > 1] or [0.0]))
    for n, one in enumerate(many):
        clean = sorted({t: v for t, v in one if math.isfinite(v)}.items())
        grid = np.arange(0, 3600, max(step, interval)).tolist()
        span = max(step, 4 * interval)
        assert_points(raw, f"s{n}", [(at, latest(clean, at, interval)) for at in grid])
        assert_points(rates, f"s{n}", [(at, rate(clean, at, span)) for at in grid])


def latest(samples: list[tuple[int, float]], at: float, interval: float) -> float | None:
    before = [(t, v) for t, v in samples if t <= at]
    if not before:
        return None
    lookback = 2 * interval if interval and len(before) == len(samples) else max(300, 2 * interval)
    return before[-1][1] if at - before[-1][0] < lookback else None


def rate(samples: list[tuple[int, float]], at: float, span: float) -> float | None:
    """Prometheus's `extrapolatedRate`, sample by sample."""
    inside = [(t, v) for t, v in samples if at - span < t <= at]
    if len(inside) < 2:
        return None
    rise = sum(new if new < old else new - old for (_, old), (_, new) in itertools.pairwise(inside))
    covered = inside[-1][0] - inside[0][0]
    usual = covered / (len(inside) - 1)
    head, tail = inside[0][0] - (at - span), at - inside[-1][0]
    head, tail = (edge if edge < usual * 1.1 else usual / 2 for edge in (head, tail))
    if rise > 0:
        head = min(head, covered * inside[0][1] / rise)
    return rise * (covered + head + tail) / covered / span


def assert_points(found: Sequence[Any], service: str, wanted: list[tuple[float, float | None]]) -> None:
    got = next(([(t - T0, v) for t, v in zip(s.t.tolist(), s.v.tolist(), strict=True)] for s in found if s.service == service), [])
    expected = [(at, v) for at, v in wanted if v is not None]
    assert [at for at, _ in got] == [at for at, _ in expected]
    assert [v for _, v in got] == pytest.approx([v for _, v in expected], rel=1e-6, abs=1e-9)
