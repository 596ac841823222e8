"""Which causes belong together: a change, what it brought about, and who suffers from that. Nothing is merged: each stays and points on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from compass_core.analysis.graph import NODE
from compass_core.analysis.wording import amount
from compass_core.domain import Edge, Hypothesis, Observation
from compass_core.hypotheses.propose import sure
from compass_core.hypotheses.suspicion import AS_WELL, CHANGED, TROUBLED, Best, strongest
from compass_core.signals.catalogue import SIGNALS

OF_A_CHANGE = frozenset({"bad_deploy", "config_change"})
SHORT = 80  # characters of what is said of a step
SOON = 600.0  # seconds after a change in which what it brings about begins
TRIGGERS = 0.14  # of a confidence that its trigger gets where it began at once, and less the later: it may be a coincidence


@dataclass(frozen=True)
class Ground:
    """What was observed, who calls whom, and whom the incident is about."""

    affected: tuple[str, ...]
    observations: tuple[Observation, ...]
    edges: tuple[Edge, ...]

    @cached_property
    def best(self) -> Mapping[str, Best]:
        """By service and signal the strongest observation."""
        return strongest(self.observations)

    def callers(self, service: str) -> tuple[str, ...]:
        """Who calls it directly."""
        return tuple(edge.caller for edge in self.edges if edge.callee == service != edge.caller and edge.system != NODE)


def joined(hypotheses: Sequence[Hypothesis], known: Ground) -> tuple[Hypothesis, ...]:
    """The hypotheses with what brought each about, what it explains, and how that goes in one line.

    A change that brought a likelier hypothesis about shares its confidence, so that both stand side by side.
    """
    told = sorted((_told(one, known) for one in hypotheses), key=_confidence, reverse=True)
    for at, one in enumerate(told):
        mine = [i for i, each in enumerate(told) if i > at and each.verdict != "contradicted" and _is_trigger(each, one)]
        for i in mine[:1]:
            both = one.confidence + told[i].confidence
            less = max(told[i].confidence, both * TRIGGERS * max(0.0, 1 - _delay(one, known) / SOON))
            told[at], told[i] = sure(one, both - less), sure(told[i], less)
    return tuple(sorted(told, key=_confidence, reverse=True))


def _confidence(one: Hypothesis) -> float:
    return one.confidence


def _is_trigger(change: Hypothesis, one: Hypothesis) -> bool:
    return change.mechanism in OF_A_CHANGE and one.mechanism not in OF_A_CHANGE and bool({*change.evidence_for} & {*one.brought_about_by})


def _told(one: Hypothesis, known: Ground) -> Hypothesis:
    """With the change before its first sign, at it or at who calls it, and the way from there to whom the incident is about."""
    mine = known.best.get(one.service, {})
    signs = [seen for seen in mine.values() if seen.id in one.evidence_for and _deviates(seen)]
    cause = min(signs, key=_onset, default=None)
    if cause is None:
        return one
    trigger = max((seen for seen in _changes(one.service, known) if _soon(seen, cause)), key=_onset, default=None)
    path = min((way for each in known.affected if (way := _way(one.service, each, cause, known))), key=len, default=())
    steps = (*((trigger,) if trigger else ()), max(signs, key=lambda seen: seen.score), *path[-1:])
    return one.model_copy(
        update={
            "brought_about_by": (trigger.id,) if trigger else (),
            "explains": tuple(seen.id for seen in path),
            "story": " → ".join(map(_step, steps)) if len(steps) > 1 else "",
        }
    )


def _delay(one: Hypothesis, known: Ground) -> float:
    """Seconds from the change that brought it about to its first sign."""
    best = [seen for held in known.best.values() for seen in held.values()]
    change = next(seen for seen in best if seen.id == one.brought_about_by[0])
    return min(_onset(seen) for seen in best if seen.id in one.evidence_for and seen.service == one.service and _deviates(seen)) - _onset(
        change
    )


def _changes(service: str, known: Ground) -> Iterator[Observation]:
    """Of a version that answers as well as the old one nobody thinks that it did harm."""
    for each in (service, *known.callers(service)):
        best = known.best.get(each, {})
        yield from (seen for name, seen in best.items() if name in CHANGED and name != AS_WELL and AS_WELL not in best)


def _way(service: str, victim: str, cause: Observation, known: Ground) -> tuple[Observation, ...]:
    """From who calls the service to the victim, each step with the first trouble that may have begun after that of the step before."""
    ways: list[tuple[str, tuple[Observation, ...]]] = [(service, (cause,))]
    reached = {service}
    for at, way in ways:
        if at == victim:
            return way[1:]
        for caller in known.callers(at):
            later = [seen for seen in known.best.get(caller, {}).values() if _deviates(seen) and _may_follow(seen, way[-1])]
            if caller not in reached and later:
                reached.add(caller)
                ways.append((caller, (*way, min(later, key=lambda seen: (not seen.unit, _onset(seen))))))  # a share says more than a count
    return ()


def _may_follow(seen: Observation, before: Observation) -> bool:
    """It began no earlier, as far as the points of both tell."""
    return _onset(seen) + (seen.onset_within or 0.0) >= _onset(before) - (before.onset_within or 0.0)


def _deviates(seen: Observation) -> bool:
    return seen.onset is not None and seen.score >= TROUBLED and seen.signal not in CHANGED


def _soon(change: Observation, cause: Observation) -> bool:
    return -(cause.onset_within or 0.0) <= _onset(cause) - _onset(change) <= SOON


def _onset(seen: Observation) -> float:
    return seen.onset.timestamp() if seen.onset else 0.0


def _step(seen: Observation) -> str:
    """`bookings deployed 4.7.0, 18:56` or `connections of bookings-db 24% → 97%, 18:58`."""
    said = seen.summary.removeprefix(f"{seen.service}: ")
    if seen.signal in CHANGED:
        what = f"{seen.service} {said.split(' ')[0]} {said.split(' → ')[-1]}" if " → " in said else f"{seen.service}: {said}"
    elif seen.value is None or seen.baseline_value is None or seen.signal not in SIGNALS:
        what = f"{seen.service}: {said[:SHORT]}"
    else:
        what = f"{SIGNALS[seen.signal].words} of {seen.service} {amount(seen.baseline_value, seen.unit)} → {amount(seen.value, seen.unit)}"
    return f"{what}, {seen.onset:%H:%M}"
