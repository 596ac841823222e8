"""The rules' hypotheses, refined by a model's answer; pure.

The model says what happened, in words, and what would prove it wrong. It does not say who is to blame: telemetry that it read may
have told it so. Therefore every service keeps the confidence of the best hypothesis that its rules have, to the last digit, and so
its place in the ranking; the model's confidence counts among the hypotheses of one service:

- A hypothesis of the rules moves by at most `BAND`, and not above the rules' best for that service. Which of them is the service's best
  may change; it then has the confidence that the best had. Without valid evidence of the model it does not move.
- A new one is about a service that rules have named. It has at most `SHARE` of the score of the strongest observation that it cites, at
  most `UNSUPPORTED` where it cites none that exists, and always less than the best for that service (`BELOW`).

Nothing of the rules is lost: what the model leaves out stays as it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict

from compass_core.analysis.wording import plain
from compass_core.model import MECHANISMS, Hypothesis, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from compass_core.hypotheses.known import Known

BAND = 0.1
SHARE = 0.5
UNSUPPORTED = 0.2
BELOW = 0.9
MOST_OF_AGENT, MOST_OF_ALL = 4, 10  # hypotheses beyond which the model adds none
MOST_CITED, MOST_PREDICTIONS = 6, 2
SHORT = 120  # characters of a part of a prediction

Pair = tuple[str, str]


class Shape(BaseModel):
    """Part of an answer: no defaults and nothing unknown, as a strict JSON schema wants it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Expected(Shape):
    """What would be seen."""

    service: str
    signal: str
    comparison: str


class Cause(Shape):
    """One hypothesis."""

    service: str
    mechanism: str
    statement: str
    confidence: float
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    predictions: tuple[Expected, ...]
    next_check: str


class Answer(Shape):
    """What a model answers."""

    hypotheses: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """How often the answer named an observation or a mechanism that does not exist, or a service that is not there to be named."""

    ids: int = 0
    services: int = 0
    mechanisms: int = 0

    def __str__(self) -> str:
        """`2 ids, 1 service`; '' for nothing."""
        counts = (("id", self.ids), ("service", self.services), ("mechanism", self.mechanisms))
        return ", ".join(f"{number} {name}{'s' if number > 1 else ''}" for name, number in counts if number)


class Refined(NamedTuple):
    """What the agent thinks now, the most confident first, and what of the answer was left out."""

    hypotheses: tuple[Hypothesis, ...]
    dropped: Dropped


def refine(known: Known, answer: Answer) -> Refined:
    """The hypotheses of this agent's rules in the model's words, with what it adds."""
    best = _best(known.hypotheses)
    dropped: Counter[str] = Counter()
    said: dict[Pair, Cause] = {}
    for cause in answer.hypotheses:
        if cause.mechanism not in MECHANISMS:
            dropped["mechanisms"] += 1
        elif cause.service not in best:
            dropped["services"] += 1
        else:
            said.setdefault((cause.service, cause.mechanism), _existing(cause, known, dropped))
    held = {(one.service, one.mechanism) for one in known.hypotheses}
    room = min(MOST_OF_AGENT - len(known.proposed), MOST_OF_ALL - len(known.hypotheses))
    added = [_new(known, cause, best[cause.service]) for pair, cause in said.items() if pair not in held][: max(room, 0)]
    refined = _in_their_places(known.proposed, [_refined(one, said.get((one.service, one.mechanism))) for one in known.proposed])
    places = {service: place for place, service in enumerate(best)}
    ranked = sorted((*refined, *added), key=lambda one: (-one.confidence, places[one.service]))
    return Refined(tuple(ranked), Dropped(**dropped))


def _best(hypotheses: Iterable[Hypothesis]) -> dict[str, float]:
    """The highest confidence for each service."""
    best: dict[str, float] = {}
    for one in hypotheses:
        best[one.service] = max(one.confidence, best.get(one.service, 0.0))
    return best


def _existing(cause: Cause, known: Known, dropped: Counter[str]) -> Cause:
    """The cause without what it says of observations and services that do not exist."""
    scores, services = known.scores, known.services
    kept = {
        name: tuple(one for one in dict.fromkeys(getattr(cause, name)) if one in scores) for name in ("evidence_for", "evidence_against")
    }
    expected = tuple(one for one in cause.predictions if one.service in services)
    dropped["ids"] += len({*cause.evidence_for, *cause.evidence_against} - scores.keys())
    dropped["services"] += len(cause.predictions) - len(expected)
    return cause.model_copy(update={**kept, "predictions": expected})


def _refined(one: Hypothesis, cause: Cause | None) -> Hypothesis:
    if cause is None:
        return one
    confidence = one.confidence
    if cause.evidence_for:
        confidence = min(max(cause.confidence, confidence - BAND, 0.0), confidence + BAND, 1.0)
    return _worded(one, cause, confidence)


def _new(known: Known, cause: Cause, best: float) -> Hypothesis:
    supported = SHARE * max((known.scores[one] for one in cause.evidence_for), default=UNSUPPORTED / SHARE)
    confidence = max(0.0, min(cause.confidence, supported, BELOW * best))
    blank = Hypothesis(
        agent=known.agent,
        service=cause.service,
        mechanism=cause.mechanism,
        statement=MECHANISMS[cause.mechanism],
        initial_confidence=0.0,
        confidence=0.0,
    )
    return _worded(blank, cause, confidence)


def _worded(one: Hypothesis, cause: Cause, confidence: float) -> Hypothesis:
    """The hypothesis in the model's words; what the rules cite stays, and comes first."""
    against = (each for each in cause.evidence_against if each not in {*one.evidence_for, *cause.evidence_for})
    predictions = (
        Prediction(signal=plain(each.signal)[:SHORT], service=each.service, comparison=plain(each.comparison)[:SHORT])
        for each in cause.predictions[:MOST_PREDICTIONS]
    )
    return _sure(one, round(confidence, 4)).model_copy(
        update={
            "statement": plain(cause.statement) or one.statement,
            "evidence_for": _joined(one.evidence_for, (each for each in cause.evidence_for if each not in one.evidence_against)),
            "evidence_against": _joined(one.evidence_against, against),
            "predictions": tuple(predictions),
            "next_check": plain(cause.next_check),
        }
    )


def _joined(first: tuple[str, ...], then: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *islice(then, MOST_CITED))))


def _in_their_places(rules: Iterable[Hypothesis], refined: Sequence[Hypothesis]) -> list[Hypothesis]:
    """No service gains or loses: nothing passes the rules' best for it, and the likeliest of it now has that."""
    best = _best(rules)
    tops = [max((one for one in refined if one.service == service), key=lambda one: one.confidence) for service in best]
    return [_sure(one, best[one.service] if one in tops else min(one.confidence, best[one.service])) for one in refined]


def _sure(one: Hypothesis, confidence: float) -> Hypothesis:
    return one.model_copy(update={"initial_confidence": confidence, "confidence": confidence})
