"""Groups the series that a Prometheus lists into families."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from compass_core.readings import Family, Kind, service_name
from compass_core.sources import promql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Metadata = Mapping[str, Sequence[Mapping[str, Any]]]

MOST_VALUES: Final = 50


EXPORTERS = ("node_", "pg_", "mysql_", "redis_", "mongodb_", "probe_")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which families are wanted; `labels` may name a service, the first that does wins."""

    services: frozenset[str]
    names: tuple[str, ...]
    labels: tuple[str, ...]

    def member(self, family: str, labels: Mapping[str, str]) -> tuple[str, str] | None:
        """The label that names the service, and that service; None for a series that nobody asked for."""
        by_label = {label: name for label in self.labels if (name := service_name(labels.get(label, ""), label))}
        for label, service in by_label.items():
            if service in self.services:
                return label, service
        if not any(family.startswith(name[:-1]) if name.endswith("*") else family == name for name in self.names):
            return None
        # a database's exporter has the database in `server`, and one job reads many of what an exporter measures
        last = ("instance", "job") if family.startswith(EXPORTERS) else ("job", "instance")
        order = sorted(by_label, key=lambda label: (last.index(label) + 1 if label in last else 0, label != "server"))
        return (order[0], by_label[order[0]]) if order else None


def families(listed: Iterable[Mapping[str, str]], wanted: Wanted, metadata: Metadata) -> tuple[Family, ...]:
    """One family for each name and label that names a service, in the order of their names."""
    names: set[str] = set()
    members: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    others: defaultdict[tuple[str, str], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for labels in listed:
        full = labels["__name__"]
        names.add(full)
        member = wanted.member(full.removesuffix("_bucket") if "le" in labels else full, labels)
        if member is None or full.endswith("_created"):
            continue
        key = full, member[0]
        members[key].add((labels[member[0]], member[1]))
        for label, value in labels.items():
            if label not in {"__name__", "le", member[0]} and len(others[key][label]) < MOST_VALUES:
                others[key][label].add(value)
    found = []
    for full, label in sorted(members):
        kind = _kind(full, names, metadata)
        name = full.removesuffix("_bucket") if kind == "histogram" else full
        values = {other: frozenset(seen) for other, seen in others[full, label].items()}
        unit = str(_said(name, metadata).get("unit") or "")
        found.append(Family(name, kind, label, tuple(sorted(members[full, label])), values, unit))
    return tuple(found)


def _kind(full: str, names: set[str], metadata: Metadata) -> Kind:
    """What the metadata say, else what the name says: remote-written series have no metadata."""
    if full.endswith("_bucket"):
        return "histogram"
    said = _said(full, metadata).get("type")
    if said in {"counter", "gauge"}:
        return "counter" if said == "counter" else "gauge"
    # `x_count` alone may well be a gauge (connections in a pool); beside `x_sum` it counts.
    family = promql.whole(full)
    counts = full.endswith("_total") or (family != full and len({f"{family}_count", f"{family}_sum", f"{family}_bucket"} & names) > 1)
    return "counter" if counts else "gauge"


def _said(name: str, metadata: Metadata) -> Mapping[str, Any]:
    """OpenMetrics describes `x_total` under `x`."""
    return next(iter(metadata.get(name) or metadata.get(name.removesuffix("_total")) or ()), {})
