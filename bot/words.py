"""What Compass says, in words that Slack and the terminal share; pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from compass_core.domain import AgentName, Outcome
from compass_core.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from compass_core.domain import Conclusion, Gap, Hypothesis, Observation, Run

OUTCOMES = {
    Outcome.ANSWERED: "finished",
    Outcome.OUT_OF_BUDGET: "out of budget",
    Outcome.FAILED: "failed",
    Outcome.STOPPED: "stopped",
    Outcome.SKIPPED: "did not run",
}
SKIPS = {"budget": "the budget is used up", "left out": "left out by --only", "time": "no time was left"}
VERDICTS = {"contradicted": "contradicted by its tests", "survived": "survived its tests", "untested": "untested"}
LEAST_SHOWN = 0.01
DOUBTFUL = 0.25  # a first hypothesis below this confidence is as likely noise as a cause
UNUSUAL = 0.25  # an observation below this score is nothing to wonder at
ADVICE = {
    Reason.NOT_CONFIGURED: "set the source's address, such as COMPASS_PROMETHEUS_URL",
    Reason.UNREACHABLE: "see whether the source runs and its address is right",
    Reason.TIMEOUT: "see whether the source is overloaded",
    Reason.UNAUTHORIZED: "check the source's token or password",
    Reason.NO_DATA: "check the service's name, and COMPASS_SERVICE_LABELS",
}
_KINDS = {"metrics": "prometheus", "logs": "loki", "traces": "tempo"}


def printable(text: str) -> str:
    """Text from outside on one line, without control characters, invisible ones and changes of direction."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())


def shown(text: str, limit: int = 60) -> str:
    """`printable` text of at most `limit` characters; what was cut shows as `…`."""
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def utc(at: datetime) -> str:
    """`2026-01-05 14:03 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def budget(amount: Decimal) -> str:
    """Dollars with cents, or as exact as they were given: `10.00`, `0.001`."""
    return f"{amount:.2f}" if Decimal(f"{amount:.2f}") == amount else f"{amount:f}"


def cost_line(spent: Decimal, limit: Decimal) -> str:
    """`$0.0021 / $10.00`."""
    return f"${spent:.4f} / ${budget(limit)}"


def costs(conclusion: Conclusion) -> tuple[str, ...]:
    """What each agent cost, the total against the budget, and what a model did."""
    limit, total = conclusion.investigation.budget, conclusion.total_cost
    used = total / limit * 100 if limit else Decimal(0)
    each = " · ".join(f"{name.title()}: ${conclusion.costs.get(name, Decimal(0)):.4f}" for name in AgentName)
    return (f"{each} · Total: {cost_line(total, limit)} · Utilization: {used:.1f}%", *_model(conclusion.runs))


def thought_how(run: Run) -> tuple[str, ...]:
    """`rules only: the model did not answer (timeout)`, and what a model's answer lost."""
    rules = (f"rules only: {shown(run.unrefined, 200)}",) if run.unrefined else ()
    return (*rules, *((f"the model named what does not exist: {shown(run.dropped)}",) if run.dropped else ()))


def outcome(ended: Outcome, reason: str) -> str:
    """`stopped: took longer than 90 s`."""
    reason = SKIPS.get(reason, reason) if ended is Outcome.SKIPPED else reason
    return f"{OUTCOMES[ended]}: {shown(reason, 300)}" if printable(reason) else OUTCOMES[ended]


def ended_line(conclusion: Conclusion) -> str:
    """How it ended and what it cost."""
    return f"{outcome(conclusion.outcome, conclusion.reason)}, {cost_line(conclusion.total_cost, conclusion.investigation.budget)}"


def saw(run: Run) -> str:
    """`saw 3 things`, and how the run ended where it did not answer."""
    count = len(run.findings.observations)
    nothing = "could observe nothing" if _blind([run]) else "saw nothing unusual"
    seen = nothing if count == 0 else "saw 1 thing" if count == 1 else f"saw {count} things"
    return seen if run.outcome is Outcome.ANSWERED else f"{seen} and {outcome(run.outcome, run.reason)}"


