"""The form of the table: one row says everything about one signal. Adding a signal, or another way to ask for it, is adding data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from compass_core.domain import AgentName
from compass_core.readings import Reduction

APPLICATION, DATABASE, NETWORK = AgentName
RAW, RATE, RATIO, RATE_RATIO, QUANTILE, INCREASE, RATE_OF, PAST = Reduction

Evidence = Literal["direct", "resource", "felt", "weak"]
"""direct: it says so itself · resource: its own CPU, memory, disk, pool · felt: what a failing callee brings about as well · weak: load."""
DIRECT: Evidence = "direct"
RESOURCE: Evidence = "resource"
FELT: Evidence = "felt"
WEAK: Evidence = "weak"

BAD = 0.6  # severity where bad begins; it is 0 until noticeable, and 1 from very bad on


@dataclass(frozen=True, slots=True)
class Where:
    """A filter by whichever of these labels a family has, on the values that match the pattern as a whole."""

    labels: tuple[str, ...]
    pattern: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Families (any of them) that measure a signal, and how. `by` keeps those of its labels that a family has.

    `where` and `also` filter the family, `over_where` its divisor.

    `unit`: that of the family's values, where its name does not say it.

    `to_peer`: `by` names whom the service talks to; what is seen is then said of that peer.
    """

    families: tuple[str, ...]
    reduction: Reduction = RAW
    where: Where | None = None
    over: tuple[str, ...] = ()
    also: Where | None = None
    over_where: Where | None = None
    quantile: float = 0.0
    aggregate: Literal["sum", "max", "min", "avg"] = "sum"
    by: tuple[str, ...] = ()
    to_peer: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """From where on it is noticeable, bad and very bad.

    `of` says what is compared with these numbers, in the signal's unit:
    change   by how much the value moved in its bad direction
    level    the value itself
    times    value ÷ usual value (where falling is bad the other way round); a change of less than `least` is nothing
    """

    of: Literal["change", "level", "times"]
    noticeable: float
    bad: float
    very_bad: float
    least: float = 0.0

    def times(self, factor: float) -> Scale:
        """The same for values that are `factor` times as large: in another unit."""
        if self.of == "times":
            return replace(self, least=self.least * factor)
        return Scale(self.of, *(mark * factor for mark in (self.noticeable, self.bad, self.very_bad)))

    def severity(self, value: float, usual: float | None, *, falls: bool = False) -> float:
        """How bad a value is, from 0 to 1. What is usual may be unknown: then only a level says something."""
        if self.of == "level":
            return self._position(-value if falls else value, -1 if falls else 1)
        if usual is None:
            return 0.0
        change = usual - value if falls else value - usual
        if change <= 0:
            return 0.0
        if self.of == "change":  # of what is usual in part, a little more of it is nothing new
            return self._position(change) * (min(1.0, change / usual) if usual > 0 and not falls else 1.0)
        if change < self.least:
            return 0.0
        more, less = (usual, value) if falls else (value, usual)
        return self._position(math.log(more / less) if less > 0 else math.inf, of=math.log)

    def _position(self, x: float, sign: int = 1, of: Callable[[float], float] = float) -> float:
        marks = tuple(sign * of(mark) for mark in (self.noticeable, self.bad, self.very_bad))
        return float(np.interp(x, marks, (0.0, BAD, 1.0)))


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing worth watching.

    name       how it is called in code, messages to models and `--json`
    agent      who watches it
    words      what it measures, as a person reads it
    unit       of its value: ratio (0 to 1), s, bytes, B/s, /s, cores, or '' for a number
    scale      where it is noticeable, bad, very bad; a comment says where these numbers come from
    evidence   its class
    speaks_for the mechanisms that it is a sign of, the more specific first
    direction  in which it is bad; a signal that may do both and falls is the signal `name_drop`
    asked      how metrics are asked for it
    phrases    parts of log lines, in lower case, that tell of it
    """

    name: str
    agent: AgentName
    words: str
    unit: str
    scale: Scale
    evidence: Evidence
    speaks_for: tuple[str, ...]
    direction: Literal["up", "down", "both"] = "up"
    asked: tuple[Ask, ...] = ()
    phrases: tuple[str, ...] = ()
