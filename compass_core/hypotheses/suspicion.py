"""Who is to blame, and how: shares of one whole, of services and within each of mechanisms.

1. Of each class of evidence at a service the strongest counts, times the class's weight. Its score says how far from usual and how bad.
   A change counts as much as what moved where it was made.
2. What a service feels is explained, once, by the suspicion of what it calls, if that began no later.
3. The shares of all services, with "nothing is wrong" as one more candidate, make one whole.
4. Within a service a mechanism's share is what speaks for it of all that speaks there, the more specific first.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from compass_core.analysis.graph import NODE, callees, databases, systems
from compass_core.analysis.notes import LEAST
from compass_core.domain import Edge, Observation, Suspect
from compass_core.hypotheses.mechanisms import CALLERS_CLOCK, EVEN_SO, GENERAL, OF_A_DATABASE, OWN_LATENCY, UNLESS
from compass_core.signals.catalogue import FAILURES, OF_ERRORS, SIGNALS
from compass_core.signals.changes import CHANGES
from compass_core.signals.signal import DIRECT, FELT, RESOURCE, WEAK, Evidence

WEIGHTS: dict[Evidence, float] = {DIRECT: 2.0, RESOURCE: 2.0, FELT: 1.0, WEAK: 0.15}
EXPLAINED = 0.8  # how much of what a service feels the trouble of what it calls takes away
NOBODY = 0.5  # suspicion that makes a service as likely as that nothing is wrong
SHARPNESS = 3.0  # how much one unit more of suspicion makes a service likelier, as a logarithm
TROUBLED = 0.25  # from this score on an observation is trouble, and tells when it began
ONSET_SLACK_SECONDS = 120.0  # clocks of metrics, lines and spans differ
EARLY_SECONDS, EARLIER = 300.0, 0.4  # what began so long before the incident counts less: it was there when all was well
LESS_SPECIFIC = 0.5  # what the second mechanism that a signal speaks for gets of its evidence, and so on
THAT_NOT_WHY = 0.3  # what a general mechanism's evidence counts beside a specific one's
OTHERWISE = 0.3  # what is left of a mechanism's evidence where something that it does not bring about is seen as well
NOBODY_FEELS = 0.5  # what lines of errors count where no more requests fail than usual
SURGE = "surge"
UNRESOLVED, RESOLVER = frozenset({"log_dns", "unresolved_calls"}), frozenset({"dns_failures", "dns_errors", "dns_p95"})
EVICTING = frozenset({"db_evictions", "cache_hits"})  # what a cache does not keep a store has to answer …
LOADED = frozenset({"db_transactions", "request_rate"})  # … again and again
AS_WELL = "new_version_as_well"
CHANGED = frozenset(signal.name for signal in CHANGES)

Best = dict[str, "Observation"]  # by signal the strongest at one service


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for a mechanism at a service: its share there, and the evidence, the strongest first."""

    mechanism: str
    share: float
    evidence: tuple[Observation, ...]


def suspects(
    observations: Iterable[Observation], edges: Iterable[Edge], services: Sequence[str], affected: Collection[str]
) -> tuple[Suspect, ...]:
    """Every service with the probability that it is the cause, the most likely first; what is left to 1 is that nothing is wrong."""
    against = {service: _Against({}, None, None) for service in services if service}
    observations = tuple(observations)
    found, answering = strongest(observations), _answering(observations)
    against |= {service: _against(best, answers=service in answering) for service, best in found.items()}
    edges = tuple(edges)
    stores = databases(observations, edges) | {service for service, best in found.items() if any(name.startswith("db_") for name in best)}
    beneath = _beneath([edge for edge in edges if edge.system != NODE], against, affected, stores)
    flooded = _by_one(against, against, [service for service, best in found.items() if SURGE in best])
    asking = [service for service, best in found.items() if _any_of(best, UNRESOLVED)]
    resolvers = [service for service, best in found.items() if _any_of(best, RESOLVER)] if len(asking) > 1 else []
    unresolved = _by_one(against, asking, resolvers)
    emptied = [service for service, best in found.items() if _any_of(best, EVICTING)]
    uncached = _by_one(against, [service for service in stores if _any_of(found.get(service, {}), LOADED)], emptied)
    on_nodes = _by_nodes(against, (edge for edge in edges if edge.system == NODE))
    standing = {
        service: one.total
        - max(
            _explained(one, [against[other] for other in beneath[service]]),
            *(explained.get(service, 0.0) for explained in (on_nodes, flooded, unresolved, uncached)),
        )
        for service, one in against.items()
    }
    weights = {service: math.expm1(SHARPNESS * max(0.0, value)) for service, value in standing.items()}
    apart = systems(edges, [service for service in affected if service in against and against[service].total >= TROUBLED])
    shares = dict.fromkeys(weights, 0.0)
    for system in apart:
        rivals = [service for service in weights if service in system or not any(service in other for other in apart)]
        whole = sum(weights[service] for service in rivals) + math.exp(SHARPNESS * NOBODY)
        for service in rivals:
            shares[service] += weights[service] / whole / len(apart)
    return tuple(Suspect(service=service, score=min(1.0, shares[service])) for service in sorted(shares, key=lambda one: -shares[one]))


