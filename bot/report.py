"""An investigation as the JSON object that `compass investigate --json` prints; its shape is stable, pure."""

from decimal import Decimal
from typing import Any

from bot.words import budget
from compass_core.domain import AgentName, Conclusion, Run

Json = dict[str, Any]


def report(conclusion: Conclusion) -> Json:
    """Money in US dollars as text with four decimals (the budget with two), times in UTC as `…Z`, windows as start and end."""
    incident = conclusion.investigation.incident
    return {
        "outcome": conclusion.outcome.value,
        **({"reason": conclusion.reason} if conclusion.reason else {}),
        "incident": incident.model_dump(mode="json", include={"id", "title", "services", "started_at"}),
        **({"looked": conclusion.looked.model_dump(mode="json")} if conclusion.looked else {}),
        "agents": [_run(run) for run in conclusion.runs],
        "hypotheses": [{"rank": rank, **one.model_dump(mode="json")} for rank, one in enumerate(conclusion.hypotheses, 1)],
        "cost": {
            "total_usd": f"{conclusion.total_cost:.4f}",
            "budget_usd": budget(conclusion.investigation.budget),
            "by_agent": {name.value: f"{conclusion.costs.get(name, Decimal(0)):.4f}" for name in AgentName},
        },
        "coverage": round(conclusion.coverage, 3),
    }


def _run(run: Run) -> Json:
    return {
        "name": run.agent.value,
        "outcome": run.outcome.value,
        **({"reason": run.reason} if run.reason else {}),
        **({"unrefined": run.unrefined} if run.unrefined else {}),
        "seconds": round(run.seconds, 3),
        "cost_usd": f"{run.cost:.4f}",
        "gaps": [gap.model_dump(mode="json") for gap in run.findings.gaps],
        "observations": [
            {**seen.model_dump(mode="json", exclude={"agent", "baseline_value", "points"}), "baseline": seen.baseline_value}
            for seen in run.findings.observations
        ],
    }
