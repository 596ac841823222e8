"""Each thing is asked once, and what fails is a gap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from compass_core.agents.view import LASTING, Absent, Sources, View
from compass_core.domain import AgentName, Edge, Window
from compass_core.errors import Reason
from compass_core.readings import Reading, Reduction, Selection
from tests.agents.asking import TIMES, answering, asked, down, family, view_of
from tests.analysis.spans import repeated, span
from tests.fakes import START, WINDOW, FakeClock, FakeSource, inline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
UP = Selection("up", "up", Reduction.RAW, "service", (("web", "web"),))


async def ask_everything(view: View) -> None:
    await view.families(["web"], ["up"], WINDOW)
    await view.series([UP], WINDOW, 60)
    await view.log_lines(["web"], WINDOW, ["error"])
    await view.log_counts(["web"], WINDOW, 60, ["error"])
    await view.spans(["web"], WINDOW)
    await view.changes(["web"], WINDOW)


async def test_each_thing_is_asked_once() -> None:
    source = FakeSource()
    view = view_of(source)
    await ask_everything(view)
    await ask_everything(view)
    assert sorted(one[0] for one in source.asked) == ["changes", "families", "families", "log_counts", "log_lines", "series", "spans"]


async def test_the_same_question_asked_twice_at_the_same_moment_is_sent_once() -> None:
    class Slow(FakeSource):
        """Answers when it was asked two things."""

        async def log_lines(self, services: Any, window: Any, phrases: Any, *_where: Any) -> Any:
            reading = await super().log_lines(services, window, phrases)
            await two.wait()
            return reading

    two, source = asyncio.Barrier(2), Slow()
    view = view_of(source)
    async with asyncio.TaskGroup() as group:
        both = [group.create_task(view.log_lines(["web"], WINDOW, ["error"])) for _ in range(2)]
        other = group.create_task(view.log_lines(["cart"], WINDOW, ["error"]))
    assert [one[1] for one in source.asked] == [("web",), ("cart",)], "another question does not wait"
    assert both[0].result() is both[1].result() is not other.result()


async def test_a_question_that_was_given_up_is_asked_again() -> None:
    """An agent that takes too long is stopped in the middle of a question; the next one is not to wait for it."""

    class Stuck(FakeSource):
        async def spans(self, services: Any, window: Any, *_where: Any) -> Any:
            reading = await super().spans(services, window)
            if len(self.asked) == 1:
                begun.set()
                await asyncio.Event().wait()
            return reading

    begun, source = asyncio.Event(), Stuck()
    view = view_of(source)
    stopped = asyncio.create_task(view.spans(["web"], WINDOW))
    await begun.wait()
    assert view.asking() == "traces", "what is waited for can be shown meanwhile"
    stopped.cancel()
    assert (await view.spans(["web"], WINDOW)).gaps == ()
    assert len(source.asked) == 2
    assert view.asking() == ""


async def test_spans_are_worked_out_once_for_all_agents() -> None:
    """Also where they ask at the same moment; those of other services are another thing."""
    worked: list[object] = []

    async def offload(work: Callable[[], T]) -> T:
        worked.append(work)
        await asyncio.sleep(0)
        return work()

    source = answering(spans=tuple(repeated(span("serve"), span("call", "serve", "cart"), begin=START.timestamp())))
    view = View(Sources(source, source, source, source), offload, FakeClock())
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(view.traced(("web",), TIMES)) for _ in range(3)]
    again = await view.traced(("web",), TIMES)
    assert all(one.result() is again for one in asking)
    assert again.edges == (Edge(caller="web", callee="cart"),)
    assert len(worked) == 3  # both readings as they came in, and what they say
    assert len(asked(source, "spans")) == 2, "of the window and of the baseline"
    await view.traced(("cart",), TIMES)
    assert len(worked) == 6


async def test_what_could_not_be_read_of_window_or_baseline_is_told_once() -> None:
    traced = await view_of(down(Reason.REJECTED, "spans")).traced(("web",), TIMES)
    assert [gap.detail for gap in traced.spans.gaps] == ["no traces: no connection"]
    assert (traced.edges, traced.growths, traced.failures, traced.detours, traced.slow_throughout) == ((), (), (), (), ())


async def test_another_question_is_asked() -> None:
    source = FakeSource()
    view = view_of(source)
    await view.families(["web"], ["up"], WINDOW)
    await view.families(["web", "up"], [], WINDOW)
    await view.families(["web"], ["up"], TIMES.baseline)
    await view.log_lines(["web"], WINDOW, ["error"])
    await view.log_lines(["web", "error"], WINDOW, [])
    await view.log_counts(["web"], WINDOW, 60, ["error"])
    assert len(source.asked) == 7, "which families there are is asked of each service in each window, and by name once"


async def test_no_selections_need_no_request() -> None:
    source = FakeSource()
    assert (await view_of(source).series([], WINDOW, 60)).values == ()
    assert source.asked == []


@pytest.mark.parametrize("reason", sorted(LASTING))
async def test_a_source_that_is_down_is_not_asked_again(reason: Reason) -> None:
    source = down(reason, "spans", "log_lines")
    view = view_of(source)
    first = await view.spans(["web"], WINDOW)
    assert await view.spans(["cart"], WINDOW) == first
    (gap,) = first.gaps
    assert (gap.source, gap.reason, gap.detail) == ("traces", reason, "no traces: no connection")
    await view.log_lines(["web"], WINDOW, [])
    assert (await view.log_counts(["web"], WINDOW, 60, [])).gaps[0].source == "logs", "the same source"
    assert (await view.changes(["web"], WINDOW)).gaps == (), "another source"
    assert [one[0] for one in source.asked] == ["spans", "log_lines", "changes"]


@pytest.mark.parametrize("reason", sorted(set(Reason) - LASTING))
async def test_a_question_that_failed_is_no_reason_to_ask_no_other(reason: Reason) -> None:
    source = down(reason, "spans")
    view = view_of(source)
    for services in (["web"], ["web"], ["cart"]):
        assert (await view.spans(services, WINDOW)).gaps[0].reason is reason
    assert len(source.asked) == 2


async def test_what_is_not_configured_says_so() -> None:
    view = View(Sources(), inline, FakeClock())
    told = [
        (await view.families(["web"], [], WINDOW)).gaps,
        (await view.log_lines(["web"], WINDOW, [])).gaps,
        (await view.spans(["web"], WINDOW)).gaps,
        (await view.changes(["web"], WINDOW)).gaps,
    ]
    assert [gap.detail for (gap,) in told] == [
        "no metrics: Prometheus is not configured",
        "no logs: Loki is not configured",
        "no traces: Tempo is not configured",
        "no changes: Grafana is not configured",
    ]
    assert {gap.reason for (gap,) in told} == {Reason.NOT_CONFIGURED}


async def test_what_a_source_gave_is_passed_on() -> None:
    up = family("up", "web")
    source = answering(families=(up,))
    reading = await view_of(source).families(["web"], ["up"], WINDOW)
    assert (reading.values, reading.source) == ((up,), "fake")
    assert asked(source, "families") == [("families", ("web",), ()), ("families", (), ("up",))]


async def test_a_source_that_is_absent_refuses_every_question() -> None:
    absent = Absent("Loki")
    view = View(Sources(absent, absent, absent, absent), inline, FakeClock())
    assert (await view.series([UP], WINDOW, 60)).gaps[0].detail == "no metrics: Loki is not configured"


async def test_the_next_agent_asks_again_what_the_share_of_the_one_before_did_not_allow() -> None:
    source, kept = down(Reason.REQUEST_LIMIT), list[int]()
    view = View(Sources(source, source, source, source, kept.append), inline, FakeClock())
    view.turn(AgentName.APPLICATION)
    assert (await view.families(("web",), (), WINDOW)).gaps
    source.fails.clear()
    assert (await view.families(("web",), (), WINDOW)).gaps, "the same agent does not"
    view.turn(AgentName.DATABASE)
    assert not (await view.families(("web",), (), WINDOW)).gaps
    view.turn(AgentName.NETWORK)
    assert kept == [2, 1, 0]


async def test_what_used_up_the_time_of_one_agent_is_not_waited_for_by_the_next() -> None:
    class Hanging(FakeSource):
        async def spans(self, services: Sequence[str], window: Window, *where: object) -> Reading[Any]:
            await asyncio.Event().wait()
            raise AssertionError

    view = view_of(Hanging())
    view.turn(AgentName.APPLICATION)
    asking = asyncio.ensure_future(view.spans(("web",), WINDOW))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    view.turn(AgentName.NETWORK)
    assert [gap.reason for gap in (await view.spans(("web",), WINDOW)).gaps] == [Reason.TIMEOUT]
    assert not (await view.families(("web",), (), WINDOW)).gaps, "other kinds are asked"