def supports(best: Best, *, database: bool = False) -> tuple[Support, ...]:
    """The mechanisms that the strongest observations of one service speak for, the likeliest first.

    For each speaks the sum over classes of class weight × the strongest score × `LESS_SPECIFIC` for each mechanism that the signal names
    before it. Shares go by the squares of these sums.
    """
    said: dict[str, dict[Evidence, float]] = defaultdict(dict)
    evidence: dict[str, list[tuple[float, Observation]]] = defaultdict(list)
    slower = _any_of(best, OWN_LATENCY)
    for seen, strength in _strengths(best):
        if slower and seen.signal in CALLERS_CLOCK:
            continue
        for place, mechanism in enumerate(_speaks_for(seen, database=database)):
            value = strength * LESS_SPECIFIC**place
            kind = evidence_of(seen)
            said[mechanism][kind] = max(value, said[mechanism].get(kind, 0.0))
            evidence[mechanism].append((value, seen))
            evidence[mechanism] += [(0.0, worst) for worst in _moved(best) if seen.signal in CHANGED]
    sums = {mechanism: sum(kinds.values()) * _otherwise(mechanism, best) for mechanism, kinds in said.items()}
    whole = sum(value**2 for value in sums.values())
    found = (
        Support(mechanism, value**2 / whole, tuple(seen for _, seen in sorted(evidence[mechanism], key=lambda pair: -pair[0])))
        for mechanism, value in sums.items()
        if value**2
    )
    return tuple(sorted(found, key=lambda one: -one.share))


def strongest(observations: Iterable[Observation]) -> dict[str, Best]:
    """By service and signal the observation with the highest score."""
    best: dict[str, Best] = defaultdict(dict)
    for seen in observations:
        held = best[seen.service].get(seen.signal)
        if seen.service and seen.score and (held is None or seen.score > held.score):
            best[seen.service][seen.signal] = seen
    return {service: held for service, held in best.items() if held}


def leading_away(mechanism: str, best: Best) -> frozenset[str]:
    """The signals that a mechanism does not bring about, at a service where this is seen."""
    said, even_so = EVEN_SO.get(mechanism, (frozenset(), frozenset()))
    return UNLESS.get(mechanism, frozenset()) - (even_so if _any_of(best, said) else frozenset())


def evidence_of(seen: Observation) -> Evidence:
    """Its class; what nobody knows is weak."""
    signal = SIGNALS.get(seen.signal)
    return signal.evidence if signal else WEAK


@dataclass(frozen=True, slots=True)
class _Against:
    """What stands against a service, by class, and when the first of it is seen, and may have begun at the earliest."""

    classes: Mapping[Evidence, float]
    onset: datetime | None
    earliest: datetime | None
    change: float = 0.0

    @property
    def total(self) -> float:
        return sum(self.classes.values()) + self.change

    @property
    def felt(self) -> float:
        return self.classes.get(FELT, 0.0) + self.classes.get(WEAK, 0.0)


def _against(best: Best, *, answers: bool) -> _Against:
    classes: dict[Evidence, float] = {}
    change = 0.0
    for seen, strength in _strengths(best):
        if seen.signal in CHANGED:
            change = max(change, strength)
        else:
            felt = NOBODY_FEELS if answers and seen.signal in OF_ERRORS else 1.0
            classes[evidence_of(seen)] = max(strength * felt, classes.get(evidence_of(seen), 0.0))
    troubles = [seen for seen in best.values() if seen.onset and seen.score >= TROUBLED and seen.signal not in CHANGED]
    seen_at = [seen.onset for seen in troubles if seen.onset]
    begins = [seen.onset - timedelta(seconds=seen.onset_within or 0.0) for seen in troubles if seen.onset]
    return _Against(classes, min(seen_at, default=None), min(begins, default=None), change)


