"""What is missing: series that end, traffic that stops, a service that writes nothing more."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compass_core.analysis.graph import callees
from compass_core.analysis.notes import Note, asked
from compass_core.analysis.wording import amount
from compass_core.domain import Edge, Observation
from compass_core.readings import Selection, Series, Span

PATIENCE = 180.0  # seconds without any point: a scrape or two may fail
HISTORY = 900.0  # seconds for which a thing must have been there
STEADY = 0.8  # of the time of its history: what comes and goes is not missing when it goes
TOGETHER = 300.0  # seconds: what begins so near the end of something else may be the same under another name
MOST = 0.5  # where more than this share of all ends at once, whoever collects it has failed
AFAR = 0.8  # what is left of the score of what nobody knows to have to do with the incident
STOPPED = 0.1  # of the usual traffic
SILENT_LINES = 20.0  # lines that should have come meanwhile: by chance none of so many comes once in 500 million times
SCRAPED = frozenset({"up"})  # what Prometheus writes itself
LOADS = frozenset({"request_rate", "bytes_in", "db_transactions"})
FEWER = frozenset({"instances", "replicas_available"})
TROUBLE = 0.25  # a score that says that something is wrong


@dataclass(frozen=True, slots=True)
class Gone:
    """A service of which every series ended: its last point (unix seconds), its longest series, and the families that it had."""

    service: str
    last: float
    series: Series
    families: frozenset[str]


def gone(series: Iterable[Series], until: float) -> tuple[Gone, ...]:
    """Services that had been there all the time and of which no point is left before `until`.

    Not those that go on under another name (one that has the same families and begins then), nor an exporter that ends with what it
    tells of, and none where most end: then nothing was collected.
    """
    by_service, steady, ended = _lives(series, until)
    if _most(ended, steady):
        return ()
    return tuple(one for one in ended if not _renamed(one, by_service) and not any(_is_exporter(one, other) for other in ended))


def collected_until(series: Iterable[Series], until: float) -> float | None:
    """When most of what was there ended, since nothing was collected any more; None where that is not so."""
    _, steady, ended = _lives(series, until)
    return max(one.last for one in ended) if _most(ended, steady) else None


def counted(series: Sequence[Series]) -> list[Series]:
    """The series, those that tell how many instances there are added up for each service: each pod may have its own."""
    alike: dict[tuple[Selection, str], list[Series]] = {}
    for one in series:
        if one.selection.signal == "instances":
            alike.setdefault((one.selection, one.service), []).append(one)
    return [*(one for one in series if one.selection.signal != "instances"), *(_sum(every) for every in alike.values())]


def signs_of_life(lines: Iterable[Series], spans: Iterable[Span]) -> dict[str, float]:
    """By service the time of its last log line or span (unix seconds)."""
    found: dict[str, float] = {}
    for one in lines:
        written = one.t[one.v > 0]
        if written.size:
            found[one.service] = max(float(written[-1]), found.get(one.service, 0.0))
    for span in spans:
        found[span.service] = max(span.t, found.get(span.service, 0.0))
    return found


def of_gone(note: Note, ended: Iterable[Gone], near: Collection[str], signs: Mapping[str, float] | None = None) -> list[Observation]:
    """Observations of those that ended in the window, or just before it; what was dead before is no news.

    `near` are services that are known to have to do with the incident; the end of another one says less. Who showed `signs` of life
    afterwards is only not measured any more.
    """
    lived = signs or {}
    start, length = note.times.window.start.timestamp(), note.times.window.seconds
    return [
        note.observation(
            one.service,
            "absent",
            "all of its metrics end",
            1.0 if one.service in near else AFAR,
            reduction="the last point of any of its series",
            onset_within=one.series.step,
            **asked(one.series, one.last + one.series.step),
        )
        for one in ended
        if start - TOGETHER <= one.last < start + length and lived.get(one.service, 0.0) <= one.last + PATIENCE
    ]


def of_silence(note: Note, counts: Sequence[Series], near: Collection[str]) -> list[Observation]:
    """Services that wrote lines all the time and then none until the window's end. `counts` are all lines in each step."""
    found, writing = [], 0
    begin, start, end = (each.timestamp() for each in (note.times.baseline.start, note.times.window.start, note.times.window.end))
    for one in counts:
        written = one.t[one.v > 0]
        before = written[(written > begin) & (written <= start)]
        if not before.size:
            continue
        writing += 1
        last = float(written[-1])
        rate = float(one.v[(one.t > begin) & (one.t <= start)].sum()) / note.times.baseline.seconds
        pauses = np.diff(np.concatenate([[begin], before]))
        if last > start - TOGETHER and (end - last) * rate >= SILENT_LINES and pauses.max() < (end - last) / 2:
            found.append(_silent(note, one, last, rate, 1.0 if one.service in near else AFAR))
    return found if len(found) <= max(1.0, MOST * writing) else []


