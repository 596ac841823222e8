"""Ranking is a sort: by confidence, ties in the order of the agents. Nothing is merged and nothing is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.hypotheses.propose import SURE, weigh
from compass_core.hypotheses.refine import in_their_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.model import Hypothesis, Run


def rank(runs: Sequence[Run]) -> tuple[Hypothesis, ...]:
    """All hypotheses of all runs, the most confident first; ties keep the order of the runs.

    A hypothesis was weighed by what was known when its agent spoke. Here each is weighed by what is known at the end: its confidence
    is multiplied by what the same rule at the same service says now, over what it said then; what a model moved is added again.
    """
    last = _says(runs)
    found = []
    for i, run in enumerate(runs):
        then = _says(runs[: i + 1])
        as_rules_had_them = sorted(run.hypotheses, key=lambda one: -one.initial_confidence)
        found += [_again(one, then.get(_key(one)), last.get(_key(one))) for one in as_rules_had_them]
    return in_their_places(found)


def _says(runs: Sequence[Run]) -> dict[tuple[str, str], float]:
    """The confidence that the rules give each service and mechanism, by everything that these runs found."""
    findings = next((run.findings for run in reversed(runs) if run.findings.suspects), None)
    if findings is None:
        return {}
    known = [seen for run in runs for seen in run.findings.observations]
    told: dict[tuple[str, str], float] = {}
    for one in weigh(known, findings.edges, findings.suspects):
        told.setdefault((one.service, one.rule.mechanism), one.confidence)
    return told


def _again(one: Hypothesis, then: float | None, now: float | None) -> Hypothesis:
    if not then or now is None or then == now or not one.by_rules:
        return one
    rules = round(min(SURE, one.initial_confidence * now / then), 4)
    moved = one.confidence - one.initial_confidence
    return one.model_copy(update={"initial_confidence": rules, "confidence": min(1.0, max(0.0, rules + moved))})


def _key(one: Hypothesis) -> tuple[str, str]:
    return one.service, one.mechanism
