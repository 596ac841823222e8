"""Ranking: what every agent said, weighed once by everything that all of them saw. Nothing is merged and nothing is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.hypotheses.propose import weigh
from compass_core.hypotheses.refine import in_their_places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compass_core.domain import Hypothesis, Run
    from compass_core.hypotheses.propose import Pair


def rank(runs: Sequence[Run]) -> tuple[Hypothesis, ...]:
    """All hypotheses of all runs, the most confident first; ties keep the order of the runs.

    `initial_confidence` stays what the agent said when it spoke. The confidence is that of its mechanism and service by everything that
    is known at the end; what a model moved is added to it. What no rule had said stays as it is.
    """
    now = _weighed(runs)
    said = [one for run in runs for one in _as_rules_had_them(run.hypotheses)]
    placed = in_their_places(_again(one, now) for one in said)
    first = {(one.service, one.mechanism): one.initial_confidence for one in said if one.by_rules}
    return tuple(_said(one, first) if _weighs(one, now) else one for one in placed)


def _as_rules_had_them(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """In the order before a model moved them; it never moves the first of a service, so that tells of equals which came first."""
    services = [one.service for one in hypotheses]
    return sorted(hypotheses, key=lambda one: (-one.initial_confidence, services.index(one.service)))


def _weighed(runs: Sequence[Run]) -> Mapping[Pair, float]:
    """The confidence of every mechanism at every service, by everything that these runs found."""
    findings = next((run.findings for run in reversed(runs) if run.findings.suspects), None)
    if findings is None:
        return {}
    known = [seen for run in runs for seen in run.findings.observations]
    return {(one.service, one.mechanism): one.confidence for one in weigh(known, findings.edges, findings.suspects)}


def _again(one: Hypothesis, now: Mapping[Pair, float]) -> Hypothesis:
    """With the rules' confidence of now in the place of what they said then, as `in_their_places` compares them."""
    if not _weighs(one, now):
        return one
    rules = now[one.service, one.mechanism]
    moved = one.confidence - one.initial_confidence
    return one.model_copy(update={"initial_confidence": rules, "confidence": min(1.0, max(0.0, rules + moved))})


def _weighs(one: Hypothesis, now: Mapping[Pair, float]) -> bool:
    return one.by_rules and (one.service, one.mechanism) in now


def _said(one: Hypothesis, first: Mapping[Pair, float]) -> Hypothesis:
    return one.model_copy(update={"initial_confidence": first[one.service, one.mechanism]})
