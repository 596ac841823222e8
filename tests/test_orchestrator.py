"""The plot. The fifteen tests of the project's first design stand here under their names."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot import blocks
from compass_core import conventions
from compass_core import orchestrator as plot
from compass_core.budget import NO_ROOM, Budget, stopped_short
from compass_core.domain import Address, AgentName, Conclusion, Feedback, Findings, Incident, Outcome, Request, Run, Suspect
from compass_core.errors import AlreadyRunningError, IncidentNotFoundError, Reason, SourceError, StoreError, ThreadError, UnknownNameError
from compass_core.orchestrator import Limits, Orchestrator, Outside
from tests.bot.made import INVESTIGATION, FakeHistory
from tests.bot.made import conclusion as ended
from tests.bot.made import hypothesis as guess
from tests.fakes import (
    INCIDENT,
    START,
    FakeAgent,
    FakeClock,
    FakeIncidents,
    FakeInvestigations,
    FakeJournal,
    FakeLedger,
    FakeTester,
    FakeThread,
    observation,
    tried,
)

APPLICATION, DATABASE, NETWORK = AgentName


@dataclass
class Stage:
    """An orchestrator with fakes around it."""

    limit: str = "10.00"
    agents: dict[AgentName, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in AgentName})
    limits: Limits | None = None
    thread: FakeThread = field(default_factory=FakeThread)
    most_running: int | None = None
    pauses: list[float] = field(default_factory=list)
    history: FakeHistory | None = None
    journal: FakeJournal = field(default_factory=FakeJournal)
    finished: tuple[Run, ...] = ()
    kept: FakeInvestigations = field(default_factory=FakeInvestigations)
    places: tuple[FakeIncidents, ...] = field(default_factory=lambda: (FakeIncidents(),))
    tester: FakeTester | None = None

    def __post_init__(self) -> None:
        self.budget = Budget(Decimal(self.limit), FakeLedger(), "run-1")
        self.cast = {name: FakeAgent(name, self.budget, **told) for name, told in self.agents.items()}
        outside = Outside(
            self.places, self.kept, self.thread, self.journal, FakeClock(), None, self.tester, self.most_running, self.history, self.pause
        )
        self.orchestrator = Orchestrator(self.cast, self.budget, outside, self.limits, self.finished)

    async def pause(self, seconds: float) -> None:
        """The database works again."""
        self.pauses.append(seconds)
        self.kept.broken = None

    async def play(self, **request: Any) -> Conclusion:
        accepted = await self.orchestrator.accept(Request(**{"reference": "INC-1", **request}))
        return await self.orchestrator.investigate(accepted)


def outcomes(conclusion: Conclusion) -> list[Outcome]:
    return [run.outcome for run in conclusion.runs]


# the seed's ten unit tests


def test_initialization() -> None:
    stage = Stage()
    assert stage.orchestrator.get_total_cost() == Decimal(0)
    assert stage.orchestrator.get_agent_costs() == dict.fromkeys(AgentName, Decimal(0))


async def test_sequential_agent_dispatch() -> None:
    stage = Stage()
    conclusion = await stage.play()
    assert stage.thread.said == ["root", "application", "database", "network", "final"]
    assert [step for step in stage.journal.steps if " " not in step] == [
        "opened",
        *stage.thread.said,
    ]
    told = [[run.agent for run in stage.cast[name].earlier[0]] for name in AgentName]
    assert told == [[], [APPLICATION], [APPLICATION, DATABASE]]
    assert stage.cast[NETWORK].earlier[0][0].findings.observations[0].id == "A1"
    assert outcomes(conclusion) == [Outcome.ANSWERED] * 3


async def test_budget_check_after_each_agent() -> None:
    """A bill above its reservation passes `reserve`; the check after the agent stops the investigation."""
    stage = Stage(agents={APPLICATION: {"cost": Decimal(11), "reserves": Decimal(1)}, DATABASE: {}, NETWORK: {}})
    conclusion = await stage.play()
    assert conclusion.outcome is Outcome.OUT_OF_BUDGET
    assert outcomes(conclusion) == [Outcome.OUT_OF_BUDGET, Outcome.SKIPPED, Outcome.SKIPPED]
    assert [run.reason for run in conclusion.runs[1:]] == ["budget", "budget"]
    assert conclusion.hypotheses, "what the agent thought before the check is kept"
    assert not stage.cast[DATABASE].earlier


async def test_graceful_degradation() -> None:
    stage = Stage(agents={APPLICATION: {}, DATABASE: {"fails": ValueError("secret detail")}, NETWORK: {}})
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.ANSWERED, Outcome.FAILED, Outcome.ANSWERED]
    assert conclusion.outcome is Outcome.ANSWERED
    assert conclusion.runs[1].reason == "ValueError", "a foreign error's text may hold anything"
    assert conclusion.runs[1].findings.observations, "what was observed before the failure is kept"
    assert stage.thread.said == ["root", "application", "database", "network", "final"]


async def test_budget_exceeded_error_stops_investigation() -> None:
    """Raised by the check, also after an agent that failed."""
    dear = {"cost": Decimal("1.2"), "reserves": Decimal("0.5"), "confidences": (0.9, 0.3)}
    stage = Stage(limit="1.00", agents={APPLICATION: {}, DATABASE: dear, NETWORK: {}})
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.ANSWERED, Outcome.OUT_OF_BUDGET, Outcome.SKIPPED]
    assert conclusion.reason.startswith("database: $1.2000 was billed, the budget is $1.00")
    assert "this answer is incomplete" in conclusion.reason
    assert [one.agent for one in conclusion.hypotheses] == [DATABASE, APPLICATION, DATABASE]
    assert all(one.confidence <= one.initial_confidence * conclusion.coverage < one.initial_confidence for one in conclusion.hypotheses)
    assert stage.thread.said == ["root", "application", "database", "final"]
    failing = Stage(limit="1.00", agents={APPLICATION: {**dear, "fails_after": ValueError("x")}, DATABASE: {}, NETWORK: {}})
    assert outcomes(await failing.play()) == [Outcome.OUT_OF_BUDGET, Outcome.SKIPPED, Outcome.SKIPPED]


async def test_where_nothing_could_be_read_there_is_no_answer() -> None:
    dark = Findings(silent=("logs", "metrics", "traces"))
    conclusion = await Stage(agents={name: {"sees": dark, "confidences": ()} for name in AgentName}).play()
    assert (conclusion.outcome, conclusion.hypotheses) == (Outcome.BLIND, ())
    half = {APPLICATION: {"sees": dark, "confidences": ()}, DATABASE: {"sees": Findings(silent=("logs",)), "confidences": ()}}
    assert (await Stage(agents=half).play()).outcome is Outcome.ANSWERED


async def test_a_typed_name_that_nothing_is_known_of_ends_it_before_any_work() -> None:
    class Strangers:
        async def check(self, incident: Incident) -> None:
            raise UnknownNameError(incident.services, "", ("metrics",), ("checkout",))

    stage = Stage()
    stage.orchestrator._outside = replace(stage.orchestrator._outside, names=Strangers())
    with pytest.raises(UnknownNameError, match=r"chekout.*Nearest names: checkout"):
        await stage.play(reference="", service="chekout", since=timedelta(minutes=20))
    assert (stage.thread.said, stage.kept.ended) == ([], [])
    with pytest.raises(UnknownNameError, match="checkout"):
        await stage.play()
    known = INCIDENT.model_copy(update={"origin": "alertmanager"})
    assert (await stage.play(incident=known)).outcome is Outcome.ANSWERED, "what was accepted once, and an alert, is looked at all the same"


async def test_what_was_not_looked_at_lowers_every_confidence() -> None:
    whole = await Stage().play()
    late = await Stage(agents={APPLICATION: {}, DATABASE: {"fails": ValueError("x")}, NETWORK: {}}).play()
    assert whole.coverage == 1
    assert late.hypotheses
    assert all(one.confidence < one.initial_confidence for one in late.hypotheses)


async def test_a_call_that_does_not_fit_is_not_made_and_all_agents_answer() -> None:
    agents = {APPLICATION: {"cost": Decimal("0.4")}, DATABASE: {"cost": Decimal("0.7")}, NETWORK: {"cost": Decimal("0.1")}}
    stage = Stage(limit="1.00", agents=agents)
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.ANSWERED] * 3
    assert [run.unrefined for run in conclusion.runs] == ["", NO_ROOM, NO_ROOM], "no later call is tried either"
    assert conclusion.total_cost == Decimal("0.4"), "what did not fit was not spent"
    assert conclusion.outcome is Outcome.ANSWERED


async def test_hypothesis_collection_from_all_agents() -> None:
    conclusion = await Stage().play()
    assert {one.agent for one in conclusion.hypotheses} == set(AgentName)


async def test_hypothesis_ranking_by_confidence() -> None:
    stage = Stage(
        agents={APPLICATION: {"confidences": (0.2, 0.7)}, DATABASE: {"confidences": (0.7, 0.75)}, NETWORK: {"confidences": (0.7,)}}
    )
    ranked = [(one.confidence, one.agent) for one in (await stage.play()).hypotheses]
    assert ranked == [(0.75, DATABASE), (0.7, APPLICATION), (0.7, DATABASE), (0.7, NETWORK), (0.2, APPLICATION)]


async def test_total_cost_tracking() -> None:
    stage = Stage(agents={name: {"cost": Decimal("1.25")} for name in AgentName})
    conclusion = await stage.play()
    assert stage.orchestrator.get_total_cost() == conclusion.total_cost == Decimal("3.75")
    assert stage.thread.spent == [Decimal("1.25"), Decimal("2.50"), Decimal("3.75")]


async def test_per_agent_cost_breakdown() -> None:
    costs = {APPLICATION: Decimal("1.25"), DATABASE: Decimal("2.35"), NETWORK: Decimal("0.85")}
    stage = Stage(agents={name: {"cost": cost} for name, cost in costs.items()})
    conclusion = await stage.play()
    assert stage.orchestrator.get_agent_costs() == conclusion.costs == costs
    assert {run.agent: run.cost for run in conclusion.runs} == costs


async def test_missing_agents_handling() -> None:
    stage = Stage(agents={DATABASE: {}})
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.SKIPPED, Outcome.ANSWERED, Outcome.SKIPPED]
    assert conclusion.runs[0].reason == "not configured"
    assert conclusion.outcome is Outcome.ANSWERED
    assert set(conclusion.costs) == set(AgentName)
    assert stage.thread.said == ["root", "database", "final"]


# the seed's five integration tests


async def test_end_to_end_with_fake_agents() -> None:
    stage = Stage(agents={name: {"cost": Decimal("0.01")} for name in AgentName})
    conclusion = await stage.play()
    assert stage.thread.conclusions == stage.kept.ended == [conclusion]
    assert not stage.kept.running
    assert set(conclusion.observations) == {"A1", "D1", "N1"}


async def test_budget_enforcement_across_agents() -> None:
    stage = Stage(limit="3.00", agents={name: {"cost": Decimal("1.25")} for name in AgentName})
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.ANSWERED] * 3
    assert conclusion.total_cost == Decimal("2.50") <= Decimal("3.00")


async def test_hypothesis_ranking_without_deduplication() -> None:
    stage = Stage(agents={name: {"confidences": (0.5, 0.5)} for name in AgentName})
    assert len((await stage.play()).hypotheses) == 6


async def test_cost_calculation_accuracy() -> None:
    stage = Stage(agents={name: {"cost": Decimal("0.1")} for name in AgentName})
    assert (await stage.play()).total_cost == Decimal("0.3")


async def test_graceful_degradation_of_all_agents() -> None:
    stage = Stage(agents={name: {"fails": RuntimeError("x")} for name in AgentName})
    conclusion = await stage.play()
    assert conclusion.outcome is Outcome.FAILED
    assert stage.thread.said[-1] == "final"


# what came after the seed


async def test_one_agent_alone() -> None:
    stage = Stage()
    conclusion = await stage.play(only=DATABASE)
    assert [run.reason for run in conclusion.runs] == ["left out", "", "left out"]
    assert stage.thread.said == ["root", "database", "final"]


async def test_zero_budget_runs_all_agents_that_spend_nothing() -> None:
    assert outcomes(await Stage(limit="0").play()) == [Outcome.ANSWERED] * 3


async def test_an_agent_that_takes_too_long_is_stopped_and_the_next_runs() -> None:
    stage = Stage(agents={APPLICATION: {"hangs": True}, DATABASE: {}, NETWORK: {}}, limits=Limits(0.01, 60))
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.STOPPED, Outcome.ANSWERED, Outcome.ANSWERED]
    assert conclusion.outcome is Outcome.STOPPED


async def test_later_agents_are_skipped_when_the_time_is_used_up() -> None:
    stage = Stage(agents={APPLICATION: {"hangs": True}, DATABASE: {}, NETWORK: {}}, limits=Limits(60, 0.01))
    conclusion = await stage.play()
    assert [(run.outcome, run.reason) for run in conclusion.runs[1:]] == [(Outcome.SKIPPED, "time")] * 2


async def test_a_cancelled_investigation_says_so() -> None:
    stage = Stage(agents={APPLICATION: {}, DATABASE: {"hangs": True}, NETWORK: {}})
    task = asyncio.ensure_future(stage.play())
    await stage.cast[DATABASE].begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (stage.thread.conclusions[0].outcome, stage.thread.conclusions[0].reason) == (Outcome.STOPPED, "Compass was shut down")
    assert stage.thread.conclusions[0].hypotheses, "what was found before is ranked"
    assert not stage.kept.running


async def test_who_stops_it_while_a_model_thinks_gets_what_was_seen_and_what_the_rules_make_of_it() -> None:
    trouble = observation(DATABASE, "D1", "db", "db_connections_of_limit", 0.9)
    seen = Findings(observations=(trouble,), suspects=(Suspect(service="db", score=0.8),))
    stage = Stage(agents={DATABASE: {"ponders": True, "sees": seen}})
    task = asyncio.ensure_future(stage.play(only=DATABASE))
    await stage.cast[DATABASE].pondering.wait()
    task.cancel("stopped by sam")
    conclusion = await task
    assert conclusion.observations == {"D1": trouble}
    assert [(one.service, one.mechanism) for one in conclusion.hypotheses] == [("db", "connection_exhaustion")]
    assert "this may be normal" not in blocks.root(conclusion.investigation, conclusion).text


async def test_who_stops_it_is_told_and_it_ends_as_any_other() -> None:
    stage = Stage(agents={APPLICATION: {}, DATABASE: {"hangs": True}, NETWORK: {}})
    task = asyncio.ensure_future(stage.play())
    await stage.cast[DATABASE].begun.wait()
    task.cancel("stopped by sam")
    conclusion = await task
    assert (conclusion.outcome, conclusion.reason) == (Outcome.STOPPED, "stopped by sam")
    assert conclusion.hypotheses, "what was found before is ranked"
    assert [(run.agent, run.outcome) for run in conclusion.runs] == [(APPLICATION, Outcome.ANSWERED), (DATABASE, Outcome.STOPPED)]
    assert "– database stopped by sam · – network did not run" in blocks.root(conclusion.investigation, conclusion).text
    unbegun = Stage()
    waiting = await unbegun.orchestrator.accept(Request(reference="INC-1"))
    assert (await unbegun.orchestrator.investigate(waiting, "stopped by sam")).reason == "stopped by sam"
    assert unbegun.thread.said == ["root", "final"], "also what never began is told the end"


async def test_what_another_process_goes_on_with_says_nothing_here() -> None:
    stage = Stage(agents={APPLICATION: {}, DATABASE: {"hangs": True}, NETWORK: {}})
    task = asyncio.ensure_future(stage.play())
    await stage.cast[DATABASE].begun.wait()
    stage.journal.left = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stage.thread.said == ["root", "application"]
    assert stage.kept.running, "whoever goes on with it closes it"


async def test_the_place_in_the_line_is_what_runs_beyond_the_limit() -> None:
    others = {f"INC-{n}": f"run-{n}" for n in range(2, 5)}
    for most, waits in ((None, 0), (4, 0), (3, 1), (1, 3)):
        stage = Stage(kept=FakeInvestigations(running=dict(others)), most_running=most)
        assert (await stage.orchestrator.accept(Request(reference="INC-1"))).waits == waits


async def test_going_on_runs_no_finished_agent_again_and_counts_what_it_cost() -> None:
    short = {"cost": Decimal("0.6")}
    first = await Stage(limit="1.00", agents={APPLICATION: short, DATABASE: short, NETWORK: {}}).play()
    assert [stopped_short(run) for run in first.runs] == [False, True, False]
    more = Stage(limit="2.00", agents=dict.fromkeys(AgentName, short), finished=tuple(run for run in first.runs if not stopped_short(run)))
    more.budget = Budget(Decimal("2.00"), FakeLedger(), "run-2", before=first.costs)
    more.orchestrator._budget = more.cast[DATABASE].budget = more.budget
    conclusion = await more.play()
    assert [bool(more.cast[name].earlier) for name in AgentName] == [False, True, False]
    assert more.thread.said == ["root", "database", "final"]
    assert [run.unrefined for run in conclusion.runs] == ["", "", ""]
    assert conclusion.total_cost == Decimal("1.2")


async def test_what_was_found_before_is_told() -> None:
    history, stage = FakeHistory(), Stage()
    first = await stage.play()
    cited = first.model_copy(update={"hypotheses": (first.hypotheses[0].model_copy(update={"evidence_for": ("A1",)}),)})
    older = INCIDENT.model_copy(update={"started_at": INCIDENT.started_at - timedelta(days=3)})
    history.ended.append(
        cited.model_copy(update={"investigation": first.investigation.model_copy(update={"id": "older", "incident": older})})
    )
    again = Stage(history=history)
    assert (await again.orchestrator._recalled(cited)).seen_before.startswith("Seen 1 time before, last on 2026-01-02")
    assert (await again.play()).seen_before == "", "by nothing it was not recognised before"


async def test_what_changed_since_the_same_incident_was_looked_at_in_this_channel_is_told() -> None:
    history, stage = FakeHistory(), Stage()
    first = await stage.play()
    elsewhere = first.investigation.model_copy(update={"id": "elsewhere", "address": Address(channel="C2")})
    gone = ended(hypotheses=(guess(0.9),))
    history.ended = [gone.model_copy(update={"investigation": first.investigation}), gone.model_copy(update={"investigation": elsewhere})]
    again = Stage(history=history)
    later = first.model_copy(update={"investigation": first.investigation.model_copy(update={"id": "later", "again": True})})
    assert any(one.startswith("gone: postgres-orders") for one in (await again.orchestrator._recalled(later)).changed)
    assert (await again.orchestrator._recalled(first)).changed == ()
    stopped = first.investigation.model_copy(update={"id": "stopped"})
    cut = first.model_copy(update={"investigation": stopped, "outcome": Outcome.STOPPED, "hypotheses": ()})
    history.ended = [cut, *history.ended]
    assert any(one.startswith("gone: postgres-orders") for one in (await again.orchestrator._recalled(later)).changed)
    history.ended = history.ended[2:]
    assert (await again.orchestrator._recalled(later)).changed == ()


async def test_how_often_people_found_an_answer_this_sure_right_is_told() -> None:
    history = FakeHistory()
    for number, right in enumerate((True, True, False, None)):
        said = f"of {number}"
        of = INVESTIGATION.model_copy(update={"id": said, "incident": INCIDENT.model_copy(update={"id": said})})
        history.ended.append(ended(investigation=of, hypotheses=(guess(0.5),)))
        if right is not None:
            about = {"hypothesis": guess(0.5).about, "person": "U1", "name": "sam"}
            await history.answered(Feedback(investigation=said, right=right, **about))
    unsure = ended(investigation=INVESTIGATION.model_copy(update={"id": "less"}), hypotheses=(guess(0.05),))
    history.ended.append(unsure)
    await history.answered(Feedback(investigation="less", hypothesis=guess(0.05).about, person="U1", name="sam", right=True))
    assert "(here: 2 of 3, so about " in (await Stage(history=history).play()).how_sure
    assert "here" not in (await Stage().play()).how_sure


async def test_a_lost_update_does_not_stop_the_investigation() -> None:
    stage = Stage(thread=FakeThread(refuses=frozenset({"database", "final"})))
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.ANSWERED] * 3
    assert stage.kept.ended == [conclusion]


@pytest.mark.parametrize(("broken", "told"), [(StoreError("the disk is full"), "the disk is full"), (KeyError("x"), "KeyError")])
async def test_the_end_is_told_also_where_it_cannot_be_kept(broken: Exception, told: str) -> None:
    stage = Stage(kept=FakeInvestigations(broken=broken))
    conclusion = await stage.play()
    assert conclusion.outcome is Outcome.ANSWERED
    assert stage.thread.said[-1] == "final"
    assert stage.thread.conclusions[0].reason == f"it could not be kept: {told}"
    assert stage.kept.ended == [conclusion], "it is kept as soon as that is possible again"
    assert (len(stage.pauses), stage.kept.running) == (1, {})


async def test_a_message_that_breaks_is_left_out_and_the_last_one_told_without_what_broke_it() -> None:
    stage = Stage(thread=FakeThread(breaks=frozenset({"database", "final"})))
    conclusion = await stage.play()
    assert outcomes(conclusion) == [Outcome.ANSWERED] * 3
    assert stage.thread.said == ["root", "application", "network", "final"]
    (last,) = stage.thread.conclusions
    assert (last.outcome, last.reason, last.runs) == (Outcome.FAILED, "its message could not be written (KeyError)", ())


@pytest.mark.parametrize("what", ["rank", "coverage", "is_blind"])
async def test_a_fault_of_ours_ends_in_the_thread_with_what_was_found(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(plot, what, broken)
    stage = Stage()
    conclusion = await stage.play()
    assert conclusion.outcome is Outcome.FAILED
    assert "Compass itself failed (ZeroDivisionError)" in conclusion.reason
    assert len(conclusion.hypotheses) == 3
    assert stage.thread.conclusions == stage.kept.ended == [conclusion]


async def test_a_database_of_incidents_that_fails_is_a_place_that_does_not_answer() -> None:
    places = (FakeIncidents(down=StoreError("the database is locked")), FakeIncidents("Alertmanager"))
    assert (await Stage(places=places).play()).outcome is Outcome.ANSWERED
    with pytest.raises(IncidentNotFoundError, match=r"declared incidents \(no answer: the database is locked\); Alertmanager"):
        await Stage(places=places).play(reference="INC-9")


async def test_nothing_runs_where_the_thread_cannot_be_opened() -> None:
    stage = Stage(thread=FakeThread(refuses=frozenset({"root"})))
    with pytest.raises(ThreadError):
        await stage.play()
    assert not stage.kept.running
    assert not stage.cast[APPLICATION].earlier


async def test_the_same_incident_twice_is_refused() -> None:
    stage = Stage(kept=FakeInvestigations(running={"INC-1": "other"}))
    with pytest.raises(AlreadyRunningError) as refused:
        await stage.play()
    assert refused.value.investigation == "other"
    assert stage.thread.said == []


async def test_an_unknown_id_names_the_places_and_the_nearest() -> None:
    down = FakeIncidents("Alertmanager", down=SourceError("Alertmanager", Reason.TIMEOUT, "no answer in time"))
    known = FakeIncidents(incidents=dict.fromkeys(("INC-41", "INC-42", "XYZ", "INC-4711"), INCIDENT))
    stage = Stage(places=(known, down))
    with pytest.raises(IncidentNotFoundError) as refused:
        await stage.play(reference="INC-4")
    assert "Looked in: declared incidents; Alertmanager (no answer: no answer in time)." in str(refused.value)
    nearest = str(refused.value).partition("Nearest: ")[2].rstrip(".")
    assert set(nearest.split(", ")) == {"INC-41", "INC-42", "INC-4711"}
    assert stage.thread.said == []


async def test_an_incident_is_found_in_the_first_place_that_knows_it() -> None:
    second = FakeIncidents("Alertmanager", {"INC-1": INCIDENT.model_copy(update={"title": "another"})})
    stage = Stage(places=(FakeIncidents(), second))
    assert (await stage.play()).investigation.incident.title == "checkout is slow"


async def test_a_service_and_since_when_need_no_id() -> None:
    from datetime import timedelta  # noqa: PLC0415 - used here alone

    incident = (await Stage(places=()).play(reference="", service="checkout", since=timedelta(minutes=45))).investigation.incident
    assert (incident.services, incident.started_at) == (("checkout",), FakeClock().now - timedelta(minutes=45))


async def test_what_is_asked_for_says_where_it_is_before_an_alert_does() -> None:
    alerted = INCIDENT.model_copy(update={"environment": (("namespace", "shop"), ("cluster", "eu-1"))})
    stage = Stage(places=(FakeIncidents(incidents={"INC-1": alerted}),))
    incident = (await stage.play(environment=(("cluster", "eu-2"),))).investigation.incident
    assert incident.environment == (("namespace", "shop"), ("cluster", "eu-2"))


async def test_investigating_again_needs_no_place() -> None:
    investigation = (await Stage(places=()).play(reference="", incident=INCIDENT, again=True)).investigation
    assert investigation.again
    assert investigation.incident == INCIDENT
    assert not (await Stage(places=()).play(reference="", incident=INCIDENT)).investigation.again, "of an alert that somebody points at"


async def test_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(conventions, "tracer", provider.get_tracer("test"))
    await Stage().play()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    outer = spans["orchestrator.observe"]
    assert outer.attributes == {"incident.id": "INC-1"}
    for name in AgentName:
        inner = spans[f"orchestrator.observe.{name}"]
        assert inner.parent is not None
        assert inner.parent.span_id == outer.context.span_id
        assert inner.attributes == {"compass.outcome": "answered"}
        agent = spans[f"invoke_agent {name}"]
        assert agent.parent is not None
        assert agent.parent.span_id == inner.context.span_id
        assert agent.attributes == {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name.value}


async def test_the_hypotheses_are_tested_after_the_last_agent_and_ranked_by_what_came_of_it() -> None:
    tester = FakeTester((tried("db", "contradicted"), tried("web", "survived")))
    kinds = [(service, signal) for service in ("db", "web") for signal in ("deploy", "error_ratio")]
    observed = (observation(APPLICATION, f"A{number}", *kind) for number, kind in enumerate(kinds))
    blamed = Suspect(service="db", score=0.6), Suspect(service="web", score=0.3)
    sees = Findings(observations=tuple(one.model_copy(update={"onset": START}) for one in observed), suspects=blamed)
    conclusion = await Stage(agents={APPLICATION: {"confidences": (0.6, 0.3), "blames": ("db", "web"), "sees": sees}}, tester=tester).play()
    assert [run.agent for run in tester.told] == list(AgentName)
    assert [(one.service, one.verdict) for one in conclusion.hypotheses] == [("web", "survived"), ("db", "contradicted")]
    assert [test.name for test in conclusion.hypotheses[1].tests] == ["order"]
    assert sum(one.confidence for one in conclusion.hypotheses) <= 1


async def test_a_test_that_breaks_costs_no_hypothesis() -> None:
    conclusion = await Stage(agents={APPLICATION: {"confidences": (0.6,)}}, tester=FakeTester(breaks=True)).play()
    assert [(one.verdict, one.confidence) for one in conclusion.hypotheses] == [("untested", 0.6)]
    assert conclusion.outcome is Outcome.ANSWERED


async def test_nothing_is_tested_once_more_was_billed_than_the_budget() -> None:
    stage = Stage(agents={APPLICATION: {"cost": Decimal(11), "reserves": Decimal(1)}}, tester=FakeTester())
    conclusion = await stage.play()
    assert conclusion.outcome is Outcome.OUT_OF_BUDGET
    assert stage.tester
    assert stage.tester.told == []