def _answering(observations: Iterable[Observation]) -> frozenset[str]:
    """Services of which it is measured that no more requests fail than usual."""
    worst: dict[str, float] = {}
    for seen in observations:
        if seen.signal in FAILURES:
            worst[seen.service] = max(seen.score, worst.get(seen.service, 0.0))
    return frozenset(service for service, score in worst.items() if score < LEAST)


def _strengths(best: Best) -> list[tuple[Observation, float]]:
    """Each observation with its weight × score.

    A change is worth no more than the strongest of what moved there, and little where the new version answers as well as the old one.
    """
    guilty = OTHERWISE if AS_WELL in best else 1.0
    moved = max((seen.score for seen in _moved(best)), default=0.0)
    return [
        (seen, guilty * min(seen.score, moved) if seen.signal in CHANGED else WEIGHTS[evidence_of(seen)] * seen.score * _early(seen))
        for seen in best.values()
        if seen.signal != AS_WELL
    ]


def _moved(best: Best) -> list[Observation]:
    """What moved most at a service besides its changes, in a list; an empty one where nothing did."""
    moved = [seen for seen in best.values() if seen.signal not in CHANGED and evidence_of(seen) != WEAK]
    return sorted(moved, key=lambda seen: -seen.score)[:1]


def _early(seen: Observation) -> float:
    before = (seen.window.start - seen.onset).total_seconds() if seen.onset else 0.0
    return EARLIER if before >= EARLY_SECONDS else 1.0


def _speaks_for(seen: Observation, *, database: bool) -> tuple[str, ...]:
    signal = SIGNALS.get(seen.signal)
    named = signal.speaks_for if signal else ()
    return tuple(dict.fromkeys(OF_A_DATABASE.get(one, one) for one in named)) if database else named


def _otherwise(mechanism: str, best: Best) -> float:
    against = leading_away(mechanism, best) - OWN_LATENCY  # a slow way out makes that longer; whose clock holds it says nothing
    other = OTHERWISE if _any_of(best, against) else 1.0
    return other * (THAT_NOT_WHY if mechanism in GENERAL else 1.0)


def _any_of(best: Best, signals: Collection[str]) -> bool:
    return any(seen.score >= TROUBLED for name, seen in best.items() if name in signals)


def _beneath(
    edges: Sequence[Edge], known: Collection[str], affected: Collection[str], stores: frozenset[str]
) -> Mapping[str, frozenset[str]]:
    """Whom each service depends on, of those that are known; where nobody knows whom an affected one calls, all but its callers.

    Where nobody knows who calls whom at all, each may depend on any store.
    """
    called = callees(edges)
    beneath = {service: called.get(service, frozenset()) & frozenset(known) for service in known}
    if not edges:
        beneath |= {service: stores & frozenset(known) for service in known if service not in stores}
    for service in affected:
        if service in known and not called.get(service):
            beneath[service] = frozenset(one for one in known if one != service and service not in called.get(one, ()))
    return beneath


def _explained(one: _Against, others: Iterable[_Against]) -> float:
    worst = max((other.total for other in others if _no_later(other, one)), default=0.0)
    return EXPLAINED * min(one.felt, worst)


def _by_one(against: Mapping[str, _Against], some: Iterable[str], causes: Sequence[str]) -> dict[str, float]:
    """What is explained at some by the trouble of one thing that all of them depend on: whatever it is, more requests exhaust anything."""
    return {
        service: EXPLAINED * against[service].total * min(1.0, max(against[cause].total for cause in causes))
        for service in some
        if service not in causes and any(_no_later(against[cause], against[service]) for cause in causes)
    }


def _by_nodes(against: Mapping[str, _Against], edges: Iterable[Edge]) -> dict[str, float]:
    """What is explained by the node that a service runs on, if another on it is in trouble as well: also that it lacks CPU or packets."""
    tenants: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.callee in against and edge.caller in against:
            tenants[edge.callee].add(edge.caller)
    found: dict[str, float] = {}
    for node, services in tenants.items():
        troubled = {service for service in services if against[service].total >= TROUBLED}
        for service in troubled if len(troubled) > 1 else ():
            one, beneath = against[service], against[node]
            lacks = one.felt + one.classes.get(RESOURCE, 0.0)
            found[service] = max(found.get(service, 0.0), EXPLAINED * lacks * min(1.0, beneath.total) * _no_later(beneath, one))
    return found


def _no_later(callee: _Against, caller: _Against) -> bool:
    if callee.earliest is None or caller.onset is None:
        return True
    return (callee.earliest - caller.onset).total_seconds() <= ONSET_SLACK_SECONDS
