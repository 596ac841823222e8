"""Says selections and searches for families in PromQL; every name and value that it is given may be hostile."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from compass_core.domain import Environment
from compass_core.identity import around, spellings
from compass_core.readings import INCREASE_SECONDS, Match, Reduction, Selection
from compass_core.sources.quoting import any_of, matching, quoted

TAG: Final = "compass_selection"
LONGEST_LIST: Final = 1_200  # characters of one matcher; a ratio holds three
ENOUGH: Final = 8  # members that tell how often a family gets a point: one that is no longer there tells nothing

_PLAIN_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ONE_BUCKET: Final = r'le=~"(\\+Inf)?"'
_PARTS: Final = ("_bucket", "_count", "_sum")


def expression(selection: Selection, seconds: int, native: Collection[str] = ()) -> str:
    """What gives the selection's points; an increase is taken over `seconds`. `native` histograms have no series for their parts."""
    increase = partial(_increase, selection, seconds, native)
    labels = dict.fromkeys((selection.service_label, *selection.by))
    by = f"by ({', '.join(map(_label, labels))})"
    own = selector(selection.family, selection, selection.where)
    over = selector(selection.over, selection, selection.over_where)
    match selection.reduction:
        case Reduction.RAW:
            # a label that comes and goes, as what a session waits for: before, there were none
            none = f" or sum {by} ({selector(selection.family, selection, selection.over_where)}) * 0"
            return f"{selection.aggregate} {by} ({own}){none if selection.where != selection.over_where else ''}"
        case Reduction.RATE | Reduction.INCREASE:
            return f"{selection.aggregate} {by} ({increase(selection.family, selection.where)})"
        case Reduction.RATIO | Reduction.RATE_OF:
            part = own if selection.reduction is Reduction.RATIO else increase(selection.family, selection.where)
            return f"sum {by} ({part}) / {selection.aggregate} {by} ({over})"
        case Reduction.RATE_RATIO:
            divisor = f"sum {by} ({increase(selection.over, selection.over_where)})"
            return f"(sum {by} ({increase(selection.family, selection.where)}) or {divisor} * 0) / {divisor}"
        case Reduction.PAST:
            return f"{selection.aggregate} {by} ({own} < bool time())"
        case Reduction.QUANTILE:
            buckets = increase(f"{selection.family}_bucket", selection.where)
            return f"histogram_quantile({selection.quantile:g}, sum {by.replace('(', '(le, ', 1)} ({buckets}))"


def _increase(selection: Selection, seconds: int, native: Collection[str], family: str, matches: Iterable[Match]) -> str:
    """How a family grows: per second, or in all over a longer time."""
    base = whole(family)
    part = family.removeprefix(base)
    if part and base in native:
        rate = f"rate({selector(base, selection, matches)}[{seconds}s])"
        return rate if part == "_bucket" else f"histogram{part}({rate})"
    counted = selection.reduction is Reduction.INCREASE
    how, over = ("increase", max(seconds, INCREASE_SECONDS)) if counted else ("rate", seconds)
    return f"{how}({selector(family, selection, matches)}[{over}s])"


def samples(selection: Selection, native: Collection[str] = ()) -> str:
    """How many points the family that a selection takes increases of got in the last two minutes, by some of its members."""
    selection = replace(selection, members=selection.members[:: 1 + len(selection.members) // ENOUGH])
    family = selection.family if selection.reduction is Reduction.RATE_OF else selection.over or selection.family
    if whole(family) in native:
        own = selector(whole(family), selection, ())
    elif selection.reduction is Reduction.QUANTILE:
        own = selector(f"{selection.family}_bucket", selection, (Match("le", ("+Inf",)),))
    else:
        own = selector(family, selection, ())
    return f"max(count_over_time({own}[2m]))"


def tagged(text: str, tag: str) -> str:
    """The same points with one more label, so that several expressions can be joined by `or`."""
    return f'label_replace({text}, "{TAG}", "{tag}", "", "")'


def selector(family: str, selection: Selection, matches: Iterable[Match]) -> str:
    """One family of the selection's members, filtered."""
    parts = [_members(selection), *(matching(_label(each.label), each.values, but=each.but) for each in matches)]
    if _PLAIN_NAME.fullmatch(family):
        return f"{family}{{{', '.join(parts)}}}"
    return f"{{{', '.join((f'__name__={quoted(family)}', *parts))}}}"


def of_services(label: str, services: Sequence[str], environment: Environment = ()) -> str:
    """Every family that has one of these services in that label; a histogram with one bucket only. May match a few more."""
    return f"{{{_label(label)}=~{quoted(_naming(services, label))}, {_ONE_BUCKET}{_within(environment)}}}"


def of_names(names: Sequence[str], environment: Environment = ()) -> str:
    """Every family with one of these names (`*` at the end: any ending), with the parts of a histogram or summary beside it."""
    return f"{{__name__=~{quoted(pattern_of(names))}, {_ONE_BUCKET}{_within(environment)}}}"


def counted(names: Sequence[str], labels: Iterable[str], environment: Environment) -> str:
    """How many series these families have for each combination of these labels."""
    return f"count by (__name__, {', '.join(map(_label, labels))}) ({of_names(names, environment)})"


def _within(environment: Environment) -> str:
    return "".join(f", {matching(_label(label), ('', value))}" for label, value in spellings(environment))


def pattern_of(names: Sequence[str]) -> str:
    """What the names of these families match as a whole."""
    # a selector that also takes what has no name is refused
    named = (
        any_of([name[:-1]]) + ("." if name == "*" else "") + ".*" if name.endswith("*") else f"{any_of([whole(name)])}({'|'.join(_PARTS)})?"
        for name in names
    )
    return "|".join(named)


def of_name(name: str) -> str:
    """One family by its exact name; a histogram with one bucket only."""
    return f"{{__name__={quoted(name)}, {_ONE_BUCKET}}}"


def whole(name: str) -> str:
    """The histogram or summary that this may be a part of: `x_count` → `x`."""
    return next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), name)


def _naming(services: Sequence[str], label: str) -> str:
    """The values of a label that may name one of these services, and a few more."""
    before, after = around(label)
    return f"{before}({any_of(services)}){after}"


def _members(selection: Selection) -> str:
    """Matches the members by their values; where these are too long for a URL (pods) by their services, else every value."""
    label, values = selection.service_label, tuple(value for value, _ in selection.members)
    if len(any_of(values)) <= LONGEST_LIST:
        return matching(_label(label), values)
    pattern = _naming(sorted({service for _, service in selection.members}), label)
    return f"{_label(label)}=~{quoted(pattern)}" if len(pattern) <= LONGEST_LIST else f'{_label(label)}!=""'


def _label(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)
