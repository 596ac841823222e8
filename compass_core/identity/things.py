"""Which thing labels are about. What a workload is called wins over what measured it; who measures others is never the thing."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from compass_core.identity.labels import (
    ABOUT,
    AT_THE_THING,
    DATABASES,
    EXPORTER,
    LABELS,
    OF_ALERTS,
    OF_CLUSTERS,
    OF_DATABASES,
    OF_ITSELF,
    PEER_ATTRIBUTES,
    PODS,
)
from compass_core.identity.values import HOSTS, JOBS, WEAK, is_ip, name_of, plain
from compass_core.readings import Span


class Thing(NamedTuple):
    """What something is about: its name, and the label and value that say so."""

    label: str
    value: str
    name: str


def thing(labels: Mapping[str, str], family: str = "", configured: Sequence[str] = ()) -> Thing | None:
    """The thing that these labels are about, None where they name none. `family` is the metric's, '' for an alert's labels.

    The first of the `configured` labels that is there wins over everything.
    """
    only, outside, itself, order = _asked(family, family or labels.get("alertname", ""))
    named = [each for each in _named(labels, (*configured, *order)) if not (outside and each.label == "instance" and is_ip(each.name))]
    if named and (named[0].label in configured or itself):
        return named[0]
    measuring = {each.name for each in _named(labels, ("job", "service")) if EXPORTER.fullmatch(each.name)}
    about = [each for each in named if not _measures(each, measuring)] or (named if family and not only else [])
    return _lasting(about) if about else None


@lru_cache(10_000)
def _asked(family: str, named: str) -> tuple[bool, bool, bool, tuple[str, ...]]:
    """Whether a family names its things by labels of its own, is about databases, or about itself; and the labels that name a thing."""
    only = next((names for pattern, names in ABOUT if re.fullmatch(pattern, family)), ())
    outside = bool(OF_DATABASES.fullmatch(family))
    order = only or ((*DATABASES, "instance", *LABELS) if outside else LABELS if family else (*OF_ALERTS, *LABELS))
    own = ("cluster",) if OF_CLUSTERS.fullmatch(named) else ()
    return bool(only), outside, bool(OF_ITSELF.fullmatch(named)), (*own, *order)


def joined(name: str, known: Collection[str]) -> str:
    """Which of the known names means the same thing, else the name itself. Two that are known are never one.

    `checkout-svc`, `checkoutservice`, `checkout.prod.example.com` are `checkout` where that is known and they are not.
    """
    if not name or name in known:
        return name
    return next((one for one in sorted(known) if one and plain(one) == plain(name)), name)


def known_as(about: Thing, wanted: Collection[str], listed: Collection[tuple[str, str]]) -> str:
    """Under which of the wanted names a thing goes, else its own; `listed` are the pairs of label and name that there are.

    Two values of one label are two things, and a workload keeps its name: what is joined to it is an address.
    """
    if about.name in wanted or about.label not in WEAK | JOBS.labels | HOSTS.labels:
        return about.name
    name = joined(about.name, wanted)
    return about.name if (about.label, name) in listed else name


def peer(span: Span) -> str:
    """The thing that a span says it talks to, or ''; a server's own address is not one."""
    if span.kind in {"server", "consumer"}:
        return ""
    return next((name for key in PEER_ATTRIBUTES if (name := name_of(span.attributes.get(key, ""), key))), "")


def _named(labels: Mapping[str, str], order: Iterable[str]) -> Iterator[Thing]:
    for label in order:
        if (value := labels.get(label)) and (name := name_of(value, label)):
            yield Thing(label, value, name)


def _lasting(about: Sequence[Thing]) -> Thing:
    """The best name, by a label that says the same and does not change with every pod, if there is one."""
    first = about[0]
    same = (each for each in about if each.label in {"service", "app", "job"} and plain(each.name) == plain(first.name))
    return first if first.label not in PODS else next((each._replace(name=first.name) for each in same), first)


def _measures(one: Thing, measuring: Collection[str]) -> bool:
    """Whether this names who measured: the job or Service itself, its pod or container, or its address where it measures from afar."""
    if one.label in {"instance", "exported_instance"} and is_ip(one.name):
        return bool(measuring) and not any(AT_THE_THING.fullmatch(name) for name in measuring)
    if not EXPORTER.fullmatch(one.name) or one.label not in {"job", "service", "app", "container", "instance", *PODS}:
        return False
    return one.label in {"job", "service"} or not measuring or any(name in one.name or one.name in name for name in measuring)
