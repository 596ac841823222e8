"""Hypotheses by rules: who is suspected, and what the observations so far say for each mechanism there."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from compass_core.analysis.graph import callees, databases
from compass_core.domain import AgentName, Edge, Findings, Hypothesis, Observation, Suspect
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.suspicion import TROUBLED, Best, leading_away, strongest, supports

LEAST = 0.05  # a hypothesis below this confidence is noise
MOST = {AgentName.APPLICATION: 4, AgentName.DATABASE: 3, AgentName.NETWORK: 3}  # ten an investigation
SURE = 0.97  # nobody is surer than this by rules alone
SHOWN = 3  # pieces of evidence that a statement quotes

Pair = tuple[str, str]


class Weighed(NamedTuple):
    """A mechanism at a service: its evidence, the weightiest first, and the confidence that it gives."""

    service: str
    mechanism: str
    evidence: tuple[Observation, ...]
    confidence: float


def propose(
    agent: AgentName, observations: Sequence[Observation], findings: Findings, said: Collection[Pair] = ()
) -> tuple[Hypothesis, ...]:
    """The likeliest causes by everything observed so far that nobody has `said` yet, most confident first."""
    beneath = callees(findings.edges)
    best = strongest(observations)
    new = [
        one
        for one in weigh(observations, findings.edges, findings.suspects)
        if one.confidence >= LEAST and (one.service, one.mechanism) not in said
    ]
    return tuple(_hypothesis(agent, one, _against(one, beneath.get(one.service, ()), best)) for one in new[: MOST[agent]])


def weigh(observations: Sequence[Observation], edges: Iterable[Edge], suspects: Iterable[Suspect]) -> list[Weighed]:
    """Every mechanism that has evidence at a suspect, most confident first: confidence = the suspect's share × the mechanism's there."""
    best, of_data = strongest(observations), databases(observations, edges)
    found = [
        Weighed(suspect.service, one.mechanism, one.evidence, rounded(min(SURE, suspect.score * one.share)))
        for suspect in suspects
        for one in supports(best.get(suspect.service, {}), database=suspect.service in of_data)
    ]
    return sorted(found, key=lambda one: -one.confidence)


def rounded(confidence: float) -> float:
    """Four significant digits: as exact as it may be said, and small ones do not become equal."""
    return float(f"{confidence:.4g}")


def sure(one: Hypothesis, confidence: float) -> Hypothesis:
    """The hypothesis with another confidence."""
    return one.model_copy(update={"confidence": rounded(confidence)})


def _hypothesis(agent: AgentName, one: Weighed, against: tuple[Observation, ...]) -> Hypothesis:
    quoted = "; ".join(seen.summary.removeprefix(f"{one.service}: ") for seen in one.evidence[:SHOWN])
    return Hypothesis(
        agent=agent,
        service=one.service,
        mechanism=one.mechanism,
        statement=f"{MECHANISMS[one.mechanism]}: {quoted}",
        initial_confidence=one.confidence,
        confidence=one.confidence,
        evidence_for=tuple(seen.id for seen in one.evidence),
        evidence_against=tuple(seen.id for seen in against),
    )


def _against(one: Weighed, beneath: Iterable[str], best: dict[str, Best]) -> tuple[Observation, ...]:
    """What else explains it: what this mechanism does not bring about, and the strongest of what it calls, whose victim it may be."""
    here = best.get(one.service, {})
    away = leading_away(one.mechanism, here)
    other = (seen for signal, seen in here.items() if signal in away)
    troubles = (seen for callee in beneath for seen in best.get(callee, {}).values())
    worst = sorted((seen for seen in (*other, *troubles) if seen.score >= TROUBLED), key=lambda seen: -seen.score)
    return tuple(seen for seen in worst if seen not in one.evidence)[:SHOWN]
