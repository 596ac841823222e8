"""What telemetry is asked and what it answers, in no query language: families, selections, and what comes in thousands.

Points, log lines and spans are slotted dataclasses: a pydantic value for each would cost more than reading them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from compass_core.domain import Gap

T = TypeVar("T")


class Reduction(StrEnum):
    """What is made of the points of a family before they are grouped by service."""

    RAW = "raw"
    RATE = "rate"
    RATIO = "ratio"
    RATE_RATIO = "rate_ratio"
    QUANTILE = "quantile"
    INCREASE = "increase"
    RATE_OF = "rate_of"
    PAST = "past"


INCREASE_SECONDS = 1800

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Match:
    """One label must have one of these values, or, with `but`, none of them. A label that is absent has the value ''."""

    label: str
    values: tuple[str, ...]
    but: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A metric that exists: which label of it names the service, that label's values, and the other labels with values.

    `members` are pairs of label value and service (`("orders-db:5432", "orders-db")`). A histogram's name is without `_bucket`.
    Where exporters name services in different labels, there is a family for each. `where` belongs into every selection of it: it leaves
    out other environments, and totals of what is measured in parts as well. `places`: by which labels the series of a service say where
    they are.
    """

    name: str
    kind: Kind
    service_label: str
    members: tuple[tuple[str, str], ...]
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unit: str = ""
    where: tuple[Match, ...] = ()
    help: str = ""
    places: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)

    @property
    def services(self) -> frozenset[str]:
        """The services that it was seen for."""
        return frozenset(service for _, service in self.members)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which numbers are wanted, in no query language.

    reduction      meaning, per group of (`service_label`, *`by`)
    raw            `aggregate` of the family; 0 where the group has series but none that `where` takes
    rate           `aggregate` of its increase per second
    ratio          sum of the family ÷ `aggregate` of `over`
    rate_ratio     sum of its increase ÷ sum of the increase of `over`; no increase of the family counts as 0
    quantile       `quantile` of a histogram's observations (family without `_bucket`)
    increase       sum of its increase over the last `INCREASE_SECONDS`: of what is counted one by one
    rate_of        sum of its increase per second ÷ `aggregate` of `over`
    past           `aggregate` of 1 where the time that it holds, in unix seconds, has passed, else 0

    `where` filters the family, `over_where` the divisor; both always match `members` on `service_label` as well.
    `unit` is that of the points, where it is known and need not be the signal's.
    """

    signal: str
    family: str
    reduction: Reduction
    service_label: str
    members: tuple[tuple[str, str], ...]
    where: tuple[Match, ...] = ()
    over: str = ""
    over_where: tuple[Match, ...] = ()
    quantile: float = 0.0
    aggregate: Literal["sum", "max", "min", "avg"] = "sum"
    by: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one group: `t` in unix seconds ascending, `v` finite or NaN, both float64 of one shape.

    `query` is exactly what gives these points again, with `step` seconds between them.
    """

    selection: Selection
    service: str
    labels: Mapping[str, str]
    t: NDArray[np.float64]
    v: NDArray[np.float64]
    query: str
    source: str
    link: str | None = None
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `t` in unix seconds, `level` in lower case or ''."""

    t: float
    service: str
    line: str
    level: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """One span; `t` is its start in unix seconds, `ms` its duration; `kind` is client, server, … or ''.

    `weight`: how many it stands for, where spans were chosen for what they are; 1 on average.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    t: float
    ms: float
    error: bool = False
    kind: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """A deploy, config or scale event. `version` is the new one of a deploy, where that is known."""

    t: float
    service: str
    text: str
    kind: str
    query: str
    source: str
    link: str | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a source answered: the values, what is missing from them, and what was asked (lines and spans share one query).

    `apart` are the services for which something else was asked, each with that answer, whose values are among these.
    """

    values: tuple[T, ...] = ()
    gaps: tuple[Gap, ...] = ()
    query: str = ""
    link: str | None = None
    source: str = ""
    apart: Mapping[str, Reading[T]] = field(default_factory=dict)

    def of(self, service: str) -> Reading[T]:
        """What was asked for this service."""
        return self.apart.get(service, self)
