"""What an unknown metric measures, by everything that says so: its name, kind, unit and help. The words are those of `words`.

Names run words together, shorten them, or write them in camel case: `p50latency`, `tcp_retans`, `CpuUsageRate(%)`, `cpuutilization`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from compass_core.readings import Kind
from compass_core.signals.words import BY_UNIT, MEANINGS, UNITS, WORDS


@dataclass(frozen=True, slots=True)
class Meaning:
    """A signal of the table, and the unit in which values come: one of `UNITS`, or '' where nothing tells."""

    signal: str
    unit: str = ""


NOTHING = Meaning("")
ADDED_UP = frozenset({"latency_mean", "db_query_time", "wait_time", "queue_time", "disk_latency", "dns_p95", "network_rtt"})
"""What a counter adds up, so that it takes a number to divide it by."""

_TIMED = ADDED_UP | {"latency", "gc_time"}
_OF_STATES = frozenset(
    {
        "saturation",
        "connections",
        "db_connections",
        "queue_length",
        "disk_queue",
        "requests_in_flight",
        "memory_used",
        "memory_free",
        "db_waiting_clients",
        "db_locks",
    }
)
_AMOUNTS = frozenset({"used", "busy", "free", "limit", "statistic", "pool"})
_DOING = frozenset(
    {"used", "error", "drop", "reject", "latency", "duration", "waiting", "throttled", "retry", "refuse", "lag", "gc", "longest"}
)
_IDEAS = {word: idea for idea, words in WORDS.items() for word in words.split() if not word.endswith("*")}
_STEMS = tuple((word[:-1], idea) for idea, words in WORDS.items() for word in words.split() if word.endswith("*"))
_UNIT_OF = {word: unit for unit, (_, _, words) in UNITS.items() for word in words.split()}
_RULES = tuple((frozenset(needed.split()), signal) for signal, ways in MEANINGS for needed in ways.split(","))
_JOINED = re.compile(r"(?<![a-z0-9])([45]|not|un|rate|back|timed)[_.](xx|ready|healthy|limit|log|out)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9%]+")
_QUANTILE = re.compile(r"p?(50|75|90|95|98|99|999)(?:th|p|pct)?")
_SHORT = 3  # shorter words are told only where they stand alone, or are one of these
_GLUED = frozenset({"db", "gc", "ms", "mq", "io", "in", "rt"})
_SHARES = ((1e6, 1e-9), (105.0, 1e-3), (1.05, 0.01))  # above that, of one core or one whole: nanocores, millicores, per cent
_TIMES = ((5e6, 1e-9), (5e3, 1e-6), (2.0, 1e-3))  # few services take so many seconds as a rule: nano-, micro-, milliseconds
_SHARE_AT_LEAST = 0.5


def read(name: str, kind: Kind = "gauge", unit: str = "", text: str = "") -> Meaning | None:
    """What a family of this name measures; of a counter, what its increase per second does. None where nothing tells.

    `NOTHING` for what is not worth watching: a limit, a time of birth, a sum that needs its count. `unit` and `text` are what its
    server says of it.
    """
    words = words_of(name.rpartition("_")[0] if name.startswith("aws_") and name.endswith("_maximum") else name)
    ideas = frozenset(filter(None, map(_idea, words)))
    stated = _unit(words, unit)
    if "nothing" in ideas or _is_limit(ideas, words, stated):
        return NOTHING
    if stated and UNITS[stated][0] == "s":
        ideas |= {"duration"}
    signal = _signal(ideas)
    if signal is None and text:
        signal = _signal(frozenset(filter(None, map(_idea, words_of(text.partition(".")[0])))))
    if signal is None:
        return None
    return (_settled(signal, kind, stated, words) if signal else None) or NOTHING


def scale(unit: str, wanted: str, usual: float, most: float) -> float:
    """What values in `unit` are multiplied by to be in the unit of a signal; by their range where the unit says too little.

    `usual` is the family's middle value, `most` its largest. Percentages that never pass 1 are shares: JMX exporters name them so.
    """
    if unit == "percent" and wanted == "ratio" and _SHARE_AT_LEAST < most <= 1:
        return 1.0
    if unit:
        canonical, factor, _ = UNITS[unit]
        return factor if canonical == wanted else 1.0
    if wanted == "ratio":
        return next((factor for least, factor in _SHARES if most > least), 1.0)
    return next((factor for least, factor in _TIMES if usual > least), 1.0) if wanted == "s" else 1.0


def unit_of(name: str, declared: str = "") -> str:
    """The unit that a family's values come in, '' where nothing tells."""
    return _unit(words_of(name), declared)


def limit_of(name: str, others: Iterable[str]) -> str:
    """Which of the others says how much of this there may be at most: `x_connections_active` → `x_connections_max`; '' for none."""
    stem = _stem(name)
    return next((other for other in others if other != name and _is_ceiling(other) and _stem(other) == stem), "")


def _is_ceiling(name: str) -> bool:
    ideas = {_idea(word) for word in words_of(name) if word != "open"}
    return not ideas & {"used", "busy", "duration"} and ("limit" in ideas or bool({"size", "total"} & {*words_of(name)}))


