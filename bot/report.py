"""An investigation as the JSON object that `compass investigate --json` prints; its shape is stable, pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.words import budget
from compass_core.domain import AgentName

if TYPE_CHECKING:
    from datetime import datetime

    from compass_core.domain import Conclusion, Hypothesis, Looked, Observation, Run, Window

Json = dict[str, Any]


def report(conclusion: Conclusion) -> Json:
    """Money in US dollars as text with four decimals (the budget with two), times in UTC as `…Z`, windows as start and end."""
    incident = conclusion.investigation.incident
    return {
        "outcome": conclusion.outcome.value,
        **({"reason": conclusion.reason} if conclusion.reason else {}),
        "incident": {
            "id": incident.id,
            "title": incident.title,
            "services": list(incident.services),
            "started_at": _time(incident.started_at),
        },
        **({"looked": _looked(conclusion.looked)} if conclusion.looked else {}),
        "agents": [_run(run) for run in conclusion.runs],
        "hypotheses": [_hypothesis(rank, one) for rank, one in enumerate(conclusion.hypotheses, 1)],
        "cost": {
            "total_usd": f"{conclusion.total_cost:.4f}",
            "budget_usd": budget(conclusion.investigation.budget),
            "by_agent": {name.value: f"{conclusion.costs.get(name, Decimal(0)):.4f}" for name in AgentName},
        },
        "coverage": round(conclusion.coverage, 3),
    }


def _looked(looked: Looked) -> Json:
    return {"window": _window(looked.window), "baseline": _window(looked.baseline), "why": looked.why, "clean": looked.clean}


def _run(run: Run) -> Json:
    return {
        "name": run.agent.value,
        "outcome": run.outcome.value,
        **({"reason": run.reason} if run.reason else {}),
        **({"unrefined": run.unrefined} if run.unrefined else {}),
        "seconds": round(run.seconds, 3),
        "cost_usd": f"{run.cost:.4f}",
        "gaps": [gap.model_dump(mode="json") for gap in run.findings.gaps],
        "observations": [_observation(seen) for seen in run.findings.observations],
    }


def _observation(seen: Observation) -> Json:
    return {
        **seen.model_dump(mode="json", exclude={"agent", "baseline_value", "onset", "window"}),
        "baseline": seen.baseline_value,
        "onset": _time(seen.onset) if seen.onset else None,
        "window": _window(seen.window),
    }


def _window(window: Window) -> Json:
    return {"start": _time(window.start), "end": _time(window.end)}


def _hypothesis(rank: int, one: Hypothesis) -> Json:
    return {"rank": rank, **one.model_dump(mode="json"), "tests": []}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds" if at.microsecond else "seconds").replace("+00:00", "Z")
