"""The words of Compass as frozen values: no I/O and no clock.

What crosses a process boundary (a table, `--json`, a journal) is a pydantic value; what comes in hundred
thousands (points, log lines, spans) is a slotted dataclass. Collections are tuples, times are aware UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from compass_core.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

BASELINE = timedelta(minutes=60)
LONGEST_WINDOW = timedelta(minutes=30)
SHORTEST_WINDOW = timedelta(minutes=1)

UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class Value(BaseModel):
    """A frozen value; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(Value):
    """A half-open span of time, `[start, end)`."""

    start: UtcDatetime
    end: UtcDatetime

    @model_validator(mode="after")
    def _is_ahead(self) -> Window:
        if self.end <= self.start:
            msg = f"a window must end after it starts, not {self.start:%FT%TZ} to {self.end:%FT%TZ}"
            raise ValueError(msg)
        return self

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return (self.end - self.start).total_seconds()

    @property
    def baseline(self) -> Window:
        """The hour before it."""
        return Window(start=self.start - BASELINE, end=self.start)


class AgentName(StrEnum):
    """The three specialists, in the order in which they run."""

    APPLICATION = "application"
    DATABASE = "database"
    NETWORK = "network"


class Incident(Value):
    """What a person wants explained. `services` are where the symptom was noticed, not the cause."""

    id: str
    title: str
    services: tuple[str, ...] = ()
    started_at: UtcDatetime
    ended_at: UtcDatetime | None = None
    severity: str = ""
    description: str = ""
    origin: str = "declared"

    def window(self, now: datetime) -> Window:
        """The time in which the incident shows: from its start until now, half an hour at most, a minute at least.

        It never ends after `now`, and begins and ends on whole seconds: otherwise a query would not give the same points
        when it is asked again.
        """
        start = self.started_at.replace(microsecond=0)
        end = min(self.ended_at or now, start + LONGEST_WINDOW, max(now, start)).replace(microsecond=0)
        return Window(start=min(start, end - SHORTEST_WINDOW), end=end)


class Request(Value):
    """What somebody asked for: an incident by its reference, or a service and since when, or an incident again."""

    reference: str = ""
    service: str = ""
    since: timedelta | None = None
    incident: Incident | None = None
    budget: Decimal | None = None
    only: AgentName | None = None


class Investigation(Value):
    """Our work on one incident."""

    id: str
    incident: Incident
    started_at: UtcDatetime
    budget: Decimal
    only: AgentName | None = None
    again: bool = False


class Gap(Value):
    """Something that could not be looked at, and why."""

    source: str
    reason: Reason
    detail: str


class Observation(Value):
    """What a source said, before anyone interprets it.

    `value` is `reduction` of the series that `query` gives over `window` with `step`; `baseline_value` is the median of
    the same series over the baseline. `score` (0 to 1) says how unusual the value is, `onset` when it began.
    """

    id: str
    agent: AgentName
    source: str
    signal: str
    service: str
    summary: str
    value: float | None = None
    baseline_value: float | None = None
    unit: str = ""
    reduction: str = ""
    onset: UtcDatetime | None = None
    score: float = Field(ge=0, le=1)
    query: str
    link: str | None = None
    window: Window
    step: float | None = None


Verdict = Literal["contradicted", "survived", "untested"]


class Hypothesis(Value):
    """A cause that could be wrong. Evidence are ids of observations."""

    agent: AgentName
    service: str
    mechanism: str
    statement: str
    initial_confidence: float = Field(ge=0, le=1)
    confidence: float = Field(ge=0, le=1)
    verdict: Verdict = "untested"
    evidence_for: tuple[str, ...] = ()
    evidence_against: tuple[str, ...] = ()


class Edge(Value):
    """One service calls another. `system` names a database (`db.system`) where the callee is one."""

    caller: str
    callee: str
    system: str = ""


class Outcome(StrEnum):
    """How a run or an investigation ended. `skipped` is a run that never began."""

    ANSWERED = "answered"
    OUT_OF_BUDGET = "out_of_budget"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped"


