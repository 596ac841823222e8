"""The three agents: what each asks, sees and thinks, and how they share it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compass_core.agents.application import ApplicationAgent
from compass_core.agents.database import DatabaseAgent
from compass_core.agents.network import NetworkAgent
from compass_core.agents.view import Absent, Sources, View
from compass_core.domain import AgentName, Findings, Outcome, Run, Suspect
from compass_core.readings import Change, LogLine, Reading, Reduction, Selection, Series
from compass_core.signals.unknown import MOST_OTHERS
from tests.agents.asking import TIMES, answering, asked, down, family, view_of
from tests.analysis.spans import repeated, span
from tests.fakes import INCIDENT, START, FakeClock, FakeSource, inline, observation

if TYPE_CHECKING:
    from compass_core.agents.base import Specialist

APPLICATION, DATABASE, NETWORK = AgentName
AGENTS: tuple[type[Specialist], ...] = (ApplicationAgent, DatabaseAgent, NetworkAgent)
BEGIN, NOON = TIMES.baseline.start.timestamp(), START.timestamp()


def series(signal: str, value: float, usual: float, service: str = "checkout", family: str = "") -> Series:
    selection = Selection(signal, family or signal, Reduction.RAW, "service", ((service, service),))
    t = np.arange(BEGIN, NOON + 1800, 60.0, dtype=np.float64)
    return Series(selection, service, {"service": service}, t, np.where(t < NOON, usual, value), f"sum({signal})", "fake", step=60)


async def investigate(view: View, agents: tuple[type[Specialist], ...] = AGENTS) -> list[Run]:
    """As the orchestrator does it: one after the other, each told what those before it found."""
    runs: list[Run] = []
    for kind in agents:
        agent = kind(view)
        findings = await agent.observe(INCIDENT, tuple(runs))
        hypotheses = (await agent.generate_hypotheses(INCIDENT, findings, tuple(runs))).hypotheses
        runs.append(Run(agent=kind.name, outcome=Outcome.ANSWERED, findings=findings, hypotheses=hypotheses))
    return runs


async def test_a_quiet_system() -> None:
    source = FakeSource()
    for run in await investigate(view_of(source)):
        looked = run.findings.looked
        assert looked is not None
        assert looked.window.start == START
        suspects = (Suspect(service="checkout", score=0),)
        assert run.findings == Findings(looked=looked, suspects=suspects, silent=("logs", "metrics", "traces"))
        assert run.hypotheses == ()
    assert len(source.asked) < 30


async def test_everything_is_down() -> None:
    source = down()
    for run in await investigate(view_of(source)):
        assert not run.findings.observations
        assert not run.hypotheses
        assert "no traces: no connection" in [gap.detail for gap in run.findings.gaps]
        assert len(run.findings.gaps) == len(set(run.findings.gaps))
    assert len(source.asked) <= 6, "each source is asked until it has failed"


async def test_nothing_is_configured() -> None:
    runs = await investigate(View(Sources(), inline, FakeClock()))
    assert not any(run.findings.observations or run.hypotheses for run in runs)
    assert {gap.detail for gap in runs[0].findings.gaps} == {
        "no metrics: Prometheus is not configured",
        "no logs: Loki is not configured",
        "no traces: Tempo is not configured",
        "no changes: Grafana is not configured",
    }


async def test_one_source_that_is_missing_does_not_silence_the_others() -> None:
    source = answering(log_lines=tuple(LogLine(NOON + n, "checkout", "FATAL: no seat") for n in range(50)))
    absent = Absent("Prometheus")
    (run,) = await investigate(View(Sources(absent, source, absent, absent), inline, FakeClock()), (ApplicationAgent,))
    assert [one.summary for one in run.findings.observations] == ["checkout: 50 lines, usually 25: FATAL: no seat"]
    assert {gap.source for gap in run.findings.gaps} == {"metrics", "traces", "changes"}


@pytest.mark.parametrize("kind", AGENTS, ids=lambda kind: kind.name)
async def test_an_agent_names_what_it_saw_and_what_was_asked(kind: type[Specialist]) -> None:
    given = [series("error_ratio", 0.4, 0.0), series("db_waiting_clients", 40, 0), series("packet_drops", 90, 0)]
    families = (family("up", "checkout"), family("pg_up", "checkout"), family("probe_success", "checkout"))
    source = answering(series=tuple(given), families=families)
    (run,) = await investigate(view_of(source), (kind,))
    letter = kind.name[0].upper()
    assert [one.id for one in run.findings.observations] == [f"{letter}{n}" for n in range(1, len(run.findings.observations) + 1)]
    assert {one.agent for one in run.findings.observations} == {kind.name}
    assert all(one.query and one.reduction and one.source for one in run.findings.observations)
    assert {name for one in run.hypotheses for name in one.evidence_for} <= {one.id for one in run.findings.observations}


async def test_errors_start_with_the_application_a_slow_query_with_the_database_and_a_gap_with_the_network() -> None:
    """One trace, three views of it: no agent tells what another tells."""
    usual = [
        span("serve", service="checkout", ms=900),
        span("call", "serve", "checkout", kind="client", ms=200),
        span("answer", "call", "cart", ms=190),
        span("select", "answer", "cart", kind="client", ms=10, db_system="mysql", peer_service="cart-db"),
    ]
    slow = [
        span("serve", service="checkout", ms=900, error=True, exception_message="no seat"),
        span("call", "serve", "checkout", kind="client", ms=800),
        span("answer", "call", "cart", ms=400),
        span("select", "answer", "cart", kind="client", ms=390, db_system="mysql", peer_service="cart-db"),
    ]

    class Recorder(FakeSource):
        async def spans(self, services: Any, window: Any, *_where: Any) -> Any:
            reading = await super().spans(services, window)
            spans = repeated(*(slow if window.start >= START else usual), begin=window.start.timestamp())
            return type(reading)(tuple(spans), query="{traces}", source="fake")

    source = Recorder()
    application, database, network = await investigate(view_of(source))
    assert {(one.signal, one.service) for one in application.findings.observations} == {("failing_spans", "checkout")}
    assert {(one.signal, one.service) for one in database.findings.observations} == {("database_time", "cart-db")}
    assert {(one.signal, one.service) for one in network.findings.observations} == {("delay", "cart"), ("delay", "checkout")}, (
        "its two ends"
    )
    assert {one.mechanism for one in network.hypotheses} == {"network_delay"}
    assert len(asked(source, "spans")) == 2, "the window's and the baseline's, once for all three"


async def test_services_in_which_an_earlier_agent_saw_trouble_come_first() -> None:
    source = answering(families=(family("up", "a", "b", "c"),))
    trouble = (observation(APPLICATION, service="c", score=0.9), observation(APPLICATION, name="A2", service="b", score=0.2))
    earlier = Run(agent=APPLICATION, outcome=Outcome.ANSWERED, findings=Findings(observations=trouble))
    await DatabaseAgent(view_of(source)).observe(INCIDENT, (earlier,))
    assert {one[1] for one in asked(source, "log_lines")} == {("c", "checkout", "a", "b")}


async def test_earlier_findings_are_evidence_too() -> None:
    full = observation(APPLICATION, service="orders-db", signal="db_connections_of_limit", score=1)
    earlier = Run(agent=APPLICATION, outcome=Outcome.ANSWERED, findings=Findings(observations=(full,)))
    agent = DatabaseAgent(view_of(FakeSource()))
    findings = await agent.observe(INCIDENT, (earlier,))
    assert [one.service for one in findings.suspects] == ["orders-db", "checkout"]
    (found,) = (await agent.generate_hypotheses(INCIDENT, findings, (earlier,))).hypotheses
    assert (found.agent, found.mechanism, found.evidence_for) == (DATABASE, "connection_exhaustion", ("A1",))


async def test_every_agent_ranks_all_services_by_what_all_saw_so_far() -> None:
    class Telling(FakeSource):
        async def series(self, selections: Any, window: Any, step: float) -> Any:
            await super().series(selections, window, step)
            given = {"cpu_usage": ("checkout", 5.0), "db_query_time": ("cart-db", 60.0)}
            held = {one.signal for one in selections} & set(given)
            return Reading(tuple(series(name, given[name][1], 1.0, given[name][0]) for name in sorted(held)), source="fake")

    families = (family("container_cpu_usage_seconds_total", "checkout", "cart-db", "idle"), family("pg_up", "cart-db"))
    statements = tuple(family(f"pg_stat_statements_{what}_total", "cart-db") for what in ("seconds", "calls"))
    source = Telling(answers={"families": Reading((*families, *statements))})
    runs = await investigate(view_of(source))
    assert [[one.service for one in run.findings.suspects if one.score > 0] for run in runs] == [
        ["checkout"],
        ["cart-db", "checkout"],
        ["cart-db", "checkout"],
    ]
    assert all({one.service for one in run.findings.suspects} == {"checkout", "cart-db", "idle"} for run in runs)


async def test_databases_that_nobody_is_seen_to_call_are_looked_for_by_name() -> None:
    source = answering(families=(family("up", "checkout"),))
    await DatabaseAgent(view_of(source)).observe(INCIDENT, ())
    assert any(services == () and "pg_up" in names for _, services, names in asked(source, "families"))
    known = answering(families=(family("pg_up", "checkout"),))
    await DatabaseAgent(view_of(known)).observe(INCIDENT, ())
    assert not any(
        services == () and "pg_stat_activity_count" in names and "up" not in names for _, services, names in asked(known, "families")
    )


async def test_what_the_catalogue_does_not_know_is_told_where_it_changed() -> None:
    names = {"other:depth": ("depth", 100.0), "other:size": ("size", 1.0), "latency_mean": ("redo_latency", 90.0)}
    source = answering(
        families=tuple(family(name, "checkout") for name, _ in names.values()),
        series=tuple(series(signal, value, 1, family=name) for signal, (name, value) in names.items()),
    )
    (run,) = await investigate(view_of(source), (ApplicationAgent,))
    assert [(one.signal, one.summary) for one in run.findings.observations] == [
        ("latency_mean", "checkout: mean latency (redo_latency) 90 s, usually 1 s"),
        ("other:depth", "checkout: depth 100, usually 1"),
    ]


async def test_so_many_families_beyond_the_catalogue_are_asked_for() -> None:
    wide = [family(f"own_{number}", *(f"pod-{number}" for number in range(9)), "checkout") for number in range(200)]
    source = answering(families=tuple(wide))
    await investigate(view_of(source), (ApplicationAgent,))
    closely = asked(source, "series")[1:]  # the first is from afar, to find out when it began
    selections = [one for question in closely for one in question[1] if one.signal.startswith("other:")]
    assert len(selections) == MOST_OTHERS[0]
    assert sum(len(one.members) for one in selections) <= MOST_OTHERS[1]
    assert len(closely) == 1, "in one question"


async def test_a_change_that_was_recorded() -> None:
    change = Change(NOON - 60, "checkout", "2.13 → 2.14", "deploy", "the annotations", "Grafana")
    source = answering(changes=(change,), log_counts=(series("error lines", 40, 0),))
    (run,) = await investigate(view_of(source), (ApplicationAgent,))
    assert [one.signal for one in run.findings.observations] == ["deploy", "error_lines"]
    assert run.hypotheses[0].mechanism == "bad_deploy"


async def test_odd_telemetry_ends_no_run() -> None:
    """Times that no clock shows, text that no message holds, services without a name."""
    source = answering(
        families=(family("", ""), family("up", ""), family("http_requests_total", "x", code="", version="")),
        series=(series("up", float("nan"), float("inf")), series("error_ratio", 1e308, -1e308), series("", 5, 0, "")),
        log_lines=(LogLine(1e18, "", "\ud83d\x00 error"), LogLine(-1e18, "x" * 5000, '{"msg": "\\ud83d error"}'), LogLine(0, "a", "")),
        log_counts=(series("", 1e300, 0, ""),),
        spans=(
            span("", "", "", 1e18, -5.0, error=True),
            span("a", "a", "a", float("nan"), 1e300, error=True, server_address="[", db_system="x"),
        ),
        changes=(Change(1e18, "", "\ud83d", "annotation", "q", "Grafana"), Change(float("nan"), "x", "", "deploy", "q", "Grafana")),
    )
    for run in await investigate(view_of(source)):
        assert "" not in {one.service for one in run.hypotheses}
        assert all(0 <= one.score <= 1 for one in run.findings.observations)
        run.model_dump_json()


async def test_the_window_is_the_incidents() -> None:
    source = FakeSource()
    late = FakeClock(START + timedelta(minutes=10))
    await ApplicationAgent(View(Sources(source, source, source, source), inline, late)).observe(INCIDENT, ())
    windows = {(one[2].start - START, one[2].end - START) for one in asked(source, "spans")}
    assert windows == {(timedelta(0), timedelta(minutes=10)), (timedelta(hours=-1), timedelta(0))}
