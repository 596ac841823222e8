"""Each thing is asked once, and what fails is a gap."""

from __future__ import annotations

from datetime import timedelta

import pytest

from compass_core.agents.view import LASTING, STEPS, Absent, Sources, View
from compass_core.errors import Reason
from compass_core.model import Incident
from compass_core.readings import Reduction, Selection
from tests.agents.asking import TIMES, answering, asked, down, family, view_of
from tests.fakes import INCIDENT, START, WINDOW, FakeClock, FakeSource, inline

UP = Selection("up", "up", Reduction.RAW, "service", (("web", "web"),))


async def ask_everything(view: View) -> None:
    await view.families(["web"], ["up"], WINDOW)
    await view.series([UP], WINDOW, 60)
    await view.log_lines(["web"], WINDOW, ["error"])
    await view.log_counts(["web"], WINDOW, 60, ["error"])
    await view.spans(["web"], WINDOW)
    await view.changes(["web"], WINDOW)


async def test_each_thing_is_asked_once() -> None:
    source = FakeSource()
    view = view_of(source)
    await ask_everything(view)
    await ask_everything(view)
    assert [one[0] for one in source.asked] == ["families", "series", "log_lines", "log_counts", "spans", "changes"]


async def test_another_question_is_asked() -> None:
    source = FakeSource()
    view = view_of(source)
    await view.families(["web"], ["up"], WINDOW)
    await view.families(["web", "up"], [], WINDOW)
    await view.families(["web"], ["up"], TIMES.baseline)
    await view.log_lines(["web"], WINDOW, ["error"])
    await view.log_lines(["web", "error"], WINDOW, [])
    await view.log_counts(["web"], WINDOW, 60, ["error"])
    assert len(source.asked) == 6


async def test_no_selections_need_no_request() -> None:
    source = FakeSource()
    assert (await view_of(source).series([], WINDOW, 60)).values == ()
    assert source.asked == []


@pytest.mark.parametrize("reason", LASTING)
async def test_a_source_that_is_down_is_not_asked_again(reason: Reason) -> None:
    source = down(reason, "spans", "log_lines")
    view = view_of(source)
    first = await view.spans(["web"], WINDOW)
    assert await view.spans(["cart"], WINDOW) == first
    (gap,) = first.gaps
    assert (gap.source, gap.reason, gap.detail) == ("traces", reason, "no traces: no connection")
    await view.log_lines(["web"], WINDOW, [])
    assert (await view.log_counts(["web"], WINDOW, 60, [])).gaps[0].source == "logs", "the same source"
    assert (await view.changes(["web"], WINDOW)).gaps == (), "another source"
    assert [one[0] for one in source.asked] == ["spans", "log_lines", "changes"]


@pytest.mark.parametrize("reason", set(Reason) - LASTING)
async def test_a_question_that_failed_is_no_reason_to_ask_no_other(reason: Reason) -> None:
    source = down(reason, "spans")
    view = view_of(source)
    for services in (["web"], ["web"], ["cart"]):
        assert (await view.spans(services, WINDOW)).gaps[0].reason is reason
    assert len(source.asked) == 2


async def test_what_is_not_configured_says_so() -> None:
    view = View(Sources(), inline, FakeClock())
    told = [
        (await view.families(["web"], [], WINDOW)).gaps,
        (await view.log_lines(["web"], WINDOW, [])).gaps,
        (await view.spans(["web"], WINDOW)).gaps,
        (await view.changes(["web"], WINDOW)).gaps,
    ]
    assert [gap.detail for (gap,) in told] == [
        "no metrics: Prometheus is not configured",
        "no logs: Loki is not configured",
        "no traces: Tempo is not configured",
        "no changes: Grafana is not configured",
    ]
    assert {gap.reason for (gap,) in told} == {Reason.NOT_CONFIGURED}


async def test_what_a_source_gave_is_passed_on() -> None:
    up = family("up", "web")
    source = answering(families=(up,))
    reading = await view_of(source).families(["web"], ["up"], WINDOW)
    assert (reading.values, reading.query) == ((up,), "the families")
    assert asked(source, "families") == [("families", ("web",), ("up",))]


async def test_a_source_that_is_absent_refuses_every_question() -> None:
    absent = Absent("Loki")
    view = View(Sources(absent, absent, absent, absent), inline, FakeClock())
    assert (await view.series([UP], WINDOW, 60)).gaps[0].detail == "no metrics: Loki is not configured"


@pytest.mark.parametrize(("minutes", "step"), [(1, 5), (3, 5), (5, 10), (10, 15), (13, 20), (20, 30), (30, 60), (90, 60)])
def test_the_step_gives_a_window_few_points(minutes: float, step: float) -> None:
    times = View(Sources(), inline, FakeClock(START + timedelta(minutes=minutes))).times(INCIDENT)
    assert times.step == step
    assert times.baseline.end == times.window.start
    assert times.baseline.seconds % step == 0, "points fall on the window's start"


def test_every_agent_looks_at_the_same_time() -> None:
    clock = FakeClock(START + timedelta(minutes=5))
    view = View(Sources(), inline, clock)
    first = view.times(INCIDENT)
    clock.now += timedelta(minutes=3)
    assert view.times(INCIDENT) == first


def test_steps_ascend() -> None:
    assert list(STEPS) == sorted(STEPS)
    assert Incident(id="x", title="x", started_at=START).window(START).seconds >= STEPS[0]
