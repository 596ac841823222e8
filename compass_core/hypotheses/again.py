"""Whether the same cause was found in an earlier incident, by the same signals."""

from collections.abc import Iterable
from datetime import datetime

from compass_core.domain import Conclusion, Incident
from compass_core.hypotheses.calibrated import band

ALIKE = 0.5  # of the signals of both, that two answers have in common to be the same


def seen_before(now: Conclusion, past: Iterable[Conclusion]) -> dict[str, str]:
    """Of `past`, the newest first: how often the same was found, and where and how the last time; {} where it is new."""
    alike = [one for one in past if _same(now, one)]
    incidents = {_key(one.investigation.incident): one for one in reversed(alike)}
    if not incidents:
        return {}
    (at, incident), last = max(incidents.items(), key=lambda one: one[0])
    return {
        "seen_before": f"Seen {len(incidents)} time{'s' if len(incidents) > 1 else ''} before, last on {at:%Y-%m-%d}",
        "seen_in": last.investigation.id,
        "seen_how": "; ".join([incident, *(one.told for one in last.feedback)]),
    }


def here(now: Conclusion, past: Iterable[Conclusion]) -> tuple[int, int]:
    """Of the answers to other incidents here, as sure as this one and judged by people: how many were right, and how many there are."""
    as_sure, mine = band(now.hypotheses[0].confidence), _key(now.investigation.incident)
    others = [one for one in past if one.hypotheses and _key(one.investigation.incident) != mine]
    judged = [one.judged for one in others if one.judged is not None and band(one.hypotheses[0].confidence) == as_sure]
    return sum(judged), len(judged)


def is_same(now: Conclusion, past: Conclusion) -> bool:
    """Whether both are about one incident, told in one channel."""
    one, other = now.investigation, past.investigation
    return (one.address.channel, *_key(one.incident)) == (other.address.channel, *_key(other.incident))


def may_be(now: Conclusion, past: Conclusion) -> bool:
    """Whether the first hypotheses of two incidents blame the same service for the same; one that is looked at again is one."""
    if not now.hypotheses or not past.hypotheses or _key(now.investigation.incident) == _key(past.investigation.incident):
        return False
    one, other = now.hypotheses[0], past.hypotheses[0]
    return (one.service, one.mechanism) == (other.service, other.mechanism)


def _key(incident: Incident) -> tuple[datetime, str]:
    return incident.started_at, incident.id


def _same(now: Conclusion, past: Conclusion) -> bool:
    mine, theirs = _signals(now), _signals(past)
    return may_be(now, past) and bool(mine & theirs) and len(mine & theirs) >= ALIKE * len(mine | theirs)


def _signals(conclusion: Conclusion) -> frozenset[str]:
    """The signals by which the first hypothesis was recognised."""
    seen = conclusion.observations
    return frozenset(seen[each].signal for one in conclusion.hypotheses[:1] for each in one.evidence_for if each in seen)