class Findings(Value):
    """What one agent saw: handed, typed, to the agents after it."""

    observations: tuple[Observation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    edges: tuple[Edge, ...] = ()


class Run(Value):
    """One agent inside one investigation. `cost` is in US dollars; `reason` says why it did not answer."""

    agent: AgentName
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    cost: Decimal = Decimal(0)
    findings: Findings = Findings()
    hypotheses: tuple[Hypothesis, ...] = ()


class Progress(Value):
    """A run that just ended, with what the investigation has spent so far."""

    run: Run
    spent: Decimal
    budget: Decimal


class Conclusion(Value):
    """The end of an investigation. `hypotheses` are ranked; `costs` holds all three agents, also those that did not run."""

    investigation: Investigation
    outcome: Outcome
    reason: str = ""
    runs: tuple[Run, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    costs: dict[AgentName, Decimal] = Field(default_factory=dict)
    seconds: float = 0.0

    @property
    def total_cost(self) -> Decimal:
        """The sum over the agents, in US dollars."""
        return sum(self.costs.values(), Decimal(0))

    @property
    def observations(self) -> dict[str, Observation]:
        """Every observation by its id."""
        return {seen.id: seen for run in self.runs for seen in run.findings.observations}


class Post(Value):
    """A message that was posted: which investigation's, which step's, and where. `ts` is the other side's name for it."""

    investigation: str
    step: str
    channel: str
    ts: str
    thread_ts: str = ""


class Reduction(StrEnum):
    """What is made of the points of a family before they are grouped by service."""

    RAW = "raw"
    RATE = "rate"
    RATIO = "ratio"
    RATE_RATIO = "rate_ratio"
    QUANTILE = "quantile"


Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric that exists: which label of it names the service, that label's values, and the other labels with values.

    `members` are pairs of label value and service (`("orders-db:5432", "orders-db")`). A histogram's name is without `_bucket`.
    """

    name: str
    kind: Kind
    service_label: str
    members: tuple[tuple[str, str], ...]
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unit: str = ""

    @property
    def services(self) -> frozenset[str]:
        """The services that it was seen for."""
        return frozenset(service for _, service in self.members)


@dataclass(frozen=True, slots=True)
class Match:
    """One label must have one of these values, or (`negated`) none of them. A label that is absent has the value ''."""

    label: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which numbers are wanted, in no query language.

    reduction      meaning, per group of (`service_label`, *`by`)
    raw            `aggregate` of the family
    rate           `aggregate` of its increase per second
    ratio          sum of the family ÷ `aggregate` of `over`
    rate_ratio     sum of its increase ÷ sum of the increase of `over`; no increase of the family counts as 0
    quantile       `quantile` of a histogram's observations (family without `_bucket`)

    `where` filters the family, `over_where` the divisor; both always match `members` on `service_label` as well.
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
    """One span; `t` is its start in unix seconds, `ms` its duration; `kind` is client, server, … or ''."""

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


@dataclass(frozen=True, slots=True)
class Change:
    """A deploy, config or scale event."""

    t: float
    service: str
    text: str
    kind: str
    query: str
    source: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a source answered: the values, what is missing from them, and what was asked (lines and spans share one query)."""

    values: tuple[T, ...] = ()
    gaps: tuple[Gap, ...] = ()
    query: str = ""
    link: str | None = None
    source: str = ""


# Kubernetes makes its hashes of digits and consonants
_REPLICA = re.compile(r"(.+)-[0-9b-df-hj-np-tv-z]{6,10}-[0-9a-z]{5}")
_STATEFUL = re.compile(r"(.+)-[0-9]+")


def service_name(value: str, label: str) -> str:
    """The service that a label's value names: `orders-db.shop.svc:5432` → `orders-db`, `shop/checkout` in `job` → `checkout`.

    A pod's name loses its replica-set and pod suffixes (`checkout-7c9b6d-k4jxs` → `checkout`), a stateful set's its number.
    """
    if label == "job":
        return value.rpartition("/")[2]
    if label in {"server", "instance", "server_address", "net_peer_name"}:
        return _host(value)
    if label in {"pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name"}:
        return _workload(value)
    return value


def _host(value: str) -> str:
    host = value.rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    if host.count(":") > 1:  # an IPv6 address without brackets
        return host
    host = host.partition(":")[0]
    return host if host.replace(".", "").isdigit() else host.partition(".")[0]


def _workload(pod: str) -> str:
    named = _STATEFUL.fullmatch(pod) or _REPLICA.fullmatch(pod)
    return named[1] if named else pod
