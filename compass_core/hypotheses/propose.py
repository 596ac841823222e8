"""Hypotheses by rules: what the observations so far say for each mechanism at each service."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from compass_core.hypotheses.rules import RULES, Rule
from compass_core.model import MECHANISMS, AgentName, Hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from compass_core.model import Edge, Observation

LEAST = 0.15  # a hypothesis below this confidence is noise
MOST_PER_AGENT = 4
TROUBLED = 0.5  # a callee's observation from this score on explains its callers' trouble
EXPLAINED = 0.5  # what is left of a confidence that a callee explains
SHOWN = 3  # pieces of evidence that a statement quotes
ONSET_SLACK_SECONDS = 60.0

Best = dict[str, dict[str, "Observation"]]


def propose(agent: AgentName, observations: Sequence[Observation], edges: Iterable[Edge]) -> tuple[Hypothesis, ...]:
    """The agent's strongest hypotheses over everything observed so far, most confident first.

    Confidence = cap × (1 − Π(1 − weight × score)) over the rule's evidence; halved where the evidence is of a kind that
    a callee's own trouble, begun no later, explains, or other trouble of the service itself: that then stands as evidence against.
    """
    best: Best = defaultdict(dict)
    for seen in observations:
        held = best[seen.service].get(seen.signal)
        if held is None or seen.score > held.score:
            best[seen.service][seen.signal] = seen
    callees: dict[str, set[str]] = defaultdict(set)
    callers: dict[str, set[str]] = defaultdict(set)
    calls = tuple(edges)
    databases = {edge.callee for edge in calls if edge.system} if agent is AgentName.APPLICATION else set()  # no code of ours runs there
    for edge in calls:
        callees[edge.caller].add(edge.callee)
        callers[edge.callee].add(edge.caller)
    made = (
        _hypothesis(rule, service, best, callers[service], _downstream(service, callees))
        for rule in RULES
        if rule.agent is agent
        for service in tuple(best)
        if service and service not in databases
    )
    found = [one for one in made if one is not None and one.confidence >= LEAST]
    return tuple(sorted(found, key=lambda one: -one.confidence)[:MOST_PER_AGENT])


def _hypothesis(rule: Rule, service: str, best: Best, callers: set[str], downstream: set[str]) -> Hypothesis | None:
    own = _weighed(rule.own, [service], best)
    if not own or (rule.needs and not any(seen.signal in rule.needs for _, seen in own)):
        return None
    evidence = own + _weighed(rule.callers, sorted(callers), best)
    confidence = rule.cap * (1 - _product(1 - weight * seen.score for weight, seen in evidence))
    explained = [*(_explained_by(own, downstream, best) if rule.propagates else ()), *_otherwise(rule, service, best)]
    against = [seen for seen in explained if all(seen is not one for _, one in evidence)]
    if against:
        confidence *= EXPLAINED
    evidence.sort(key=lambda pair: -pair[0] * pair[1].score)
    quoted = "; ".join(seen.summary.removeprefix(f"{service}: ") for _, seen in evidence[:SHOWN])
    confidence = round(confidence, 4)
    return Hypothesis(
        agent=rule.agent,
        service=service,
        mechanism=rule.mechanism,
        statement=f"{MECHANISMS[rule.mechanism]}: {quoted}",
        initial_confidence=confidence,
        confidence=confidence,
        evidence_for=tuple(seen.id for _, seen in evidence),
        evidence_against=tuple(seen.id for seen in against),
    )


def _weighed(weights: Mapping[str, float], services: Sequence[str], best: Best) -> list[tuple[float, Observation]]:
    """The strongest observation of each signal that the rule weighs, over these services."""
    found = []
    for signal, weight in weights.items():
        seen = max((best[one][signal] for one in services if signal in best.get(one, {})), key=lambda one: one.score, default=None)
        if seen is not None and seen.score > 0:
            found.append((weight, seen))
    return found


def _explained_by(own: list[tuple[float, Observation]], downstream: set[str], best: Best) -> tuple[Observation, ...]:
    """The strongest trouble of a callee that began no later than ours."""
    onset = min((seen.onset for _, seen in own if seen.onset is not None), default=None)
    troubles = [seen for one in downstream for seen in best.get(one, {}).values() if seen.score >= TROUBLED]
    if onset is not None:
        troubles = [seen for seen in troubles if seen.onset is None or (seen.onset - onset).total_seconds() <= ONSET_SLACK_SECONDS]
    return tuple(sorted(troubles, key=lambda seen: -seen.score)[:SHOWN])


def _otherwise(rule: Rule, service: str, best: Best) -> list[Observation]:
    """The service's own trouble that says why, without the rule's mechanism."""
    return [seen for signal, seen in best[service].items() if signal in rule.unless and seen.score >= TROUBLED]


def _downstream(service: str, callees: Mapping[str, set[str]]) -> set[str]:
    """Every service that this one calls, directly or through others."""
    found: set[str] = set()
    waiting = [service]
    while waiting:
        for callee in callees.get(waiting.pop(), ()):
            if callee not in found and callee != service:
                found.add(callee)
                waiting.append(callee)
    return found


def _product(factors: Iterable[float]) -> float:
    total = 1.0
    for factor in factors:
        total *= factor
    return total
