"""Who depends on whom: what follows from calls alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from compass_core.domain import Edge, Observation

NODE = "node"  # what an edge to where a service runs calls its callee


def callees(edges: Iterable[Edge]) -> Mapping[str, frozenset[str]]:
    """For each service every other that it calls, directly or through others."""
    direct: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        direct[edge.caller].add(edge.callee)
    return {service: reached(service, direct) for service in direct}


def callers(edges: Iterable[Edge]) -> Mapping[str, frozenset[str]]:
    """For each service every other that calls it directly."""
    found: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.system != NODE:
            found[edge.callee].add(edge.caller)
    return {service: frozenset(by - {service}) for service, by in found.items()}


def systems(edges: Iterable[Edge], suffering: Iterable[str]) -> tuple[frozenset[str], ...]:
    """The systems that these services are in, of services that have to do with each other by calls: each has a cause of its own."""
    near: dict[str, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.system != NODE:
            near[edge.caller].add(edge.callee)
            near[edge.callee].add(edge.caller)
    found: list[frozenset[str]] = []
    for service in suffering:
        if near[service] and not any(service in system for system in found):
            found.append(reached(service, near) | {service})
    return tuple(found) or (frozenset(),)


def databases(observations: Iterable[Observation], edges: Iterable[Edge]) -> frozenset[str]:
    """Services that are databases: by who calls them, or since their exporter tells whether they answer."""
    return frozenset(
        (
            *(edge.callee for edge in edges if edge.system not in {"", NODE}),
            *(seen.service for seen in observations if seen.signal == "db_up"),
        )
    )


def reached(service: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
    """Every other service that one comes to by these steps."""
    found: set[str] = set()
    waiting = [service]
    while waiting:
        for callee in direct.get(waiting.pop(), ()):
            if callee not in found and callee != service:
                found.add(callee)
                waiting.append(callee)
    return frozenset(found)
