"""What Compass says, in words that Slack and the terminal share; pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from compass_core.domain import AgentName, Outcome
from compass_core.errors import Reason
from compass_core.hypotheses.coverage import KINDS, absent, clean, is_blind, nobody_knows, silent, unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from compass_core.domain import Conclusion, Gap, Hypothesis, Looked, Observation, Run

OUTCOMES = {
    Outcome.ANSWERED: "finished",
    Outcome.OUT_OF_BUDGET: "out of budget",
    Outcome.FAILED: "failed",
    Outcome.STOPPED: "stopped",
    Outcome.BLIND: "no answer",
    Outcome.SKIPPED: "did not run",
}
SKIPS = {"budget": "the budget is used up", "left out": "left out by --only", "time": "no time was left"}
VERDICTS = {"contradicted": "contradicted by its tests", "survived": "survived its tests", "untested": "untested"}
LEAST_SHOWN = 0.01
MOST_SEEN = 5  # observations that an agent's message shows
DOUBTFUL = 0.25  # a first hypothesis below this confidence is as likely noise as a cause
UNUSUAL = 0.25  # an observation below this score is nothing to wonder at
LOOKS_AT = {
    AgentName.APPLICATION: "requests, errors, latency, logs and changes",
    AgentName.DATABASE: "connections, locks, queries and replication",
    AgentName.NETWORK: "packets, names, certificates and nodes",
}
ADVICE = {  # what to check
    Reason.NOT_CONFIGURED: "{setting}_URL, for {source} is not configured",
    Reason.UNREACHABLE: "whether {source} runs, and {setting}_URL",
    Reason.NOT_FOUND: "{setting}_URL",
    Reason.GARBAGE: "{setting}_URL, for something else answers there",
    Reason.TIMEOUT: "whether {source} is overloaded",
    Reason.SERVER_ERROR: "the log of {source}",
    Reason.RATE_LIMITED: "how many requests {source} takes, or wait",
    Reason.UNAUTHORIZED: "{setting}_TOKEN, or {setting}_USERNAME and {setting}_PASSWORD, and {setting}_TENANT",
    Reason.NO_DATA: "the service's name, and COMPASS_SERVICE_LABELS",
}
_SETTING = re.compile(r"COMPASS_(?:[A-Z]+)(?=_(?:URL|TOKEN))")


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


def looked_at(looked: Looked) -> str:
    """`Looked at 2026-01-05 10:44 to 11:14 UTC, compared with 09:44 to 10:44 UTC: failing requests of checkout changed at 10:45 UTC`."""
    spans = (f"{one.start:%H:%M} to {one.end:%H:%M} UTC" for one in (looked.window, looked.baseline))
    return shown(f"Looked at {looked.window.start:%Y-%m-%d} {', compared with '.join(spans)}: {looked.why}", 300)


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
    """`rules only: the model did not answer (timeout)`, and what else is to be said of the model."""
    rules = (f"rules only: {shown(run.unrefined, 200)}",) if run.unrefined else ()
    return (*rules, *((shown(run.remark, 200),) if run.remark else ()))


def outcome(ended: Outcome, reason: str) -> str:
    """`stopped: took longer than 90 s`."""
    reason = SKIPS.get(reason, reason) if ended is Outcome.SKIPPED else reason
    return f"{OUTCOMES[ended]}: {shown(reason, 300)}" if printable(reason) else OUTCOMES[ended]


def ended_line(conclusion: Conclusion) -> str:
    """How it ended and what it cost."""
    return f"{outcome(conclusion.outcome, conclusion.reason)}, {cost_line(conclusion.total_cost, conclusion.investigation.budget)}"


def saw(run: Run) -> str:
    """`saw 3 unusual things`; of a run that did not look at all it never says that there was nothing to see."""
    count, lost = len(strongest(run)), unread([run])
    if run.outcome is not Outcome.ANSWERED and not run.findings.observations:
        return f"could not check {LOOKS_AT[run.agent]} ({outcome(run.outcome, run.reason)})"
    if count:
        seen = f"saw {count} unusual thing{'s' if count > 1 else ''}"
    else:
        seen = (
            "could observe nothing" if is_blind([run]) else "saw nothing unusual in what it could read" if lost else "saw nothing unusual"
        )
    return seen if run.outcome is Outcome.ANSWERED else f"{seen} and {outcome(run.outcome, run.reason)}"


def strongest(run: Run) -> list[Observation]:
    """What a run saw that is unusual: first what its hypotheses cite, in their order, then the rest in the run's own."""
    cited = list(dict.fromkeys(one for each in run.hypotheses for one in each.evidence_for))
    unusual = [seen for seen in run.findings.observations if seen.id in cited or seen.score >= UNUSUAL]
    return sorted(unusual, key=lambda seen: cited.index(seen.id) if seen.id in cited else len(cited))


