"""What is known when hypotheses are tested, and how more of it is asked; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from compass_core.analysis.graph import NODE, callees
from compass_core.analysis.metric_notes import TO_PEER
from compass_core.analysis.notes import Times
from compass_core.domain import AgentName, Observation
from compass_core.hypotheses.joined import Ground
from compass_core.hypotheses.suspicion import TROUBLED, evidence_of
from compass_core.readings import Family, Selection
from compass_core.signals.plan import plan
from compass_core.signals.signal import DIRECT, FELT
from compass_core.signals.unknown import others

MOST_MEMBERS = 10_000  # series of families that the table does not hold
FALLS = "_drop"  # what a signal that falls is called


class Question(NamedTuple):
    """What a test wants to read: these series over that time."""

    selections: tuple[Selection, ...]
    times: Times


@dataclass(frozen=True)
class Scene(Ground):
    """What is known when hypotheses are tested; `families` are those of all services that were looked at."""

    times: Times
    families: tuple[Family, ...]

    @cached_property
    def beneath(self) -> Mapping[str, frozenset[str]]:
        """Whom each service depends on."""
        return callees(self.edges)

    def tenants(self, node: str) -> tuple[str, ...]:
        """What runs on it, if it is a node."""
        return tuple(edge.caller for edge in self.edges if edge.callee == node and edge.system == NODE)

    @cached_property
    def symptoms(self) -> tuple[Observation, ...]:
        """What the affected services suffer from."""
        seen = (one for service in self.affected for one in self.best.get(service, {}).values())
        return tuple(one for one in seen if one.score >= TROUBLED and evidence_of(one) in {FELT, DIRECT})

    @cached_property
    def measured(self) -> tuple[Selection, ...]:
        """Every way in which a signal of anything is measured, by a row of the table or by what the family's name says."""
        everything = {service for family in self.families for service in family.services}
        planned = chain.from_iterable(plan(self.families, agent) for agent in AgentName)
        return (*planned, *others(self.families, everything, len(self.families), MOST_MEMBERS))

    def selections(self, services: Collection[str], signals: Collection[str]) -> tuple[Selection, ...]:
        """How these signals of these services are measured."""
        wanted = {signal.removesuffix(FALLS) for signal in signals}
        clients = {*services, *chain.from_iterable(map(self.callers, services))}  # who measures the calls to them
        named = ((one, clients if one.signal in TO_PEER else services) for one in self.measured if one.signal in wanted)
        mine = (replace(one, members=tuple(each for each in one.members if each[1] in whose)) for one, whose in named)
        return tuple(one for one in mine if one.members)
