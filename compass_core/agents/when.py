"""When to look: the onset by the data, since an alert waits before it fires and a person guesses."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from compass_core.agents.scope import MOST_SERVICES, ambiguous, metered
from compass_core.analysis.absence import gone
from compass_core.analysis.metric_notes import signal_of, stated
from compass_core.analysis.notes import Times
from compass_core.analysis.onset import SAME, Turn, began, turns
from compass_core.domain import BASELINE, LONGEST_WINDOW, SHORTEST_WINDOW, WHOLE, AgentName, Environment, Gap, Incident, Window
from compass_core.errors import Reason
from compass_core.readings import Family, Selection, Series
from compass_core.signals.catalogue import GRAPH_FAMILIES, OVERVIEW, SIGNALS, measuring
from compass_core.signals.logs import ERROR_PHRASES
from compass_core.signals.plan import graph, plan
from compass_core.signals.unknown import others

if TYPE_CHECKING:
    from compass_core.agents.view import View

STEPS = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0)  # each divides the baseline: see `domain.WHOLE`
POINTS = 40
MOST_PLACES = 3  # in which the same thing may be that are compared: each costs as much as to find out when
COARSE = (60.0, 120.0, 300.0, 600.0, 900.0)  # steps of the overview
MOST_POINTS = 200
FEW_POINTS = 30  # of each of many services: their queries cost the server as much as all of an investigation else
LOOK_BACK = timedelta(hours=1)  # a rule's `for:` is hardly ever longer; where the rule is known …
MARGIN = timedelta(minutes=10)  # … so much longer than it waits: it is evaluated now and then, and not at the first sign
AFTER = timedelta(minutes=10)  # of what was told to be the beginning is looked at as well, and at most …
LONGEST = timedelta(minutes=70)  # … so much in all
ENOUGH = timedelta(minutes=30)  # a shorter baseline says less
OTHER_FAMILIES, OTHER_MEMBERS = 20, 200
ERROR_LINES = "error_lines"


@dataclass(frozen=True, slots=True)
class Overview:
    """Every service at a coarse step over a long time; `weights` by which those count that may matter, where it is known who calls whom."""

    series: tuple[Series, ...]
    weights: dict[str, float]
    gaps: tuple[Gap, ...]


async def find_times(view: "View", incident: Incident, now: datetime) -> tuple[Times, tuple[Series, ...]]:
    """Where the data show when the trouble began, the window begins there; else where the incident is said to have begun.

    With it comes what was read from afar to find it out.
    """
    window = incident.window(now)
    told = Times(window, incident.baseline(window), _step(window), "that is when it is said to have begun")
    span = _span(incident, told, now)
    unsaid = await _settled(view, incident, span)
    wide = seen = await overview(view, incident.services, span)
    turned = await view.offload(lambda: _began(seen, incident, span))
    if turned and (coarse := turned[0].at - turned[0].since) > COARSE[0]:
        start = datetime.fromtimestamp(turned[0].since, UTC) - LOOK_BACK
        closer = Window(start=max(start, span.start), end=min(start + LOOK_BACK + timedelta(seconds=coarse) + LONGEST_WINDOW, span.end))
        seen = await overview(view, incident.services, closer, {*incident.services, *(turn.service for turn in turned)})
        turned = await view.offload(lambda: _began(seen, incident, closer)) or turned
    if not turned and seen.series:
        told = replace(told, why=f"{told.why}, and nothing began more clearly at another time")
    afar = max((seen.series, wide.series), key=lambda series: len({one.service for one in series}))
    return replace(_around(turned, incident, told, span.end) if turned else told, gaps=(*unsaid, *seen.gaps)), afar


async def _settled(view: "View", incident: Incident, span: Window) -> tuple[Gap, ...]:
    """Of several places where its things run that is looked at where they became worse, if nobody said in which; it is told."""
    families = await view.families(incident.services, (), span)
    unclear = next(ambiguous(families.values, incident.services, view.environment), None)
    worst: dict[Environment, float] = {view.environment: 0.0}
    for label, _, value in (place.partition("=") for place in unclear.places if len(unclear.places) <= MOST_PLACES) if unclear else ():
        view.environment = (*incident.environment, (label, value))
        turned = await view.offload(partial(_began, await overview(view, incident.services, span), incident, span))
        worst[view.environment] = max((turn.score for turn in turned), default=0.0)
    view.environment = max(worst, key=worst.__getitem__)
    told = f"{unclear} Only {'='.join(view.environment[-1])} was looked at, where it became worse." if any(worst.values()) else ""
    return (Gap(source="metrics", reason=Reason.NO_DATA, detail=told),) if told else ()


async def overview(view: "View", affected: Sequence[str], span: Window, close: Collection[str] = ()) -> Overview:
    """Everything that is known of the affected services and a few signals of all others.

    Of many services a few points each are read; then, of those that are looked at from `close`, as many as of few.
    """
    families = await view.families(affected, (*measuring(OVERVIEW), *GRAPH_FAMILIES), span)
    many = len({service for one in families.values for service in one.services}) > MOST_SERVICES
    points = FEW_POINTS if many and not close else MOST_POINTS
    step = next((step for step in COARSE if span.seconds / step <= points), COARSE[-1])
    asked = _selections(families.values, affected, close if many else ())
    calls = graph(families.values)
    answer = await view.series((*asked, *calls), span, step)
    edges = tuple(metered(one for one in answer.values if one.selection in calls))
    weights = dict.fromkeys(affected, 1.0) if any(edge.caller in affected for edge in edges) else {}
    for service in list(weights):
        weights |= {edge.callee: 1.0 for edge in edges if edge.caller == service}
    series = tuple(one for one in answer.values if one.selection in asked)
    if not series:  # then log lines are perhaps all there is
        lines = await view.log_counts((), span, step, ERROR_PHRASES)
        series = tuple(_of_errors(one, span) for one in lines.values)
    return Overview(series, weights, (*families.gaps, *answer.gaps))


def _of_errors(lines: Series, span: Window) -> Series:
    """How many lines tell of errors in each step; a step without any may have no point."""
    t = np.arange(span.start.timestamp(), span.end.timestamp(), lines.step, dtype=np.float64)
    v = np.zeros_like(t)
    at = np.searchsorted(t, lines.t, "right") - 1
    v[at[at >= 0]] = lines.v[at >= 0]
    return replace(lines, selection=replace(lines.selection, signal=ERROR_LINES), t=t, v=v)


def _selections(families: Sequence[Family], affected: Sequence[str], close: Collection[str]) -> tuple[Selection, ...]:
    planned = (one for agent in AgentName for one in plan(families, agent))
    noticed = (_of(one, close if one.signal in OVERVIEW else affected) for one in planned)
    return (*(one for one in noticed if one.members), *others(families, affected, OTHER_FAMILIES, OTHER_MEMBERS))


def _of(selection: Selection, services: Collection[str]) -> Selection:
    """The same of these services alone; of all where none is named."""
    return replace(selection, members=tuple(one for one in selection.members if one[1] in services)) if services else selection


def _step(window: Window) -> float:
    """The shortest that gives the window at most `POINTS` points."""
    return next((step for step in STEPS if window.seconds / step <= POINTS), STEPS[-1])


def _span(incident: Incident, told: Times, now: datetime) -> Window:
    """Where the beginning is looked for, and an hour before: until now where a person guessed, else until the window's end."""
    start = told.baseline.start if incident.well_since else told.window.start - LOOK_BACK - BASELINE
    guessed = min(incident.ended_at or now, now, start + timedelta(seconds=MOST_POINTS * COARSE[-1])).replace(microsecond=0)
    return Window(start=start, end=max(guessed if incident.by_hand else told.window.end, told.window.end))


