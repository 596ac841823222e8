"""The first message of an investigation, kept current: what is wrong and for whom, the best explanation, where the agents are, the cost."""

from bot import words
from bot.blocks.elements import Json, Message, bold, button, buttons, context, header, message, plain, rich
from bot.words import listed, shown, utc
from compass_core.domain import AgentName, Conclusion, Hypothesis, Investigation, Moment, Outcome


def root(investigation: Investigation, now: Moment | Conclusion | None = None) -> Message:
    """While it runs as of that moment, or as it ended; by default, as it begins."""
    now = now or Moment(ahead=investigation.waits)
    incident, ended = investigation.incident, isinstance(now, Conclusion)
    lines = _ended(now) if isinstance(now, Conclusion) else _running(now)
    if story := _story(now):
        lines.append([bold("How it went (UTC): "), plain(shown(story, 300))])
    elif felt := words.symptom(incident, now.runs):
        lines.append([bold("Felt: "), plain(shown(f"{felt.summary}{f', since {felt.onset:%H:%M} UTC' if felt.onset else ''}", 160))])
    origin = words.TRIGGERS.get(incident.origin, shown(incident.origin))
    who = [listed(incident.services) or "services not known", shown(incident.severity), origin]
    lines.append([plain(f"{' · '.join(filter(None, who))} · since {utc(incident.started_at)}")])
    testing = [f"▸ testing, {now.seconds:.0f} s"] if isinstance(now, Moment) and now.doing == "testing" else []
    lines.append([plain(" · ".join([*(_state(name, investigation, now) for name in AgentName), *testing]))])
    looked = next((run.findings.looked for run in now.runs if run.findings.looked), None)
    where = ", ".join(f"{label}={value}" for label, value in incident.environment)
    told = [f"asked by {shown(investigation.asked_by)}"] if investigation.asked_by else []
    told += ["investigated again"] if investigation.again else []
    told += [f"{looked.window.start:%Y-%m-%d %H:%M} to {looked.window.end:%H:%M} UTC"] if looked else []
    told += [shown(each, 200) for each in (where, incident.noted) if each]
    spent = now.total_cost if isinstance(now, Conclusion) else now.spent
    return message(
        [
            header(f"{shown(incident.id)}: {shown(incident.title, 300)}"),
            rich(*lines),
            context(words.bar(spent, investigation.budget), " · ".join(told)),
            buttons(*again(investigation.id)) if ended else buttons(button("stop", "Stop", incident.id)),
        ]
    )


def again(investigation: str) -> tuple[Json, Json]:
    """The buttons that investigate again: as before, or with something else."""
    return button("reinvestigate", "Re-investigate", investigation), button("change", "Change …", investigation)


def _ended(now: Conclusion) -> list[list[Json]]:
    nothing, missing = words.nothing_found(now), words.incomplete(now)
    lines = [[bold(nothing)]] if nothing else [_explanation(f"{words.sure(one)}: ", one) for one in now.hypotheses[:1]]
    lines += [[plain(words.outcome(now.outcome, now.reason).capitalize())]] if now.outcome is not Outcome.ANSWERED else []
    return lines + ([[plain(missing)]] if missing else [])


def _story(now: Moment | Conclusion) -> str:
    """What brought the answer about and who suffers from it; '' while that is not known."""
    return now.hypotheses[0].story if isinstance(now, Conclusion) and now.hypotheses and not words.nothing_found(now) else ""


def _running(now: Moment) -> list[list[Json]]:
    if now.ahead:
        return [[bold("Waiting: "), plain(f"{now.ahead} other investigation{'s' * (now.ahead > 1)} must end first")]]
    best = max((one for run in now.runs for one in run.hypotheses), key=lambda one: one.confidence, default=None)
    return [_explanation("Best explanation so far: ", best)] if best else [[bold("Looking for the cause …")]]


def _explanation(lead: str, hypothesis: Hypothesis) -> list[Json]:
    return [bold(f"{lead}{shown(hypothesis.about, 200)}. "), plain(shown(words.sentence(hypothesis), 200))]


def _state(name: AgentName, investigation: Investigation, now: Moment | Conclusion) -> str:
    run = next((run for run in now.runs if run.agent is name), None)
    if run:
        answered = run.outcome is Outcome.ANSWERED
        return f"✓ {name} {run.seconds:.1f} s" if answered else f"– {name} {shown(words.outcome(run.outcome, run.reason), 80)}"
    if isinstance(now, Conclusion):
        return f"– {name} did not run"
    if now.doing == name:
        asking = f": reading {shown(now.asking)}" if now.asking else ""
        return f"▸ {name}{asking}, {now.seconds:.0f} s"
    if investigation.only not in {None, name}:
        return f"– {name} left out"
    return f"{name} waits"
