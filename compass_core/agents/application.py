"""The application agent: requests, errors, latency, saturation, error logs, spans, and what was deployed."""

from collections.abc import Coroutine, Sequence
from typing import Any

from compass_core.agents.base import Seen, Specialist
from compass_core.agents.scope import Scope
from compass_core.analysis import absence, log_notes, metric_notes, peers, span_notes
from compass_core.analysis.graph import callees
from compass_core.analysis.notes import LEAST, Note, at
from compass_core.analysis.templates import templates
from compass_core.domain import AgentName, Gap, Observation
from compass_core.errors import Reason
from compass_core.readings import Reading
from compass_core.signals.logs import ERROR_PHRASES
from compass_core.signals.plan import by_version, plan, versions
from compass_core.signals.unknown import MOST_OTHERS, others


class ApplicationAgent(Specialist):
    """Looks at the services' own work."""

    name = AgentName.APPLICATION

    def look(self, note: Note, scope: Scope) -> Sequence[Coroutine[Any, Any, Seen]]:
        """Metrics with versions and what else changed, error logs, spans, recorded changes."""
        return (
            self._metrics(note, scope),
            self._errors(note, scope),
            self.told(note, scope),
            self._spans(note, scope),
            self._changes(note, scope),
            self._missing(note, scope),
        )

    async def _metrics(self, note: Note, scope: Scope) -> Seen:
        families = await self._view.families(scope.services, (), note.times.all)
        measured = await self.measured(note, scope, families)
        deployed = await self._view.series(versions(families.values), note.times.all, note.times.step)
        wanted = others(families.values, scope.services, *MOST_OTHERS)
        rest = await self._view.series(wanted, note.times.all, note.times.step)
        felt = by_version((*plan(families.values, self.name), *wanted), families.values)
        apart = await self._view.series(felt, note.times.all, note.times.step)

        def read() -> list[Observation]:
            changed = [one for one in metric_notes.of_series(note, rest.values, scope.services) if one.score >= LEAST]
            return [*metric_notes.of_versions(note, deployed.values), *peers.of_peers(note, apart.values), *changed]

        found = (*measured.observations, *await self._view.offload(read))
        fewer = absence.on_purpose(found)
        kept = [one for one in found if one.signal not in absence.FEWER or one.service not in fewer]
        return Seen((*kept, *absence.of_stopped(found, scope.edges, scope.affected)), (*measured.gaps, *deployed.gaps, *rest.gaps))

    async def _errors(self, note: Note, scope: Scope) -> Seen:
        times = note.times
        ratio, counts = await self.exposure(note, scope)
        window = await self._view.log_lines(scope.services, times.window, ERROR_PHRASES)
        before = await self._view.log_lines(scope.services, times.baseline, ERROR_PHRASES)

        def read() -> list[Observation]:
            errors, usual = log_notes.errors(window.values), log_notes.errors(before.values)
            others = log_notes.hardly(errors, window.values)
            return [
                *metric_notes.of_counts(note, [one for one in counts.values if one.service not in others]),
                *log_notes.of_templates(note, templates(errors, usual), ratio, window, log_notes.bursts(times.baseline, usual)),
            ]

        found = await self._view.offload(read)
        return Seen(found, (*counts.gaps, *window.gaps, *before.gaps), log_notes.named_by(window.values, scope.known))

    async def _spans(self, note: Note, scope: Scope) -> Seen:
        traced = await self._view.traced(scope.traced, note.times)
        grown = [one for one in traced.growths if one.operation.measure == "self_time"]
        own = [one for one in traced.failures if not one.system]
        found = (
            *span_notes.of_growths(note, grown, traced.spans),
            *span_notes.of_slowness(note, traced.slow_throughout, traced.spans),
            *span_notes.of_failures(note, own, traced.spans),
            *span_notes.of_detours(note, traced.detours, traced.spans),
        )
        return Seen(found, traced.spans.gaps)

    async def _missing(self, note: Note, scope: Scope) -> Seen:
        lines = await self._view.log_counts(scope.services, note.times.all, note.times.step, ())
        traced = await self._view.traced(scope.traced, note.times)
        called = callees(scope.edges)
        near = {*scope.affected, *(one for service in scope.affected for one in called.get(service, ()))}

        end = note.times.window.end.timestamp()

        def read() -> Seen:
            signs = absence.signs_of_life(lines.values, traced.spans.values)
            gone = absence.of_gone(note, absence.gone(self._view.afar, end), near, signs)
            found = (*gone, *absence.of_silence(note, lines.values, near))
            last = at(absence.collected_until(self._view.afar, end))
            told = f"the metrics of most services end at {last:%H:%M} UTC: it seems that nothing was collected after that" if last else ""
            return Seen(found, (*lines.gaps, *((Gap(source="metrics", reason=Reason.NO_DATA, detail=told),) if told else ())))

        return await self._view.offload(read)

    async def _changes(self, note: Note, scope: Scope) -> Seen:
        changes = await self._view.changes(scope.services, note.times.all)
        families = await self._view.families(scope.services, (), note.times.all) if changes.values else Reading()
        running = await self._view.series(versions(families.values), note.times.all, note.times.step)
        return Seen((*metric_notes.of_changes(note, changes), *peers.of_missing(note, changes.values, running.values)), changes.gaps)
