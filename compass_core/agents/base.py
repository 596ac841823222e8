"""What the three specialists share: when and where they look, and how they think."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from compass_core.agents.names import unknown
from compass_core.agents.scope import Scope, find_scope, merged
from compass_core.agents.thinking import think
from compass_core.agents.view import View
from compass_core.analysis import absence, log_notes, metric_notes, notes
from compass_core.analysis.graph import callers, databases
from compass_core.analysis.notes import Note
from compass_core.domain import AgentName, Edge, Findings, Gap, Incident, Observation, Run, Thoughts
from compass_core.errors import Reason
from compass_core.hypotheses.coverage import nobody_knows
from compass_core.hypotheses.known import Known
from compass_core.hypotheses.propose import propose
from compass_core.hypotheses.suspicion import TROUBLED, suspects
from compass_core.ports import Model
from compass_core.readings import Family, Reading, Series
from compass_core.signals.logs import ERROR_PHRASES, phrases_of
from compass_core.signals.plan import plan

MOST_OBSERVATIONS = 60


class Agent(Protocol):
    async def observe(self, incident: Incident, earlier: Sequence[Run]) -> Findings:
        """Read telemetry; free of charge."""

    async def generate_hypotheses(self, incident: Incident, findings: Findings, earlier: Sequence[Run]) -> Thoughts:
        """What could be the cause, given what was found by this agent and those before it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Part of what an agent observes."""

    observations: Sequence[Observation] = ()
    gaps: Sequence[Gap] = ()
    edges: Sequence[Edge] = ()


class Specialist:
    """An agent over a view. What is particular to one is in `look`."""

    name: ClassVar[AgentName]

    def __init__(self, view: View, model: Model | None = None) -> None:
        self._view = view
        self._model = model

    async def observe(self, incident: Incident, earlier: Sequence[Run]) -> Findings:
        """Find out where to look, then ask everything at once."""
        self._view.turn(self.name)
        note = Note(self.name, await self._view.times(incident))
        scope = await find_scope(self._view, incident.services, note.times)
        scope = replace(scope, services=_troubled_first(scope.services, earlier))
        unheard = None if nobody_knows(earlier) else await unknown(self._view, incident.services, note.times)
        lost = [Gap(source="", reason=Reason.NO_DATA, detail=str(unheard))] if unheard else []  # it is a gap of no source
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look) for look in self.look(note, scope)]
        parts = [look.result() for look in looks]
        observations = [one for part in parts for one in part.observations]
        gaps = dict.fromkeys((*lost, *note.times.gaps, *scope.gaps, *(gap for part in parts for gap in part.gaps)))
        stores = databases((*seen_by(earlier), *observations), scope.edges)
        said = (edge for part in parts for edge in part.edges if edge.caller not in stores)
        edges = merged((*scope.edges, *(edge for run in earlier for edge in run.findings.edges), *said))
        observations += absence.of_surge(observations, edges, scope.affected, seen_by(earlier))
        told = notes.numbered(self.name, observations, scope.affected, MOST_OBSERVATIONS, seen_by(earlier))
        known = (*seen_by(earlier), *told)
        blamed = suspects(known, edges, scope.services, scope.affected)
        return Findings(
            looked=note.times.looked,
            observations=told,
            gaps=tuple(gaps),
            edges=edges,
            suspects=blamed,
            silent=self._view.silent,
        )

    async def generate_hypotheses(self, incident: Incident, findings: Findings, earlier: Sequence[Run]) -> Thoughts:
        """Apply the rules of this agent to everything observed so far, and let a model refine them if there is one."""
        said = {(one.service, one.mechanism) for run in earlier for one in run.hypotheses}
        proposed = propose(self.name, (*seen_by(earlier), *findings.observations), findings, said)
        return await think(self._model, Known(self.name, incident, findings, earlier, proposed))

    def look(self, note: Note, scope: Scope) -> Sequence[Coroutine[Any, Any, Seen]]:
        """The questions of this specialist; they are asked concurrently."""
        raise NotImplementedError

    async def measured(self, note: Note, scope: Scope, families: Reading[Family]) -> Seen:
        """The catalogue's signals over these families."""
        series = await self._view.series(plan(families.values, self.name), note.times.all, note.times.step)
        named = {*scope.services, *(edge.callee for edge in scope.edges)}
        found = await self._view.offload(lambda: metric_notes.of_series(note, series.values, named))
        return Seen(found, (*families.gaps, *series.gaps))

    async def told(self, note: Note, scope: Scope) -> Seen:
        """Log lines that tell of this agent's kinds of trouble."""
        kinds = phrases_of(self.name)
        phrases = tuple(phrase for kind in kinds for phrase in kind.phrases)
        window = await self._view.log_lines(scope.services, note.times.window, phrases)
        before = await self._view.log_lines(scope.services, note.times.baseline, phrases)
        ratio, _ = await self.exposure(note, scope)
        writers = log_notes.Writers(ratio, scope.known, databases((), scope.edges), callers(scope.edges))
        found = await self._view.offload(lambda: log_notes.of_phrases(note, kinds, window, before, writers))
        return Seen(found, (*window.gaps, *before.gaps), log_notes.named_by(window.values, scope.known))

    async def exposure(self, note: Note, scope: Scope) -> tuple[float, Reading[Series]]:
        """What a count of lines before is multiplied by to expect it in the window, and the counts of lines that tell of errors."""
        every = await self._view.log_counts(scope.services, note.times.all, note.times.step, ())
        errors = await self._view.log_counts(scope.services, note.times.all, note.times.step, ERROR_PHRASES)
        return log_notes.exposure(note.times, every.values, errors.values), errors


def seen_by(runs: Sequence[Run]) -> tuple[Observation, ...]:
    """Everything that these runs observed."""
    return tuple(one for run in runs for one in run.findings.observations)


def _troubled_first(services: tuple[str, ...], earlier: Sequence[Run]) -> tuple[str, ...]:
    """Services in which an earlier agent saw trouble come first, the rest as they were."""
    troubled = {seen.service for run in earlier for seen in run.findings.observations if seen.score >= TROUBLED}
    return tuple(sorted(services, key=lambda service: service not in troubled))
