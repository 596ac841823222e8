"""From what spans say to observations."""

from collections.abc import Iterable

from compass_core.analysis.calls import Detour, Failure
from compass_core.analysis.notes import Note, asked
from compass_core.analysis.timing import Growth, Measure, Slowness
from compass_core.analysis.wording import amount
from compass_core.domain import Observation
from compass_core.readings import Reading, Span
from compass_core.signals.spans import DELAY

LISTED = 3  # calls that an observation names
_FORMULAS: dict[Measure, str] = {
    "self_time": "duration − time in child spans",
    "gap": "client span − server span beneath it",
    "database_time": "duration of database client spans",
}


def of_growths(note: Note, growths: Iterable[Growth], spans: Reading[Span]) -> list[Observation]:
    """Operations, ways and database calls that take longer than before, the most grown of each service."""
    found = []
    for one in growths:
        name, caller, peer = one.operation.name, one.operation.service, one.operation.peer
        what = {
            "self_time": f"{name} itself",
            "gap": f"the way from {caller} ({name})" if one.service == peer else f"the way to {peer} ({name})",
            "database_time": f"calls from {caller} ({name})",
        }[one.operation.measure]
        found.append(
            note.observation(
                one.service,
                DELAY if one.even and one.operation.measure == "gap" else one.operation.measure,
                f"{what} {amount(one.value, 'ms')}, usually {amount(one.baseline, 'ms')}",
                round(one.score, 4),
                value=one.value,
                baseline_value=one.baseline,
                unit="ms",
                reduction=f"90th percentile over {one.count} spans of the window ({_FORMULAS[one.operation.measure]}); usually: before",
                **asked(spans, one.first),
            )
        )
    return found


def of_slowness(note: Note, slow: Iterable[Slowness], spans: Reading[Span]) -> list[Observation]:
    """Services in which unrelated operations take longer."""
    return [
        note.observation(
            one.service,
            "slow_throughout",
            f"{one.grown} of {one.known} operations and ways to and from it take longer than before",
            round(one.score, 4),
            value=one.grown,
            reduction="operations and ways whose time grew beyond their usual spread",
            **asked(spans, one.first),
        )
        for one in slow
    ]


def of_failures(note: Note, failures: Iterable[Failure], spans: Reading[Span]) -> list[Observation]:
    """Where errors start: at the callee that a failing call without anything beneath it names, else at the service itself."""
    found = []
    for one in failures:
        said = f": {one.message[:160]}" if one.message else ""
        caller = f" from {one.service}" if one.peer else ""
        found.append(
            note.observation(
                one.peer or one.service,
                "rate_limited" if one.limited else "failing_spans",
                f"{one.name}{caller} fails in {amount(one.share, 'ratio')} of its spans ({one.total} read), "
                f"usually {amount(one.baseline_share, 'ratio')}{said}",
                round(one.score, 4),
                value=one.share,
                baseline_value=one.baseline_share,
                unit="ratio",
                reduction="failing spans without a failing child ÷ spans of the operation, as often as each stands for, over the window",
                **asked(spans, one.first),
            )
        )
    return found


def of_detours(note: Note, detours: Iterable[Detour], spans: Reading[Span]) -> list[Observation]:
    """Where requests run otherwise than before: which calls are missing, and which is the last."""
    found = []
    for one in detours:
        where = one.name if one.at == one.service else f"{one.at} ({one.name})"
        lacks = f", without {', '.join(one.lacks[:LISTED])}{' …' if len(one.lacks) > LISTED else ''}" if one.lacks else ""
        stops = f", ending after {one.stops}" if one.stops and one.lacks else ""
        found.append(
            note.observation(
                one.service,
                "detour",
                f"{where} takes another path than before in {one.count} of {one.total} spans{lacks}{stops}",
                round(one.score, 4),
                value=one.count,
                baseline_value=0.0,
                reduction="spans of the window that call other operations than those before",
                **asked(spans, one.first),
            )
        )
    return found
