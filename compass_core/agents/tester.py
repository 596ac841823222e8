"""Asks what the tests of the leading hypotheses want to read, within an allowance of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from compass_core.agents.base import seen_by
from compass_core.agents.database import DISKS
from compass_core.agents.scope import find_scope
from compass_core.agents.view import View
from compass_core.analysis import metric_notes
from compass_core.analysis.notes import Note, Times
from compass_core.domain import AgentName, Incident, Run, Tried
from compass_core.hypotheses import test
from compass_core.hypotheses.joined import OF_A_CHANGE
from compass_core.hypotheses.rank import rank
from compass_core.hypotheses.scene import Question, Scene
from compass_core.readings import Selection

REQUESTS = 20


class Tester:
    """The orchestrator's `Tester` over the investigation's view."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def __call__(self, incident: Incident, runs: Sequence[Run], seconds: float) -> tuple[Tried, ...]:
        """What the tests of the leading hypotheses say; what was not answered in time, or in so many requests, is untested."""
        ranked = rank(runs, (), incident.services)
        likely = [one for one in ranked if one.confidence >= test.LEAST][: test.MOST]
        changes = [one for one in ranked if one.mechanism in OF_A_CHANGE and one not in likely][:1]  # people suspect these first
        hinted = [one for one in ranked if incident.hints_at(one.service) or incident.hints_at(one.mechanism)]
        leading = tuple(dict.fromkeys((*hinted, *likely[: test.MOST - len(changes)], *changes)))[: test.MOST]
        if not leading:
            return ()
        self._view.tests(REQUESTS)
        answers: test.Answers = {}
        scene = await self._scene(incident, runs)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answer([each for one in leading for each in test.questions(one, scene)], scene, answers)

        def read() -> tuple[Tried, ...]:
            return tuple(Tried(service=one.service, mechanism=one.mechanism, tests=test.trials(one, scene, answers)) for one in leading)

        return await self._view.offload(read)

    async def _scene(self, incident: Incident, runs: Sequence[Run]) -> Scene:
        """All of it was asked by the agents already."""
        times = await self._view.times(incident)
        scope = await find_scope(self._view, incident.services, times)
        families = await self._view.families(scope.services, DISKS, times.all)
        return Scene(incident.services, seen_by(runs), scope.edges, times, families.values)

    async def _answer(self, wanted: Sequence[Question], scene: Scene, answers: test.Answers) -> None:
        """What is asked of one time is asked in one request, of the investigation's own time first."""
        asked: dict[Times, list[Question]] = defaultdict(list)
        for question in wanted:
            asked[question.times].append(question)
        async with asyncio.TaskGroup() as group:
            for times, questions in asked.items():
                group.create_task(self._at(times, questions, scene, answers))

    async def _at(self, times: Times, questions: Sequence[Question], scene: Scene, answers: test.Answers) -> None:
        selections: tuple[Selection, ...] = tuple(dict.fromkeys(each for one in questions for each in one.selections))
        series = await self._view.series(selections, times.all, times.step)
        note, services = Note(AgentName.APPLICATION, times), {one.service for one in scene.observations}

        def read() -> None:
            for one in questions:
                mine = [each for each in series.values if each.selection in one.selections]
                answers[one] = tuple(metric_notes.of_series(note, mine, services))

        await self._view.offload(read)
