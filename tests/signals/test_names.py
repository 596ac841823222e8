"""What a metric means is read from its name, type, unit and help, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.signals.names import NOTHING, Meaning, read, scale, words_of
from compass_core.signals.words import UNITS
from tests.signals.metric_names import NAMES

if TYPE_CHECKING:
    from compass_core.readings import Kind

KINDS: dict[str, Kind] = {"counter": "counter", "gauge": "gauge", "histogram": "histogram"}


def readings(group: str) -> list[tuple[str, str, str]]:
    """Of each name: the line, what it should be read as, and what it is read as."""
    found = []
    for line in NAMES[group].strip().splitlines():
        told, _, wanted = line.strip().partition(" -> ")
        name, kind, *unit = told.split()
        meaning = read(name, KINDS[kind], *unit)
        found.append((told, wanted, f"{meaning.signal} {meaning.unit}".strip() if meaning and meaning.signal else "-"))
    return found


@pytest.mark.parametrize("group", NAMES)
def test_names_are_read_as_who_wrote_them_means_them(group: str) -> None:
    assert [(line, got) for line, wanted, got in readings(group) if got != wanted] == []


def test_they_are_many() -> None:
    assert sum(len(readings(group)) for group in NAMES) > 600


def test_words_are_told_apart_however_they_are_joined() -> None:
    assert words_of("CPUUtilization") == words_of("cpu_utilization") == words_of("cpuutilization") == ("cpu", "utilization")
    assert words_of("p50latency") == ("p50", "latency")
    assert words_of("kafka.underReplicatedPartitions") == ("kafka", "under", "replicated", "partitions")


def test_what_a_server_says_of_a_metric_counts_more_than_its_name() -> None:
    assert read("answer_time", unit="milliseconds") == Meaning("latency_mean", "ms")
    assert read("cpu_seconds", unit="percent") == Meaning("cpu_of_limit", "%")
    assert read("kb7_q") is None
    assert read("kb7_q", text="Requests that wait in the queue. See the manual.") == Meaning("queue_length")


@pytest.mark.parametrize(
    ("unit", "wanted", "usual", "most", "factor"),
    [
        ("ms", "s", 80, 900, 1e-3),
        ("%", "ratio", 0.4, 0.9, 0.01),
        ("percent", "ratio", 0.4, 0.9, 1.0),  # as JMX exporters name shares
        ("percent", "ratio", 12, 40, 0.01),
        ("", "ratio", 0.2, 0.98, 1.0),
        ("", "ratio", 18, 99, 0.01),
        ("", "ratio", 13e6, 40e6, 1e-9),  # nanocores
        ("", "s", 0.08, 2.5, 1.0),
        ("", "s", 80, 2500, 1e-3),
        ("", "s", 80_000, 2_500_000, 1e-6),
        ("MiB", "bytes", 400, 500, 2.0**20),
        ("/min", "/s", 600, 900, 1 / 60),
        ("ms", "ratio", 3, 4, 1.0),
    ],
)
def test_values_are_brought_to_the_signals_unit(unit: str, wanted: str, usual: float, most: float, factor: float) -> None:
    assert scale(unit, wanted, usual, most) == factor


@given(st.text(max_size=80), st.sampled_from(sorted(KINDS)), st.text(max_size=10))
def test_any_name_can_be_read(name: str, kind: str, unit: str) -> None:
    meaning = read(name, KINDS[kind], unit)
    assert meaning is None or meaning == NOTHING or (meaning.signal and (not meaning.unit or meaning.unit in UNITS))