def _began(seen: Overview, incident: Incident, span: Window) -> tuple[Turn, ...]:
    told = incident.started_at.timestamp()
    series = stated(seen.series)
    signals = [SIGNALS[ERROR_LINES] if one.selection.signal == ERROR_LINES else signal_of(one, AgentName.APPLICATION) for one in series]
    until = span.end.timestamp() if incident.by_hand else told + AFTER.total_seconds()
    found = turns(series, signals, told, until)
    back = (LOOK_BACK if incident.waited is None else min(LOOK_BACK, incident.waited + MARGIN)).total_seconds()
    early = told - back / 2  # before that only of what has to do with it
    ended = (one for one in gone(seen.series, span.end.timestamp()) if one.last >= early or one.service in seen.weights)
    ends = ((one, one.last + one.series.step) for one in ended)
    found += [Turn(one.service, f"the metrics of {one.service} ended", one.last, end, 1.0, ()) for one, end in ends if end < until]
    return began([one for one in found if one.at >= told - back], told, seen.weights)


def _around(found: Sequence[Turn], incident: Incident, told: Times, limit: datetime) -> Times:
    """The window from the last usual point on; the baseline before it, less what holds the same trouble for a shorter time."""
    at = found[0].at - told.window.start.timestamp()
    stays = -COARSE[0] < at <= SAME or (at > 0 and not incident.by_hand)
    start = told.window.start if stays else datetime.fromtimestamp(int(min(turn.since for turn in found)), UTC)
    end = min(max(start + LONGEST_WINDOW, min(told.window.start + AFTER, start + LONGEST)), limit)
    window = Window(start=min(start, end - SHORTEST_WINDOW), end=end)
    first = max(found, key=lambda turn: turn.score)
    why = f"{first.words} at {datetime.fromtimestamp(first.at, UTC):%H:%M} UTC"
    baseline, clean, note = _clean(found, incident.baseline(window))
    return Times(window, baseline, _step(window), f"{why}{note}", clean)


def _clean(found: Sequence[Turn], baseline: Window) -> tuple[Window, float, str]:
    blips = sorted(at for turn in found for at in turn.blips if at >= baseline.start.timestamp())
    note = ""
    if blips:
        note = f"; it had been so before for a short time at {datetime.fromtimestamp(blips[-1], UTC):%H:%M} UTC"
        left = (baseline.end.timestamp() - blips[-1]) // WHOLE.total_seconds() * WHOLE
        if left >= ENOUGH / 2:
            baseline = Window(start=baseline.end - left, end=baseline.end)
    clean = min(1.0, baseline.seconds / ENOUGH.total_seconds())
    note += f", so that only {baseline.seconds / 60:.0f} minutes show what is usual" if note and clean < 1.0 else ""
    return baseline, clean, note
