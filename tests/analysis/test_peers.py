"""Two versions at once."""

from __future__ import annotations

import numpy as np
import pytest

from compass_core.analysis.notes import Note
from compass_core.analysis.peers import of_missing, of_peers
from compass_core.domain import AgentName
from compass_core.readings import Change, Reduction, Selection, Series
from tests.analysis.test_notes import TIMES

NOTE = Note(AgentName.APPLICATION, TIMES)
BEGIN, START, END = (at.timestamp() for at in (TIMES.baseline.start, TIMES.window.start, TIMES.window.end))


def running(version: str, level: float, since: float = BEGIN, signal: str = "error_ratio", service: str = "web") -> Series:
    t = np.arange(since, END, 30.0)
    selection = Selection(signal, signal, Reduction.RAW, "service", ((service, service),), by=("version",))
    return Series(selection, service, {"version": version}, t, np.full(t.size, level), "q", "Prometheus", step=30.0)


def test_a_new_version_that_answers_worse_at_the_same_time() -> None:
    """Whatever has become of all of them: the old one fails more than it did as well."""
    (found,) = of_peers(NOTE, [running("1.0", 0.02), running("1.1", 0.4, START)])
    assert (found.signal, found.summary) == (
        "new_version_worse",
        "web: 1.1 answers worse than 1.0 now: failing requests (error_ratio) 40%, of 1.0 2%",
    )
    assert found.score > 0.9
    assert found.onset == TIMES.window.start


@pytest.mark.parametrize(("signal", "old", "new"), [("error_ratio", 0.4, 0.4), ("error_ratio", 0.4, 0.0), ("availability", 0.5, 0.9)])
def test_one_that_does_as_well_is_cleared(signal: str, old: float, new: float) -> None:
    (found,) = of_peers(NOTE, [running("1.0", old, signal=signal), running("1.1", new, START, signal)])
    assert found.signal == "new_version_as_well"


def test_the_worst_of_what_is_felt_counts() -> None:
    fine = [running("1.0", 0.1, signal="latency_p95"), running("1.1", 0.1, START, "latency_p95")]
    (found,) = of_peers(NOTE, [*fine, running("1.0", 0.0), running("1.1", 0.4, START)])
    assert found.signal == "new_version_worse"


def test_without_two_at_once_nothing_is_compared() -> None:
    assert of_peers(NOTE, [running("1.0", 0.0)]) == []
    assert of_peers(NOTE, [running("1.0", 0.0), running("1.1", 0.4)]) == [], "both were always there"
    assert of_peers(NOTE, [running("1.0", 0.0), running("1.1", 0.4, END - 60)]) == [], "too few points"
    assert of_peers(NOTE, []) == []


def test_a_deploy_of_which_the_new_version_is_not_seen() -> None:
    change = Change(START - 60, "web", "deployed 1.0 → 1.1", "deploy", "q", "plan", version="1.1")
    (found,) = of_missing(NOTE, [change], [running("1.0", 0.0)])
    assert found.summary == "web: 1.1 was deployed and is not seen: 1.0 runs"
    assert of_missing(NOTE, [change], [running("1.0", 0.0), running("shop/web:1.1", 0.0, START)]) == []
    assert of_missing(NOTE, [change], [running("1.0", 0.0, service="cart")]) == [], "nobody knows what runs there"
    late = Change(END - 60, "web", "deployed", "deploy", "q", "plan", version="1.1")
    assert of_missing(NOTE, [late], [running("1.0", 0.0)]) == [], "it may still come"
