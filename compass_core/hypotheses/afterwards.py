"""What became of an answer: whether its own signals recovered with the symptom, and whether the same was found before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from compass_core.domain import Trial, Value
from compass_core.hypotheses.suspicion import CHANGED, TROUBLED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from compass_core.domain import Hypothesis, Observation, Verdict

HALFWAY = 0.5  # back to what is usual: at least so far
EXPECTED = "it recovers with what users feel"
ALIKE = 0.5  # of the signals of both, that two answers have in common to be the same


class Past(Value):
    """An answer of an earlier investigation: where it is told, what a person said of it, and what ended it."""

    at: datetime
    service: str
    mechanism: str
    signals: frozenset[str]
    link: str = ""
    said: str = ""
    ended_by: str = ""


def to_ask_again(one: Hypothesis, observations: Iterable[Observation], affected: Collection[str]) -> tuple[Observation, ...]:
    """The measured signs of a hypothesis and what the affected services feel: what is to be asked again when it is over."""
    signs = (seen for seen in observations if seen.id in one.evidence_for or (seen.service in affected and seen.score >= TROUBLED))
    return tuple(seen for seen in signs if seen.value is not None and seen.baseline_value is not None and seen.signal not in CHANGED)


def recovery(one: Hypothesis, then: Iterable[Observation], now: Iterable[Observation], affected: Collection[str]) -> Trial:
    """A cause recovers with its symptom. `now` is the same as `then`, asked again; a symptom at the service itself tells nothing."""
    levels = {(seen.service, seen.signal): seen for seen in now if seen.value is not None}
    pairs = [(seen, levels[seen.service, seen.signal]) for seen in then if (seen.service, seen.signal) in levels]
    own = [pair for pair in pairs if pair[0].service == one.service]
    felt = [_is_back(*pair) for pair in pairs if pair[0].service in affected and pair not in own]
    trial = Trial(name="recovery", verdict="untested", detail="what it was recognised by is not measured now", expected=EXPECTED)
    if not own or not felt:
        return trial
    cause, symptom, level = all(_is_back(*pair) for pair in own), all(felt), own[0][1]
    told = f"{one.service} {'recovered' if cause else 'did not recover'}, what users feel {'did' if symptom else 'did not'}"
    verdict: Verdict = "contradicted" if cause != symptom else "survived" if cause else "untested"
    more = {"detail": told, "verdict": verdict, "value": level.value, "query": level.query, "link": level.link}
    return trial.model_copy(update=more)


def seen_before(one: Hypothesis, signals: Collection[str], past: Iterable[Past]) -> tuple[Past, ...]:
    """Earlier answers that blame the same service for the same by the same signals, the last first."""
    same = (each for each in past if (each.service, each.mechanism) == (one.service, one.mechanism))
    alike = (each for each in same if len(each.signals & {*signals}) >= ALIKE * len(each.signals | {*signals}))
    return tuple(sorted(alike, key=lambda each: each.at, reverse=True))


def again(found: Sequence[Past]) -> str:
    """`Seen 3 times, last on 2026-01-05; a person said then: right; it ended by a rollback.`; '' where it is new."""
    if not found:
        return ""
    last = found[0]
    more = (f"a person said then: {last.said}" if last.said else "", f"it ended by {last.ended_by}" if last.ended_by else "")
    return "; ".join(filter(None, (f"Seen {len(found)} time{'s' if len(found) > 1 else ''}, last on {last.at:%Y-%m-%d}", *more))) + "."


def _is_back(then: Observation, now: Observation) -> bool:
    usual = then.baseline_value or 0.0
    return abs((now.value or 0.0) - usual) <= HALFWAY * abs((then.value or 0.0) - usual)
