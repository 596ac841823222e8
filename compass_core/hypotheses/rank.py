"""Ranking: what every agent said, weighed once by everything that all of them saw. Nothing is merged and nothing is dropped."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from compass_core.domain import Hypothesis, Run, Suspect, Tried
from compass_core.hypotheses.joined import Ground, joined
from compass_core.hypotheses.mechanisms import GENERAL
from compass_core.hypotheses.propose import SURE, Pair, sure, weigh
from compass_core.hypotheses.refine import BELOW
from compass_core.hypotheses.suspicion import suspects
from compass_core.hypotheses.test import verdict_of

LEADER = 4.0  # what its odds are more than its share says, chosen leaving one system out: `python -m tests.bench.leader`
FELLED = 0.05  # how often, beside the others, what a test contradicted is right: of 580 right ones 5 were, of wrong ones a third
OF_HOW = frozenset({"must see", "must not see", "peers", "control in time"})  # what they contradict is how, not where


def rank(runs: Sequence[Run], tried: Iterable[Tried] = (), affected: tuple[str, ...] = ()) -> tuple[Hypothesis, ...]:
    """All hypotheses of all runs, the most confident first; ties keep the order of the runs.

    `initial_confidence` stays what the agent said when it spoke. The confidence is that of its mechanism and service by everything that
    is known at the end, with what came of the tests and of changes nearby; what a model added has at most what those of
    the rules leave, and less than theirs of its service.
    """
    edges = next((run.findings.edges for run in reversed(runs) if run.findings.edges), ())
    known = Ground(affected, tuple(each for run in runs for each in run.findings.observations), edges)
    now = _weighed(runs, known)
    said = [one for run in runs for one in run.hypotheses]
    placed = [sure(one, now.get((one.service, one.mechanism), one.confidence)) if one.by_rules else one for one in said]
    left = 1 - sum(one.confidence for one in placed if one.by_rules)
    room = min(1.0, max(0.0, left) / (sum(one.confidence for one in placed if not one.by_rules) or 1.0))
    told = _after_tests([one if one.by_rules else sure(one, one.confidence * room) for one in placed], tried, runs, known)
    best = {one.service: one.confidence for one in sorted(told, key=lambda one: one.confidence) if one.by_rules}
    told = [one if one.by_rules else sure(one, min(one.confidence, BELOW * best.get(one.service, 1.0))) for one in told]
    return joined(_odds(told, now), known)


def _odds(told: Sequence[Hypothesis], weighed: Collection[Pair]) -> Sequence[Hypothesis]:
    """The likeliest of the service that is likeliest by the rules, if they weighed it, with `LEADER` times its odds.

    The others and something else share what is left as before.
    """
    sums: dict[str, float] = defaultdict(float)
    for one in told:
        sums[one.service] += one.confidence if one.by_rules else 0.0
    able = (one for one in told if sums[one.service] == max(sums.values()) and one.verdict != "contradicted")
    first = max(able, key=lambda one: one.confidence, default=None)
    held = first.confidence if first and (first.service, first.mechanism) in weighed else SURE
    more = min(SURE, LEADER * held / (LEADER * held + 1 - held))
    if held >= more:
        return told
    return [sure(one, more if one is first else one.confidence * (1 - more) / (1 - held)) for one in told]


def _after_tests(hypotheses: Sequence[Hypothesis], tried: Iterable[Tried], runs: Sequence[Run], known: Ground) -> list[Hypothesis]:
    """Each with what its tests say; what was contradicted leaves its confidence to the others and to something else.

    If only how it should be was contradicted, to what else may be at the same service; else to what is likely elsewhere without what it
    rests on.
    """
    tests = {(one.service, one.mechanism): one.tests for one in tried}
    given = ((one, tests.get((one.service, one.mechanism), ())) for one in hypotheses)
    told = _elsewhere([one.model_copy(update={"tests": trials, "verdict": verdict_of(trials)}) for one, trials in given], runs, known)
    weights = [one.confidence * (FELLED if _is_otherwise(one) else 1.0) for one in told]
    for service in {one.service for one in told if _is_otherwise(one)}:
        there = [i for i, one in enumerate(told) if one.service == service]
        left = [i for i in there if told[i].verdict != "contradicted"]
        free = sum(told[i].confidence - weights[i] for i in there if _is_otherwise(told[i]))
        more = 1 + free / (sum(weights[i] for i in left) or math.inf)
        for i in left:
            weights[i] *= more
    rest = max(0.0, 1 - sum(one.confidence for one in told))
    whole = (sum(weights) + rest) or 1.0 if tests else 1.0
    return [sure(one, weight / whole) for one, weight in zip(told, weights, strict=True)]


def _elsewhere(told: list[Hypothesis], runs: Sequence[Run], known: Ground) -> list[Hypothesis]:
    """Where it was contradicted that it is there at all: who was thought its victim may be the cause, and nobody may be."""
    felled = [one for one in told if one.verdict == "contradicted" and not _is_otherwise(one)]
    held = min(SURE, sum(one.confidence for one in felled))
    if not held:
        return told
    there = {one.service for one in felled}
    rests = {each for one in felled for each in one.evidence_for}
    kept = tuple(seen for seen in known.observations if seen.service not in there or seen.id not in rests)
    without = replace(known, observations=kept)
    services = [one.service for one in _suspects(runs)]
    likely = _pairs(without, suspects(without.observations, known.edges, services, known.affected))
    right = FELLED * held / (FELLED * held + 1 - held)

    def now(one: Hypothesis) -> float:
        if one in felled:
            return right * one.confidence / held
        if not one.by_rules:
            return (1 - right) * one.confidence / (1 - held)
        here = likely.get((one.service, one.mechanism), 0.0)
        return (1 - right) * (min(here, one.confidence) if one.service in there else here)

    return [sure(one, min(SURE, now(one))) for one in told]


def _is_otherwise(one: Hypothesis) -> bool:
    """Only how it should be was contradicted. Of what is general that is all that is said of the service."""
    against = {each.name for each in one.tests if each.verdict == "contradicted"}
    return one.verdict == "contradicted" and against <= OF_HOW and one.mechanism not in GENERAL


def _weighed(runs: Sequence[Run], known: Ground) -> Mapping[Pair, float]:
    """The confidence of every mechanism at every service, by everything that these runs found."""
    return _pairs(known, _suspects(runs))


def _suspects(runs: Sequence[Run]) -> tuple[Suspect, ...]:
    return next((run.findings.suspects for run in reversed(runs) if run.findings.suspects), ())


def _pairs(known: Ground, blamed: Iterable[Suspect]) -> Mapping[Pair, float]:
    return {(one.service, one.mechanism): one.confidence for one in weigh(known.observations, known.edges, blamed)}
