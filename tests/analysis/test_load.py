"""A load average is a mean of the last minute: what is told is how many processes ran or waited just then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from compass_core.analysis.load import unaveraged
from compass_core.analysis.metric_notes import of_series
from compass_core.readings import Reduction, Selection, Series
from tests.analysis.test_metric_notes import BEGIN, NOTE, START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def averaged(processes: Sequence[float], step: float) -> NDArray[np.float64]:
    """What a kernel makes of so many processes at each step."""
    kept, load = np.exp(-step / 60), [processes[0]]
    for now in processes[1:]:
        load.append(load[-1] * kept + now * (1 - kept))
    return np.array(load, dtype=np.float64)


def load(processes: Sequence[float], step: float, family: str = "node_load1", begin: float = BEGIN) -> Series:
    selection = Selection("load", family, Reduction.RAW, "service", (("db", "db"),))
    t = begin + step * np.arange(len(processes), dtype=np.float64)
    return Series(selection, "db", {}, t, averaged(processes, step), "node_load1", "Prometheus", "link", step)


@pytest.mark.parametrize("step", [5.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize("family", ["node_load1", "system_load_average_1m", "system_cpu_load_average_1m"])
def test_what_rises_at_once_is_seen_at_once(step: float, family: str) -> None:
    (found,) = unaveraged([load([4.0] * 60 + [20.0] * 60, step, family)])
    assert found.v[20] == pytest.approx(4)
    assert found.v[64] == pytest.approx(20)
    assert "exp(" in found.query


def test_bursts_shorter_than_half_a_minute_pass() -> None:
    (found,) = unaveraged([load(([4.0] * 10 + [40.0, 40.0]) * 20, 5.0)])
    assert found.v.max() == pytest.approx(4)


@pytest.mark.parametrize("family", ["node_load5", "node_load15", "lb_load"])
def test_other_loads_stay_as_they_are(family: str) -> None:
    one = load([4.0] * 60 + [20.0] * 60, 15.0, family)
    assert unaveraged([one]) == [one]


def test_a_point_alone_and_points_of_one_time_stay_as_they_are() -> None:
    alone = load([4.0], 15.0)
    assert unaveraged([alone]) == [alone]


def test_a_lasting_rise_within_a_minute_stands_out_from_bursts() -> None:
    """Every minute something runs for ten seconds, so that the average is always high; then a dozen processes wait for good."""
    before = ([3.0] * 10 + [40.0, 40.0]) * 60
    (found,) = of_series(NOTE, [load([*before, *[18.0] * 13], 5.0, begin=START - 5.0 * len(before))])
    assert found.score > 0.5
    assert (round(found.baseline_value or 0), round(found.value or 0)) == (3, 18)
