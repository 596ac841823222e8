"""Looks again, some minutes after an answer, whether what it blames recovered together with what users feel."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import numpy as np

from compass_core.agents.database import DISKS
from compass_core.agents.view import View
from compass_core.analysis.metric_notes import stated
from compass_core.analysis.wording import amount
from compass_core.domain import AgentName, Conclusion, Observation, Window
from compass_core.hypotheses.suspicion import TROUBLED, evidence_of
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.plan import plan
from compass_core.signals.signal import FELT

RECENT, STEP = timedelta(minutes=5), 15.0
RECOVERED = 0.5  # of the way back to what is usual

Key = tuple[str, str]


class Grade(NamedTuple):
    """Whether it speaks for the answer, and what was seen, in words."""

    right: bool
    told: str


async def graded(view: View, ended: Conclusion, now: datetime) -> Grade | None:
    """None while nothing recovered, or only some of what is blamed, and where metrics do not tell; logs and traces are not asked again."""
    incident, first = ended.investigation.incident, ended.hypotheses[0]
    measured = {key: one for one in ended.observations.values() if (key := _measured(one))}
    felt = [key for key, one in measured.items() if one.service in incident.services and evidence_of(one) == FELT]
    felt = sorted(felt, key=lambda key: measured[key].score)[-1:]
    own = [key for key, one in measured.items() if one.id in first.evidence_for and key not in felt]
    view.environment = incident.environment
    window = Window(start=now.replace(microsecond=0) - RECENT, end=now.replace(microsecond=0))
    values = await _now(view, {key: measured[key] for key in (*felt, *own)}, window) if felt and own else {}
    mine = {key: _recovered(measured[key], values[key]) >= RECOVERED for key in own if key in values}
    if not values.keys() & {*felt} or len({*mine.values()}) != 1:
        return None
    blamed, suffers = next(iter(mine)), felt[0]
    well, better = mine[blamed], _recovered(measured[suffers], values[suffers]) >= RECOVERED
    cause, symptom = (f"{key[0]}: {SIGNALS[key[1]].words} {amount(values[key], measured[key].unit)}" for key in (blamed, suffers))
    if well and better:
        return Grade(right=True, told=f"recovered together by {now:%H:%M} UTC ({cause}; {symptom})")
    went, stayed = (cause, symptom) if well else (symptom, cause)
    return Grade(right=False, told=f"at {now:%H:%M} UTC {went}, as usual, but still {stayed}") if well or better else None


def _measured(one: Observation) -> Key | None:
    """The service and the signal, where a metric tells it and it was unusual."""
    signal = SIGNALS.get(one.signal.removesuffix("_drop"))
    asked = signal and signal.asked and one.score >= TROUBLED and None not in {one.value, one.baseline_value}
    return (one.service, signal.name) if signal and asked else None


async def _now(view: View, then: Mapping[Key, Observation], window: Window) -> dict[Key, float]:
    """The median over that time of each, of several series the one that is farthest from what was usual."""
    families = await view.families(sorted({service for service, _ in then}), DISKS, window)
    wanted = [one for agent in AgentName for one in plan(families.values, agent) if one.signal in {name for _, name in then}]
    found: dict[Key, list[float]] = {}
    for one in stated((await view.series(tuple(wanted), window, STEP)).values):
        if (key := (one.service, one.selection.signal)) in then and np.isfinite(one.v).any():
            found.setdefault(key, []).append(float(np.median(one.v[np.isfinite(one.v)])))
    return {key: min(values, key=partial(_recovered, then[key])) for key, values in found.items()}


def _recovered(one: Observation, now: float) -> float:
    """How much of the way back to what is usual: 0 is as bad as then, 1 as usual."""
    bad, usual = one.value or 0.0, one.baseline_value or 0.0
    return (bad - now) / ((bad - usual) or 1.0)
