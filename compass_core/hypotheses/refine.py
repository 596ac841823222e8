"""The rules' hypotheses, refined by a model's answer; pure. Its words stand under the rules' sentence, never in its place.

The model says what happened, in words, and what would prove it wrong. It does not say who is to blame, nor how likely that is: telemetry
that it read may have told it so. Therefore every hypothesis of the rules keeps its confidence. A new one is about a service that rules
have named; it has at most `SHARE` of the score of the strongest observation that it cites, at most `UNSUPPORTED` where it cites none that
exists, and always less than the likeliest for that service (`BELOW`).

Nothing of the rules is lost: what the model leaves out stays as it is.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from compass_core.analysis.wording import LONGEST, plain
from compass_core.domain import Hypothesis, Prediction
from compass_core.hypotheses.known import Known
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.propose import MOST

SHARE = 0.5
UNSUPPORTED = 0.2
BELOW = 0.9
MOST_CAUSES, MOST_CITED, MOST_PREDICTIONS = 4, 6, 2
SHORT = 120  # characters of a part of a prediction
LONGEST_ID = 16

Pair = tuple[str, str]

# bounds for the servers that keep a model to them; an answer that passes them is not wrong
Id = Annotated[str, Field(json_schema_extra={"maxLength": LONGEST_ID})]
Short = Annotated[str, Field(json_schema_extra={"maxLength": SHORT})]
Long = Annotated[str, Field(json_schema_extra={"maxLength": LONGEST})]
Mechanism = Annotated[str, Field(json_schema_extra={"enum": list(MECHANISMS)})]
Ids = Annotated[tuple[Id, ...], Field(json_schema_extra={"maxItems": MOST_CITED})]


class Shape(BaseModel):
    """Part of an answer: no defaults and nothing unknown, as a strict JSON schema wants it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Expected(Shape):
    """What would be seen."""

    service: Short
    signal: Short
    comparison: Short


class Cause(Shape):
    """One hypothesis."""

    service: Short
    mechanism: Mechanism
    statement: Long
    confidence: float
    evidence_for: Ids
    evidence_against: Ids
    predictions: Annotated[tuple[Expected, ...], Field(json_schema_extra={"maxItems": MOST_PREDICTIONS})]
    next_check: Long


class Answer(Shape):
    """What a model answers."""

    hypotheses: Annotated[tuple[Cause, ...], Field(json_schema_extra={"maxItems": MOST_CAUSES})]


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
    """The hypotheses of this agent's rules with the model's words, and with what it adds."""
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
    room = max(0, MOST[known.agent] - len(known.proposed))
    added = [_new(known, cause, best[cause.service]) for pair, cause in said.items() if pair not in held][:room]
    refined = (_worded(one, said.get((one.service, one.mechanism))) for one in known.proposed)
    return Refined(tuple(sorted((*refined, *added), key=lambda one: -one.confidence)), Dropped(**dropped))


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


def _new(known: Known, cause: Cause, best: float) -> Hypothesis:
    supported = SHARE * max((known.scores[one] for one in cause.evidence_for), default=UNSUPPORTED / SHARE)
    confidence = round(max(0.0, min(cause.confidence, supported, BELOW * best)), 4)
    blank = Hypothesis(
        agent=known.agent,
        service=cause.service,
        mechanism=cause.mechanism,
        statement=MECHANISMS[cause.mechanism],
        initial_confidence=confidence,
        confidence=confidence,
        by_rules=False,
    )
    return _worded(blank, cause)


def _worded(one: Hypothesis, cause: Cause | None) -> Hypothesis:
    """The hypothesis with the model's words; what the rules say and cite stays, and comes first."""
    if cause is None:
        return one
    against = (each for each in cause.evidence_against if each not in {*one.evidence_for, *cause.evidence_for})
    predictions = (
        Prediction(signal=plain(each.signal)[:SHORT], service=each.service, comparison=plain(each.comparison)[:SHORT])
        for each in cause.predictions[:MOST_PREDICTIONS]
    )
    return one.model_copy(
        update={
            "model_says": plain(cause.statement),
            "evidence_for": _joined(one.evidence_for, (each for each in cause.evidence_for if each not in one.evidence_against)),
            "evidence_against": _joined(one.evidence_against, against),
            "predictions": tuple(predictions),
            "next_check": plain(cause.next_check),
        }
    )


def _joined(first: tuple[str, ...], then: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *islice(then, MOST_CITED))))
