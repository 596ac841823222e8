"""Spans for tests: one line for each."""

from __future__ import annotations

from compass_core.readings import Span


def span(  # noqa: PLR0913 - the fields of a span
    name: str,
    parent: str = "",
    service: str = "web",
    t: float = 0.0,
    ms: float = 100.0,
    *,
    trace: str = "t",
    error: bool = False,
    kind: str = "",
    **attributes: str,
) -> Span:
    """A span whose id is its name; `db_system` names the attribute `db.system`."""
    return Span(trace, name, parent, service, name, t, ms, error, kind, {key.replace("_", "."): value for key, value in attributes.items()})


def repeated(*spans: Span, times: int = 5, begin: float = 0.0) -> list[Span]:
    """The same trace several times, one every second."""
    return [
        Span(
            f"{begin}-{n}",
            one.span_id,
            one.parent_id,
            one.service,
            one.name,
            begin + n + one.t,
            one.ms,
            one.error,
            one.kind,
            one.attributes,
        )
        for n in range(times)
        for one in spans
    ]
