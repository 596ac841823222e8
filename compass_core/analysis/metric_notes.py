"""From series and changes to observations, each with its value, what is usual, and what was asked."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from compass_core.analysis.absence import counted
from compass_core.analysis.load import unaveraged
from compass_core.analysis.notes import LEAST, Note, asked
from compass_core.analysis.shifts import LARGEST, LOOK_BACK_SECONDS, Shift, shifts
from compass_core.analysis.wording import amount
from compass_core.domain import AgentName, Observation
from compass_core.identity import name_of
from compass_core.readings import Change, Reading, Reduction, Selection, Series
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.names import scale
from compass_core.signals.signal import FELT, WEAK, Scale, Signal

TO_PEER = frozenset(name for name, signal in SIGNALS.items() if name == "way" or any(ask.to_peer for ask in signal.asked))
QUANTILES = ("latency_p50", "latency_p95", "latency_p99")
ALONE = 0.3  # what one of them counts where the others stay: of a hundred requests one is slow, or other requests are made than before
UNKNOWN = Scale("times", 2.0, 5.0, 20.0)  # of a metric of which nobody knows what it measures
DEPLOY_MINUTES = 60.0
SETTLED_SECONDS = 60.0  # a version that shows so soon after the first point of its service was there before it

Moved = tuple[Series, Signal, Shift]


def of_series(note: Note, series: Sequence[Series], services: Collection[str] = ()) -> list[Observation]:
    """The strongest observation of each signal and service among the series.

    What is seen of a call is said of the callee, where that is one of the `services`, if these are given; else of the caller.
    """
    series = begun(note, stated(series))
    signals = [signal_of(one, note.agent) for one in series]
    best: dict[tuple[str, str, str], Moved] = {}
    for one, signal, moved in zip(series, signals, shifts(series, signals, note.times.window.start.timestamp()), strict=True):
        if moved is None:
            continue
        key = (signal.name, one.service, peer_of(one) if signal.name in TO_PEER else "")
        if key not in best or moved.score > best[key][2].score:
            best[key] = (one, signal, moved)
    return [of_shift(note, *found, services) for found in _alone_less(best.values())]


def _alone_less(moves: Collection[Moved]) -> Iterator[Moved]:
    """The same, but of a service's latency one quantile that moved alone counts `ALONE`."""
    felt: dict[str, list[Moved]] = {}
    for found in moves:
        if found[1].evidence == FELT:
            felt.setdefault(found[0].service, []).append(found)
    for one, signal, moved in moves:
        alone = signal.name in QUANTILES and _is_alone(signal, felt[one.service])
        yield one, signal, replace(moved, score=ALONE * moved.score) if alone else moved


def _is_alone(quantile: Signal, felt: Iterable[Moved]) -> bool:
    """Other quantiles are measured and stay, and nothing else is felt there."""
    others = [(signal, moved) for _, signal, moved in felt if signal.name != quantile.name]
    stay = [not signal.scale.severity(moved.value, moved.baseline) for signal, moved in others if signal.name in QUANTILES]
    return bool(stay) and all(stay) and all(moved.score < LEAST for _, moved in others)


def of_shift(note: Note, series: Series, signal: Signal, moved: Shift, services: Collection[str] = ()) -> Observation:
    """One series that moved; as `of_series`."""
    service, where = series.service, ""
    name = f"{signal.name}_drop" if signal.direction == "both" and moved.falls and moved.score else signal.name
    if signal.name in TO_PEER and (peer := peer_of(series)):
        known = not services or peer in services
        service, where = (peer, f" from {series.service}") if known else (service, f" to {peer}")
    usual = "" if moved.baseline is None else f", usually {amount(moved.baseline, signal.unit)}"
    return note.observation(
        service,
        name,
        f"{signal.words}{where} {amount(moved.value, signal.unit)}{usual}",
        moved.score,
        value=moved.value,
        baseline_value=moved.baseline,
        unit=signal.unit,
        reduction=f"{'min' if moved.falls else 'max'} over the window; usually: median before",
        onset_within=moved.uncertainty if moved.onset is not None else None,
        points=note.points(series, falls=moved.falls) if moved.score >= LEAST else (),  # of thousands, few are worth a picture
        **asked(series, moved.onset),
    )


def peer_of(series: Series) -> str:
    """Whom a call went to."""
    peer = next((series.labels.get(label, "") for label in series.selection.by), "")
    return name_of(peer, "server_address")