def _stem(name: str) -> frozenset[str]:
    """What is counted, without how much of it."""
    told = {word: _idea(word) for word in words_of(name)}
    return frozenset(
        idea if idea not in {"", "part", "store"} else word
        for word, idea in told.items()
        if idea not in _AMOUNTS and word not in _UNIT_OF and word != "in"
    )


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, those that were run together apart: `CPUUtilization` → cpu, utilization."""
    parts = _CAMEL.sub(" ", _JOINED.sub(r"\1\2", name.replace("%", " % "))).lower().split()
    return tuple(word for part in parts for word in (_apart(part) or (part,)))


@lru_cache(maxsize=4096)
def _apart(text: str) -> tuple[str, ...]:
    """A text as known words, the first as long as possible; () where it is not made of known words alone."""
    if text in _IDEAS or text in _UNIT_OF or _QUANTILE.fullmatch(text):
        return (text,)
    for cut in range(len(text) - 2, 1, -1):
        head, tail = text[:cut], text[cut:]
        if all(len(part) >= _SHORT or part in _GLUED for part in (head, tail)) and _apart(head) == (head,) and (rest := _apart(tail)):
            return (head, *rest)
    return (text,) if _idea(text) else ()


def _idea(word: str) -> str:
    return _IDEAS.get(word) or next((idea for stem, idea in _STEMS if word.startswith(stem)), "")


def _signal(ideas: frozenset[str]) -> str | None:
    """The signal of the rule that needs most of these ideas, the first of equals."""
    fitting = [rule for rule in _RULES if rule[0] <= ideas]
    return max(fitting, key=lambda rule: len(rule[0]))[1] if fitting else None


def _unit(words: tuple[str, ...], declared: str) -> str:
    if known := _UNIT_OF.get(declared.lower()):
        return "%" if known == "percent" else known
    said = [_UNIT_OF[word] for word in words if word in _UNIT_OF and word not in {"b", "by"} and (len(word) > 1 or word == words[-1])]
    unit = said[-1] if said else ""
    if unit == "s" and "per" in words:
        return "B/s" if "bytes" in words else "/s"
    return "B/s" if unit == "bytes" and {"per", "rate"} & {*words} else unit


def _is_limit(ideas: frozenset[str], words: tuple[str, ...], unit: str) -> bool:
    """A constant: what something may hold at most."""
    if "limit" in ideas:
        return not ideas & _DOING and UNITS.get(unit, ("",))[0] != "s"
    whole = any(one in {"mem", "memory", "swap"} and after == "total" for one, after in pairwise(words))
    return whole or ("disk" in ideas and "size" in words and not ideas & {"used", "free"})


def _settled(signal: str, kind: Kind, unit: str, words: tuple[str, ...]) -> Meaning | None:
    """The signal that fits the unit and the kind of numbers."""
    base = UNITS[unit][0] if unit else ""
    if kind == "counter":
        return _increase(signal, base, unit, words)
    if not unit and _is_share(signal, {*words}):
        base = "ratio"  # of 1 or of 100: the range of its values tells
    if signal == "latency" and base in {"", "s"}:
        return Meaning(_latency(words), unit)
    signal = BY_UNIT.get((signal, base), signal)
    if signal == "db_replication_lag":
        unit = unit or "s"
    return Meaning(signal, unit) if signal and (signal != "idle" or base == "ratio") else None


def _is_share(signal: str, words: set[str]) -> bool:
    if signal in {"errors", "client_errors", "availability"}:
        return bool(words & {"rate", "ratio", "availability", "sr"})
    used = any(word.startswith(("util", "press")) for word in words) or {"in", "use"} <= words
    return signal in {"cpu_usage", "memory_used", "memory_waiting", "disk_used"} and (used or (signal == "cpu_usage" and "usage" in words))


def _increase(signal: str, base: str, unit: str, words: tuple[str, ...]) -> Meaning | None:
    """What the increase per second of a counter measures; of one that adds up times, what its increase ÷ that of their number does."""
    if signal in _TIMED:
        if words[-1] == "count":
            return Meaning("request_rate", "/s") if signal in {"latency", "db_query_time"} else None
        if base == "s" or (not unit and {"time", "duration", "latency", "sum"} & {*words}):
            return Meaning(signal, "ratio") if signal == "gc_time" else Meaning("latency_mean" if signal == "latency" else signal, unit)
        return Meaning("request_rate", "/s") if signal == "latency" else None
    signal = BY_UNIT.get((signal, base or "/s"), signal)
    if not signal or signal in _OF_STATES or words[-1] == "sum":
        return None
    return Meaning(signal, {"s": "cores" if signal == "cpu_usage" else "ratio", "bytes": "B/s"}.get(base, "/s"))


def _latency(words: tuple[str, ...]) -> str:
    quantile = next((found[1] for word in words if (found := _QUANTILE.fullmatch(word))), "")
    if quantile == "50" or "median" in words:
        return "latency_p50"
    if quantile in {"75", "90", "95"}:
        return "latency_p95"
    return "latency_p99" if quantile or {"max", "maximum"} & {*words} else "latency_mean"