def strongest(run: Run) -> list[Observation]:
    """What a run observed: first what its hypotheses cite, in their order, then the rest in the run's own."""
    cited = list(dict.fromkeys(one for each in run.hypotheses for one in each.evidence_for))
    return sorted(run.findings.observations, key=lambda seen: cited.index(seen.id) if seen.id in cited else len(cited))


def gap_lines(runs: Iterable[Run]) -> list[str]:
    """What could not be looked at, each once: `no traces: Tempo is not configured`."""
    return list(dict.fromkeys(_gap(gap) for run in runs for gap in run.findings.gaps))


def nothing_found(conclusion: Conclusion) -> str:
    """What to say in place of hypotheses, or before ones that are hardly likely; '' where there is a better one, or no agent ran."""
    if not conclusion.runs or any(one.confidence >= DOUBTFUL for one in conclusion.hypotheses[:1]):
        return ""
    if conclusion.hypotheses:
        return "Nothing stands out in what could be read: this may be normal."
    seen = conclusion.observations.values()
    if any(one.score >= UNUSUAL for one in seen):
        return "Unusual things were seen, but no rule names a cause for them."
    if not seen and (_blind(conclusion.runs) or not any(run.outcome is Outcome.ANSWERED for run in conclusion.runs)):
        return "Nothing could be observed, so there is no hypothesis."
    return "Nothing unusual was found in what could be read."


def to_check(conclusion: Conclusion) -> list[str]:
    """What a person can do about the gaps."""
    reasons = dict.fromkeys(gap.reason for run in conclusion.runs for gap in run.findings.gaps)
    return [ADVICE[reason] for reason in reasons if reason in ADVICE]


def named(one: Hypothesis) -> str:
    """`86% postgres-orders: connection exhaustion`; nothing that is shown is impossible."""
    likely = f"{one.confidence:.0%}" if one.confidence >= LEAST_SHOWN else "under 1%"
    return f"{likely} {one.service}: {one.mechanism.replace('_', ' ')}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names with commas, the rest as a number."""
    return ", ".join([*(shown(name) for name in names[:most]), *more(len(names) - most)])


def what_next(one: Hypothesis) -> list[str]:
    """What would be seen if it were true (`If so: pool waits of orders-db: > 0.9`), and what to look at."""
    expected = [f"If so: {each.signal} of {each.service}: {each.comparison}" for each in one.predictions]
    return expected + ([f"Next check: {one.next_check}"] if one.next_check else [])


def more(left: int) -> tuple[str, ...]:
    """`… 3 more` where something is left out."""
    return (f"… {left} more",) if left > 0 else ()


def _model(runs: Sequence[Run]) -> tuple[str, ...]:
    """Whose hypotheses a model refined, and why not the others'."""
    refined = [run.agent for run in runs if not run.unrefined and (run.hypotheses or run.outcome is Outcome.ANSWERED)]
    why: dict[str, list[str]] = {}
    for run in runs:
        if run.unrefined:
            why.setdefault(shown(run.unrefined, 200), []).append(run.agent)
    if not refined:
        every = [reason if len(why) == 1 else f"{reason} ({', '.join(agents)})" for reason, agents in why.items()]
        return (f"No model's answer was used: {'; '.join(every)}.",) if every else ()
    rest = [f" Rules only for {', '.join(agents)}: {reason}." for reason, agents in why.items()]
    return (f"Model: refined the hypotheses of {', '.join(refined)}.{''.join(rest)}",)


def _gap(gap: Gap) -> str:
    return shown(gap.detail if gap.source.lower() in gap.detail.lower() else f"{gap.source}: {gap.detail}", 200)


def _blind(runs: Iterable[Run]) -> bool:
    """Nothing was observed, and each kind of telemetry failed or held nothing."""
    runs = list(runs)
    lost = [gap for run in runs for gap in run.findings.gaps if gap.source in _KINDS or gap.reason is Reason.NO_DATA]
    told = [f"{gap.source} {gap.detail}".lower() for gap in lost]
    seen = any(run.findings.observations for run in runs)
    return not seen and all(any(kind in line or source in line for line in told) for kind, source in _KINDS.items())
