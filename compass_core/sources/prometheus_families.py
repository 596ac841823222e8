"""Groups the series that a Prometheus lists into families."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from compass_core.domain import Environment
from compass_core.identity import NAMING, PLACING, TOTALS, Thing, carried, environment, known_as, thing
from compass_core.readings import Family, Kind, Match
from compass_core.sources import promql

Metadata = Mapping[str, Sequence[Mapping[str, Any]]]

T = TypeVar("T")

MOST_VALUES: Final = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which families are wanted, in which environment; the first of `labels` that is there names the service."""

    services: frozenset[str]
    names: tuple[str, ...]
    labels: tuple[str, ...] = ()
    environment: Environment = ()

    def named(self, family: str) -> bool:
        """Whether it was asked for by its name."""
        return any(family.startswith(name[:-1]) if name.endswith("*") else family == name for name in self.names)


@dataclass(frozen=True, slots=True)
class _Row:
    """One series that was listed, and what it is about."""

    labels: Mapping[str, str]
    about: Thing
    carried: Environment
    places: Environment


def families(listed: Iterable[Mapping[str, str]], wanted: Wanted, metadata: Metadata) -> tuple[Family, ...]:
    """One family for each name and label that names a service, in the order of their names."""
    listed = [labels for labels in listed if not labels["__name__"].endswith("_created")]
    rows = [*_rows(listed, wanted)]
    pairs = {(row.about.label, row.about.name) for row in rows}
    groups: defaultdict[tuple[str, str], list[_Row]] = defaultdict(list)
    for row in rows:
        name = known_as(row.about, wanted.services, pairs)
        if name in wanted.services or wanted.named(_family(row.labels)):
            groups[row.labels["__name__"], row.about.label].append(replace(row, about=row.about._replace(name=name)))
    names = {labels["__name__"] for labels in listed}
    return tuple(_grouped(full, label, group, _kind(full, names, metadata), metadata) for (full, label), group in sorted(groups.items()))


def _rows(listed: Iterable[Mapping[str, str]], wanted: Wanted) -> Iterator[_Row]:
    """Those in the environment, with what they are about; which many series of a family tell by the same labels."""
    telling = {*NAMING, *PLACING, *wanted.labels, *dict(wanted.environment)}
    seen: dict[tuple[object, ...], tuple[Thing | None, Environment | None, Environment]] = {}
    for labels in listed:
        family = _family(labels)
        key = (family, *(pair for pair in labels.items() if pair[0] in telling))
        if key not in seen:
            about = thing(labels, family, wanted.labels)
            seen[key] = (about, carried(labels, about, wanted.environment) if about else None, environment(labels, about))
        about, within, places = seen[key]
        if about and within is not None:
            yield _Row(labels, about, within, places)


def _grouped(full: str, label: str, rows: Sequence[_Row], kind: Kind, metadata: Metadata) -> Family:
    pattern, part, totals = TOTALS
    where: tuple[Match, ...] = ()
    if re.fullmatch(pattern, full) and (parts := [row for row in rows if row.labels.get(part, "") not in totals]):
        rows, where = parts, (Match(part, totals, but=True),)
    for other, value in dict.fromkeys(pair for row in rows for pair in row.carried):
        where += (Match(other, (value,) if all((other, value) in row.carried for row in rows) else ("", value)),)
    values: defaultdict[str, set[str]] = defaultdict(set)
    places: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        if row.places:
            places[row.about.name].update(row.places)
        for other, value in row.labels.items():
            if other not in {"__name__", "le", label} and len(values[other]) < MOST_VALUES:
                values[other].add(value)
    name = full.removesuffix("_bucket") if kind == "histogram" else full
    members = tuple(sorted({(row.about.value, row.about.name) for row in rows}))
    unit, text = (str(_said(name, metadata).get(what) or "") for what in ("unit", "help"))
    return Family(name, kind, label, members, _frozen(values), unit, where, text, _frozen(places))


def _frozen(sets: Mapping[str, set[T]]) -> Mapping[str, frozenset[T]]:
    return {key: frozenset(values) for key, values in sets.items()}


def _family(labels: Mapping[str, str]) -> str:
    return labels["__name__"].removesuffix("_bucket") if "le" in labels else labels["__name__"]


def native_histograms(listed: Iterable[Mapping[str, str]], metadata: Metadata) -> set[str]:
    """The histograms that are one series each and have no buckets beside it."""
    names = {labels["__name__"] for labels in listed}
    return {name for name in names if f"{name}_bucket" not in names and _said(name, metadata).get("type") == "histogram"}


def spelled_out(listed: Iterable[Mapping[str, str]], native: Collection[str]) -> list[Mapping[str, str]]:
    """The series, those of native histograms as if they had the usual three."""
    parts = {"_bucket": {"le": "+Inf"}, "_count": {}, "_sum": {}}
    series: list[Mapping[str, str]] = []
    for labels in listed:
        name = labels["__name__"]
        series += [{**labels, **le, "__name__": name + part} for part, le in parts.items()] if name in native else [labels]
    return series


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
