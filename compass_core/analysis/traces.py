"""Spans as columns: who is whose parent, which service did what, and who calls whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from compass_core.domain import Edge
from compass_core.identity import peer
from compass_core.readings import Span
from compass_core.signals.spans import database_system

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]


T = TypeVar("T")

LONGEST_MS = 86_400_000.0  # a day; a longer span is no measurement, and in sums it would hide the others' milliseconds


@dataclass(frozen=True, slots=True)
class Traces:
    """Spans of baseline and window together, a row each.

    `parent` is the row of the span above, −1 for none. `service` and `operation` number `services` and `operations` (pairs of
    service and span name); `inside` marks the window's; `leaf` has nothing beneath it; `weight`: how many a span stands for.
    """

    spans: Sequence[Span]
    services: tuple[str, ...]
    operations: tuple[tuple[str, str], ...]
    parent: Rows
    service: Rows
    operation: Rows
    inside: Flags
    t: Floats
    ms: Floats
    error: Flags
    leaf: Flags
    weight: Floats

    @property
    def children(self) -> Rows:
        """The rows that have a parent."""
        return np.flatnonzero(self.parent >= 0)

    @property
    def remote(self) -> Rows:
        """The rows whose parent is of another service."""
        child = self.children
        remote: Rows = child[self.service[child] != self.service[self.parent[child]]]
        return remote


def traces(window: Sequence[Span], baseline: Sequence[Span]) -> Traces:
    """The columns of these spans; a parent that is not there, or that is the span itself, is none.

    A duration is at least 0 and at most `LONGEST_MS`; what is no number is 0.
    """
    spans = [*baseline, *window]
    row = {(span.trace_id, span.span_id): i for i, span in enumerate(spans)}
    parent = np.fromiter((row.get((span.trace_id, span.parent_id), -1) if span.parent_id else -1 for span in spans), np.intp, len(spans))
    parent[parent == np.arange(len(spans))] = -1
    services, service = _numbered(spans, lambda span: span.service)
    operations, operation = _numbered(spans, lambda span: (span.service, span.name))
    leaf = np.ones(len(spans), dtype=bool)
    leaf[parent[parent >= 0]] = False
    return Traces(
        spans,
        services,
        operations,
        parent,
        service,
        operation,
        np.arange(len(spans)) >= len(baseline),
        np.fromiter((span.t for span in spans), np.float64, len(spans)),
        np.nan_to_num(np.fromiter((span.ms for span in spans), np.float64, len(spans))).clip(0.0, LONGEST_MS),
        np.fromiter((span.error for span in spans), np.bool_, len(spans)),
        leaf,
        np.fromiter((span.weight for span in spans), np.float64, len(spans)),
    )


def edges(traced: Traces) -> tuple[Edge, ...]:
    """Who calls whom, by parent and child and by the peer that a client span with no other service beneath it names."""
    found: dict[tuple[str, str], str] = {}
    remote = traced.remote
    above = traced.parent[remote]
    pairs = np.unique(np.stack([traced.service[above], traced.service[remote]]), axis=1).T
    for caller, callee in pairs.tolist():
        if traced.services[caller] and traced.services[callee]:
            found[traced.services[caller], traced.services[callee]] = ""
    ends = np.ones(len(traced.spans), dtype=bool)
    ends[above] = False
    for i in np.flatnonzero(ends).tolist():
        span = traced.spans[i]
        if span.attributes and span.service:
            system = database_system(span)
            named = peer(span) if system or span.kind == "client" else ""
            if named not in {"", span.service}:
                found[span.service, named] = system or found.get((span.service, named), "")
    return tuple(Edge(caller=caller, callee=callee, system=system) for (caller, callee), system in found.items())


def _numbered(spans: Sequence[Span], of: Callable[[Span], T]) -> tuple[tuple[T, ...], Rows]:
    numbers: dict[T, int] = {}
    rows = np.fromiter((numbers.setdefault(of(span), len(numbers)) for span in spans), np.intp, len(spans))
    return tuple(numbers), rows
