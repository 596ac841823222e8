"""The application agent: requests, errors, latency, saturation, error logs, spans, and what was deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.agents.base import Seen, Specialist
from compass_core.analysis import log_notes, metric_notes, span_notes
from compass_core.analysis.templates import templates
from compass_core.analysis.traces import failures, growths
from compass_core.model import AgentName
from compass_core.signals.logs import ERROR_PHRASES
from compass_core.signals.plan import others, versions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from compass_core.agents.scope import Scope
    from compass_core.analysis.notes import Note
    from compass_core.model import Observation

MOST_OTHERS, NEAREST = 24, 12  # families beyond the catalogue that are looked at, and of how many services
OTHERS_SHOWN = 5


class ApplicationAgent(Specialist):
    """Looks at the services' own work."""

    name = AgentName.APPLICATION

    def look(self, note: Note, scope: Scope) -> Sequence[Awaitable[Seen]]:
        """Metrics with versions and what else changed, error logs, spans, recorded changes."""
        return (
            self._metrics(note, scope),
            self._errors(note, scope),
            self.told(note, scope),
            self._spans(note, scope),
            self._changes(note, scope),
        )

    async def _metrics(self, note: Note, scope: Scope) -> Seen:
        families = await self._view.families(scope.services, (), note.times.all)
        measured = await self.measured(note, families)
        deployed = await self._view.series(versions(families.values), note.times.all, note.times.step)
        rest = await self._view.series(others(families.values, scope.services[:NEAREST], MOST_OTHERS), note.times.all, note.times.step)

        def read() -> list[Observation]:
            changed = sorted(metric_notes.of_series(note, rest.values), key=lambda seen: -seen.score)
            return [*metric_notes.of_versions(note, deployed.values), *changed[:OTHERS_SHOWN]]

        found = await self._view.offload(read)
        return Seen((*measured.observations, *found), (*measured.gaps, *deployed.gaps, *rest.gaps))

    async def _errors(self, note: Note, scope: Scope) -> Seen:
        times = note.times
        counts = await self._view.log_counts(scope.services, times.all, times.step, ERROR_PHRASES)
        window = await self._view.log_lines(scope.services, times.window, ERROR_PHRASES)
        before = await self._view.log_lines(scope.services, times.baseline, ERROR_PHRASES)

        def read() -> list[Observation]:
            return [
                *metric_notes.of_counts(note, counts.values),
                *log_notes.of_templates(note, templates(window.values, before.values), window),
            ]

        return Seen(await self._view.offload(read), (*counts.gaps, *window.gaps, *before.gaps))

    async def _spans(self, note: Note, scope: Scope) -> Seen:
        window = await self._view.spans(scope.affected, note.times.window)
        before = await self._view.spans(scope.affected, note.times.baseline)

        def read() -> list[Observation]:
            grown = [one for one in growths(window.values, before.values) if one.operation.measure == "self_time"]
            own = [one for one in failures(window.values, before.values) if not one.system]
            return [*span_notes.of_growths(note, grown, window), *span_notes.of_failures(note, own, window)]

        return Seen(await self._view.offload(read), (*window.gaps, *before.gaps))

    async def _changes(self, note: Note, scope: Scope) -> Seen:
        changes = await self._view.changes(scope.services, note.times.all)
        return Seen(metric_notes.of_changes(note, changes), changes.gaps)
