"""What agents know, made for tests: of a few services, and of any text and size."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from compass_core.domain import AgentName, Edge, Findings, Hypothesis, Outcome, Run, Suspect
from compass_core.hypotheses.known import Known
from compass_core.hypotheses.refine import Answer, Cause, Expected
from tests.fakes import INCIDENT, START, hypothesis, observation

APPLICATION, DATABASE, NETWORK = AgentName


def thought(service: str, mechanism: str, confidence: float, *ids: str, agent: AgentName = DATABASE) -> Hypothesis:
    more = {"mechanism": mechanism, "evidence_for": ids}
    return hypothesis(agent, confidence, f"what rules say of {service}", service).model_copy(update=more)


def cause(service: str = "db", mechanism: str = "connection_exhaustion", confidence: float = 0.9, *ids: str, **more: Any) -> Cause:
    made: dict[str, Any] = {
        "service": service,
        "mechanism": mechanism,
        "statement": "A model's words.",
        "confidence": confidence,
        "evidence_for": ids,
        "evidence_against": (),
        "predictions": (),
        "next_check": "Count the sessions.",
    }
    return Cause.model_validate({**made, **more})


def answer(*causes: Cause) -> Answer:
    return Answer(hypotheses=causes)


def expected(service: str = "db", signal: str = "sessions", comparison: str = "> 95") -> Expected:
    return Expected(service=service, signal=signal, comparison=comparison)


def known(*proposed: Hypothesis, agent: AgentName = DATABASE) -> Known:
    """`db` is called by `web`; A1 and A2 were seen at `web` by the application agent, D1 and D2 at `db` by this one."""
    earlier = Run(
        agent=APPLICATION,
        outcome=Outcome.ANSWERED,
        findings=Findings(
            observations=(observation(APPLICATION, "A1", "web", score=0.8), observation(APPLICATION, "A2", "web", score=0.3))
        ),
        hypotheses=(thought("web", "bad_deploy", 0.6, "A1", agent=APPLICATION),),
    )
    seen = observation(DATABASE, "D1", "db", "db_connections_of_limit", 1.0)
    onset = START - timedelta(seconds=90)
    full = seen.model_copy(update={"onset": onset, "value": 0.97, "baseline_value": 0.24, "summary": "db: 97% used, usually 24%"})
    findings = Findings(
        observations=(full, observation(DATABASE, "D2", "db", "db_locks", 0.5)),
        edges=(Edge(caller="web", callee="db", system="postgresql"),),
        suspects=(Suspect(service="db", score=0.9), Suspect(service="web", score=0.1)),
    )
    return Known(agent, INCIDENT, findings, (earlier,), proposed)
