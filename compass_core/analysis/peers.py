"""Two versions at once: whether the new one answers worse than the old one at the same minutes, whatever else goes on."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from compass_core.analysis.metric_notes import SETTLED_SECONDS, signal_of, stated
from compass_core.analysis.notes import Note, asked
from compass_core.analysis.shifts import LARGEST, MAD_TO_SIGMA, RELATIVE_SPREAD, grade
from compass_core.analysis.wording import amount
from compass_core.domain import Observation
from compass_core.readings import Change, Series
from compass_core.signals.signal import Signal

FEWEST = 3  # points of both at once that make a comparison
PATIENCE = 180.0  # seconds after which a new version should be seen
NOT_SEEN = 0.8  # score of one that is not
AS_WELL = 0.3  # score of a comparison that speaks for the new version


class _Pair(NamedTuple):
    """The series of an old and a new version, what both measure, and how much worse the new one is, from 0 to 1."""

    old: Series
    new: Series
    signal: Signal
    levels: tuple[float, float]
    score: float


def of_peers(note: Note, series: Sequence[Series]) -> list[Observation]:
    """For each service with two versions at once the strongest sign that the new one is worse, or else that it does as well."""
    groups: dict[tuple[str, str, str], list[Series]] = {}
    for one in stated(series):
        if one.t.size:
            groups.setdefault((one.service, one.selection.signal, one.selection.family), []).append(one)
    strongest: dict[str, _Pair] = {}
    for (service, _, _), versions in groups.items():
        pair = _compared(note, versions)
        if pair and (service not in strongest or pair.score > strongest[service].score):
            strongest[service] = pair
    return [_observation(note, service, pair) for service, pair in strongest.items()]


def of_missing(note: Note, changes: Iterable[Change], versions: Iterable[Series]) -> list[Observation]:
    """Deploys of which the new version is not seen, at services that tell which version runs."""
    running: dict[str, set[str]] = {}
    for one in versions:
        running.setdefault(one.service, set()).add(one.labels.get(one.selection.by[-1], ""))
    end = note.times.window.end.timestamp()
    return [
        note.observation(
            one.service,
            "new_version_worse",
            f"{one.version} was deployed and is not seen: {', '.join(sorted(running[one.service]))} runs",
            NOT_SEEN,
            **asked(one, one.t),
            reduction="versions that are seen after it",
        )
        for one in changes
        if one.version and end - one.t > PATIENCE and running.get(one.service) and not _runs(one.version, running[one.service])
    ]


def _runs(version: str, labels: Iterable[str]) -> bool:
    """A label may hold more than a deploy tool tells, as an image does, or less."""
    return any(label and (version in label or label in version) for label in labels)


def _compared(note: Note, versions: Sequence[Series]) -> _Pair | None:
    """The newest version beside the one that was there longest."""
    old, new = min(versions, key=lambda one: one.t[0]), max(versions, key=lambda one: one.t[0])
    if new.t[0] <= old.t[0] + SETTLED_SECONDS:
        return None
    since = max(float(new.t[0]), note.times.window.start.timestamp())
    before, after = (one.v[(one.t >= since) & (np.abs(one.v) < LARGEST)] for one in (old, new))
    if min(before.size, after.size) < FEWEST:
        return None
    signal = signal_of(new, note.agent)
    falls = signal.direction == "down"
    usual, level = float(np.median(before)), float(np.median(after))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(before - usual))) + RELATIVE_SPREAD * abs(usual) + 1e-12
    worse = (usual - level if falls else level - usual) / spread
    return _Pair(old, new, signal, (level, usual), grade(worse) * signal.scale.severity(level, usual, falls=falls))


def _observation(note: Note, service: str, pair: _Pair) -> Observation:
    label = pair.new.selection.by[-1]
    old, new = (one.labels.get(label, "") for one in (pair.old, pair.new))
    level, usual = (amount(value, pair.signal.unit) for value in pair.levels)
    return note.observation(
        service,
        "new_version_worse" if pair.score else "new_version_as_well",
        f"{new} answers {'worse than' if pair.score else 'as well as'} {old} now: {pair.signal.words} {level}, of {old} {usual}",
        pair.score or AS_WELL,
        value=pair.levels[0],
        baseline_value=pair.levels[1],
        unit=pair.signal.unit,
        reduction="median over the window while both versions run; usually: of the old one",
        **asked(pair.new, float(pair.new.t[0])),
    )
