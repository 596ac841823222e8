"""Which of the traces that were found are read, and how many each of these stands for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Final, NamedTuple, Protocol

from compass_core.readings import Span

FAILING, SLOW, OTHERS = 3, 2, 3
MOST: Final = FAILING + SLOW + OTHERS
FARTHEST: Final = 1e4  # that one trace stands for as many times as many as another


class Found(Protocol):
    """A trace that a search found."""

    trace_id: str
    start_time_unix_nano: int
    duration_ms: int


class Chosen(NamedTuple):
    """Ids of traces; `others` were chosen neither for failing nor for being slow. `failing`: the share of all found known to fail."""

    ids: tuple[str, ...]
    others: frozenset[str]
    failing: float


def choose(failing: Sequence[Found], slow: Sequence[Found], found: Sequence[Found]) -> Chosen:
    """Failing ones, the slowest, and others of those that a search for no reason found."""
    known = {trace.trace_id for trace in failing}
    calm = [trace for trace in found if trace.trace_id not in known]
    others = _ids(_spread(calm, OTHERS))
    slowest = sorted((trace for trace in slow if trace.trace_id not in known), key=lambda trace: trace.duration_ms, reverse=True)
    fresh = [one for one in dict.fromkeys(_ids(slowest)) if one not in others]
    share = max(len(found) - len(calm), 0.5 if failing else 0) / max(1, len(found))  # fewer than one in all that were found is not none
    return Chosen(tuple(dict.fromkeys([*_ids(_spread(failing, FAILING)), *fresh[:SLOW], *others])), frozenset(others), min(1.0, share))


def weighted(traces: Sequence[Sequence[Span]], services: Sequence[str], chosen: Chosen, counted: float | None) -> Iterator[Span]:
    """The spans with their weights: failing traces and others were chosen apart, so each kind stands for as many as there are of it.

    `counted` is the share of failing spans among all of the services, where the server counts them. Else the share of failing traces
    is that of the known ones, and of the rest that of those which were chosen for no reason.
    """
    own = [[span.error for span in trace if span.service in services] for trace in traces]
    failing, others = ([errors for errors in own if any(errors) is fails] for fails in (True, False))
    times = 1.0  # as many as one of the others a failing trace stands for
    if failing and others and counted is not None:
        # counted = times·errors ÷ (times·spans of failing traces + spans of others)
        failed, of_failing, of_others = sum(map(sum, failing)), sum(map(len, failing)), sum(map(len, others))
        times = counted * of_others / max(failed - counted * of_failing, 1 / FARTHEST)
    elif failing and others:
        rest = [any(errors) for trace, errors in zip(traces, own, strict=True) if trace[0].trace_id.zfill(32) in chosen.others]
        share = chosen.failing + (1 - chosen.failing) * (mean(rest) if rest else 0.0)
        times = share * len(others) / max((1 - share) * len(failing), 1 / FARTHEST)
    times = min(max(times, 1 / FARTHEST), FARTHEST)
    weight = len(own) / (len(others) + times * len(failing)) if own else 1.0
    for trace, errors in zip(traces, own, strict=True):
        yield from (replace(span, weight=weight * times if any(errors) else weight) for span in trace)


def _spread(traces: Sequence[Found], most: int) -> list[Found]:
    """So many of them, from the first to the last in time."""
    ordered = sorted(traces, key=lambda trace: trace.start_time_unix_nano)
    return [ordered[k * len(ordered) // most] for k in range(most)] if len(ordered) > most else ordered


def _ids(traces: Sequence[Found]) -> list[str]:
    return [trace.trace_id.zfill(32) for trace in traces]
