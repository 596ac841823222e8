"""Ranking: what every agent said, weighed once by everything that all of them saw. Nothing is merged and nothing is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.hypotheses.propose import rounded, weigh
from compass_core.hypotheses.refine import in_their_places
from compass_core.hypotheses.test import verdict_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from compass_core.domain import Hypothesis, Run, Trial, Tried, Verdict
    from compass_core.hypotheses.propose import Pair

WEIGHT: Mapping[Verdict, float] = {"survived": 1.0, "untested": 1.0, "contradicted": 0.2}


def rank(runs: Sequence[Run], tried: Iterable[Tried] = ()) -> tuple[Hypothesis, ...]:
    """All hypotheses of all runs, the most confident first; ties keep the order of the runs.

    `initial_confidence` stays what the agent said when it spoke. The confidence is that of its mechanism and service by everything that
    is known at the end; what a model moved is added to it. What no rule had said stays as it is.

    What was tried then counts as often as it is right after such a verdict, and all of them with something else stay one whole.
    """
    now = _weighed(runs)
    said = [one for run in runs for one in _as_rules_had_them(run.hypotheses)]
    placed = in_their_places(_again(one, now) for one in said)
    first = {(one.service, one.mechanism): one.initial_confidence for one in said if one.by_rules}
    return _after_tests([_said(one, first) if _weighs(one, now) else one for one in placed], tried)


def _after_tests(hypotheses: Sequence[Hypothesis], tried: Iterable[Tried]) -> tuple[Hypothesis, ...]:
    tests = {(one.service, one.mechanism): one.tests for one in tried}
    if not tests:
        return tuple(hypotheses)
    told = [_tested(one, tests.get((one.service, one.mechanism), ())) for one in hypotheses]
    weights = [one.confidence * WEIGHT[one.verdict] for one in told]
    whole = sum(weights) + max(0.0, 1 - sum(one.confidence for one in told))
    moved = (one.model_copy(update={"confidence": rounded(weight / whole)}) for one, weight in zip(told, weights, strict=True) if whole)
    return tuple(sorted(moved, key=lambda one: -one.confidence))


def _tested(one: Hypothesis, tests: tuple[Trial, ...]) -> Hypothesis:
    return one.model_copy(update={"tests": tests, "verdict": verdict_of(tests)})


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
