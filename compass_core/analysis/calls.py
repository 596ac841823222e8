"""How requests run: where errors start, and where a request runs otherwise than it used to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from compass_core.analysis.shifts import grade
from compass_core.identity import peer
from compass_core.signals.spans import database_system, is_limited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from compass_core.analysis.traces import Flags, Rows, Traces

FEWEST_BEFORE = 10  # spans of an operation before, so that its ways of running are known
FEWEST_NEW = 3  # spans that run in one new way
TIMES_MORE = 5.0  # as often as before makes a way of running new
SECOND_WAY = 0.1  # of the requests that stop at one callee: so many that came there in another way make it what they have in common
NEW, SCALE = 2.0, 3.0  # standard deviations of the number of new ways that are no accident, and the scale of their logarithm
DEEPEST = 100  # calls below each other that are followed; cycles end here


@dataclass(frozen=True, slots=True)
class Failure:
    """Failing spans without a failing span beneath them: here errors start.

    Shares are of the operation's spans, each counted as often as it stands for; `count` of `total` spans were read. `limited`: most
    are refused for their rate.
    """

    service: str
    name: str
    peer: str
    system: str
    count: int
    total: int
    share: float
    baseline_share: float
    first: float
    message: str
    score: float
    limited: bool


@dataclass(frozen=True, slots=True)
class Detour:
    """Spans that call otherwise than the operation did before. `share` is of all that run otherwise.

    `service` is where it starts: the deepest service that behaves otherwise, or that all of them stop at.
    `name` and `at` are the operation that shows it and its service; `lacks` are calls that are missing from it, `stops` its last one.
    """

    service: str
    at: str
    name: str
    lacks: tuple[str, ...]
    stops: str
    count: int
    total: int
    first: float
    share: float
    score: float


def failures(traced: Traces) -> tuple[Failure, ...]:
    """Where errors start, as a share of that operation's spans, the most frequent first: at a peer if half of its callers fail."""
    failing = traced.error.copy()
    above = traced.parent[np.flatnonzero(traced.error & (traced.parent >= 0))]
    failing[above] = False
    concerned = np.isin(traced.operation, np.unique(traced.operation[failing & traced.inside]))
    groups: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for i in np.flatnonzero(concerned).tolist():
        span = traced.spans[i]
        groups[span.service, span.name, peer(span), database_system(span)].append(i)
    found = []
    for (service, name, named, system), members in groups.items():
        rows = np.array(members)
        window, before = rows[traced.inside[rows]], rows[~traced.inside[rows]]
        for callee, alone in ((named, traced.leaf), ("", ~traced.leaf)):
            failed = window[failing[window] & alone[window]]
            if not failed.size:
                continue
            share = float(traced.weight[failed].sum() / traced.weight[window].sum())
            usual = float((traced.weight * (failing & alone))[before].sum() / traced.weight[before].sum()) if before.size else 0.0
            score = grade((share - usual) / max(0.01, 0.5 * usual)) * failed.size / (failed.size + 1)
            if score > 0:
                said = traced.spans[failed[0]].attributes.get("exception.message", "")
                limited = 2 * sum(is_limited(traced.spans[i]) for i in failed.tolist()) > failed.size
                first = float(traced.t[failed].min())
                found.append(Failure(service, name, callee, system, failed.size, window.size, share, usual, first, said, score, limited))
    callers, failing_at = _callers(traced), defaultdict[str, set[str]](set)
    for one in found:
        failing_at[one.peer].add(one.service)
    found = [one if 2 * len(failing_at[one.peer]) >= len(callers[one.peer]) else replace(one, peer="", system="") for one in found]
    return tuple(sorted(found, key=lambda failure: -failure.count))


def _callers(traced: Traces) -> Mapping[str, set[str]]:
    """Who calls each peer: what fails for a few of many is at fault itself."""
    callers: dict[str, set[str]] = defaultdict(set)
    _, first = np.unique(np.where(traced.leaf & traced.inside, traced.operation, -1), return_index=True)
    for i in first.tolist():
        callers[peer(traced.spans[i])].add(traced.spans[i].service)
    return callers | {"": set()}


def detours(traced: Traces) -> tuple[Detour, ...]:
    """Where requests run otherwise than before, the highest score first.

    A span's way is the set of operations that it calls. Ways that are new or come `TIMES_MORE` times as often count; of those
    beneath each other the deepest alone, and none that had not ended when the last span began. Score: grade of their number ÷
    √(expected new ways + 1), after Good and Turing the spans × share of the ways that were seen once, × √(share of all detours).
    """
    if not traced.spans:
        return ()
    ways = _ways(traced)
    whole = traced.t + traced.ms / 1000 <= traced.t.max()  # what still ran when the recording ended had more calls to make
    unusual = ways.new[ways.of_span] & traced.inside & whole
    blamed = _blamed(traced, ways, unusual)
    if not blamed:
        return ()
    total = sum(len(rows) for rows in blamed.values())
    expected = _expected(traced, ways)
    found = [_detour(traced, ways, service, rows, (total, expected.get(service, 0.0))) for service, rows in blamed.items()]
    return tuple(sorted((one for one in found if one.score > 0), key=lambda one: -one.score))


class _Ways(NamedTuple):
    """`of_span` numbers each span's way; for each way: its operation, how often it came before and in the window, whether it is new.

    `last` is the row of each span's last call, −1 for none; `callee` the service that an operation usually reaches, if any.
    """

    of_span: Rows
    operation: Rows
    before: Rows
    window: Rows
    new: Flags
    last: Rows
    callee: Mapping[int, int]


