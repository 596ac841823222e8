"""How families that no row of the table knows are asked: by what their names, kinds, labels and siblings say."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from compass_core.readings import Family, Match, Reduction, Selection
from compass_core.signals.catalogue import OWN, SIGNALS
from compass_core.signals.names import ADDED_UP, NOTHING, Meaning, limit_of, read, words_of
from compass_core.signals.network import PEERS
from compass_core.signals.signal import DIRECT, FELT, RESOURCE, WEAK
from compass_core.signals.words import BY_UNIT, UNITS

MOST_OTHERS = (60, 900)  # families beyond the table that are looked at, and their series in all: see `scope.MOST_SERVICES`
_UNMEASURABLE = re.compile(
    r".*(_info|_created|_timestamp|_timestamp_seconds|_build)$|^(ALERTS|scrape_|target_info|promhttp_|traces_service_graph_|up$).*"
)
_STATUS = re.compile(
    r"(.*_)?(status|status_?code|code|code_class|response_code(_class)?|outcome|result|classification|success|rcode|state)"
)
_SPEAKS_OF = (
    ("rate_limited", re.compile(r"(?i)429|resource_?exhausted|throttle.*|rate_?limit.*|too_?many.*")),
    ("client_errors", re.compile(r"(?i)4|4\d\d|4xx|client_?error|not_?found|invalid.*|unauth.*|permission_?denied|forbidden|bad_?request")),
    (
        "error_ratio",
        re.compile(
            r"(?i)5|5\d\d|5xx|status_code_error|false|.*(server_?error|error$|fail|exception|time_?d?_?out|unavailable|internal|abort|crash"
            r"|fatal|deadline|data_?loss|refused|reset|unknown|servfail).*"
        ),
    ),
)
"""What a value of a status label makes of the requests that have it; the first counts."""

_MODES = "mode|state|cpu_mode"
_STATES = re.compile("(.*_)?(status|state|color|reason|condition|phase|health)")
_BAD_STATE = re.compile(
    "(?i)red|down|failed|failure|error|unhealthy|offline|critical|dead|lost|stopped|.*backoff|.*imagepull.*|createcontainer.*error"
)
_CALLING = frozenset({"client", "upstream", "outbound"})
_PEERS = (
    "destination_workload", *PEERS, "peer", "host", "target", "client_name", "dst_deployment", "dst_service",
    "envoy_cluster_name", "upstream",
)  # fmt: skip
_QUANTILES = (("latency_p50", ("0.5",)), ("latency_p95", ("0.95", "0.9")), ("latency_p99", ("0.99", "0.999")))
_LATENCIES = frozenset({"latency_mean", "latency_p50", "latency_p95", "latency_p99"})
_OF_LIMIT = {key: BY_UNIT[key, "ratio"] for key in ("memory_used", "saturation", "connections", "db_connections")} | {
    "disk_left": "disk_free"
}
_ORDER = {DIRECT: 0, RESOURCE: 1, FELT: 2, WEAK: 3}


def others(families: Sequence[Family], services: Collection[str], most: int, most_members: int) -> tuple[Selection, ...]:
    """Selections for what the table does not know of these services.

    At most so many with so many members in all; first those that say most. One with too many leaves its place to others.
    """
    asks = [ask for signal in SIGNALS.values() for ask in signal.asked]
    buckets = {name for ask in asks if ask.reduction is Reduction.QUANTILE for name in ask.families}
    known = {name for ask in asks if ask.reduction is not Reduction.QUANTILE for name in (*ask.families, *ask.over)}
    found: list[Selection] = []
    for family in families:
        members = tuple(member for member in family.members if member[1] in services)
        if members and family.name not in (buckets if family.kind == "histogram" else known) and not _UNMEASURABLE.match(family.name):
            found += _asked(replace(family, members=members), families)
    kept: list[Selection] = []
    for one in sorted(found, key=_rank):
        if len(kept) < most and len(one.members) <= most_members:
            kept.append(one)
            most_members -= len(one.members)
    return tuple(kept)


def _rank(one: Selection) -> int:
    return _ORDER[SIGNALS[one.signal].evidence] if one.signal in SIGNALS else len(_ORDER)


def _asked(family: Family, families: Sequence[Family]) -> Iterator[Selection]:
    """Every way in which a family is asked: its own work, and its calls by whom they went to."""
    meaning = read(family.name, family.kind, family.unit, family.help)
    asked = Selection("", family.name, Reduction.RAW, family.service_label, family.members, unit=meaning.unit if meaning else "")
    for own, by in ((_own(family), _peer(family)), _calls(family)):
        if own is None:
            continue
        where = (*family.where, *own)
        plain = replace(asked, where=where, over_where=where, by=by)
        for one in _of_kind(plain, meaning, family, families):
            blind = not by and one.signal in _LATENCIES and _CALLING & {*words_of(family.name)}
            yield replace(one, signal="client_latency") if blind else one


def _of_kind(plain: Selection, meaning: Meaning | None, family: Family, families: Sequence[Family]) -> Iterator[Selection]:
    match family.kind:
        case "histogram":
            yield from _quantiles(plain, meaning)
        case "counter":
            yield from _increases(plain, meaning, family, families)
        case _:
            yield from _values(plain, meaning, family, families)


def _own(family: Family) -> tuple[Match, ...] | None:
    """The filter for its own work where labels tell it from calls; None for what is calls alone, if it is not told by whom was called."""
    found = []
    for label, pattern in OWN.items():
        values = family.labels.get(label, frozenset())
        own = tuple(sorted(value for value in values if re.fullmatch(pattern, value)))
        if values and not own and family.service_label not in _PEERS:
            return None
        found += [Match(label, own)] if 0 < len(own) < len(values) else []
    holds = "true" in family.labels.get("condition", ())  # of the pairs of Kubernetes' conditions that which holds
    return (*found, Match("condition", ("true",))) if holds else tuple(found)


def _calls(family: Family) -> tuple[tuple[Match, ...] | None, tuple[str, ...]]:
    """The filter for calls to others, as their callers saw them, and the label that names the callee; None where no label tells."""
    for label, pattern in OWN.items():
        values = tuple(sorted(value for value in family.labels.get(label, ()) if not re.fullmatch(pattern, value)))
        if values and family.service_label not in _PEERS and (by := _named(family)):
            return (Match(label, values),), by
    return None, ()


def _peer(family: Family) -> tuple[str, ...]:
    """The label that says whom a family of calls went to."""
    return _named(family) if _CALLING & {*words_of(family.name)} else ()


def _named(family: Family) -> tuple[str, ...]:
    return tuple(label for label in _PEERS if label in family.labels and label != family.service_label)[:1]


def _quantiles(plain: Selection, meaning: Meaning | None) -> Iterator[Selection]:
    if not meaning or not meaning.signal or (UNITS[meaning.unit][0] != "s" if meaning.unit else meaning.signal not in _LATENCIES):
        return
    ask = replace(plain, reduction=Reduction.QUANTILE)
    if meaning.signal not in _LATENCIES:
        yield replace(ask, signal=meaning.signal, quantile=0.95)
    elif plain.by:
        yield replace(ask, signal="call_p95", quantile=0.95)
    else:
        yield from (replace(ask, signal=f"latency_p{q}", quantile=q / 100) for q in (50, 95, 99))


def _increases(plain: Selection, meaning: Meaning | None, family: Family, families: Sequence[Family]) -> Iterator[Selection]:
    signal = meaning.signal if meaning else ""
    if family.name.endswith("_sum") or signal in ADDED_UP:
        yield from _means(plain, signal, families)
        return
    rate = replace(plain, reduction=Reduction.RATE)
    statuses = _by_status(family) if signal in {"", "request_rate"} else {}
    for told, match in statuses.items():
        of_calls = "upstream_errors" if plain.by and told == "error_ratio" else told
        where = (*plain.where, match)
        yield replace(plain, signal=of_calls, reduction=Reduction.RATE_RATIO, where=where, over=family.name, unit="ratio")
    if idle := _values_like(family, _MODES, "idle|iowait"):
        where = (*plain.where, *idle)
        yield replace(plain, signal="cpu_idle", reduction=Reduction.RATE_RATIO, where=where, over=family.name, unit="ratio")
    elif level := _values_like(family, "level|severity", "(?i)error|fatal|critical"):
        yield replace(rate, signal="errors", where=(*plain.where, *level), over_where=plain.where)
    elif statuses and not signal:
        yield replace(rate, signal="request_rate")
    elif signal:  # what is counted one by one, as restarts, is told by how many more there are
        yield replace(rate if SIGNALS[signal].unit else replace(plain, reduction=Reduction.INCREASE), signal=signal, by=())
    elif meaning is None:
        yield replace(rate, signal=f"other:{family.name}", by=())


def _means(plain: Selection, signal: str, families: Sequence[Family]) -> Iterator[Selection]:
    """Times added up ÷ how many they are; a bare sum is nothing."""
    held = {one.name: one for one in families if one.service_label == plain.service_label}
    stem = re.sub("(_sum|(_duration)?(_seconds)?_total|_time(_seconds)?(_total)?|_latency)$", "", plain.family)
    if plain.family.endswith("_sum") and stem in held and held[stem].kind == "histogram":
        return
    endings = ("_count", "_count_total", "_total", "_calls_total", "_ops")
    over = next((name for ending in endings if (name := stem + ending) in held and name != plain.family), "")
    if over and signal:
        signal = "call_mean" if plain.by and signal in _LATENCIES else signal
        yield replace(plain, signal=signal, reduction=Reduction.RATE_RATIO, over=over)


def _values(plain: Selection, meaning: Meaning | None, family: Family, families: Sequence[Family]) -> Iterator[Selection]:
    signal = meaning.signal if meaning else ""
    if bad := _values_like(family, _STATES, _BAD_STATE):
        yield replace(plain, signal="unhealthy", where=(*plain.where, *bad))
        return
    if quantiles := family.labels.get("quantile"):
        for told, wanted in _QUANTILES if signal in _LATENCIES else ():
            if value := next((value for value in wanted if value in quantiles), ""):
                where = (*plain.where, Match("quantile", (value,)))
                yield replace(plain, signal=told, where=where, over_where=where)
        return
    signal = "call_p95" if plain.by and signal in _LATENCIES else signal
    falls = signal in SIGNALS and SIGNALS[signal].direction == "down"
    if meaning == NOTHING:
        return
    # of gauges nobody knows whether they add up; the one in trouble is looked at, and a second one is no jump
    yield replace(plain, signal=signal or f"other:{family.name}", aggregate="min" if falls else "max")
    if signal in _OF_LIMIT and (limit := _limit(family, families)):
        yield replace(plain, signal=_OF_LIMIT[signal], reduction=Reduction.RATIO, over=limit.name, over_where=limit.where, unit="ratio")


def _limit(family: Family, families: Sequence[Family]) -> Family | None:
    """The gauge that says how much of it there may be, of the same things."""
    alike = {one.name: one for one in families if one.service_label == family.service_label and {*one.members} & {*family.members}}
    return alike.get(limit_of(family.name, alike))


def _by_status(family: Family) -> Mapping[str, Match]:
    """What the values of a status label speak of; nothing where all are bad, for then nothing counts the others."""
    for label, values in family.labels.items():
        told: dict[str, list[str]] = {}
        for value in sorted(values) if _STATUS.fullmatch(label) else ():
            if signal := next((signal for signal, pattern in _SPEAKS_OF if pattern.fullmatch(value)), ""):
                told.setdefault(signal, []).append(value)
        if told and sum(map(len, told.values())) < len(values):
            return {signal: Match(label, tuple(found)) for signal, found in told.items()}
    return {}


def _values_like(family: Family, labels: str | re.Pattern[str], pattern: str | re.Pattern[str]) -> tuple[Match, ...]:
    """The filter by the first such label that has such values."""
    for label in sorted(family.labels):
        if re.fullmatch(labels, label) and (found := tuple(sorted(v for v in family.labels[label] if re.fullmatch(pattern, v)))):
            return (Match(label, found),)
    return ()
