"""Hypotheses by rules: who is suspected, and what the observations so far say for each mechanism there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from compass_core.domain import AgentName, Hypothesis
from compass_core.hypotheses.localise import TROUBLED, callees
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.rules import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from compass_core.domain import Edge, Findings, Observation, Suspect

LEAST = 0.05  # a hypothesis below this confidence is noise
MOST = {AgentName.APPLICATION: 4, AgentName.DATABASE: 3, AgentName.NETWORK: 3}  # ten an investigation
OTHERWISE = 0.4  # what is left of what evidence says where it has another explanation
SURE = 0.97  # nobody is surer than this by rules alone
SHOWN = 3  # pieces of evidence that a statement quotes

Best = dict[str, dict[str, "Observation"]]


class Weighed(NamedTuple):
    """A rule at a service: its evidence, the weightiest first, and the confidence that it gives."""

    rule: Rule
    service: str
    evidence: tuple[Observation, ...]
    confidence: float


def propose(agent: AgentName, observations: Sequence[Observation], findings: Findings) -> tuple[Hypothesis, ...]:
    """The agent's strongest hypotheses over everything observed so far, most confident first."""
    beneath = callees(findings.edges)
    best = _best(observations)
    mine = [one for one in weigh(observations, findings.edges, findings.suspects) if one.rule.agent is agent and one.confidence >= LEAST]
    return tuple(_hypothesis(one, _against(one, beneath, best)) for one in mine[: MOST[agent]])


def weigh(observations: Sequence[Observation], edges: Iterable[Edge], suspects: Iterable[Suspect]) -> list[Weighed]:
    """Every rule that has evidence at a suspect, most confident first.

    What a rule says = cap × (1 − Π(1 − weight × score)) over its evidence, `OTHERWISE` of a weight where something else at the service
    explains that. Confidence = the suspect's probability × what the rule says ÷ the most that any rule says of that suspect.
    """
    best = _best(observations)
    callers: dict[str, set[str]] = defaultdict(set)
    databases = set()
    for edge in edges:
        callers[edge.callee].add(edge.caller)
        databases |= {edge.callee} if edge.system else set()
    found = []
    for suspect in suspects:
        rules = [rule for rule in RULES if suspect.score and _may_be(rule, suspect.service, databases)]
        told = [(rule, _evidence(rule, suspect.service, callers[suspect.service], best)) for rule in rules]
        says = [(rule, evidence, value) for rule, evidence in told if (value := _says(rule, evidence))]
        most = max((value for _, _, value in says), default=0.0)
        found += [
            Weighed(rule, suspect.service, tuple(seen for _, seen in evidence), min(SURE, suspect.score) * (value / most))
            for rule, evidence, value in says
        ]
    return sorted(found, key=lambda one: -one.confidence)


def _says(rule: Rule, evidence: Sequence[tuple[float, Observation]]) -> float:
    left = 1.0
    for value, _ in evidence:
        left *= 1 - value
    return rule.cap * (1 - left)


def rounded(confidence: float) -> float:
    """Four significant digits: as exact as it may be said, and small ones do not become equal."""
    return float(f"{confidence:.4g}")


def _may_be(rule: Rule, service: str, databases: set[str]) -> bool:
    """No code of ours runs in a database."""
    return service not in databases or rule.agent is not AgentName.APPLICATION or rule.mechanism in {"cpu_exhaustion", "memory_pressure"}


def _best(observations: Iterable[Observation]) -> Best:
    best: Best = defaultdict(dict)
    for seen in observations:
        held = best[seen.service].get(seen.signal)
        if held is None or seen.score > held.score:
            best[seen.service][seen.signal] = seen
    return best


def _evidence(rule: Rule, service: str, callers: set[str], best: Best) -> list[tuple[float, Observation]]:
    """What each observation says and the observation, the most first; nothing where the rule lacks what it needs."""
    own = _weighed(rule.own, [service], best)
    if not own or (rule.needs and not any(seen.signal in rule.needs for _, seen in own)):
        return []
    own = [(value * (OTHERWISE if _otherwise(rule, seen.signal, best[service]) else 1.0), seen) for value, seen in own]
    return sorted(own + _weighed(rule.callers, sorted(callers), best), key=lambda pair: -pair[0])


def _otherwise(rule: Rule, signal: str, own: Mapping[str, Observation]) -> list[Observation]:
    """The service's own trouble that explains a piece of evidence without the rule's mechanism."""
    return [seen for other, seen in own.items() if other in rule.unless.get(signal, ()) and seen.score >= TROUBLED]


def _weighed(weights: Mapping[str, float], services: Sequence[str], best: Best) -> list[tuple[float, Observation]]:
    """The strongest observation of each signal that the rule weighs, over these services."""
    found = []
    for signal, weight in weights.items():
        seen = max((best[one][signal] for one in services if signal in best.get(one, {})), key=lambda one: one.score, default=None)
        if seen is not None and seen.score > 0:
            found.append((min(1.0, weight * seen.score), seen))
    return found


def _hypothesis(one: Weighed, against: tuple[Observation, ...]) -> Hypothesis:
    quoted = "; ".join(seen.summary.removeprefix(f"{one.service}: ") for seen in one.evidence[:SHOWN])
    confidence = rounded(one.confidence)
    return Hypothesis(
        agent=one.rule.agent,
        service=one.service,
        mechanism=one.rule.mechanism,
        statement=f"{MECHANISMS[one.rule.mechanism]}: {quoted}",
        initial_confidence=confidence,
        confidence=confidence,
        evidence_for=tuple(seen.id for seen in one.evidence),
        evidence_against=tuple(seen.id for seen in against),
    )


def _against(one: Weighed, beneath: Mapping[str, frozenset[str]], best: Best) -> tuple[Observation, ...]:
    """What else explains it: the service's own trouble of another kind, and the strongest of what it calls, whose victim it may be."""
    troubles = [seen for callee in beneath.get(one.service, ()) for seen in best.get(callee, {}).values() if seen.score >= TROUBLED]
    worst = sorted((seen for seen in troubles if seen not in one.evidence), key=lambda seen: -seen.score)[:SHOWN]
    own = best.get(one.service, {})
    busy = dict.fromkeys(other for seen in one.evidence for other in _otherwise(one.rule, seen.signal, own))
    return (*busy, *worst)
