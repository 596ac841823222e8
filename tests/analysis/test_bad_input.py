"""Whatever telemetry looks like: observations or nothing, never an exception or a warning."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compass_core.analysis import log_notes, metric_notes, span_notes
from compass_core.analysis.calls import detours, failures
from compass_core.analysis.log_notes import Writers, exposure
from compass_core.analysis.notes import Note
from compass_core.analysis.templates import templates
from compass_core.analysis.timing import changed, growths, slow_throughout
from compass_core.analysis.traces import edges, traces
from compass_core.analysis.wording import LONGEST
from compass_core.domain import AgentName, Observation
from compass_core.readings import Change, LogLine, Reading, Reduction, Selection, Series, Span
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.logs import LOG_SIGNALS
from tests.analysis.test_notes import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTE = Note(AgentName.APPLICATION, TIMES)
BEGIN, START, END = TIMES.baseline.start.timestamp(), TIMES.window.start.timestamp(), TIMES.window.end.timestamp()
NAN, INF = math.nan, math.inf
SERVICES = ("web", "cart", "")


def whole(observations: Iterable[Observation]) -> list[Observation]:
    """Every observation can be shown, kept and sent."""
    kept = list(observations)
    for one in kept:
        assert 0 <= one.score <= 1
        assert one.summary.isprintable()
        assert len(one.summary) <= LONGEST
        assert one.onset_within is None or one.onset is not None
        Observation.model_validate_json(one.model_dump_json())
    return kept


# series

values = st.floats() | st.sampled_from([0.0, 1.0, 1e149, -1e149, 1e151, 1e308, -1e308, 5e-324, NAN, INF, -INF])
signals = st.sampled_from(sorted(SIGNALS))
families = st.sampled_from(["cpu_usage", "queue_depth", "orders_total", "heap_bytes", "http_server_duration_milliseconds", "", "é\x00"])
label_values = st.sampled_from(["", "db.shop:5432", "outbound|80||cart.shop.svc", "[::1]:80", "1.0", "1.1", "\x00\u202e", ":", "|"])


@st.composite
def series(draw: st.DrawFn) -> Series:
    points = sorted(draw(st.dictionaries(st.integers(0, 20), values, max_size=12)).items())
    step, first = draw(st.sampled_from([0.001, 30.0, 300.0, 1e6])), draw(st.floats(-5000, 5000))
    t = START + first + step * np.array([k for k, _ in points], dtype=np.float64)
    v = np.array([value for _, value in points], dtype=np.float64)
    name, label = draw(signals | st.sampled_from(["other:queue_depth", "version"])), draw(st.sampled_from(["server_address", "version"]))
    selection = Selection(name, draw(families), draw(st.sampled_from(list(Reduction))), "service", (), by=(label,))
    labels = draw(st.dictionaries(st.sampled_from(["server_address", "version", "service"]), label_values))
    return Series(selection, draw(st.sampled_from(SERVICES)), labels, t, v, "q", "s", step=step)


@given(st.lists(series(), max_size=8))
def test_any_series(given_: list[Series]) -> None:
    for one in whole(metric_notes.of_series(NOTE, given_)):
        assert one.value is not None
        assert math.isfinite(one.value)
        assert one.baseline_value is None or math.isfinite(one.baseline_value)
    whole(metric_notes.of_counts(NOTE, given_))
    whole(metric_notes.of_versions(NOTE, given_))


def of(signal: str, t: Iterable[float], v: Iterable[float]) -> Series:
    selection = Selection(signal, signal, Reduction.RAW, "service", ())
    return Series(selection, "web", {}, np.array([*t], dtype=np.float64), np.array([*v], dtype=np.float64), "q", "s", step=30.0)


HOUR = [*np.arange(BEGIN, END, 30.0)]
CALM = [100.0 + k % 7 for k in range(len(HOUR))]


@pytest.mark.parametrize("signal", sorted(SIGNALS))
@pytest.mark.parametrize(
    ("t", "v"),
    [
        (HOUR, CALM),
        (HOUR, [7.0] * len(HOUR)),
        (HOUR, [0.0] * len(HOUR)),
        (HOUR[::17], CALM[::17]),
        (HOUR, [NAN if k % 2 else v for k, v in enumerate(CALM)]),
        (HOUR, [1e200 if k % 9 == 0 else v for k, v in enumerate(CALM)]),
    ],
    ids=["noise", "constant", "zero", "gaps", "NaN", "impossible points"],
)
def test_what_stays_as_it_was_is_no_trouble(signal: str, t: list[float], v: list[float]) -> None:
    (found,) = whole(metric_notes.of_series(NOTE, [of(signal, t, v)]))
    assert (found.score, found.onset) == (0, None)


@pytest.mark.parametrize("point", [NAN, INF, -INF, 1e308])
def test_a_window_of_points_that_measure_nothing(point: float) -> None:
    assert (
        metric_notes.of_series(NOTE, [of("cpu_usage", HOUR, [v if at < START else point for at, v in zip(HOUR, CALM, strict=True)])]) == []
    )


def test_one_point_and_none() -> None:
    assert metric_notes.of_series(NOTE, [of("cpu_usage", [], []), of("cpu_usage", [BEGIN], [9.0])]) == []
    (alone,) = whole(metric_notes.of_series(NOTE, [of("cpu_usage", [START], [9.0])]))
    assert (alone.value, alone.baseline_value, alone.score) == (9, None, 0)


def test_a_counter_that_resets_where_a_gauge_was_meant() -> None:
    """An unknown counter read raw: it climbs, falls to zero with each restart, and climbs again as it always did."""
    sawtooth = [float(k * 1000 % 40_000) for k in range(len(HOUR))]
    (found,) = whole(metric_notes.of_series(NOTE, [of("other:jobs_done", HOUR, sawtooth)]))
    assert found.score == 0


@given(st.floats(), st.sampled_from(["deploy", "config", ""]), st.text(), st.sampled_from(SERVICES))
def test_a_change_at_any_time(t: float, kind: str, text: str, service: str) -> None:
    (found,) = whole(metric_notes.of_changes(NOTE, Reading((Change(t, service, text, kind, "q", "s"),))))
    assert found.score <= 0.9


# lines


def text_of(line: LogLine) -> list[Observation]:
    """What a burst of one line says, as a kind of line and by its phrases."""
    window, before = Reading((line,) * 6, query="q", source="s"), Reading((line,), query="q", source="s")
    kinds = templates(window.values, ())
    return whole(
        [
            *log_notes.of_templates(NOTE, kinds, 1.0, window, {}),
            *log_notes.of_templates(NOTE, templates(window.values, before.values), 0.3, window, {}),
            *log_notes.of_phrases(NOTE, LOG_SIGNALS, window, before, Writers(0.3, SERVICES)),
        ]
    )


anything = (
    st.text(alphabet=st.characters(), max_size=300)
    | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))
    | st.binary(max_size=300).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
    ).map(json.dumps)
)


@given(
    st.sampled_from(["error ", "connection refused: ", '{"level":"error","msg":"', "level=error msg=", 'level=error err="', ""]),
    anything,
    st.text(max_size=5),
)
@example("error ", "\ud800\udfff", "")
def test_any_line(lead: str, text: str, level: str) -> None:
    text_of(LogLine(START, "web", lead + text, level))


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "line",
    [
        "error " + "x" * MEGABYTE,
        "error " + "x " * (MEGABYTE // 2),
        "error " + "a.a." * (MEGABYTE // 4) + "=",
        "error " + 'a="' * (MEGABYTE // 3),
        "error msg=" + '"\\' * (MEGABYTE // 2),
        "error " + "\x00\xff" * (MEGABYTE // 2),
        "error " + "0123456789abcdef" * (MEGABYTE // 16),
        "error " + "2026-01-05T" * (MEGABYTE // 11),
        "error\n" * (MEGABYTE // 6),
        '{"level": "error", "msg": "' + "no seat " * (MEGABYTE // 8) + '"}',
        '{"level": "error", "a": ' * (MEGABYTE // 24),
        '{"level": "error", "a": ' + "[" * MEGABYTE,
        '{"level": "error", "msg": ' + "9" * MEGABYTE + "}",
        '{"level": "error", "msg": "\\ud83d \\u0000"}',
        '{"level": "error", "msg": {"text": ["deep"]}}',
        "connection refused by web " + "cart" * (MEGABYTE // 4),
    ],
    ids=lambda line: line[:30].replace("\x00", "0"),
)
def test_lines_that_no_program_should_write(line: str) -> None:
    found = text_of(LogLine(START, "web", line, "error"))
    assert found
    assert all(len(one.model_dump_json()) < 3000 for one in found)


counts = st.lists(st.floats(0, 1e15) | st.just(NAN), max_size=9)


@given(counts, counts)
def test_any_counts(every: list[float], errors: list[float]) -> None:
    read = [[of("log_lines", START + 30.0 * np.arange(-4.0, len(v) - 4.0), v)] for v in (every, errors)]
    assert exposure(TIMES, *read) > 0


# spans

ids = st.sampled_from(["", "a", "b", "c", "d"])
starts = st.floats(START - 3600, END) | st.sampled_from([0.0, -1.0, 253_402_300_799.0])
odd_span = st.builds(
    Span,
    st.sampled_from(["t", "u"]),
    ids,
    ids,
    st.sampled_from(SERVICES),
    st.sampled_from(["x", "y", ""]),
    starts,
    st.floats() | st.sampled_from([-1.0, 0.0, 10.0, 1e308, NAN, INF, -INF]),
    st.booleans(),
    st.sampled_from(["client", "server", ""]),
    st.dictionaries(st.sampled_from(["db.system", "server.address", "peer.service", "exception.message"]), st.text(max_size=5)),
)


def trace_of(window: Sequence[Span], before: Sequence[Span]) -> list[Observation]:
    traced, reading = traces(window, before), Reading(tuple(window), query="q", source="s")
    grown = changed(traced)
    for edge in edges(traced):
        assert edge.caller != edge.callee
        assert "" not in {edge.caller, edge.callee}
    found = [
        *span_notes.of_growths(NOTE, growths(grown), reading),
        *span_notes.of_slowness(NOTE, slow_throughout(grown), reading),
        *span_notes.of_failures(NOTE, failures(traced), reading),
        *span_notes.of_detours(NOTE, detours(traced), reading),
    ]
    assert all(one.value is None or math.isfinite(one.value) for one in found)
    return whole(found)


@given(st.lists(odd_span, max_size=30), st.lists(odd_span, max_size=30))
def test_any_spans(window: list[Span], before: list[Span]) -> None:
    trace_of(window, before)


@given(st.lists(odd_span, min_size=1, max_size=8), st.lists(odd_span, min_size=1, max_size=8), st.integers(4, 30), st.integers(10, 30))
def test_odd_spans_that_come_again_and_again(window: list[Span], before: list[Span], after: int, usually: int) -> None:
    trace_of(
        *(
            [Span(f"{k}{one.trace_id}", *fields(one)[1:]) for k in range(n) for one in part]
            for part, n in ((window, after), (before, usually))
        )
    )


def fields(one: Span) -> tuple[Any, ...]:
    return tuple(getattr(one, name) for name in Span.__slots__)


# all together


@pytest.mark.parametrize("minutes", [-5, -1, 0, 1, 5])
def test_clocks_that_differ_by_minutes(minutes: int) -> None:
    """Each kind of telemetry still tells of the same trouble, in its own time."""
    begun, half = START + 60 * minutes, [*np.arange(BEGIN, END, 10.0)]
    (metric,) = metric_notes.of_series(NOTE, [of("latency_p95", HOUR, [9.0 if t >= begun else 0.1 for t in HOUR])])
    lines = [LogLine(t, "web", "order failed", "error") for t in half if t >= begun]
    made = [Span(f"{k}", "a", "", "web", "serve", t, 900.0 if t >= begun else 10.0, t >= begun) for k, t in enumerate(half)]
    line_split, span_split = sum(line.t < START for line in lines), half.index(START)
    window, before = Reading(tuple(lines[line_split:])), lines[:line_split]
    found = whole(
        [
            metric,
            *log_notes.of_templates(NOTE, templates(window.values, before), 1 / 3, window, {}),
            *trace_of(made[span_split:], made[:span_split]),
        ]
    )
    assert {one.signal for one in found} == {"latency_p95", "new_errors", "self_time", "failing_spans"}
    assert metric.onset is not None
    assert metric.onset.timestamp() == begun
    assert all(
        one.score > 0.1 and one.onset is not None and one.onset.timestamp() >= max(begun, START) for one in found if one is not metric
    )