def of_stopped(observations: Sequence[Observation], edges: Iterable[Edge], affected: Collection[str]) -> list[Observation]:
    """Where the traffic of one or many services first stops: at those that no other of them calls.

    Where nobody knows who calls whom, at the affected ones, whose way in may be broken.
    """
    stopped = {seen.service: seen for seen in observations if seen.signal == "request_rate_drop" and _stopped(seen)}
    called = {edge.callee for edge in edges if edge.caller in stopped and edge.callee != edge.caller}
    known = any(edge.caller in stopped or edge.callee in stopped for edge in edges)
    first = [name for name in stopped if (name not in called if known else name in affected or len(stopped) == 1)]
    words = "of all services stop here first: look at what is before it (ingress, DNS, CDN)" if len(stopped) > 2 else "stop"  # noqa: PLR2004
    told = ((stopped[name], f"{stopped[name].summary}: requests {words}") for name in first)
    return [seen.model_copy(update={"signal": "traffic_stopped", "summary": summary}) for seen, summary in told]


def of_surge(
    observations: Sequence[Observation], edges: Iterable[Edge], affected: Collection[str], known: Iterable[Observation] = ()
) -> list[Observation]:
    """Where more requests than usual come in, if most services get more: a fault brings more to some, and less to others.

    That is at who calls most of these, itself or through others, an affected one or one that nobody calls, if it is not known that it
    gets no more. Where nobody knows who calls them, at the affected ones. Not where it is `known`: who counts requests tells it best.
    """
    if any(seen.signal == "surge" for seen in known):
        return []
    rises = {seen.service: 0.0 for seen in observations if seen.signal.removesuffix("_drop") in LOADS}
    rose: dict[str, Observation] = {}
    for seen in sorted(observations, key=lambda seen: seen.score):
        if seen.signal in LOADS:
            rises[seen.service] = max(seen.score, rises[seen.service])
            if seen.score >= TROUBLE:
                rose[seen.service] = seen
    if len(rose) <= max(2.0, MOST * len(rises)):
        return []
    first = {name: found for name, found in _reached(rose, edges, affected).items() if rises.get(name, 1.0) > 0}
    most = max(map(len, first.values()), default=0)
    entries = [name for name in first if len(first[name]) == most > 1]
    entries = [name for name in entries if name in affected] or entries or [name for name in affected if name in rose]
    score = float(np.median([seen.score for seen in rose.values()]))
    found = []
    for name in entries:
        seen = rose.get(name) or max((rose[one] for one in first[name]), key=lambda one: one.score)
        summary = f"{name}: {seen.summary.removeprefix(f'{name}: ')}, as {len(rose)} of {len(rises)} services get more"
        found.append(seen.model_copy(update={"service": name, "signal": "surge", "summary": summary, "score": score}))
    return found