def signal_of(series: Series, agent: AgentName) -> Signal:
    """What a series measures; a family that no row holds is told by its name."""
    family = series.selection.family
    known = SIGNALS.get(series.selection.signal)
    if known is None:
        unit = "/s" if series.selection.reduction == "rate" else ""
        return Signal(series.selection.signal, agent, family, unit, UNKNOWN, WEAK, (), direction="both")
    if any(family in ask.families for ask in known.asked):
        return known
    counted = known.unit == "/s" and series.selection.reduction == "raw" and not series.selection.unit  # since when nobody says
    return replace(known, words=f"{known.words} ({family})", unit="" if counted else known.unit)


def stated(series: Sequence[Series]) -> list[Series]:
    """The series in the units of their signals; the query says by what it was multiplied."""
    series = unaveraged(counted(series))
    alike: dict[int, list[Series]] = {}
    for one in series:
        alike.setdefault(id(one.selection), []).append(one)  # a selection of 500 members is slow to compare
    factors = {key: _factor(found[0].selection, found) for key, found in alike.items()}
    scaled = ((one, factors[id(one.selection)]) for one in series)
    return [one if by == 1 else replace(one, v=one.v * by, query=f"({one.query}) * {by:g}") for one, by in scaled]


def begun(note: Note, series: Sequence[Series]) -> list[Series]:
    """States that are told only while they hold: where a service was measured before and its state was not, there was none."""
    start = note.times.window.start.timestamp()
    measured = {one.service for one in series if one.t.size and one.t[0] < start}
    return [_from_none(note, one) if one.service in measured and _is_new_state(one, start) else one for one in series]


def _is_new_state(one: Series, start: float) -> bool:
    return one.selection.reduction is Reduction.RAW and bool(one.selection.where) and bool(one.t.size) and bool(one.t[0] >= start)


def _from_none(note: Note, one: Series) -> Series:
    before = np.arange(note.times.baseline.start.timestamp(), one.t[0], one.step or note.times.step)
    return replace(one, t=np.concatenate([before, one.t]), v=np.concatenate([np.zeros_like(before), one.v]))


def _factor(selection: Selection, series: Sequence[Series]) -> float:
    known = SIGNALS.get(selection.signal)
    v = np.concatenate([one.v for one in series])
    v = v[np.abs(v) < LARGEST]
    return scale(selection.unit, known.unit, float(np.median(v)), float(v.max())) if known and v.size else 1.0


def of_versions(note: Note, series: Sequence[Series]) -> list[Observation]:
    """Deploys that show in a version label: the first point of a version that was not there from the beginning, beside one that was."""
    found = []
    by_service: dict[str, list[Series]] = {}
    for one in series:
        if one.t.size:
            by_service.setdefault(one.service, []).append(one)
    for service, kinds in by_service.items():
        label = kinds[0].selection.by[-1]
        begin = min(one.t[0] for one in kinds) + SETTLED_SECONDS
        old = sorted({one.labels.get(label, "") for one in kinds if one.t[0] <= begin} - {""})
        for one in kinds:
            version = one.labels.get(label, "")
            if not version or not old or one.t[0] <= begin:
                continue
            text = f"deployed {', '.join(old)} → {version}"
            found.append(_of_change(note, Change(float(one.t[0]), service, text, "deploy", one.query, one.source, one.link)))
    return found


def of_counts(note: Note, series: Sequence[Series]) -> list[Observation]:
    """How many lines that tell of errors each service writes."""
    signals = [replace(SIGNALS["error_lines"], words=f"error lines in {one.step:.0f} s:") for one in series]
    found = zip(series, signals, shifts(series, signals, note.times.window.start.timestamp()), strict=True)
    return [of_shift(note, one, signal, moved) for one, signal, moved in found if moved is not None and moved.score > 0]


def of_changes(note: Note, reading: Reading[Change]) -> list[Observation]:
    """Deploys and configuration changes that a source recorded."""
    return [_of_change(note, change) for change in reading.values]


def _of_change(note: Note, change: Change) -> Observation:
    """A change counts the more, the closer it came before the incident: 0.9 just before its start, 0.45 half an hour earlier."""
    minutes = (note.times.window.start.timestamp() - change.t) / 60
    score = 0.9 * max(0.0, 1 - max(minutes, 0.0) / DEPLOY_MINUTES) if minutes > -LOOK_BACK_SECONDS / 60 else 0.2
    return note.observation(
        change.service,
        change.kind if change.kind == "deploy" else f"{change.kind}_change",
        change.text,
        round(score, 4),
        **asked(change, change.t),
        reduction="first time it is seen",
        window=note.times.all,
    )
