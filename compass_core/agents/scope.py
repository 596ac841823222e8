"""Which services an investigation looks at: the affected ones, those beneath them, and those that call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compass_core.domain import Edge
from compass_core.identity import name_of
from compass_core.signals.catalogue import GRAPH_FAMILIES, asked_names
from compass_core.signals.plan import graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from compass_core.agents.view import View
    from compass_core.analysis.notes import Times
    from compass_core.domain import Gap
    from compass_core.readings import Series

MOST_SERVICES = 48  # every query names them: with more, or more of `application.MOST_MEMBERS`, 80 requests are not enough


@dataclass(frozen=True, slots=True)
class Scope:
    """Services in the order in which they are looked at; `gaps` is what could not be read to find them.

    `traced` are those by which traces are asked for: the affected ones, or all where none of these is traced.
    """

    affected: tuple[str, ...]
    services: tuple[str, ...]
    traced: tuple[str, ...]
    edges: tuple[Edge, ...]
    gaps: tuple[Gap, ...]


async def find_scope(view: View, affected: tuple[str, ...], times: Times) -> Scope:
    """Follow the calls that spans and client metrics show; a system that is small enough is looked at whole.

    A service that nobody is seen to call may be the silent cause. Where no calls are known, as many as there is room for are taken.
    """
    seen = await view.traced(affected, times)
    families = await view.families(affected, GRAPH_FAMILIES, times.all)
    series = await view.series(graph(families.values), times.all, times.step)
    calls = metered(series.values)
    services = _around(affected, (*seen.edges, *calls))
    gaps = (*seen.spans.gaps, *families.gaps, *series.gaps)
    alone = len(services) <= len(affected)
    everything = await view.families((), asked_names(), times.all)
    if alone and not any(one.services - set(affected) for one in everything.values):
        everything = await view.families((), ("*",), times.all)
    whole = _distinct((*services, *sorted({service for one in everything.values for service in one.services})))
    if alone or len(whole) <= MOST_SERVICES:
        services, gaps = whole, (*gaps, *everything.gaps)
    services, traced = services[:MOST_SERVICES], affected
    if not seen.spans.values:
        traced = services
        seen = await view.traced(traced, times)
    return Scope(affected, services, traced, _merged((*seen.edges, *calls)), gaps)


def metered(series: Iterable[Series]) -> tuple[Edge, ...]:
    """The calls that metrics tell of."""
    return tuple(_called(series))


def _called(series: Iterable[Series]) -> Iterator[Edge]:
    for one in series:
        *clients, callee = (one.labels.get(label, "") for label in one.selection.by)
        caller = clients[0] if clients else one.service
        name = callee if clients else name_of(callee, one.selection.by[-1])  # a graph's names are services, not addresses
        if caller and name and name != caller:
            yield Edge(caller=caller, callee=name, system="database" if one.selection.family.startswith("db_client_") else "")


def _merged(calls: Sequence[Edge]) -> tuple[Edge, ...]:
    found: dict[tuple[str, str], Edge] = {}
    for call in calls:
        held = found.get((call.caller, call.callee))
        if held is None or not held.system:
            found[call.caller, call.callee] = call
    return tuple(found.values())


def _around(affected: tuple[str, ...], calls: Sequence[Edge]) -> tuple[str, ...]:
    """The affected services, breadth first all that they call, then those that call them directly."""
    found = list(dict.fromkeys(affected))
    for service in found:
        found += [call.callee for call in calls if call.caller == service and call.callee not in found]
    return _distinct((*found, *(call.caller for call in calls if call.callee in affected)))


def _distinct(services: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(services))
