"""The network agent: segments and packets, names and certificates, ingress and mesh, and what is lost between two spans."""

from collections.abc import Coroutine, Sequence
from typing import Any

from compass_core.agents.base import Seen, Specialist
from compass_core.agents.scope import Scope
from compass_core.analysis import span_notes
from compass_core.analysis.notes import Note
from compass_core.domain import AgentName
from compass_core.signals.catalogue import names_of

SHARED = tuple(name for name in names_of(AgentName.NETWORK) if name.startswith(("node_", "coredns_", "probe_")))


class NetworkAgent(Specialist):
    """Looks at what lies between the services in scope, and at the nodes beneath them."""

    name = AgentName.NETWORK

    def look(self, note: Note, scope: Scope) -> Sequence[Coroutine[Any, Any, Seen]]:
        """Metrics, log lines, gaps between spans."""
        return (self._metrics(note, scope), self.told(note, scope), self._ways(note, scope))

    async def _metrics(self, note: Note, scope: Scope) -> Seen:
        return await self.measured(note, scope, await self._view.families(scope.services, SHARED, note.times.all))

    async def _ways(self, note: Note, scope: Scope) -> Seen:
        traced = await self._view.traced(scope.traced, note.times)
        longer = [one for one in traced.growths if one.operation.measure == "gap"]
        return Seen(span_notes.of_growths(note, longer, traced.spans), traced.spans.gaps)
