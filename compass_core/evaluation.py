"""Recorded cases in, accuracy out: the one module that reads `truth`.

A case is investigated like any incident, without a model; its truth is read when the investigation has ended.
"""

import asyncio
import json
import logging
import math
import signal
import statistics
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from compass_core import bootstrap, telemetry
from compass_core.domain import AgentName, Conclusion, Hypothesis, Request
from compass_core.errors import CaseError
from compass_core.settings import Settings

Json = dict[str, Any]

DEEPEST = 5  # the last place that a measure counts
BLAMED = 0.5  # from this confidence on a hypothesis says that something is wrong
BELOW = 0.9  # of the last hypothesis' confidence: as high as a service without a hypothesis is shown


class Answer(NamedTuple):
    """What is right to say; a mechanism of '' is any."""

    service: str
    mechanism: str


class Case(TypedDict):
    """What was said of one case. `rank` and `mechanism_right` are null where it does not tell its truth, or where nothing is wrong.

    `said` is the first hypothesis' mechanism, `truth` the true one; `calm` tells of a healthy case that nobody is blamed.
    """

    case: str
    rank: int | None
    mechanism_right: bool | None
    said: str
    truth: str
    calm: bool | None
    confidence: float
    seconds: float
    services: list[Json]


def planted(case: Path) -> dict[str, str]:
    """The case's true `service` and `mechanism`, or {} where it does not tell, or nothing is wrong; raises `CaseError`."""
    return {name: str(value) for name, value in _truth(case).items() if name in {"service", "mechanism"} and value is not None}


def answers(case: Path) -> tuple[Answer, ...] | None:
    """What is right to say of a case, its truth first: none where nothing is wrong, None where it does not tell; raises `CaseError`."""
    truth = _truth(case)
    if truth.get("service") is None:
        return () if "service" in truth else None
    own = Answer(str(truth["service"]), str(truth.get("mechanism") or ""))
    return (own, *(Answer(one.get("service") or own.service, one.get("mechanism") or own.mechanism) for one in truth.get("accept") or ()))


def _truth(case: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((case / "case.json").read_bytes()).get("truth") or {})
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CaseError(f"{case / 'case.json'} does not tell a cause: {error}") from error


def find(directories: Iterable[Path]) -> tuple[Path, ...]:
    """The cases that these are or hold, up to two folders down, each once; raises `CaseError` where there is none."""
    found: dict[Path, None] = {}
    for directory in directories:
        files = (file for depth in ("", "*/", "*/*/") for name in ("case.json", "*.jsonl.gz") for file in directory.glob(depth + name))
        cases = sorted({file.parent.absolute() for file in files})
        if not cases:
            raise CaseError(f"{directory} holds no recorded case: name folders with a case.json, or folders of such folders.")
        found |= dict.fromkeys(cases)
    return tuple(found)


def investigated(
    cases: Sequence[Path], only: AgentName | None = None, without: Collection[str] = ()
) -> Iterator[tuple[Path, Case | CaseError]]:
    """Every case with what was said of it, or why it cannot be read; in order, worked on in as many processes as there are cores.

    With `only`, one agent alone looks at them, and `without` leaves out some of `metrics`, `logs` and `spans`.
    """
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_begin) as pool:
        yield from zip(cases, pool.map(partial(investigate, only=only, without=without), cases), strict=True)


def investigate(case: Path, only: AgentName | None = None, without: Collection[str] = ()) -> Case | CaseError:
    """One case, here. The seconds are those of the investigation, without the time that it takes to load the case."""
    try:
        return score(case.name, asyncio.run(_investigate(case, only, without)), answers(case))
    except CaseError as error:
        return error


def score(name: str, conclusion: Conclusion, right: tuple[Answer, ...] | None) -> Case:
    """A conclusion compared with what is right to say.

    Services of equal confidence count against the true one: its rank is 1 + the number of others with at least its
    confidence. One that is not listed is ranked below all that are, and never within the first five. The mechanism is
    that of the first hypothesis. `confidence` is the first hypothesis' and 0 where there is none.
    """
    listed = services(conclusion)
    first = conclusion.hypotheses[0] if conclusion.hypotheses else None
    confidence = first.confidence if first else 0.0
    return {
        "case": name,
        "rank": _rank(listed, {one.service for one in right}) if right else None,
        "mechanism_right": _names(first, right) if right and right[0].mechanism else None,
        "said": first.mechanism if first else "",
        "truth": right[0].mechanism if right else "",
        "calm": confidence < BLAMED if right == () else None,
        "confidence": confidence,
        "seconds": round(conclusion.seconds, 4),
        "services": listed,
    }


def _rank(listed: Sequence[Json], right: set[str]) -> int:
    own = max((one["confidence"] for one in listed if one["service"] in right), default=None)
    if own is None:
        return max(len(listed), DEEPEST) + 1
    return 1 + len([one for one in listed if one["service"] not in right and one["confidence"] >= own])


def _names(first: Hypothesis | None, right: Sequence[Answer]) -> bool:
    """It names a mechanism that is right for its service, or, where its service is wrong, for another."""
    if first is None:
        return False
    mine = [one for one in right if one.service == first.service] or right
    return any(one.mechanism in {"", first.mechanism} for one in mine)


