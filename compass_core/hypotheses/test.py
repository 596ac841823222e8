"""Tries to prove hypotheses wrong: each test says what it needs to read, and what came of it; pure.

A test compares what would be seen if the hypothesis were true with what is seen. It contradicts, survives, or is untested, where no
telemetry could decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from compass_core.analysis.notes import Times
from compass_core.domain import AgentName, Trial, Window
from compass_core.hypotheses.mechanisms import MUST_SEE, UNLESS
from compass_core.hypotheses.suspicion import AS_WELL, CHANGED, NODE, ONSET_SLACK_SECONDS, TROUBLED, callees, evidence_of, strongest
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.changes import WORSE
from compass_core.signals.plan import plan
from compass_core.signals.signal import DIRECT, FELT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from compass_core.domain import Edge, Hypothesis, Observation, Verdict
    from compass_core.hypotheses.suspicion import Best
    from compass_core.readings import Family, Selection

MOST, LEAST = 4, 0.05  # hypotheses that are tested, the first ones, and the confidence of the last of them
FINEST = 5.0  # seconds between points
BEFORE, AFTER = timedelta(minutes=20), timedelta(minutes=5)  # of an onset that is looked at again
CALM = 0.1  # a score below this is what a quiet series does
EARLIER = tuple(timedelta(days=days) for days in (1, 2, 3, 4, 5, 6, 7, 14))  # this hour then; the last two are this weekday as well
FEWEST_EARLIER, OFTEN = 3, 0.25  # such windows that say something, and of how many it looks like this when it is nothing
DAMPED = 0.5  # as bad as now is at least this share of its score


class Question(NamedTuple):
    """What a test wants to read: these series over that time."""

    selections: tuple[Selection, ...]
    times: Times


FELT_SIGNALS = frozenset(name for name, signal in SIGNALS.items() if signal.evidence == FELT and signal.asked)
STRONG = 0.5  # so unusual is no accident

Answers = dict[Question, tuple["Observation", ...]]
"""What was seen in each of the questions that were answered."""


@dataclass(frozen=True)
class Scene:
    """What is known when hypotheses are tested; `families` are those of all services that were looked at."""

    times: Times
    affected: tuple[str, ...]
    observations: tuple[Observation, ...]
    edges: tuple[Edge, ...]
    families: tuple[Family, ...]

    @cached_property
    def best(self) -> Mapping[str, Best]:
        """By service and signal the strongest observation."""
        return strongest(self.observations)

    @cached_property
    def beneath(self) -> Mapping[str, frozenset[str]]:
        """Whom each service depends on."""
        return callees(self.edges)

    @cached_property
    def symptoms(self) -> tuple[Observation, ...]:
        """What the affected services suffer from."""
        seen = (one for service in self.affected for one in self.best.get(service, {}).values())
        return tuple(one for one in seen if one.score >= TROUBLED and evidence_of(one) in {FELT, DIRECT})

    @cached_property
    def by_id(self) -> Mapping[str, Observation]:
        """Every observation."""
        return {one.id: one for one in self.observations}

    def selections(self, services: Collection[str], signals: Collection[str]) -> tuple[Selection, ...]:
        """How these signals of these services are measured."""
        planned = (one for agent in AgentName for one in plan(self.families, agent) if one.signal in signals)
        mine = (replace(one, members=tuple(each for each in one.members if each[1] in services)) for one in planned)
        return tuple(one for one in mine if one.members)


def order_needs(one: Hypothesis, scene: Scene) -> Question | None:
    """Cause and symptom again, at the finest step that the source keeps."""
    causes = _causes(one, scene)
    if one.service in scene.affected or not causes or not scene.symptoms:
        return None
    onsets = [seen.onset for seen in (*causes, *scene.symptoms) if seen.onset]
    start, end = min(onsets).replace(second=0, microsecond=0), max(onsets).replace(second=0, microsecond=0)
    window = Window(start=start, end=min(end + AFTER, max(scene.times.window.end, start + AFTER)))
    symptoms = scene.selections(scene.affected, {seen.signal for seen in scene.symptoms})
    selections = (*scene.selections((one.service,), {seen.signal for seen in causes}), *symptoms)
    return Question(selections, Times(window, Window(start=start - BEFORE, end=start), FINEST))


def order(one: Hypothesis, scene: Scene, again: Sequence[Observation]) -> Trial | None:
    """A cause does not begin after its symptom."""
    if one.service in scene.affected:
        return None
    cause, symptom = _first(_causes(one, scene), again), _first(scene.symptoms, again)
    expected = "it begins before what users feel"
    if cause is None or symptom is None or not cause.onset or not symptom.onset:
        return Trial(name="order", verdict="untested", detail="it is not known when it began", expected=expected)
    late = (cause.onset - symptom.onset).total_seconds()
    verdict: Verdict = "untested"
    if late - max(cause.onset_within or 0.0, symptom.onset_within or 0.0) > ONSET_SLACK_SECONDS:
        verdict = "contradicted"
    elif late <= 0:
        verdict = "survived"
    detail = f"{cause.summary} since {cause.onset:%H:%M:%S}, {symptom.summary} since {symptom.onset:%H:%M:%S} UTC"
    return _trial("order", verdict, detail, expected, cause, late)


def victims_needs(one: Hypothesis, scene: Scene) -> Question | None:
    """What those feel that call it."""
    selections = scene.selections(_callers(one.service, scene), FELT_SIGNALS)
    return Question(selections, scene.times) if selections else None


def victims(one: Hypothesis, scene: Scene, again: Sequence[Observation]) -> Trial | None:
    """Who calls what is broken feels it."""
    callers = _callers(one.service, scene)
    if not callers:
        return None
    worst: dict[str, Observation] = {}
    for seen in (*again, *(each for caller in callers for each in scene.best.get(caller, {}).values())):
        if seen.service in callers and evidence_of(seen) in {FELT, DIRECT}:
            held = worst.get(seen.service)
            worst[seen.service] = seen if held is None or seen.score > held.score else held
    suffering = [seen for seen in worst.values() if seen.score >= TROUBLED]
    calm = [seen for seen in worst.values() if seen.score < CALM]
    expected = "who calls it feels it"
    if suffering:
        most = max(suffering, key=lambda seen: seen.score)
        return _trial("victims", "survived", f"{len(suffering)} of {len(callers)} that call it suffer", expected, most, len(suffering))
    if len(calm) == len(callers) and one.service not in scene.affected:
        return _trial("victims", "contradicted", f"none of the {len(callers)} that call it suffers", expected, calm[0], 0)
    return Trial(name="victims", verdict="untested", detail="what its callers feel is not clear", expected=expected)


def space(one: Hypothesis, scene: Scene) -> Trial | None:
    """What the incident is about lies within reach of what is broken."""
    outside = [seen for seen in scene.symptoms if not _reaches(one.service, seen.service, scene)]
    expected = "who suffers uses it, directly or not"
    if not scene.symptoms or not any(scene.beneath.get(seen.service) for seen in scene.symptoms):
        return Trial(name="space", verdict="untested", detail="it is not known who uses what", expected=expected)
    if len(outside) < len(scene.symptoms):
        inside = next(seen for seen in scene.symptoms if seen not in outside)
        return _trial("space", "survived", f"{inside.service} suffers and uses it", expected, inside, 1)
    known = any(one.service in {edge.caller, edge.callee} for edge in scene.edges if edge.system != NODE)
    verdict: Verdict = "contradicted" if known else "untested"
    return _trial("space", verdict, f"{outside[0].service} suffers and is not seen to use it", expected, outside[0], 0)


def see_needs(one: Hypothesis, scene: Scene) -> Question | None:
    """Every sign without which its mechanism is not there."""
    selections = scene.selections((one.service,), MUST_SEE.get(one.mechanism, ()))
    return Question(selections, scene.times) if selections else None


def see(one: Hypothesis, scene: Scene, again: Sequence[Observation]) -> Trial | None:
    """Each mechanism has signs that it cannot do without, and some that it does not bring about."""
    best = scene.best.get(one.service, {})
    other = max((best[name] for name in UNLESS.get(one.mechanism, ()) if name in best), key=lambda seen: seen.score, default=None)
    if other and other.score >= STRONG:
        return _trial("must not see", "contradicted", f"{other.summary}, which it does not bring about", "none of that", other, other.value)
    wanted = MUST_SEE.get(one.mechanism, frozenset())
    signs = [seen for seen in (*again, *best.values()) if seen.service == one.service and seen.signal in wanted]
    if not wanted:
        return None
    if not signs:
        return Trial(name="must see", verdict="untested", detail="none of its signs is measured", expected="one of its signs")
    most = max(signs, key=lambda seen: seen.score)
    verdict: Verdict = "survived" if most.score >= TROUBLED else "contradicted" if most.score < CALM else "untested"
    return _trial("must see", verdict, most.summary, "one of its signs is unusual", most, most.value)


def peers(one: Hypothesis, scene: Scene) -> Trial | None:
    """A bad version answers worse than the old one at the same minute."""
    if one.mechanism != "bad_deploy":
        return None
    best = scene.best.get(one.service, {})
    seen = best.get(WORSE.name) or best.get(AS_WELL)
    expected = "the new version answers worse than the old one at the same minute"
    if seen is None:
        return Trial(name="peers", verdict="untested", detail="no two versions ran at once", expected=expected)
    return _trial("peers", "contradicted" if seen.signal == AS_WELL else "survived", seen.summary, expected, seen, seen.value)


def earlier_needs(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    """The same signals at this hour of earlier days."""
    selections = scene.selections((one.service,), {seen.signal for seen in _causes(one, scene)})
    return tuple(Question(selections, _shifted(scene.times, by)) for by in EARLIER) if selections else ()


def earlier(one: Hypothesis, scene: Scene, again: Sequence[Sequence[Observation]]) -> Trial | None:
    """What looks like this on other days as well tells nothing."""
    score = max((seen.score for seen in _causes(one, scene)), default=0.0)
    days = [max(seen, key=lambda each: each.score) for seen in again if seen]
    expected = "on other days at this hour it does not look like this"
    if len(days) < FEWEST_EARLIER or not score:
        return Trial(
            name="control in time", verdict="untested", detail="there is nothing of earlier days to compare with", expected=expected
        )
    alike = [seen for seen in days if seen.score >= max(TROUBLED, DAMPED * score)]
    verdict: Verdict = "contradicted" if len(alike) >= OFTEN * len(days) else "survived"
    detail = f"it looks like this on {len(alike)} of {len(days)} earlier days at this hour"
    return _trial("control in time", verdict, detail, expected, (alike or days)[0], len(alike))


def verdict_of(tests: Iterable[Trial]) -> Verdict:
    """Contradicted by any; survived where something could have contradicted it and nothing did."""
    said = {each.verdict for each in tests}
    return "contradicted" if "contradicted" in said else "survived" if "survived" in said else "untested"


def questions(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    """Everything that the tests of this hypothesis want to read."""
    first = (order_needs(one, scene), victims_needs(one, scene), see_needs(one, scene))
    return (*(each for each in first if each), *earlier_needs(one, scene))


def read(one: Hypothesis, scene: Scene, answers: Answers) -> tuple[Trial, ...]:
    """What the tests of this hypothesis say, by what was answered in time."""

    def of(question: Question | None) -> Sequence[Observation]:
        return answers.get(question, ()) if question else ()

    told = (
        peers(one, scene),
        order(one, scene, of(order_needs(one, scene))),
        see(one, scene, of(see_needs(one, scene))),
        victims(one, scene, of(victims_needs(one, scene))),
        space(one, scene),
        earlier(one, scene, [of(each) for each in earlier_needs(one, scene)]),
    )
    return tuple(each for each in told if each)


def _causes(one: Hypothesis, scene: Scene) -> tuple[Observation, ...]:
    seen = (scene.by_id[each] for each in one.evidence_for if each in scene.by_id)
    return tuple(
        each for each in seen if each.service == one.service and each.score >= TROUBLED and each.signal not in CHANGED and each.onset
    )


def _first(known: Iterable[Observation], again: Sequence[Observation]) -> Observation | None:
    fresh = {(seen.service, seen.signal): seen for seen in again if seen.onset}
    best = [fresh.get((seen.service, seen.signal), seen) for seen in known]
    return min((seen for seen in best if seen.onset), key=_onset, default=None)


def _callers(service: str, scene: Scene) -> frozenset[str]:
    return frozenset(edge.caller for edge in scene.edges if edge.callee == service and edge.caller != service)


def _reaches(service: str, victim: str, scene: Scene) -> bool:
    return service == victim or service in scene.beneath.get(victim, ())


def _shifted(times: Times, by: timedelta) -> Times:
    window, baseline = (Window(start=each.start - by, end=each.end - by) for each in (times.window, times.baseline))
    return Times(window, baseline, times.step)


def _trial(name: str, verdict: Verdict, detail: str, expected: str, seen: Observation, value: float | None) -> Trial:
    return Trial(name=name, verdict=verdict, detail=detail, expected=expected, value=value, query=seen.query, link=seen.link)


def _onset(seen: Observation) -> float:
    return seen.onset.timestamp() if seen.onset else float("inf")