def cited_untold(conclusion: Conclusion) -> list[Observation]:
    """What hypotheses cite, for or against and at any rank, and no agent's message showed."""
    told = {seen.id for run in conclusion.runs for seen in strongest(run)[:MOST_SEEN]}
    cited = dict.fromkeys(one for each in conclusion.hypotheses for one in (*each.evidence_for, *each.evidence_against))
    return [conclusion.observations[one] for one in cited if one in conclusion.observations and one not in told]


def gap_lines(runs: Iterable[Run]) -> list[str]:
    """What could not be looked at, each once: `no traces: Tempo is not configured`."""
    return list(dict.fromkeys(_gap(gap) for run in runs for gap in run.findings.gaps))


def incomplete(conclusion: Conclusion) -> str:
    """What is missing from the answer, in one sentence; '' where nothing is."""
    ended = [run for run in conclusion.runs if run.outcome is not Outcome.ANSWERED]
    missing = [f"{run.agent.title()} {outcome(run.outcome, run.reason)}" for run in ended]
    missing += [f"{name.title()} did not finish" for name in absent(conclusion.runs)]
    missing += [shown(nobody.removesuffix("."), 300)] if (nobody := nobody_knows(conclusion.runs)) else []
    nothing = silent(conclusion.runs)
    missing += [f"{'no' if kind in nothing else 'not all'} {kind} could be read" for kind in unread(conclusion.runs)]
    missing += ["the time before is short or troubled"] if clean(conclusion.runs) < 1 else []
    lowered = conclusion.hypotheses and conclusion.coverage < 1
    lowers = f" Every confidence is {conclusion.coverage:.0%} of what it would be otherwise." if lowered else ""
    return f"Incomplete: {'; '.join(missing)}.{lowers}" if missing else ""


def nothing_found(conclusion: Conclusion) -> str:
    """What to say in place of hypotheses, or before ones that are hardly likely; '' where there is a better one, or no agent ran."""
    if not conclusion.runs or any(one.confidence >= DOUBTFUL for one in conclusion.hypotheses[:1]):
        return ""
    if conclusion.outcome is Outcome.BLIND or not any(run.outcome is Outcome.ANSWERED for run in conclusion.runs):
        return "Nothing could be observed, so this says neither that something is wrong nor that all is well."
    read = "in what could be read"
    if conclusion.hypotheses:
        return f"Nothing stands out {read}: this may be normal."
    if any(one.score >= UNUSUAL for one in conclusion.observations.values()):
        return "Unusual things were seen, but no rule names a cause for them."
    return f"Nothing unusual was found {read}."


def to_check(conclusion: Conclusion) -> list[str]:
    """What a person can do about the gaps, for the source and the setting of each."""
    gaps = [gap for run in conclusion.runs for gap in run.findings.gaps if gap.reason in ADVICE]
    return list(dict.fromkeys(_advice(gap) for gap in gaps))


def named(one: Hypothesis) -> str:
    """`86% postgres-orders: connection exhaustion`; nothing that is shown is impossible."""
    likely = f"{one.confidence:.0%}" if one.confidence >= LEAST_SHOWN else "under 1%"
    return f"{likely} {one.service}: {one.mechanism.replace('_', ' ')}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names with commas, the rest as a number."""
    return ", ".join([*(shown(name) for name in names[:most]), *more(len(names) - most)])


def what_next(one: Hypothesis) -> list[str]:
    """What a model says of it, marked as its words: `The model says: …`, what would be seen if it were true, and what to look at."""
    expected = [f"If so, the model says: {each.signal} of {each.service}: {each.comparison}" for each in one.predictions]
    says = [f"The model says: {one.model_says}"] if one.model_says else []
    return says + expected + ([f"Next check, the model says: {one.next_check}"] if one.next_check else [])


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


def _advice(gap: Gap) -> str:
    source = shown(KINDS.get(gap.source, "Grafana" if gap.source == "changes" else gap.source))
    setting = _SETTING.search(gap.detail)  # a source that is read through Grafana has Grafana's
    return ADVICE[gap.reason].format(source=source, setting=setting[0] if setting else f"COMPASS_{source.upper()}")