def services(conclusion: Conclusion) -> list[Json]:
    """The ranking that is scored: the hypotheses' services, the likeliest first, then the rest as the localisation has them.

    A service has the sum of its hypotheses' confidence, and without one its score as a suspect; where those would reach the least
    likely of the others, all of them are scaled to stay below it.
    """
    sums: dict[str, float] = {}
    for one in conclusion.hypotheses:
        sums[one.service] = sums.get(one.service, 0.0) + one.confidence
    named = dict(sorted(sums.items(), key=lambda pair: -pair[1]))
    suspects = next((run.findings.suspects for run in reversed(conclusion.runs) if run.findings.suspects), ())
    rest = {suspect.service: suspect.score for suspect in suspects if suspect.service not in named}
    most, highest = BELOW * min(named.values(), default=1 / BELOW), max(rest.values(), default=0.0)
    scale = most / highest if highest > most else 1.0
    shown = named | {service: score * scale for service, score in rest.items()}
    return [{"service": service, "confidence": confidence} for service, confidence in shown.items()]


def sets(answered: Iterable[tuple[Path, Case]]) -> list[Json]:
    folders: dict[Path, list[Case]] = {}
    for path, case in answered:
        folders.setdefault(path.parent, []).append(case)
    return [measure(folder.name, cases) for folder, cases in folders.items()]


def measure(name: str, cases: list[Case]) -> Json:
    """The measures of a set of at least one case.

    All but the seconds are over the cases whose truth is known, and null where there is none. ac@k: share with a rank of
    at most k. avg@5: mean of ac@1 to ac@5. mrr: mean of 1 / rank. mechanism: share of the cases of rank 1 whose first
    hypothesis names the right one. A band holds the cases whose first hypothesis has a confidence in (from, to]; right
    are those of rank 1. ece: the mean distance of the first hypothesis' confidence and the share that is right, over bands, healthy cases
    among them. healthy: of how many cases nothing is wrong, and in how many of them nobody is blamed. mechanisms: by the true one, of
    how many cases the service came first, and of how many of these the mechanism is right. A true service that is not listed counts 0
    everywhere. p95 is the nearest rank.
    """
    ranks = [(case["rank"], len(case["services"])) for case in cases if case["rank"] is not None]
    first = [case["mechanism_right"] for case in cases if case["rank"] == 1 and case["mechanism_right"] is not None]
    seconds = sorted(case["seconds"] for case in cases)
    healthy = [case["calm"] for case in cases if case["calm"] is not None]
    mechanisms = sorted({case["truth"] for case in cases} - {""})
    return {
        "name": name,
        "n": len(cases),
        "ac@1": _mean(rank <= 1 for rank, _ in ranks),
        "ac@3": _mean(rank <= 3 for rank, _ in ranks),  # noqa: PLR2004 - the measure's own name says it
        "ac@5": _mean(rank <= DEEPEST for rank, _ in ranks),
        "avg@5": _mean(max(0, DEEPEST + 1 - rank) / DEEPEST for rank, _ in ranks),
        "mrr": _mean(1 / rank if rank <= listed else 0 for rank, listed in ranks),
        "mechanism": _mean(first),
        "seconds": {"median": statistics.median(seconds), "p95": seconds[math.ceil(0.95 * len(seconds)) - 1]},
        "bands": [_band(cases, fifth) for fifth in range(5)],
        "ece": _calibration_error(cases),
        "healthy": {"n": len(healthy), "calm": healthy.count(True)},
        "mechanisms": {name: _told([case for case in cases if case["truth"] == name]) for name in mechanisms},
        "cases": cases,
    }


def _mean(values: Iterable[float]) -> float | None:
    given = list(values)
    return round(sum(given) / len(given), 4) if given else None


def _band(cases: Sequence[Case], fifth: int) -> Json:
    ranks = [case["rank"] for case in _sure(cases, fifth) if case["rank"] is not None]
    return {"from": fifth / 5, "to": (fifth + 1) / 5, "n": len(ranks), "right": ranks.count(1)}


def _sure(cases: Sequence[Case], fifth: int) -> list[Case]:
    """Those whose first hypothesis has a confidence in this fifth of the scale."""
    return [case for case in cases if fifth / 5 < case["confidence"] <= (fifth + 1) / 5]


def _told(cases: Sequence[Case]) -> Json:
    first = [case for case in cases if case["rank"] == 1]
    return {"n": len(cases), "first": len(first), "mechanism": sum(case["mechanism_right"] is True for case in first)}


def _calibration_error(cases: Sequence[Case]) -> float | None:
    known = [case for case in cases if case["rank"] is not None or case["calm"] is not None]
    gaps = [abs(sum(case["confidence"] - (case["rank"] == 1) for case in _sure(known, fifth))) for fifth in range(5)]
    return round(sum(gaps) / len(known), 4) if known else None


def _begin() -> None:
    """In a new process: log like the one that started it, and let that one end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    telemetry.configure({}, level=logging.WARNING)


async def _investigate(case: Path, only: AgentName | None = None, without: Collection[str] = ()) -> Conclusion:
    async with bootstrap.replayed(case, Settings(), without) as compass:
        (reference,) = await compass.telemetry.places[-1].known()
        return await compass.investigate(Request(reference=reference, budget=Decimal(0), only=only), _Silent())


class _Silent:
    async def _hear(self, *_: object) -> None:
        pass

    opened = moved = agent_finished = concluded = _hear
