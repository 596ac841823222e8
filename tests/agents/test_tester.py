"""What is asked to test hypotheses: little, and what is not answered is untested."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compass_core.agents import tester
from compass_core.agents.view import Sources, View
from compass_core.domain import AgentName, Findings, Hypothesis, Outcome, Run
from compass_core.readings import Family, Reading
from tests.fakes import INCIDENT, FakeClock, FakeSource, hypothesis, inline
from tests.hypotheses.seeing import APPLICATION, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.readings import Selection

CPU = Family("container_cpu_usage_seconds_total", "counter", "service", (("db", "db"),))


@dataclass
class Counting(FakeSource):
    """A source with one family, and no points; `hangs` once it is tested."""

    hangs: bool = False
    windows: list[Any] = field(default_factory=list)

    async def series(self, selections: Sequence[Selection], window: Any, step: float) -> Reading[Any]:
        self.windows.append(window)
        if self.hangs:
            await asyncio.Event().wait()
        return await super().series(selections, window, step)


def thought(service: str, confidence: float, mechanism: str, *evidence: str) -> Hypothesis:
    return hypothesis(APPLICATION, confidence, service=service).model_copy(update={"mechanism": mechanism, "evidence_for": evidence})


BUSY = seen("cpu_usage", "db", minutes=1)
RUN = Run(
    agent=AgentName.APPLICATION,
    outcome=Outcome.ANSWERED,
    findings=Findings(observations=(BUSY,)),
    hypotheses=(
        thought("db", 0.5, "cpu_exhaustion", BUSY.id),
        *(thought(service, 0.1, "dns_failure") for service in ("a", "b", "c", "d")),
        thought("web", 0.01, "bad_deploy"),
    ),
)


async def test_the_four_likeliest_are_tested_of_which_one_is_a_change_people_suspect() -> None:
    source = Counting(answers={"families": Reading((CPU,))})
    allowed: list[int] = []
    view = View(Sources(source, source, source, source, further=allowed.append), inline, FakeClock())
    await view.times(INCIDENT)
    source.windows.clear()
    found = await tester.Tester(view)(INCIDENT, [RUN], 15)
    what = [(one.service, one.mechanism) for one in found]
    assert what == [("db", "cpu_exhaustion"), ("a", "dns_failure"), ("b", "dns_failure"), ("web", "bad_deploy")]
    assert allowed == [tester.REQUESTS]
    assert len({window.start for window in source.windows}) == len(source.windows) <= tester.REQUESTS, "one request for each time"
    assert len(source.windows) > 8, "eight earlier days among them"


async def test_what_is_not_answered_in_time_is_untested() -> None:
    source = Counting(answers={"families": Reading((CPU,))})
    view = View(Sources(source, source, source, source), inline, FakeClock())
    await view.times(INCIDENT)
    source.hangs = True
    (first, *_) = await tester.Tester(view)(INCIDENT, [RUN], 0.01)
    assert {test.name: test.verdict for test in first.tests}["control in time"] == "untested"


async def test_without_hypotheses_nothing_is_asked() -> None:
    source = Counting()
    view = View(Sources(source, source, source, source), inline, FakeClock())
    assert await tester.Tester(view)(INCIDENT, [RUN.model_copy(update={"hypotheses": ()})], 15) == ()
    assert source.windows == []


async def test_what_a_hint_names_is_tested_among_the_first() -> None:
    source = Counting(answers={"families": Reading((CPU,))})
    for hint, tested in (("", ["db", "a", "b", "web"]), ("dns at d?", ["a", "b", "c", "d"]), ("web", ["web", "db", "a", "b"])):
        view = View(Sources(source, source, source, source), inline, FakeClock())
        found = await tester.Tester(view)(INCIDENT.model_copy(update={"hint": hint}), (RUN,), 5)
        assert [one.service for one in found] == tested
