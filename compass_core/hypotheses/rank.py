"""Ranking is a sort: by confidence, ties in the order of the agents. Nothing is merged and nothing is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.hypotheses.propose import SURE, rounded, weigh
from compass_core.hypotheses.refine import in_their_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import AgentName, Hypothesis, Run

    Key = tuple[AgentName, str, str]


def rank(runs: Sequence[Run]) -> tuple[Hypothesis, ...]:
    """All hypotheses of all runs, the most confident first; ties keep the order of the runs.

    A hypothesis was weighed by what was known when its agent spoke. Here each is weighed by what is known at the end: its confidence
    is multiplied by what the same rule at the same service says now, over what it said then; what a model moved is added again. What no
    rule had said stays as it is.
    """
    last = _says(runs)
    found = []
    for i, run in enumerate(runs):
        then = _says(runs[: i + 1])
        found += [_again(one, then.get(_key(one), 0.0), last.get(_key(one), 0.0)) for one in _as_rules_had_them(run.hypotheses)]
    return in_their_places(found)


def _as_rules_had_them(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """In the order before a model moved them; it never moves the first of a service, so that tells of equals which came first."""
    services = [one.service for one in hypotheses]
    return sorted(hypotheses, key=lambda one: (-one.initial_confidence, services.index(one.service)))


def _says(runs: Sequence[Run]) -> dict[Key, float]:
    """The confidence that each rule gives each service, by everything that these runs found."""
    findings = next((run.findings for run in reversed(runs) if run.findings.suspects), None)
    if findings is None:
        return {}
    known = [seen for run in runs for seen in run.findings.observations]
    weighed = weigh(known, findings.edges, findings.suspects)
    return {(one.rule.agent, one.rule.mechanism, one.service): one.confidence for one in weighed}


def _again(one: Hypothesis, then: float, now: float) -> Hypothesis:
    if not then or then == now or not one.by_rules:
        return one
    rules = rounded(min(SURE, one.initial_confidence * now / then))
    moved = one.confidence - one.initial_confidence
    return one.model_copy(update={"initial_confidence": rules, "confidence": min(1.0, max(0.0, rules + moved))})


def _key(one: Hypothesis) -> Key:
    return one.agent, one.mechanism, one.service
