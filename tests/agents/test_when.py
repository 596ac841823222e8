"""When is looked at: where the data show that it began, else where it is said to have begun."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compass_core.agents.scope import find_scope
from compass_core.agents.view import Sources, View
from compass_core.agents.when import STEPS
from compass_core.domain import Incident
from compass_core.errors import AmbiguousPlaceError, Reason
from compass_core.readings import Match, Reading, Reduction, Selection, Series
from tests.agents.asking import asked, down, family, view_of
from tests.fakes import INCIDENT, START, FakeClock, FakeSource, inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.analysis.notes import Times
    from compass_core.domain import Window

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass
class Failing(FakeSource):
    """Counts the requests of a service, half of which fail in these spans; the callers' calls are counted where there are any."""

    spans_of_trouble: tuple[tuple[datetime, datetime], ...] = ()
    service: str = "checkout"
    callees: tuple[str, ...] = ()

    async def families(self, services: Sequence[str], names: Sequence[str], window: Window, *where: Any) -> Reading[Any]:
        await super().families(services, names, window, *where)
        calls = (family("http_client_request_duration_seconds_count", "checkout", server_address="cart"),) if self.callees else ()
        return Reading((family("http_requests_total", self.service, code="500"), *calls))

    async def series(self, selections: Sequence[Any], window: Window, step: float) -> Reading[Any]:
        await super().series(selections, window, step)
        t = np.arange(window.start.timestamp(), window.end.timestamp(), step)
        bad = np.zeros(t.size, bool)
        for begin, end in self.spans_of_trouble:
            bad |= (t >= begin.timestamp()) & (t < end.timestamp())
        errors = [one for one in selections if one.signal == "error_ratio"]
        failing = [Series(one, self.service, {}, t, np.where(bad, 0.5, 0.0), "q", "made", step=step) for one in errors]
        calls = [one for one in selections if one.signal == "graph"]
        edges = [Series(one, "checkout", {"server_address": callee}, t, t * 0 + 1, "q", "made") for one in calls for callee in self.callees]
        return Reading((*failing, *edges))


def alert(**more: Any) -> Incident:
    return INCIDENT.model_copy(update={"origin": "alertmanager", **more})


async def looked(incident: Incident, source: FakeSource, now: datetime = START + 10 * MINUTE) -> Times:
    return await View(Sources(source, source, source, source), inline, FakeClock(now)).times(incident)


async def test_a_rule_that_hardly_waits_is_not_about_what_began_long_before() -> None:
    trouble = Failing(spans_of_trouble=((START - 40 * MINUTE, START + HOUR),))
    assert (await looked(alert(waited=2 * MINUTE), trouble)).window.start == START
    assert (await looked(alert(waited=35 * MINUTE), trouble)).window.start < START - 39 * MINUTE


@pytest.mark.parametrize("minutes", [3, 5, 15, 45, 58])
async def test_an_alert_that_waited_before_it_fired(minutes: int) -> None:
    begin = START - minutes * MINUTE
    times = await looked(alert(), Failing(spans_of_trouble=((begin, START + HOUR),)))
    assert begin - 2 * MINUTE <= times.window.start <= begin
    assert START < times.window.end <= START + 10 * MINUTE, "what was alerted is looked at as well"
    assert times.baseline.end == times.window.start
    assert times.baseline.seconds == 3600
    assert times.why == f"failing requests of checkout changed at {begin:%H:%M} UTC"


@pytest.mark.parametrize("minutes", [2, 10, 35, 70, 200, 1439])
async def test_a_person_guesses_since_when(minutes: int) -> None:
    """It began 50 minutes ago; whether the guess is earlier or later, this is what is looked at."""
    now = START
    begin = now - 50 * MINUTE
    guess = alert(origin="asked for", started_at=now - minutes * MINUTE)
    source = Failing(spans_of_trouble=((begin, now + HOUR),))
    times = await looked(guess, source, now)
    assert begin - 2 * MINUTE <= times.window.start <= begin
    assert times.window.end > begin + 20 * MINUTE
    assert len(source.asked) <= 6, "it is cheap"


async def test_what_began_when_it_was_said_is_looked_at_from_then_on() -> None:
    times = await looked(alert(), Failing(spans_of_trouble=((START - MINUTE / 2, START + HOUR),)))
    assert times.window.start == START


async def test_where_nothing_begins_the_time_stays_as_it_was_said() -> None:
    times = await looked(alert(), Failing())
    assert (times.window.start, times.window.end) == (START, START + 10 * MINUTE)
    assert times.baseline.seconds == 3600
    assert "nothing began more clearly" in times.why


async def test_an_unrelated_services_old_trouble_moves_nothing() -> None:
    old = Failing(spans_of_trouble=((START - 40 * MINUTE, START + HOUR),), service="legacy", callees=("cart",))
    assert (await looked(alert(), old)).window.start == START


async def test_the_trouble_of_what_it_calls_does() -> None:
    begin = START - 40 * MINUTE
    times = await looked(alert(), Failing(spans_of_trouble=((begin, START + HOUR),), service="cart", callees=("cart",)))
    assert begin - 2 * MINUTE <= times.window.start <= begin


