"""What an agent knows when it thinks: what it saw, what those before it saw and thought, and what its rules propose."""

from collections.abc import Sequence
from dataclasses import dataclass

from compass_core.domain import AgentName, Findings, Hypothesis, Incident, Observation, Run


@dataclass(frozen=True, slots=True)
class Known:
    """`proposed` are the hypotheses of this agent's rules; `findings` are its own, `earlier` the runs before it."""

    agent: AgentName
    incident: Incident
    findings: Findings
    earlier: Sequence[Run]
    proposed: tuple[Hypothesis, ...]

    @property
    def seen_earlier(self) -> tuple[Observation, ...]:
        """What the agents before this one observed."""
        return tuple(seen for run in self.earlier for seen in run.findings.observations)

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Everything that is thought so far, this agent's first."""
        return (*self.proposed, *(one for run in self.earlier for one in run.hypotheses))

    @property
    def scores(self) -> dict[str, float]:
        """How unusual each observation is, by its id."""
        return {seen.id: seen.score for seen in (*self.seen_earlier, *self.findings.observations)}

    @property
    def services(self) -> frozenset[str]:
        """Every service that was named by something else than a model."""
        edges = (*self.findings.edges, *(edge for run in self.earlier for edge in run.findings.edges))
        seen = (one.service for one in (*self.seen_earlier, *self.findings.observations))
        called = (service for edge in edges for service in (edge.caller, edge.callee))
        blamed = (*(one.service for one in self.findings.suspects), *(one.service for one in self.hypotheses))
        return frozenset((*self.incident.services, *seen, *called, *blamed))
