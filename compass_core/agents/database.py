"""The database agent: connections, waiting, locks, queries, replication, cache and disk, in numbers, logs and client spans."""

from collections.abc import Coroutine, Sequence
from typing import Any

from compass_core.agents.base import Seen, Specialist
from compass_core.agents.scope import Scope
from compass_core.analysis import span_notes
from compass_core.analysis.notes import Note
from compass_core.domain import AgentName
from compass_core.signals.catalogue import DATABASES, names_of

DISKS = tuple(name for name in names_of(AgentName.DATABASE) if name.startswith("node_"))


class DatabaseAgent(Specialist):
    """Looks at the databases that the services in scope use, or at all where none is known."""

    name = AgentName.DATABASE

    def look(self, note: Note, scope: Scope) -> Sequence[Coroutine[Any, Any, Seen]]:
        """Exporters and pools, log lines, client spans."""
        return (self._metrics(note, scope), self.told(note, scope), self._calls(note, scope))

    async def _metrics(self, note: Note, scope: Scope) -> Seen:
        families = await self._view.families(scope.services, DISKS, note.times.all)
        if not any(one.name in DATABASES for one in families.values):
            families = await self._view.families(scope.services, names_of(self.name), note.times.all)
        return await self.measured(note, scope, families)

    async def _calls(self, note: Note, scope: Scope) -> Seen:
        traced = await self._view.traced(scope.traced, note.times)
        slow = [one for one in traced.growths if one.operation.measure == "database_time"]
        failing = [one for one in traced.failures if one.system]
        found = (*span_notes.of_growths(note, slow, traced.spans), *span_notes.of_failures(note, failing, traced.spans))
        return Seen(found, traced.spans.gaps)
