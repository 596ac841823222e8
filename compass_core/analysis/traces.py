"""What spans say: who calls whom, where time is spent, where an error starts, what is lost between two services."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from compass_core.analysis.shifts import squash
from compass_core.model import Edge
from compass_core.signals.spans import database_system, peer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from compass_core.readings import Span

FEWEST = 3  # spans of one operation that make a comparison
LEAST_GROWTH_MS = 5.0  # growth below this is noise, whatever its ratio

Measure = Literal["self_time", "gap", "database_time"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What was measured where. `peer` is the callee of a gap or of a database call."""

    measure: Measure
    service: str
    name: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Growth:
    """Median milliseconds per span in the window and before; `first` is the start of its first slow span in unix seconds."""

    operation: Operation
    value: float
    baseline: float
    count: int
    score: float
    first: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Failing spans without a failing span beneath them: here errors start. Shares are of the operation's spans."""

    service: str
    name: str
    peer: str
    system: str
    count: int
    share: float
    baseline_share: float
    first: float
    message: str
    score: float


def children(spans: Iterable[Span]) -> dict[tuple[str, str], list[Span]]:
    """Spans by (trace id, id of their parent); a span that names itself as its parent is a root."""
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        if span.parent_id and span.parent_id != span.span_id:
            found[span.trace_id, span.parent_id].append(span)
    return found


def edges(spans: Sequence[Span]) -> tuple[Edge, ...]:
    """Who calls whom, by parent and child and by the peer that a childless client span names."""
    beneath = children(spans)
    found: dict[tuple[str, str], str] = {}
    for span in spans:
        callees = [child.service for child in beneath.get((span.trace_id, span.span_id), ()) if child.service != span.service]
        system = database_system(span)
        if not callees and (system or span.kind == "client") and peer(span):
            callees = [peer(span)]
        for callee in callees:
            if span.service and callee not in {"", span.service}:
                found[span.service, callee] = system or found.get((span.service, callee), "")
    return tuple(Edge(caller=caller, callee=callee, system=system) for (caller, callee), system in found.items())


def growths(window: Sequence[Span], baseline: Sequence[Span]) -> tuple[Growth, ...]:
    """Operations whose own time, or whose way to a callee, takes longer than before; the most grown first."""
    after, before = _milliseconds(window), _milliseconds(baseline)
    found = []
    for operation, measured in after.items():
        usual = [ms for ms, _ in before.get(operation, ())]
        if len(measured) < FEWEST or len(usual) < FEWEST:
            continue
        value, middle = median(ms for ms, _ in measured), median(usual)
        spread = max(1.4826 * median(abs(ms - middle) for ms in usual), 0.1 * middle, LEAST_GROWTH_MS / 3)
        if (score := squash((value - middle) / spread)) > 0:
            slow = [t for ms, t in measured if ms > middle + 3 * spread]
            found.append(Growth(operation, value, middle, len(measured), score, min(slow, default=measured[0][1])))
    return tuple(sorted(found, key=lambda growth: -growth.score * (growth.value - growth.baseline)))


def _milliseconds(spans: Sequence[Span]) -> Mapping[Operation, list[tuple[float, float]]]:
    """Milliseconds and start of every measurement: self time = duration − time in children, gap = client − server duration."""
    beneath = children(spans)
    found: dict[Operation, list[tuple[float, float]]] = defaultdict(list)
    for span in spans:
        inner = beneath.get((span.trace_id, span.span_id), [])
        remote = [child for child in inner if child.service != span.service]
        if database_system(span) and not inner:
            found[Operation("database_time", span.service, span.name, peer(span))].append((span.ms, span.t))
        elif len(remote) == 1 and len(inner) == 1:
            gap = max(0.0, span.ms - remote[0].ms)
            found[Operation("gap", span.service, span.name, remote[0].service)].append((gap, span.t))
        else:
            found[Operation("self_time", span.service, span.name)].append((span.ms - _covered(span, inner), span.t))
    return found


def _covered(span: Span, inner: Iterable[Span]) -> float:
    """Milliseconds of the span in which at least one child runs; another service's child that its clock puts outside begins with it."""
    covered, reached, end = 0.0, span.t, span.t + span.ms / 1000
    inside = [(span.t if child.service != span.service and not span.t <= child.t < end else child.t, child.ms) for child in inner]
    for begin, ms in sorted(inside):
        begins, ends = max(begin, reached), min(begin + ms / 1000, end)
        if ends > begins:
            covered += ends - begins
            reached = ends
    return min(covered * 1000, span.ms)


def failures(window: Sequence[Span], baseline: Sequence[Span]) -> tuple[Failure, ...]:
    """Where errors start, as a share of that operation's spans, the most frequent first."""
    usual = {key: len(failed) / total for key, (failed, total) in _failing(baseline).items()}
    found = []
    for key, (failed, total) in _failing(window).items():
        share, before = len(failed) / total, usual.get(key, 0.0)
        if not failed or (score := squash((share - before) / max(0.01, 0.5 * before)) * len(failed) / (len(failed) + 1)) <= 0:
            continue
        example = failed[0]
        said = example.attributes.get("exception.message", "")
        first = min(span.t for span in failed)
        found.append(Failure(*key, len(failed), share, before, first, said, score))
    return tuple(sorted(found, key=lambda failure: -failure.count))


def _failing(spans: Sequence[Span]) -> dict[tuple[str, str, str, str], tuple[list[Span], int]]:
    """Per (service, name, peer, database system): the failing spans without a failing child, and how many spans there are."""
    beneath = children(spans)
    found: dict[tuple[str, str, str, str], tuple[list[Span], int]] = {}
    for span in spans:
        inner = beneath.get((span.trace_id, span.span_id), ())
        key = (span.service, span.name, "" if inner else peer(span), database_system(span))
        failed, total = found.setdefault(key, ([], 0))
        if span.error and not any(child.error for child in inner):
            failed.append(span)
        found[key] = (failed, total + 1)
    return found
