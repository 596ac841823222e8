"""The words of an investigation as frozen values: no I/O and no clock.

All of them cross a process boundary (a table, `--json`, a journal), so they are pydantic's. Collections are tuples, times
are aware UTC.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from compass_core.errors import Reason

BASELINE = timedelta(minutes=60)
WHOLE = timedelta(minutes=5)  # a multiple of every step between points, so that they fall on the window's start
LONGEST_WINDOW = timedelta(minutes=30)
SHORTEST_WINDOW = timedelta(minutes=1)

UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
Environment = tuple[tuple[str, str], ...]
"""Labels, by their real names, that telemetry must carry to be read: `(("cluster", "eu-1"), ("namespace", "shop"))`."""


class Value(BaseModel):
    """A frozen value; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(Value):
    """A half-open span of time, `[start, end)`."""

    start: UtcDatetime
    end: UtcDatetime

    @model_validator(mode="after")
    def _is_ahead(self) -> Self:
        if self.end <= self.start:
            msg = f"a window must end after it starts, not {self.start:%FT%TZ} to {self.end:%FT%TZ}"
            raise ValueError(msg)
        return self

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


class AgentName(StrEnum):
    """The three specialists, in the order in which they run."""

    APPLICATION = "application"
    DATABASE = "database"
    NETWORK = "network"