def _ways(traced: Traces) -> _Ways:
    n, kinds = len(traced.spans), len(traced.operations)
    child = traced.children
    above = traced.parent[child]
    pairs = np.unique(above * kinds + traced.operation[child])
    # an operation and a set of those it calls are known by the sum of their random numbers: with 62 bits two do not meet
    own, weights = np.random.default_rng(0).integers(0, 2**62, (2, kinds))
    way = own[traced.operation]
    with np.errstate(over="ignore"):
        np.add.at(way, pairs // kinds, weights[pairs % kinds])
    _, example, of_span = np.unique(way, return_index=True, return_inverse=True)
    operation = traced.operation[example]
    parts = (~traced.inside, traced.inside)
    before, window = (np.bincount(of_span[where], minlength=len(operation)) for where in parts)
    usual, now = (np.bincount(of_span[where], traced.weight[where], minlength=len(operation)) for where in parts)
    spans_before, spans_window = (np.bincount(operation, weights=often, minlength=kinds) for often in (usual, now))
    expected = (usual + 0.5) / (spans_before[operation] + 1) * spans_window[operation]
    new = (spans_before[operation] >= FEWEST_BEFORE) & (window >= FEWEST_NEW) & (now > TIMES_MORE * expected)
    order = np.lexsort((traced.t[child], above))
    last = np.full(n, -1)
    last[above[order]] = child[order]
    remote = traced.remote
    reached: dict[int, Counter[int]] = defaultdict(Counter)
    for caller, callee in zip(traced.operation[traced.parent[remote]].tolist(), traced.service[remote].tolist(), strict=True):
        reached[caller][callee] += 1
    return _Ways(of_span, operation, before, window, new, last, {op: count.most_common(1)[0][0] for op, count in reached.items()})


def _blamed(traced: Traces, ways: _Ways, unusual: Flags) -> dict[int, list[int]]:
    """The unusual spans by the service where it starts."""
    blamed: dict[int, list[int]] = defaultdict(list)
    stopping: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(unusual).tolist():
        last = int(ways.last[row])
        if last < 0:
            blamed[ways.callee.get(int(traced.operation[row]), int(traced.service[row]))].append(row)
            continue
        beneath = list(_beneath(ways, last))
        if unusual[beneath].any():
            continue
        end = int(traced.operation[beneath[-1]])
        lost = ways.callee.get(end) if traced.leaf[beneath[-1]] else None
        callee = ways.callee.get(int(traced.operation[last]), -1)
        if lost is not None:
            blamed[lost].append(row)
        elif callee not in {-1, int(traced.service[row])}:
            stopping[callee].append(row)
        else:
            blamed[int(traced.service[row])].append(row)
    for callee, rows in stopping.items():
        most = Counter(ways.of_span[rows].tolist()).most_common(1)[0][1]
        for row in rows:
            blamed[callee if len(rows) - most >= SECOND_WAY * len(rows) else int(traced.service[row])].append(row)
    return blamed


def _beneath(ways: _Ways, row: int) -> Iterable[int]:
    """The last call, its last call, and so on."""
    for _ in range(DEEPEST):
        if row < 0:
            return
        yield row
        row = int(ways.last[row])


def _expected(traced: Traces, ways: _Ways) -> Mapping[int, float]:
    """For each service how many spans of the window would run in a way that was never seen before, if nothing had changed."""
    kinds = len(traced.operations)
    spans_before, spans_window = (np.bincount(ways.operation, weights=count, minlength=kinds) for count in (ways.before, ways.window))
    once = np.bincount(ways.operation, weights=ways.before == 1, minlength=kinds)
    number = {service: i for i, service in enumerate(traced.services)}
    expected: dict[int, float] = defaultdict(float)
    for i, many in enumerate(((once + 0.5) / (spans_before + 1) * spans_window).tolist()):
        expected[number[traced.operations[i][0]]] += many
    return expected


def _detour(traced: Traces, ways: _Ways, service: int, rows: Sequence[int], weights: tuple[int, float]) -> Detour:
    total, expected = weights
    way = Counter(ways.of_span[rows].tolist()).most_common(1)[0][0]
    example = next(row for row in rows if ways.of_span[row] == way)
    at, name = traced.operations[ways.operation[way]]
    usual = int(np.flatnonzero(ways.operation == ways.operation[way])[np.argmax(ways.before[ways.operation == ways.operation[way]])])
    model = int(np.flatnonzero(ways.of_span == usual)[0])
    calls, used = (dict.fromkeys(traced.spans[i].name for i in _calls_of(traced, row)) for row in (example, model))
    last = int(ways.last[example])
    share = len(rows) / total
    return Detour(
        service=traced.services[service],
        at=at,
        name=name,
        lacks=tuple(one for one in used if one not in calls),
        stops="" if last < 0 else traced.spans[last].name,
        count=len(rows),
        total=int(np.count_nonzero(traced.inside & np.isin(traced.operation, np.unique(traced.operation[rows])))),
        first=float(traced.t[rows].min()),
        share=share,
        score=grade(len(rows) / float(np.sqrt(expected + 1)), NEW, SCALE) * float(np.sqrt(share)),
    )


def _calls_of(traced: Traces, row: int) -> list[int]:
    return sorted(np.flatnonzero(traced.parent == row).tolist(), key=lambda child: float(traced.t[child]))