def _reached(some: Collection[str], edges: Iterable[Edge], affected: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Of the affected and of those that nobody calls, which of these each calls or is."""
    edges = [edge for edge in edges if edge.caller != edge.callee]
    called, beneath = {edge.callee for edge in edges}, callees(edges)
    tops = {*some, *(edge.caller for edge in edges)} - called | {*affected}
    return {top: frozenset({*some} & ({top} | beneath.get(top, frozenset()))) for top in tops}


def on_purpose(observations: Iterable[Observation]) -> frozenset[str]:
    """Services with fewer instances on purpose: fewer are wanted, or the traffic is served as before."""
    best: dict[str, dict[str, float]] = {}
    for seen in observations:
        signals = best.setdefault(seen.service, {})
        signals[seen.signal] = max(seen.score, signals.get(seen.signal, 0.0))
    return frozenset(name for name, signals in best.items() if signals.get("replicas_wanted", 0.0) > 0 or _served(signals))


def _served(signals: Mapping[str, float]) -> bool:
    felt = ("error_ratio", "latency_p95", "request_rate_drop", "up")
    return "request_rate" in signals and not any(signals.get(name, 0.0) >= TROUBLE for name in felt)


def _lives(series: Iterable[Series], until: float) -> tuple[dict[str, list[Series]], list[Gone], list[Gone]]:
    """The series of each service until then, the services that had been there all the time, and those of them that ended."""
    by_service: dict[str, list[Series]] = {}
    for one in series:
        known = np.isfinite(one.v) & (one.t < until)
        if one.service and known.any():
            by_service.setdefault(one.service, []).append(replace(one, t=one.t[known], v=one.v[known]))
    lasting = [Gone(name, *_longest(every)) for name, every in by_service.items()]
    steady = [one for one in lasting if _is_steady(one.series, one.last)]
    return by_service, steady, [one for one in steady if one.last + max(PATIENCE, 3 * one.series.step) < until]


def _most(ended: Sequence[Gone], steady: Sequence[Gone]) -> bool:
    return len(ended) > max(1.0, MOST * len(steady))


def _longest(every: Sequence[Series]) -> tuple[float, Series, frozenset[str]]:
    """The last point of any, the series with the most, and the families."""
    families = frozenset(one.selection.family for one in every)
    return max(float(one.t[-1]) for one in every), max(every, key=lambda one: one.t.size), families


def _sum(every: Sequence[Series]) -> Series:
    if len(every) == 1:
        return every[0]
    t = np.unique(np.concatenate([one.t for one in every]))
    v = np.zeros_like(t)
    for one in every:
        v[np.searchsorted(t, one.t)] += np.nan_to_num(one.v)
    return replace(every[0], labels={}, t=t, v=v, query=f"sum({' or '.join(one.query for one in every)})", link=None)


def _is_steady(one: Series, last: float) -> bool:
    lived = last - float(one.t[0])
    return lived >= HISTORY and one.t.size * one.step >= STEADY * lived


def _renamed(one: Gone, by_service: Mapping[str, Sequence[Series]]) -> bool:
    for name, every in by_service.items():
        begin = min(float(each.t[0]) for each in every)
        alike = {each.selection.family for each in every} & one.families
        if name != one.service and abs(begin - one.last) <= TOGETHER and 2 * len(alike) >= len(one.families):
            return True
    return False


def _is_exporter(one: Gone, other: Gone) -> bool:
    """Of it nothing was known but that it could be asked, and it ended with the other, of which more was."""
    return one.families == SCRAPED != other.families and abs(one.last - other.last) <= TOGETHER


def _stopped(seen: Observation) -> bool:
    return seen.score >= TROUBLE and seen.value is not None and seen.value <= STOPPED * (seen.baseline_value or 0.0)


def _silent(note: Note, one: Series, last: float, rate: float, score: float) -> Observation:
    seconds = note.times.window.end.timestamp() - last
    return note.observation(
        one.service,
        "log_silence",
        f"writes no more log lines, usually {amount(rate * seconds)} in {seconds / 60:.0f} minutes",
        score,
        value=0.0,
        baseline_value=rate * seconds,
        reduction="lines since the last one; usually: mean over the baseline × that time",
        onset_within=one.step,
        **asked(one, last + one.step),
    )
