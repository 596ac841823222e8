"""Whether the same cause was found in an earlier incident, by the same signals."""

from __future__ import annotations

from collections.abc import Iterable

from compass_core.domain import Conclusion
from compass_core.hypotheses.calibrated import band

ALIKE = 0.5  # of the signals of both, that two answers have in common to be the same


def seen_before(now: Conclusion, past: Iterable[Conclusion]) -> str:
    """`Seen 3 times before, last on 2026-01-05 (INC-7).`; '' where it is new, or nothing is known now."""
    incidents = (one.investigation.incident for one in past if _same(now, one))
    alike = sorted({(incident.started_at, incident.id) for incident in incidents})
    if not alike:
        return ""
    at, incident = alike[-1]
    return f"Seen {len(alike)} time{'s' if len(alike) > 1 else ''} before, last on {at:%Y-%m-%d} ({incident})."


def here(now: Conclusion, past: Iterable[Conclusion]) -> tuple[int, int]:
    """Of the answers here that were as sure as this one and that people judged: how many were right, and how many there are."""
    as_sure = band(now.hypotheses[0].confidence)
    judged = [one.judged for one in past if one.judged is not None and band(one.hypotheses[0].confidence) == as_sure]
    return sum(judged), len(judged)


def may_be(now: Conclusion, past: Conclusion) -> bool:
    """Whether the first hypotheses of two incidents blame the same service for the same; one that is looked at again is one."""
    mine, theirs = now.investigation.incident, past.investigation.incident
    if not now.hypotheses or not past.hypotheses or (mine.id, mine.started_at) == (theirs.id, theirs.started_at):
        return False
    one, other = now.hypotheses[0], past.hypotheses[0]
    return (one.service, one.mechanism) == (other.service, other.mechanism)


def _same(now: Conclusion, past: Conclusion) -> bool:
    mine, theirs = _signals(now), _signals(past)
    return may_be(now, past) and bool(mine & theirs) and len(mine & theirs) >= ALIKE * len(mine | theirs)


def _signals(conclusion: Conclusion) -> frozenset[str]:
    """The signals by which the first hypothesis was recognised."""
    seen = conclusion.observations
    return frozenset(seen[each].signal for one in conclusion.hypotheses[:1] for each in one.evidence_for if each in seen)