@dataclass
class InPlaces(Failing):
    """The same service in several namespaces: it is in trouble in some of them."""

    namespaces: tuple[str, ...] = ("prod", "staging")
    troubled: tuple[str, ...] = ("staging",)

    async def families(self, services: Sequence[str], names: Sequence[str], window: Window, *where: Any) -> Reading[Any]:
        found = await super().families(services, names, window, *where)
        there = {value for _, value in where[0]} or {*self.namespaces}
        places = frozenset(("namespace", each) for each in self.namespaces if each in there)
        carried = tuple(Match(label, (value,)) for label, value in where[0])
        return Reading(tuple(replace(one, places={self.service: places}, where=carried) for one in found.values))

    async def series(self, selections: Sequence[Any], window: Window, step: float) -> Reading[Any]:
        found = await super().series(selections, window, step)
        calm = {Match("namespace", (each,)) for each in self.namespaces if each not in self.troubled}
        return Reading(tuple(replace(one, v=one.v * 0) if calm & {*one.selection.where} else one for one in found.values))


async def test_of_a_name_in_several_environments_that_is_looked_at_where_it_became_worse() -> None:
    begin = START - 20 * MINUTE
    source = InPlaces(spans_of_trouble=((begin, START + HOUR),))
    view = View(Sources(source, source, source, source), inline, FakeClock(START + 10 * MINUTE))
    times = await view.times(alert())
    assert begin - 2 * MINUTE <= times.window.start <= begin
    assert source.bound[-1] == (("namespace", "staging"),), "nothing is added up"
    assert any("2 places" in gap.detail and "Only namespace=staging was looked at" in gap.detail for gap in times.gaps)
    await find_scope(view, ("checkout",), times)


@pytest.mark.parametrize("more", [{"troubled": ()}, {"namespaces": tuple("abcdefgh"), "troubled": ("c",)}])
async def test_where_none_of_them_stands_out_or_there_are_too_many_it_is_asked_which(more: Any) -> None:
    source = InPlaces(spans_of_trouble=((START - 20 * MINUTE, START + HOUR),), **more)
    view = View(Sources(source, source, source, source), inline, FakeClock(START + 10 * MINUTE))
    with pytest.raises(AmbiguousPlaceError, match="Say which is meant"):
        await find_scope(view, ("checkout",), await view.times(alert()))


async def test_where_log_lines_are_all_there_is_they_tell_when_it_began() -> None:
    """Steps without such a line have no point."""
    begin = START - 20 * MINUTE
    t = np.array([(begin + n * MINUTE).timestamp() for n in range(30)])
    selection = Selection("log_lines", "log_lines", Reduction.RAW, "service", (("checkout", "checkout"),))
    lines = Series(selection, "checkout", {}, t, np.full(t.size, 40.0), "q", "made", step=60)
    times = await looked(alert(), FakeSource(answers={"log_counts": Reading((lines,))}))
    assert begin - 2 * MINUTE <= times.window.start <= begin
    assert times.why == f"error lines of checkout changed at {begin:%H:%M} UTC"


async def test_an_hourly_blip_moves_nothing() -> None:
    blips = tuple((START - n * HOUR + 20 * MINUTE, START - n * HOUR + 25 * MINUTE) for n in range(6))
    guess = alert(origin="asked for", started_at=START - 2 * HOUR)
    times = await looked(guess, Failing(spans_of_trouble=blips), START)
    assert times.window.start == START - 2 * HOUR


async def test_an_earlier_and_shorter_blip_is_not_usual() -> None:
    """What is left of the baseline is told, and how far it can be trusted."""
    blip = (START - 22 * MINUTE, START - 19 * MINUTE)
    times = await looked(alert(), Failing(spans_of_trouble=(blip, (START - 2 * MINUTE, START + HOUR))))
    assert times.baseline.start >= blip[1] - MINUTE
    assert times.baseline.end == times.window.start
    assert 0.3 < times.clean < 1
    assert "13:4" in times.why
    assert "only 15 minutes show what is usual" in times.why


async def test_an_incident_that_ended_is_looked_at_when_it_was() -> None:
    begin, end = START - 20 * MINUTE, START + 5 * MINUTE
    ended = alert(ended_at=end)
    times = await looked(ended, Failing(spans_of_trouble=((begin, end),)), START + 5 * HOUR)
    assert begin - 2 * MINUTE <= times.window.start <= begin
    assert times.window.end == end


async def test_what_could_not_be_read_to_find_it_out_is_told() -> None:
    times = await view_of(down(Reason.TIMEOUT)).times(alert())
    assert [gap.detail for gap in times.gaps] == ["no metrics: no connection"]
    assert times.window.start == START
    assert times.why == "that is when it is said to have begun"


# how often, and how far back


@pytest.mark.parametrize(("minutes", "step"), [(1, 5), (3, 5), (5, 10), (10, 15), (13, 20), (20, 30), (30, 60), (90, 60)])
async def test_the_step_gives_a_window_few_points(minutes: float, step: float) -> None:
    times = await looked(INCIDENT, FakeSource(), START + timedelta(minutes=minutes))
    assert times.step == step
    assert times.baseline.end == times.window.start
    assert times.baseline.seconds % step == 0, "points fall on the window's start"


async def test_the_baseline_is_the_incidents() -> None:
    times = await looked(alert(well_since=START - 3 * HOUR), FakeSource())
    assert (times.all.start, times.all.end) == (START - 3 * HOUR, START + 10 * MINUTE)


async def test_every_agent_looks_at_the_same_time() -> None:
    clock, source = FakeClock(START + 5 * MINUTE), FakeSource()
    view = View(Sources(source, source, source, source), inline, clock)
    first = await view.times(INCIDENT)
    clock.now += 3 * MINUTE
    assert await view.times(INCIDENT) == first
    assert len(asked(source, "families")) == 2, "by name, and by service"


def test_steps_ascend() -> None:
    assert list(STEPS) == sorted(STEPS)
    assert Incident(id="x", title="x", started_at=START).window(START).seconds >= STEPS[0]