class Incident(Value):
    """What a person wants explained. `services` are where the symptom was noticed, not the cause.

    `environment` is where it is: telemetry of another one is not read.
    `well_since` is where the time before it, that it is compared with, begins, if that is known (as it is of a recording).
    `waited` is how long its alert's rule may have waited before it fired, None where that is not known.
    `hint` is what a person suspects: where is looked first, and no evidence. `noted` is what a person must know of how it was read.
    """

    id: str
    title: str
    services: tuple[str, ...] = ()
    environment: Environment = ()
    started_at: UtcDatetime
    ended_at: UtcDatetime | None = None
    well_since: UtcDatetime | None = None
    waited: timedelta | None = None
    severity: str = ""
    description: str = ""
    origin: str = "declared"
    hint: str = ""
    noted: str = ""

    def hints_at(self, name: str) -> bool:
        """Whether the hint names this thing or mechanism: `dns` names `dns_failure`."""
        name, said = name.lower(), set(re.findall(r"\w[\w./:-]*\w", self.hint.lower()))
        return bool(said & {name, *(part for part in name.split("_") if "_" in name and part not in {"in", "io", "service"})})

    @property
    def by_hand(self) -> bool:
        """Whether a person said what it is about and since when; both are guessed."""
        return self.origin in {"declared", "asked for"}

    def window(self, now: datetime) -> Window:
        """The time in which the incident shows: from its start until now, half an hour at most, a minute at least.

        It never ends after `now`, and begins and ends on whole seconds: otherwise a query would not give the same points
        when it is asked again.
        """
        start = self.started_at.replace(microsecond=0)
        end = min(self.ended_at or now, start + LONGEST_WINDOW, max(now, start)).replace(microsecond=0)
        return Window(start=min(start, end - SHORTEST_WINDOW), end=end)

    def baseline(self, window: Window) -> Window:
        """The time before the window: an hour, or since when all was well; a whole number of `WHOLE` long."""
        length = max(window.start - self.well_since, WHOLE) if self.well_since else BASELINE
        return Window(start=window.start - WHOLE * -(-length // WHOLE), end=window.start)


class Address(Value):
    """Where an investigation speaks: a channel, and the message under which it does, '' for a new one; all '' is a terminal."""

    channel: str = ""
    thread_ts: str = ""


class Request(Value):
    """What somebody asked for: an incident by its reference, or a service and since when, or an incident again.

    `asker` and `workspace` are Slack's ids, '' for the operator at a terminal. `environment` wins over what the incident's own
    labels say of where it is. `asked_by` is the name of who asks, for people to read. `goes_on` names an investigation whose finished
    agents need not run again. `again`: it was investigated before.
    """

    reference: str = ""
    service: str = ""
    since: timedelta | None = None
    environment: Environment = ()
    incident: Incident | None = None
    budget: Decimal | None = None
    asker: str = ""
    asked_by: str = ""
    workspace: str = ""
    only: AgentName | None = None
    address: Address = Address()
    goes_on: str = ""
    again: bool = False


class Investigation(Value):
    """Our work on one incident. `waits` is its place in the line when it was asked for, 0 where it could begin at once.

    `account` is charged for it beside its own budget: a workspace's day. `goes_on` is as in the `Request`.
    """

    id: str
    incident: Incident
    started_at: UtcDatetime
    budget: Decimal
    only: AgentName | None = None
    again: bool = False
    waits: int = 0
    asker: str = ""
    asked_by: str = ""
    account: str = ""
    address: Address = Address()
    goes_on: str = ""


class Gap(Value):
    """Something that could not be looked at, and why."""

    source: str
    reason: Reason
    detail: str


class Observation(Value):
    """What a source said, before anyone interprets it.

    `value` is `reduction` of the series that `query` gives over `window` with `step`; `baseline_value` is the median of
    the same series over the baseline. `score` (0 to 1) says how unusual the value is, `onset` when it began, in the
    `onset_within` seconds before that at the earliest. `points` are that series for a picture, over baseline and window in equal
    parts: of each the highest value (the lowest, where it fell), None where there was none.
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
    onset_within: float | None = None
    score: float = Field(ge=0, le=1)
    query: str
    link: str | None = None
    window: Window
    step: float | None = None
    points: tuple[float | None, ...] = Field(default=(), max_length=20)


Verdict = Literal["contradicted", "survived", "untested"]


class Prediction(Value):
    """What would be seen if a hypothesis were true: `signal` (a signal or a query) of a service, compared with what (`above 0.9`)."""

    signal: str
    service: str
    comparison: str


class Trial(Value):
    """One attempt to prove a hypothesis wrong: what was asked, what came of it, and what was `expected` if the hypothesis is true."""

    name: str
    verdict: Verdict
    detail: str
    expected: str = ""
    value: float | None = None
    query: str = ""
    link: str | None = None


class Tried(Value):
    """What the tests say of a mechanism at a service."""

    service: str
    mechanism: str
    tests: tuple[Trial, ...]


class Hypothesis(Value):
    """A cause that could be wrong. Evidence are ids of observations; `next_check` is what a person should look at next.

    `statement` is the rules' own, with the numbers that they read; `model_says`, `predictions` and `next_check` are a model's words.
    `confidence` is what everything says at the end; `by_rules` is false where a model added the whole hypothesis.
    `brought_about_by` is the change before it, `explains` who suffers from it, on the way from one to the next, both as ids of
    observations; `story` is all of that in one line.
    """

    agent: AgentName
    service: str
    mechanism: str
    statement: str
    initial_confidence: float = Field(ge=0, le=1)
    confidence: float = Field(ge=0, le=1)
    verdict: Verdict = "untested"
    tests: tuple[Trial, ...] = ()
    brought_about_by: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    story: str = ""
    evidence_for: tuple[str, ...] = ()
    evidence_against: tuple[str, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    next_check: str = ""
    model_says: str = ""
    by_rules: bool = True

    @property
    def about(self) -> str:
        """`postgres-orders: connection exhaustion`."""
        return f"{self.service}: {self.mechanism.replace('_', ' ')}"


class Feedback(Value):
    """What a `person` (with a `name` to read) says of a `hypothesis` (its `about`): it is `right`, or it `was` another one or a service.

    Without a person it is the grade that Compass gives itself, by what it saw later (`note`).
    """

    investigation: str
    hypothesis: str
    person: str
    name: str
    right: bool
    was: str = ""
    note: str = ""

    @property
    def told(self) -> str:
        """`sam says: wrong, it was redis: eviction, not postgres-orders: connection exhaustion (“the cache was full”)`."""
        if not self.person:
            return self.note
        note, instead = f" (“{self.note}”)" if self.note else "", f"{self.was}, " if self.was else ""
        return f"{self.name} says: {'right, it was' if self.right else f'wrong, it was {instead}not'} {self.hypothesis}{note}"

    def says_of(self, one: Hypothesis) -> bool | None:
        """Whether that is the cause; None where it says nothing of it."""
        if self.hypothesis == one.about:
            return self.right
        cause = (self.hypothesis if self.right else self.was).casefold()
        return cause in {one.about.casefold(), one.service.casefold()} if cause else None


class Edge(Value):
    """One service calls another. `system` names a database (`db.system`) where the callee is one; of the node it runs on it is `node`."""

    caller: str
    callee: str
    system: str = ""


class Outcome(StrEnum):
    """How a run or an investigation ended. `skipped` is a run that never began, `blind` an investigation that could read nothing."""

    ANSWERED = "answered"
    OUT_OF_BUDGET = "out_of_budget"
    FAILED = "failed"
    STOPPED = "stopped"
    BLIND = "blind"
    SKIPPED = "skipped"


class Suspect(Value):
    """A service with its share of the blame, from 0 to 1: what stands against it and is not explained by what it calls."""

    service: str
    score: float = Field(ge=0, le=1)


class Looked(Value):
    """Which time was looked at, what it was compared with, and why just that; the same for all agents of an investigation.

    `clean` (0 to 1) says how far the baseline can be trusted to show what is usual: lower where it is short or holds trouble itself.
    """

    window: Window
    baseline: Window
    why: str
    clean: float = Field(default=1.0, ge=0, le=1)


class Findings(Value):
    """What one agent saw: handed, typed, to the agents after it.

    `suspects` are all services in scope, the most suspected first, by everything that was seen so far. `silent` are the kinds of
    telemetry (metrics, logs, traces) that gave nothing, to this agent or those before it, whether they failed or held nothing.
    """

    looked: Looked | None = None

    observations: tuple[Observation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    edges: tuple[Edge, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    silent: tuple[str, ...] = ()


class Thoughts(Value):
    """What one agent thinks.

    `unrefined` says why no model's answer is in it, '' where a model refined it; `remark` what else is to be
    said of the model: what of its answer was left out, which setting to change.
    """

    hypotheses: tuple[Hypothesis, ...] = ()
    unrefined: str = ""
    remark: str = ""


class Run(Value):
    """One agent inside one investigation. `cost` is in US dollars; `reason` says why it did not answer.

    `unrefined` and `remark` are those of its `Thoughts`.
    """

    agent: AgentName
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    cost: Decimal = Decimal(0)
    findings: Findings = Findings()
    hypotheses: tuple[Hypothesis, ...] = ()
    unrefined: str = ""
    remark: str = ""


class Moment(Value):
    """Where an investigation is while it runs: `ahead` others begin before it; else `doing` is an agent's name, or `testing`.

    `asking` is the kind of telemetry that is waited for, '' for none; `seconds` is how long it has been doing that; `runs` have ended.
    """

    runs: tuple[Run, ...] = ()
    ahead: int = 0
    doing: str = ""
    asking: str = ""
    seconds: float = 0.0
    spent: Decimal = Decimal(0)


class Conclusion(Value):
    """The end of an investigation. `hypotheses` are ranked; `costs` holds all three agents, also those that did not run.

    `coverage` (0 to 1) is how much of what should have been looked at was; every confidence was lowered by it. `how_sure` says in words
    how often an answer like the first is right, `why_not` why it is not what an earlier message named, nor a change nearby, `unexplained`
    what it leaves open, `changed` what is otherwise than when the same incident was looked at before, `seen_before` when the same was
    found earlier, `seen_in` in which investigation, and `seen_how` of which incident, what people said of it and what ended it.
    `feedback` is what people said of it since, the last at the end.
    """

    investigation: Investigation
    outcome: Outcome
    reason: str = ""
    runs: tuple[Run, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    costs: dict[AgentName, Decimal] = Field(default_factory=dict)
    seconds: float = 0.0
    coverage: float = Field(default=1.0, ge=0, le=1)
    how_sure: str = ""
    why_not: str = ""
    unexplained: str = ""
    changed: tuple[str, ...] = ()
    seen_before: str = ""
    seen_in: str = ""
    seen_how: str = ""
    feedback: tuple[Feedback, ...] = ()

    @property
    def judged(self) -> bool | None:
        """Whether the first hypothesis is right, as people say: who spoke of it last, else who last named another; None for nobody."""
        said = [one for one in self.feedback if one.person and self.hypotheses and one.says_of(self.hypotheses[0]) is not None]
        of_it = [one for one in said if one.hypothesis == self.hypotheses[0].about]
        return (of_it or said)[-1].says_of(self.hypotheses[0]) if said else None

    @property
    def total_cost(self) -> Decimal:
        """The sum over the agents, in US dollars."""
        return sum(self.costs.values(), Decimal(0))

    @property
    def looked(self) -> Looked | None:
        """Which time the agents looked at, once one did."""
        return next((run.findings.looked for run in self.runs if run.findings.looked), None)

    @property
    def observations(self) -> dict[str, Observation]:
        return {seen.id: seen for run in self.runs for seen in run.findings.observations}


class Question(Value):
    """What somebody asks about an investigation.

    It is `about` a service or a node, about agents and mechanisms whose names hold `mechanism`, or about signals whose names hold
    `signal` (`log`: lines), each split `by` a label, or compared with so many `days` earlier.
    """

    kind: Literal["why_not", "show", "changed", "compare", "unlooked", "sure", "next", "felt", "none"]
    about: str
    mechanism: str
    signal: str
    by: str
    days: int


class Post(Value):
    """A message: which investigation's, which step's, and where.

    `ts` is the other side's name for it, '' while nobody knows whether it is there.
    """

    investigation: str
    step: str
    channel: str
    ts: str = ""
    thread_ts: str = ""


class Message(Value):
    """A part of what a model is asked."""

    role: Literal["system", "user", "assistant"]
    text: str
