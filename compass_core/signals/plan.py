"""From the families that exist to the selections that measure the catalogue's signals."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from compass_core.domain import AgentName
from compass_core.readings import Family, Match, Reduction, Selection
from compass_core.signals.catalogue import GRAPH_FAMILIES, OWN, PLACED, SIGNALS
from compass_core.signals.names import unit_of
from compass_core.signals.network import PEERS
from compass_core.signals.signal import FELT, Ask, Where

VERSION_LABELS = ("service_version", "app_version", "version", "image_tag", "image", "revision")
_GRAPH_CLIENTS = {
    "traces_service_graph_request_total": ("client", ("server",)),
    "istio_requests_total": ("source_workload", ("destination_workload", "destination_service_name")),
}
_WHERE = (label for signal in SIGNALS.values() for ask in signal.asked for label in (*(ask.where.labels if ask.where else ()), *ask.by))
DETAILS = tuple(dict.fromkeys((*OWN, *_WHERE, *PEERS, *(label for client, peers in _GRAPH_CLIENTS.values() for label in (client, *peers)))))
"""Every label that a selection may filter or group by, beside those that name things."""


def plan(families: Sequence[Family], agent: AgentName) -> tuple[Selection, ...]:
    """One selection for each way to ask for a signal of the agent and each family that it can be measured by."""
    mine = ((signal.name, ask) for signal in SIGNALS.values() if signal.agent is agent for ask in signal.asked)
    made = (_select(name, ask, family, families) for name, ask in mine for family in families if family.name in ask.families)
    return tuple(selection for selection in made if selection is not None)


def versions(families: Iterable[Family]) -> tuple[Selection, ...]:
    """For each service's first family that carries a version: its series by version, so that a new one shows."""
    found: dict[str, Selection] = {}
    for family in families:
        if family.kind == "histogram":  # no series has its bare name
            continue
        label = next((label for label in VERSION_LABELS if len(family.labels.get(label, ())) > 1), None)
        members = tuple(member for member in family.members if member[1] not in found)
        if label and members:
            selection = Selection("version", family.name, Reduction.RAW, family.service_label, members, family.where, by=(label,))
            found.update(dict.fromkeys((service for _, service in members), selection))
    return tuple(dict.fromkeys(found.values()))


def by_version(selections: Iterable[Selection], families: Iterable[Family]) -> tuple[Selection, ...]:
    """The same by version, of what users feel of services of which two versions run; the first of each family and service is enough."""
    held = {(family.name, family.service_label): family.labels for family in families}
    found = []
    for one in selections:
        labels = held.get((one.family, one.service_label), {})
        label = next((label for label in VERSION_LABELS if len(labels.get(label, ())) > 1), None)
        if label and one.signal in SIGNALS and SIGNALS[one.signal].evidence == FELT and not one.by:
            found.append(replace(one, by=(label,), aggregate="avg"))
    return tuple(found)


def graph(families: Iterable[Family]) -> tuple[Selection, ...]:
    """Selections whose series carry a caller (their service) and, in their last label, a callee."""
    found = []
    for family in families:
        client, peers = _GRAPH_CLIENTS.get(family.name, (family.service_label, ("node",) if family.name == PLACED else PEERS))
        carried = {*family.labels, family.service_label}
        label = next((label for label in peers if label in carried and label != client), None)
        if family.name in GRAPH_FAMILIES and label and client in carried:
            reduction = Reduction.RATE if family.kind == "counter" else Reduction.RAW
            by = (label,) if client == family.service_label else (client, label)
            found.append(Selection("graph", family.name, reduction, family.service_label, family.members, family.where, by=by))
    return tuple(found)


def _select(name: str, ask: Ask, family: Family, families: Sequence[Family]) -> Selection | None:
    where, also = _matches(ask.where, family), _matches(ask.also, family)
    serving = _matches(Where(("span_kind",), OWN["span_kind"]), family) if "span_kind" in family.labels else ()
    if where is None or also is None or serving is None or (ask.reduction is Reduction.QUANTILE) != (family.kind == "histogram"):
        return None
    over = family if not ask.over else _divisor(ask, family, families)
    over_where = _matches(ask.over_where, over) if over else None
    if over is None or over_where is None:
        return None
    members = family.members if over is family else tuple(member for member in family.members if member in over.members)
    by = tuple(label for label in ask.by if label in family.labels and label != family.service_label)[:1]
    if not members or (ask.to_peer and not by):
        return None
    return Selection(
        name,
        family.name,
        ask.reduction,
        family.service_label,
        members,
        where=(*family.where, *where, *also, *serving),
        over=over.name if ask.over or ask.reduction in {Reduction.RATIO, Reduction.RATE_RATIO} else "",
        over_where=(*over.where, *over_where, *serving),
        quantile=ask.quantile,
        aggregate=ask.aggregate,
        by=by,
        unit=ask.unit or unit_of(family.name, family.unit),
    )


def _divisor(ask: Ask, family: Family, families: Sequence[Family]) -> Family | None:
    same = (one for one in families if one.name in ask.over and one.service_label == family.service_label)
    return next((one for one in same if set(one.members) & set(family.members)), None)


def _matches(where: Where | None, family: Family) -> tuple[Match, ...] | None:
    """The filter by the first label that has such values, with those values; None where there is none."""
    if where is None:
        return ()
    for label in where.labels:
        if values := tuple(sorted(value for value in family.labels.get(label, ()) if re.fullmatch(where.pattern, value))):
            return (Match(label, values),)
    return None
