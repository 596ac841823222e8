"""The network agent: segments and packets, names and certificates, ingress and mesh, and what is lost between two spans."""

from collections.abc import Coroutine, Sequence
from typing import Any

from compass_core.agents.base import Seen, Specialist
from compass_core.agents.scope import Scope
from compass_core.analysis import span_notes, ways
from compass_core.analysis.notes import Note
from compass_core.domain import AgentName
from compass_core.signals.catalogue import names_of
from compass_core.signals.plan import plan
from compass_core.signals.unknown import MOST_OTHERS, others

SHARED = tuple(name for name in names_of(AgentName.NETWORK) if name.startswith(("node_", "coredns_", "probe_")))


class NetworkAgent(Specialist):
    """Looks at what lies between the services in scope, and at the nodes beneath them."""

    name = AgentName.NETWORK

    def look(self, note: Note, scope: Scope) -> Sequence[Coroutine[Any, Any, Seen]]:
        """Metrics, log lines, gaps between spans, what calls take beyond the time of their callees."""
        return (self._metrics(note, scope), self.told(note, scope), self._gaps(note, scope), self._ways(note, scope))

    async def _metrics(self, note: Note, scope: Scope) -> Seen:
        return await self.measured(note, scope, await self._view.families(scope.services, SHARED, note.times.all))

    async def _ways(self, note: Note, scope: Scope) -> Seen:
        families = await self._view.families(scope.services, (), note.times.all)
        calls = tuple(one for one in plan(families.values, self.name) if one.signal in ways.CLOCKS)
        rest = others(families.values, scope.services, *MOST_OTHERS)
        if not any(one.signal in ways.CLOCKS for one in (*calls, *rest)):
            return Seen()
        # the last two are what the application agent asked, and are not asked again
        asked = (calls, rest, plan(families.values, AgentName.APPLICATION))
        readings = [await self._view.series(each, note.times.all, note.times.step) for each in asked]
        series = [one for reading in readings for one in reading.values]
        found = await self._view.offload(lambda: ways.of_ways(note, series, scope.services))
        return Seen(found, tuple(gap for reading in readings for gap in reading.gaps))

    async def _gaps(self, note: Note, scope: Scope) -> Seen:
        traced = await self._view.traced(scope.traced, note.times)
        longer = [one for one in traced.growths if one.operation.measure == "gap"]
        return Seen(span_notes.of_growths(note, longer, traced.spans), traced.spans.gaps)
