"""From series, lines, spans and changes to observations: each with its value, what is usual, and what was asked.

Every function leaves `Observation.id` empty; `numbered` gives the ids.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from compass_core.analysis.shifts import LOOK_BACK_SECONDS, shift, squash
from compass_core.analysis.wording import amount
from compass_core.model import Observation, Window, service_name
from compass_core.signals.catalogue import ROWS, SIGNALS, Signal, resembled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from compass_core.analysis.templates import Template
    from compass_core.analysis.traces import Failure, Growth
    from compass_core.model import AgentName, Change, LogLine, Reading, Series, Span
    from compass_core.signals.logs import Phrases

LEAST = 0.05  # a score below this is not worth a line, unless it is about the affected service
TO_PEER = frozenset(row.signal for row in ROWS if row.to_peer)
NEW_TEMPLATES = 5
DEPLOY_MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """When is looked at: the window, the baseline before it, and the step between points in seconds."""

    window: Window
    baseline: Window
    step: float

    @property
    def all(self) -> Window:
        """Baseline and window together."""
        return Window(start=self.baseline.start, end=self.window.end)


@dataclass(frozen=True, slots=True)
class Note:
    """Who observes, and when."""

    agent: AgentName
    times: Times

    def observation(self, service: str, signal: str, summary: str, score: float, **more: object) -> Observation:
        """One observation of this agent over this window."""
        window = more.pop("window", self.times.window)
        return Observation.model_validate(
            {
                "id": "",
                "agent": self.agent,
                "service": service,
                "signal": signal,
                "summary": summary,
                "score": score,
                "window": window,
                **more,
            }
        )


def numbered(agent: AgentName, observations: Iterable[Observation], affected: Collection[str], most: int) -> tuple[Observation, ...]:
    """The strongest observations with ids (`A1`, `D2`, …); those that are nothing unusual only of the affected services, last."""
    worth = [seen for seen in observations if seen.score >= LEAST or seen.service in affected]
    ordered = sorted(worth, key=lambda seen: (-seen.score, seen.signal, seen.service, seen.summary))[:most]
    return tuple(seen.model_copy(update={"id": f"{agent[0].upper()}{i}"}) for i, seen in enumerate(ordered, start=1))


def of_series(note: Note, series: Sequence[Series]) -> list[Observation]:
    """The strongest observation of each signal and service among the series."""
    best: dict[tuple[str, str, str], Observation] = {}
    for one in series:
        seen = _of_series(note, one)
        if seen is None:
            continue
        key = (seen.signal, seen.service, one.service)
        if key not in best or seen.score > best[key].score:
            best[key] = seen
    return list(best.values())


def _of_series(note: Note, series: Series) -> Observation | None:
    signal = _signal(series, note.agent)
    start = note.times.window.start.timestamp()
    moved = shift(series.t, series.v, start, signal.direction, floor=signal.floor, level=signal.level)
    if moved is None:
        return None
    service, where = series.service, ""
    if signal.name in TO_PEER:
        label, peer = next(((label, series.labels.get(label, "")) for label in series.selection.by), ("", ""))
        service, where = service_name(peer, "server_address") if peer else service, f" from {series.service}"
        if "_name" in label and label != "net_peer_name":
            service = peer
    onset = _utc(moved.onset)
    usual = "" if moved.baseline is None else f", usually {amount(moved.baseline, signal.unit)}"
    since = f", since {onset:%H:%M:%S}" if onset else ""
    return note.observation(
        service,
        signal.name,
        f"{signal.words}{where} {amount(moved.value, signal.unit)}{usual}{since}",
        moved.score,
        source=series.source,
        value=moved.value,
        baseline_value=moved.baseline,
        unit=signal.unit,
        reduction=f"{'min' if moved.falls else 'max'} over the window; usual is the median over the baseline",
        onset=onset,
        query=series.query,
        link=series.link,
        step=series.step,
    )


def _signal(series: Series, agent: AgentName) -> Signal:
    name = series.selection.signal
    if known := SIGNALS.get(name):
        milliseconds = known.unit == "s" and "milliseconds" in series.selection.family
        return replace(known, unit="ms", floor=known.floor * 1000) if milliseconds else known
    family = series.selection.family
    unit = "/s" if series.selection.reduction == "rate" else "bytes" if family.endswith("_bytes") else ""
    like = resembled(family)
    return Signal(like or name, agent, family, unit, SIGNALS[like].direction if like else "both")


def of_versions(note: Note, series: Sequence[Series]) -> list[Observation]:
    """Deploys that show in a version label: the first point of a version that was not there from the beginning."""
    found = []
    begin = note.times.baseline.start.timestamp() + 2 * LOOK_BACK_SECONDS / 10
    by_service: dict[str, list[Series]] = {}
    for one in series:
        by_service.setdefault(one.service, []).append(one)
    for service, kinds in by_service.items():
        label = kinds[0].selection.by[-1]
        old = sorted({one.labels.get(label, "") for one in kinds if one.t.size and one.t[0] < begin} - {""})
        for one in kinds:
            version = one.labels.get(label, "")
            if not version or not one.t.size or one.t[0] < begin or version in old:
                continue
            text = f"{service} {', '.join(old)} → {version}" if old else f"{service} {version} appeared"
            found.append(_deploy(note, service, text, float(one.t[0]), "deploy", one.query, one.link, one.source))
    return found


def of_changes(note: Note, reading: Reading[Change]) -> list[Observation]:
    """Deploys and configuration changes that a source recorded."""
    return [
        _deploy(
            note, one.service, one.text, one.t, one.kind if one.kind == "deploy" else f"{one.kind}_change", one.query, one.link, one.source
        )
        for one in reading.values
    ]


def _deploy(note: Note, service: str, text: str, t: float, signal: str, query: str, link: str | None, source: str) -> Observation:  # noqa: PLR0913, PLR0917 - the facts of one event
    """A change counts the more, the closer it came before the incident: 0.9 just before its start, 0.45 half an hour earlier."""
    minutes = (note.times.window.start.timestamp() - t) / 60
    score = 0.9 * max(0.0, 1 - max(minutes, 0.0) / DEPLOY_MINUTES) if minutes > -LOOK_BACK_SECONDS / 60 else 0.2
    at = _utc(t)
    return note.observation(
        service,
        signal,
        f"{text} at {at:%H:%M:%S}",
        round(score, 4),
        source=source,
        onset=at,
        query=query,
        link=link,
        reduction="first time it is seen",
        window=note.times.all,
    )


def of_growths(note: Note, growths: Iterable[Growth], spans: Reading[Span]) -> list[Observation]:
    """Operations, ways and database calls that take longer than before, the most grown of each service."""
    best: dict[tuple[str, str], Observation] = {}
    for one in growths:
        what, formula, service = {
            "self_time": (f"{one.operation.name} itself", "duration − time in child spans", one.operation.service),
            "gap": (f"way from {one.operation.service} ({one.operation.name})", "client span − server span beneath it", one.operation.peer),
            "database_time": (
                f"calls from {one.operation.service} ({one.operation.name})",
                "duration of database client spans",
                one.operation.peer or one.operation.service,
            ),
        }[one.operation.measure]
        onset = _utc(one.first)
        seen = note.observation(
            service,
            one.operation.measure,
            f"{what} {amount(one.value, 'ms')}, usually {amount(one.baseline, 'ms')}",
            one.score,
            source=spans.source,
            value=one.value,
            baseline_value=one.baseline,
            unit="ms",
            reduction=f"median over {one.count} spans of the window ({formula}); usual is the median over the baseline's",
            onset=onset,
            query=spans.query,
            link=spans.link,
        )
        best.setdefault((service, seen.signal), seen)
    return list(best.values())


def of_failures(note: Note, failures: Iterable[Failure], spans: Reading[Span]) -> list[Observation]:
    """Where errors start: at the callee that a failing call without anything beneath it names, else at the service itself."""
    found = []
    for one in failures:
        said = f": {one.message[:160]}" if one.message else ""
        caller = f" from {one.service}" if one.peer else ""
        found.append(
            note.observation(
                one.peer or one.service,
                "failing_spans",
                f"{one.name}{caller} fails in {amount(one.share, 'ratio')} of {one.count / one.share:.0f} spans, "
                f"usually {amount(one.baseline_share, 'ratio')}{said}",
                one.score,
                source=spans.source,
                value=one.share,
                baseline_value=one.baseline_share,
                unit="ratio",
                reduction="failing spans without a failing child ÷ spans of the operation, over the window",
                onset=_utc(one.first),
                query=spans.query,
                link=spans.link,
            )
        )
    return found


def of_counts(note: Note, series: Sequence[Series]) -> list[Observation]:
    """How many lines that tell of errors each service writes."""
    found = []
    for one in series:
        moved = shift(one.t, one.v, note.times.window.start.timestamp(), "up", floor=2)
        if moved is None or moved.score <= 0:
            continue
        onset = _utc(moved.onset)
        found.append(
            note.observation(
                one.service,
                "error_lines",
                f"{amount(moved.value, '')} error lines in {one.step:.0f} s, usually {amount(moved.baseline or 0, '')}",
                moved.score,
                source=one.source,
                value=moved.value,
                baseline_value=moved.baseline,
                reduction="max over the window; usual is the median over the baseline",
                onset=onset,
                query=one.query,
                link=one.link,
                step=one.step,
            )
        )
    return found


def of_templates(note: Note, templates: Iterable[Template], lines: Reading[LogLine]) -> list[Observation]:
    """Kinds of error lines that are new or come much more often, the strongest of each service."""
    ratio = note.times.window.seconds / note.times.baseline.seconds
    best: dict[str, list[Observation]] = {}
    for one in templates:
        usual = one.before * ratio
        score = squash((one.count - usual) / max(1.0, usual**0.5)) * (1.0 if not one.before else 0.8)
        if score < LEAST or len(best.setdefault(one.service, [])) >= NEW_TEMPLATES:
            continue
        best[one.service].append(
            note.observation(
                one.service,
                "new_errors",
                f"{one.count} lines{' of a new kind' if not one.before else f', usually {usual:.0f}'}: {one.example[:160]}",
                round(score, 4),
                source=lines.source,
                value=one.count,
                baseline_value=usual,
                reduction="lines of one template over the window; usual is the baseline's count × window ÷ baseline",
                onset=_utc(one.first),
                query=lines.query,
                link=lines.link,
            )
        )
    return [seen for kinds in best.values() for seen in kinds]


def of_phrases(
    note: Note, kinds: Iterable[Phrases], window: Reading[LogLine], before: Reading[LogLine], services: Collection[str]
) -> list[Observation]:
    """Lines that tell of a kind of trouble, at the service that wrote them, or, for refused connections, that they name."""
    ratio = note.times.window.seconds / note.times.baseline.seconds
    found = []
    for kind in kinds:
        usually = _by_service(kind, before.values, services)
        for service, lines in _by_service(kind, window.values, services).items():
            usual = len(usually.get(service, ())) * ratio
            score = squash((len(lines) - usual) / max(1.0, usual**0.5))
            found.append(
                note.observation(
                    service,
                    kind.signal,
                    f"{len(lines)} lines tell: {kind.words}, usually {usual:.0f}: {lines[0].line[:160]}",
                    score,
                    source=window.source,
                    value=len(lines),
                    baseline_value=usual,
                    reduction="lines with these phrases over the window; usual is the baseline's count × window ÷ baseline",
                    onset=_utc(lines[0].t),
                    query=window.query,
                    link=window.link,
                )
            )
    return found


def _by_service(kind: Phrases, lines: Iterable[LogLine], services: Collection[str]) -> Mapping[str, list[LogLine]]:
    found: dict[str, list[LogLine]] = {}
    for line in lines:
        text = line.line.lower()
        if any(phrase in text for phrase in kind.phrases):
            found.setdefault(_named(line, services) if kind.signal == "log_connection_refused" else line.service, []).append(line)
    return found


def _named(line: LogLine, services: Collection[str]) -> str:
    """The longest other service that the line names, else the one that wrote it."""
    named = [one for one in services if one != line.service and one and one in line.line]
    return max(named, key=len, default=line.service)


def _utc(t: float | None) -> datetime | None:
    return None if t is None or not np.isfinite(t) else datetime.fromtimestamp(t, UTC)
