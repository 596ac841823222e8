"""From what spans say to observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.analysis.notes import at
from compass_core.analysis.wording import amount

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compass_core.analysis.notes import Note
    from compass_core.analysis.traces import Failure, Growth
    from compass_core.model import Observation
    from compass_core.readings import Reading, Span


def of_growths(note: Note, growths: Iterable[Growth], spans: Reading[Span]) -> list[Observation]:
    """Operations, ways and database calls that take longer than before, the most grown of each service."""
    best: dict[tuple[str, str], Observation] = {}
    for one in growths:
        what, formula, service = {
            "self_time": (f"{one.operation.name} itself", "duration − time in child spans", one.operation.service),
            "gap": (f"way from {one.operation.service} ({one.operation.name})", "client span − server span beneath it", one.operation.peer),
            "database_time": (
                f"calls from {one.operation.service} ({one.operation.name})",
                "duration of database client spans",
                one.operation.peer or one.operation.service,
            ),
        }[one.operation.measure]
        onset = at(one.first)
        seen = note.observation(
            service,
            one.operation.measure,
            f"{what} {amount(one.value, 'ms')}, usually {amount(one.baseline, 'ms')}",
            one.score,
            source=spans.source,
            value=one.value,
            baseline_value=one.baseline,
            unit="ms",
            reduction=f"median over {one.count} spans of the window ({formula}); usually: median before",
            onset=onset,
            query=spans.query,
            link=spans.link,
        )
        best.setdefault((service, seen.signal), seen)
    return list(best.values())


def of_failures(note: Note, failures: Iterable[Failure], spans: Reading[Span]) -> list[Observation]:
    """Where errors start: at the callee that a failing call without anything beneath it names, else at the service itself."""
    found = []
    for one in failures:
        said = f": {note.redact(one.message)[:160]}" if one.message else ""
        caller = f" from {one.service}" if one.peer else ""
        found.append(
            note.observation(
                one.peer or one.service,
                "failing_spans",
                f"{one.name}{caller} fails in {amount(one.share, 'ratio')} of {one.count / one.share:.0f} spans, "
                f"usually {amount(one.baseline_share, 'ratio')}{said}",
                one.score,
                source=spans.source,
                value=one.share,
                baseline_value=one.baseline_share,
                unit="ratio",
                reduction="failing spans without a failing child ÷ spans of the operation, over the window",
                onset=at(one.first),
                query=spans.query,
                link=spans.link,
            )
        )
    return found
