"""What Compass says, in words that Slack and the terminal share; pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil

from compass_core.agents.thinking import NO_MODEL
from compass_core.domain import AgentName, Conclusion, Gap, Hypothesis, Incident, Looked, Observation, Outcome, Run
from compass_core.errors import Reason
from compass_core.hypotheses.calibrated import band
from compass_core.hypotheses.coverage import KINDS, absent, clean, is_blind, nobody_knows, silent, unread
from compass_core.hypotheses.joined import OF_A_CHANGE
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.remedies import REMEDIES
from compass_core.hypotheses.suspicion import evidence_of
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.signal import FELT

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
LITTLE = 0.05  # hypotheses below this confidence stand behind a button
FOR_ALL = frozenset({NO_MODEL, "the budget is 0"})  # why no agent of an investigation asks a model
TRIGGERS = {
    "declared": "declared by hand",
    "asked for": "asked for by hand",
    "alertmanager": "an alert",
    "grafana": "an alert",
    "message": "an alert in this channel",
}
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
_COMPARED = re.compile(r"( -?\d\S*( [A-Za-z/]{1,4})?)?, usually [^:]{1,40}")  # with the value before it
_SETTING = re.compile(r"COMPASS_(?:[A-Z]+)(?=_(?:URL|TOKEN))")


def printable(text: str) -> str:
    """Text from outside on one line, without control characters, invisible ones and changes of direction."""
    if not text.isprintable():  # hardly ever
        text = "".join(c for c in text if c.isprintable() or c.isspace())
    return " ".join(text.split())


def shown(text: str, limit: int = 60) -> str:
    """`printable` text of at most `limit` characters; what was cut shows as `…`."""
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def utc(at: datetime) -> str:
    """`2026-01-05 14:03 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def looked_at(looked: Looked) -> str:
    """`Looked at 2026-01-05 10:44 to 11:14 UTC, compared with 09:44 to 10:44: failing requests of checkout changed at 10:45 UTC`."""
    then, before = (f"{one.start:%H:%M} to {one.end:%H:%M}" for one in (looked.window, looked.baseline))
    return shown(f"Looked at {looked.window.start:%Y-%m-%d} {then} UTC, compared with {before}: {looked.why}", 300)


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
    each = " · ".join(f"{name} ${conclusion.costs.get(name, Decimal(0)):.4f}" for name in AgentName)
    return (f"{each} · total {cost_line(total, limit)} ({used:.1f}% used)", *_model(conclusion.runs))


def bar(spent: Decimal, limit: Decimal) -> str:
    """`▰▰▱▱▱▱▱▱▱▱ $2.0000 / $10.00`: what was spent of the budget; whatever was spent shows."""
    full = min(10, ceil(spent * 10 / limit)) if limit else 0
    return f"{'▰' * full}{'▱' * (10 - full)} {cost_line(spent, limit)}"


def thought_how(run: Run) -> tuple[str, ...]:
    """`rules only: the model did not answer (timeout)`, and what else this agent's message must say of the model.

    That no agent had a model is said once, at the end.
    """
    rules = (f"rules only: {shown(run.unrefined, 200)}",) if run.unrefined and run.unrefined not in FOR_ALL else ()
    return (*rules, *((shown(run.remark, 200),) if run.remark else ()))


def outcome(ended: Outcome, reason: str) -> str:
    """`stopped: took longer than 90 s`."""
    reason = SKIPS.get(reason, reason) if ended is Outcome.SKIPPED else reason
    told = shown(reason, 300) if printable(reason) else ""
    return told if told.startswith(f"{OUTCOMES[ended]} ") else ": ".join(filter(None, (OUTCOMES[ended], told)))


def ended_line(conclusion: Conclusion) -> str:
    return f"{outcome(conclusion.outcome, conclusion.reason)}, {cost_line(conclusion.total_cost, conclusion.investigation.budget)}"


def saw(run: Run) -> str:
    """`3 unusual signals`; of a run that did not look at all it never says that there was nothing to see."""
    count, lost = len(strongest(run)), unread([run])
    if run.outcome is not Outcome.ANSWERED and not run.findings.observations:
        return f"could not check {LOOKS_AT[run.agent]} ({outcome(run.outcome, run.reason)})"
    if count:
        seen = f"{count} unusual signal{'s' if count > 1 else ''}"
    else:
        seen = "could observe nothing" if is_blind([run]) else "nothing unusual in what it could read" if lost else "nothing unusual"
    return seen if run.outcome is Outcome.ANSWERED else f"{seen}; {outcome(run.outcome, run.reason)}"


def strongest(run: Run) -> list[Observation]:
    """What a run saw that is unusual: first what its hypotheses cite, in their order, then the rest in the run's own."""
    cited = list(dict.fromkeys(one for each in run.hypotheses for one in each.evidence_for))
    unusual = [seen for seen in run.findings.observations if seen.id in cited or seen.score >= UNUSUAL]
    return sorted(unusual, key=lambda seen: cited.index(seen.id) if seen.id in cited else len(cited))


def gap_lines(runs: Iterable[Run]) -> list[str]:
    """What could not be looked at, each once: `traces, changes (not configured)`, `Loki: timed out`."""
    gaps = [gap for run in runs for gap in run.findings.gaps]
    missing = dict.fromkeys(shown(gap.source) for gap in gaps if gap.reason is Reason.NOT_CONFIGURED)
    told = [f"{', '.join(missing)} (not configured)"] if missing else []
    return [*told, *dict.fromkeys(_gap(gap) for gap in gaps if gap.reason is not Reason.NOT_CONFIGURED)]


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
    answered = [run.outcome is Outcome.ANSWERED for run in conclusion.runs]
    unusual = any(one.score >= UNUSUAL for one in conclusion.observations.values())
    if conclusion.outcome is Outcome.BLIND or not (any(answered) or unusual):
        return "Nothing could be observed, so this says neither that something is wrong nor that all is well."
    if unusual and not (all(answered) and len(answered) == len(AgentName)):
        return "Something is wrong, but too little was read to name its cause."
    read = "in what could be read"
    if conclusion.hypotheses:
        return f"Nothing stands out {read}: this may be normal."
    if unusual:
        return "Unusual things were seen, but no rule names a cause for them."
    return f"Nothing unusual was found {read}."


def to_check(conclusion: Conclusion) -> list[str]:
    """What a person can do about the gaps, for the source and the setting of each."""
    gaps = [gap for run in conclusion.runs for gap in run.findings.gaps if gap.reason in ADVICE]
    return list(dict.fromkeys(_advice(gap) for gap in gaps))


def remembered(ended: Conclusion) -> str:
    """How it ended and what it cost, the first hypothesis, and what people, and later telemetry, say of it."""
    first = [f"{one.about} ({likely(one)}, {VERDICTS[one.verdict]})" for one in ended.hypotheses[:1]]
    return "; ".join([ended_line(ended), *first, *(one.told for one in ended.feedback)])


def age(span: timedelta) -> str:
    """`12 min`, `3 h`, `2 days`."""
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"  # noqa: PLR2004


def likely(hypothesis: Hypothesis) -> str:
    """`86%`; nothing that is shown is impossible."""
    return f"{hypothesis.confidence:.0%}" if hypothesis.confidence >= LEAST_SHOWN else "under 1%"


def sure(hypothesis: Hypothesis) -> str:
    """How sure, in words: `Very likely`."""
    return band(hypothesis.confidence).word


def sentence(hypothesis: Hypothesis) -> str:
    """What it says is broken, without the numbers that the evidence shows as well."""
    meaning = MECHANISMS.get(hypothesis.mechanism, "")
    return f"{meaning}." if meaning and hypothesis.statement.startswith(meaning) else hypothesis.statement


def next_step(hypothesis: Hypothesis, seen: Mapping[str, Observation]) -> str:
    """`Check: …. Usual remedy: ….`, with the service's name; '' for a mechanism that nobody knows.

    What a change brought about is mended by undoing that.
    """
    if hypothesis.mechanism not in REMEDIES:
        return ""
    check, remedy = (text.format(service=hypothesis.service) for text in REMEDIES[hypothesis.mechanism])
    if hypothesis.mechanism not in OF_A_CHANGE:
        remedy = next((f"undo the change of {seen[each].service}" for each in hypothesis.brought_about_by if each in seen), remedy)
    return f"{check}. Usual remedy: {remedy}."


def found(seen: Observation, service: str = "", most: int = 14) -> str:
    """`18:57 UTC connections in use 97%, usually 24%`: when it began and what it is; the service only where it is another.

    Where that is too long, what it is compared with goes last.
    """
    began, says = f"{seen.onset:%H:%M} UTC " if seen.onset else "", seen.summary.removeprefix(f"{service}: ")
    told = brief(says, most)
    if (compared := _COMPARED.search(says)) and compared[0] not in told:
        told = brief(says[: compared.start()], max(1, most - len(compared[0].split()))) + compared[0]
    return began + told


def brief(text: str, most: int) -> str:
    """At most so many words, and 90 characters; what was cut shows as `…`."""
    words = shown(text, 90).split()
    return " ".join(words[:most]) + " …" * (len(words) > most)


def measured(signal: str) -> str:
    """What a signal's name means to a person."""
    return SIGNALS[signal].words if signal in SIGNALS else shown(signal.replace("_", " "))


def symptom(incident: Incident, runs: Iterable[Run]) -> Observation | None:
    """What users feel: the worst that the incident's own services suffer from, rather measured over time than told by log lines."""
    seen = [one for run in runs for one in run.findings.observations if one.service in incident.services and one.score >= UNUSUAL]
    return max((one for one in seen if evidence_of(one) == FELT), key=lambda one: (bool(one.points), one.score), default=None)


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names with commas, the rest as a number."""
    return ", ".join([*(shown(name) for name in names[:most]), *more(len(names) - most)])


def model_says(hypothesis: Hypothesis) -> list[str]:
    """What a model says of it, marked as its words: why, what to look at next, and what would be seen if it were true."""
    says = [f"The model says: {hypothesis.model_says}"] if hypothesis.model_says else []
    says += [f"Next check, the model says: {hypothesis.next_check}"] if hypothesis.next_check else []
    return says + [
        f"If so, the model says: {measured(each.signal)} of {each.service}: {each.comparison}" for each in hypothesis.predictions
    ]


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
        return (f"Rules only: {'; '.join(every)}.",) if every else ()
    rest = [f" Rules only for {', '.join(agents)}: {reason}." for reason, agents in why.items()]
    return (f"Model: {', '.join(refined)}.{''.join(rest)}",)


def _gap(gap: Gap) -> str:
    return shown(gap.detail if gap.source.lower() in gap.detail.lower() else f"{gap.source}: {gap.detail}", 200)


def _advice(gap: Gap) -> str:
    source = shown(KINDS.get(gap.source, "Grafana" if gap.source == "changes" else gap.source))
    setting = _SETTING.search(gap.detail)  # a source that is read through Grafana has Grafana's
    return ADVICE[gap.reason].format(source=source, setting=setting[0] if setting else f"COMPASS_{source.upper()}")
