"""Which services an investigation looks at: the affected ones, those beneath them, and those that call them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from compass_core.analysis import metric_notes
from compass_core.analysis.graph import NODE
from compass_core.analysis.notes import Note, Times
from compass_core.domain import AgentName, Edge, Environment, Gap
from compass_core.errors import AmbiguousPlaceError, Reason
from compass_core.hypotheses.suspicion import suspects
from compass_core.identity import joined, name_of, several
from compass_core.readings import Family, Reading, Series
from compass_core.signals.catalogue import GRAPH_FAMILIES, OVERVIEW, PLACED, asked_names, measuring
from compass_core.signals.logs import ERROR_PHRASES
from compass_core.signals.plan import graph

if TYPE_CHECKING:
    from compass_core.agents.view import View

MOST_SERVICES = 48  # every query names them: with more, or more of `application.MOST_MEMBERS`, 80 requests are not enough
COARSE = (300.0, 150.0, 100.0, 60.0, 30.0, 15.0, 5.0)  # each divides the baseline: see `domain.WHOLE`
FEWEST_POINTS = 4  # of the window
LEFT_OUT = "in requests, errors, latency, load, restarts and error lines of all, others stand out more"


@dataclass(frozen=True, slots=True)
class Scope:
    """Services in the order in which they are looked at; `gaps` is what could not be read to find them.

    `known` are the names of all services, also of those for which there was no room.

    `traced` are those by which traces are asked for: the affected ones, or all where none of these is traced.
    """

    affected: tuple[str, ...]
    services: tuple[str, ...]
    known: tuple[str, ...]
    traced: tuple[str, ...]
    edges: tuple[Edge, ...]
    gaps: tuple[Gap, ...]


async def find_scope(view: "View", affected: tuple[str, ...], times: Times) -> Scope:
    """Follow the calls that spans and client metrics show; a system that is small enough is looked at whole.

    A service that nobody is seen to call may be the silent cause. Of more than there is room for those are taken that stand out in a few
    signals of all. Raises `AmbiguousPlaceError` where an affected one runs in several environments, and it is not said in which.
    """
    seen = await view.traced(affected, times)
    families = await view.families(affected, (*measuring(OVERVIEW), *GRAPH_FAMILIES), times.all)
    for error in ambiguous(families.values, affected, view.environment):
        raise error
    series = await view.series(graph(families.values), times.all, times.step)
    lines = await view.log_counts((), times.all, coarse(times), ERROR_PHRASES)
    everyone = await _everyone(view, affected, families, times)
    known = {service for one in everyone.values for service in one.services}
    calls = tuple(one.model_copy(update={"callee": joined(one.callee, known)}) for one in (*seen.edges, *metered(series.values)))
    writers = tuple(replace(one, service=joined(one.service, known)) for one in lines.values)
    around = _around(affected, calls)
    view.follow(set(around) - known - {one.service for one in writers})
    ends = {end for call in calls for end in (call.caller, call.callee)}  # also what nothing else is known of: it may be the cause
    whole = _distinct((*around, *sorted(known | ends | {one.service for one in writers})))
    gaps = (*seen.spans.gaps, *families.gaps, *series.gaps, *everyone.gaps)
    services = whole
    if len(whole) > MOST_SERVICES:
        suspected = await _suspected(view, (writers, calls), affected, times)
        calling = [call for call in calls if call.system != NODE]
        most = _distinct((*filter(view.hinted, whole), *suspected))[: MOST_SERVICES // 2]
        beneath = (call.callee for one in most for call in calling if call.caller == one)
        services = _distinct((*affected, *most, *beneath, *around, *suspected))[:MOST_SERVICES]
        if not calling:  # what no row measures may be wrong with anyone: some of the others as well
            services = _distinct((*services, *whole))[: max(len(services), MOST_SERVICES // (2 if suspected else 1))]
        left = f"{len(whole) - len(services):,} of {len(whole):,} services were not looked at closely: {LEFT_OUT}"
        gaps = (*gaps, Gap(source="metrics", reason=Reason.TRUNCATED, detail=left))
    traced = affected
    if not seen.spans.values:
        traced = services
        seen = await view.traced(traced, times)
    return Scope(affected, services, whole, traced, merged((*seen.edges, *calls)), gaps)


def ambiguous(families: Iterable[Family], affected: Sequence[str], bound: Environment) -> Iterator[AmbiguousPlaceError]:
    """For each affected service whose series are of several environments, where it is not said of which."""
    for service, family in product(affected, families):
        if places := several(family.places.get(service, ()), bound):
            yield AmbiguousPlaceError(service, places)


async def _everyone(view: "View", affected: Sequence[str], families: Reading[Family], times: Times) -> Reading[Family]:
    """What has a family of the table; of a system that is small what has any: a broker may have none that the table knows."""
    if len({service for one in families.values for service in one.services}) > MOST_SERVICES:
        return families
    named = await view.families((), asked_names(), times.all)
    everyone = replace(families, values=(*families.values, *named.values), gaps=named.gaps)
    known = {service for one in everyone.values for service in one.services}
    if len(known) > MOST_SERVICES:
        return everyone
    every = await view.families((), ("*",), times.all)
    all_ = known.union(*(one.services for one in every.values))
    room = len(all_) <= MOST_SERVICES or known <= set(affected)
    return replace(everyone, values=(*everyone.values, *every.values), gaps=(*named.gaps, *every.gaps)) if room else everyone


async def _suspected(view: "View", seen: tuple[Sequence[Series], Sequence[Edge]], affected: Sequence[str], times: Times) -> tuple[str, ...]:
    """The services that stand out in a few signals and in log lines that tell of errors, by a few points each; the most suspected first."""
    lines, calls = seen
    series = tuple(one for one in view.afar if one.selection.signal in OVERVIEW)

    def read() -> tuple[str, ...]:
        note = Note(AgentName.APPLICATION, times)
        noted = (*metric_notes.of_series(note, series), *metric_notes.of_counts(note, lines))
        return tuple(one.service for one in suspects(noted, calls, (), affected) if one.score > 0)

    return await view.offload(read)


def coarse(times: Times) -> float:
    """The longest step that leaves the window some points."""
    return next((step for step in COARSE if times.window.seconds / step >= FEWEST_POINTS), COARSE[-1])


def metered(series: Iterable[Series]) -> Iterator[Edge]:
    """The calls that metrics tell of."""
    for one in series:
        *clients, callee = (one.labels.get(label, "") for label in one.selection.by)
        caller = clients[0] if clients else one.service
        name = callee if clients else name_of(callee, one.selection.by[-1])  # a graph's names are services, not addresses
        if caller and name and name != caller:
            system = NODE if one.selection.family == PLACED else "database" if one.selection.family.startswith("db_client_") else ""
            yield Edge(caller=caller, callee=name, system=system)


def merged(calls: Iterable[Edge]) -> tuple[Edge, ...]:
    """Each pair once, by what tells most of it."""
    edges: dict[tuple[str, str], Edge] = {}
    for call in calls:
        held = edges.get((call.caller, call.callee))
        if held is None or not held.system:
            edges[call.caller, call.callee] = call
    return tuple(edges.values())


def _around(affected: tuple[str, ...], calls: Sequence[Edge]) -> tuple[str, ...]:
    """The affected services, breadth first all that they call, then those that call them directly."""
    reached = list(dict.fromkeys(affected))
    for service in reached:
        reached += [call.callee for call in calls if call.caller == service and call.callee not in reached]
    return _distinct((*reached, *(call.caller for call in calls if call.callee in affected)))


def _distinct(services: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(services))
