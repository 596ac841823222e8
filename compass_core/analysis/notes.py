"""Observations in the making: who observes, when, and in which order it is told."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from compass_core.analysis.wording import plain
from compass_core.domain import AgentName, Gap, Looked, Observation, Window
from compass_core.readings import Change, Reading, Series
from compass_core.signals.catalogue import FAILURES, OF_ERRORS, SIGNALS

LAST_TIME = 253_402_300_800  # the year 10,000
POINTS = 20  # of a series that a picture needs; Slack draws no more
LEAST = 0.05  # a score below this is not worth a line, unless it is about the affected service
TELLING = (
    "deploy",
    "config_change",
    "failing_spans",
    "up",
    "error_ratio",
    "db_connections_of_limit",
    "log_connection_exhaustion",
    *SIGNALS,
)


@dataclass(frozen=True, slots=True)
class Times:
    """When is looked at: the window, the baseline before it, and the step between points in seconds.

    `why` says why just then, `clean` (0 to 1) how far the baseline can be trusted to show what is usual. `gaps` are what could not be
    read to find it out.
    """

    window: Window
    baseline: Window
    step: float
    why: str = ""
    clean: float = 1.0
    gaps: tuple[Gap, ...] = ()

    @property
    def all(self) -> Window:
        """Baseline and window together."""
        return Window(start=self.baseline.start, end=self.window.end)

    @property
    def looked(self) -> Looked:
        """What of it is told."""
        return Looked(window=self.window, baseline=self.baseline, why=self.why, clean=self.clean)


@dataclass(frozen=True, slots=True)
class Note:
    """Who observes, and when."""

    agent: AgentName
    times: Times

    def observation(self, service: str, signal: str, summary: str, score: float, **more: object) -> Observation:
        """One observation of this agent over this window; its summary is one line that begins with the service, if there is one."""
        said = plain(f"{service}: {summary}".removeprefix(": "))
        facts = {"id": "", "agent": self.agent, "service": service, "signal": signal, "summary": said, "score": score}
        return Observation.model_validate({**facts, "window": self.times.window, **more})

    def points(self, series: Series, *, falls: bool) -> tuple[float | None, ...]:
        """Baseline and window in equal parts: of each the highest value, or the lowest where it `falls`; None where there is none."""
        part = np.floor((series.t - self.times.all.start.timestamp()) / self.times.all.seconds * POINTS)
        sign = -1.0 if falls else 1.0
        kept = (part >= 0) & (part < POINTS) & np.isfinite(series.v)
        most = np.full(POINTS, -np.inf)
        np.maximum.at(most, part[kept].astype(np.intp), sign * series.v[kept])
        return tuple(float(f"{sign * one:.4g}") if np.isfinite(one) else None for one in most)


def numbered(
    agent: AgentName, observations: Iterable[Observation], affected: Collection[str], most: int, known: Iterable[Observation] = ()
) -> tuple[Observation, ...]:
    """The observations worth telling, with ids (`A1`, `D2`, …).

    First comes the strongest of each signal, of equals the one that began first, then the second of each, and so on: five
    services with the same trouble are one thing to read. What is nothing unusual is kept of the affected services, and, whether requests
    fail, of those that write of errors.
    """
    by_signal: dict[str, list[Observation]] = {}
    observations = tuple(observations)
    writing = {seen.service for seen in (*known, *observations) if seen.signal in OF_ERRORS and seen.score >= LEAST}
    for seen in observations:
        if seen.score >= LEAST or seen.service in affected or (seen.signal in FAILURES and seen.service in writing):
            by_signal.setdefault(seen.signal, []).append(seen)
    turns = []
    for signal, alike in by_signal.items():
        alike.sort(key=lambda seen: (-round(seen.score, 1), seen.onset or seen.window.end, seen.service, seen.summary))
        turns += [((seen.score < LEAST, turn, -round(seen.score, 1), _telling(signal), signal), seen) for turn, seen in enumerate(alike)]
    turns.sort(key=lambda turn: turn[0])
    return tuple(seen.model_copy(update={"id": f"{agent[0].upper()}{i}"}) for i, (_, seen) in enumerate(turns[:most], start=1))


def _telling(signal: str) -> int:
    """Of two equally unusual signals the one that says more comes first."""
    return TELLING.index(signal) if signal in TELLING else len(TELLING)


def at(t: float | None) -> datetime | None:
    """Unix seconds as aware UTC; None for no time, and for one that no clock shows."""
    return datetime.fromtimestamp(t, UTC) if t is not None and 0 <= t < LAST_TIME else None


def asked(of: Series | Change | Reading[Any], first: float | None) -> dict[str, object]:
    """Of an observation: where it was seen, by which query, and since when (unix seconds)."""
    step = {"step": of.step} if isinstance(of, Series) else {}
    return {"source": of.source, "onset": at(first), "query": of.query, "link": of.link, **step}
