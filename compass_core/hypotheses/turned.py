"""Why the answer is not what an earlier message named, or a change, and what it leaves unexplained, each in one sentence."""

from collections.abc import Mapping, Sequence

from compass_core.analysis.graph import callees
from compass_core.domain import Conclusion, Hypothesis, Observation, Run
from compass_core.hypotheses.joined import SHORT
from compass_core.hypotheses.propose import LEAST
from compass_core.hypotheses.suspicion import AS_WELL, CHANGED, ONSET_SLACK_SECONDS, TROUBLED, Best, evidence_of, strongest
from compass_core.hypotheses.test import STRONG
from compass_core.signals.signal import DIRECT, FELT

MOVED = 0.05  # of a confidence, that is worth a line
NAMED = 0.3  # how sure an agent was of what it named, so that people remember it


def why_not(ranked: Sequence[Hypothesis], runs: Sequence[Run]) -> str:
    """`The application agent named bookings (bad deploy) first: it brought this about.`; '' where all named the first of the ranking."""
    named = (max(run.hypotheses, key=lambda one: one.initial_confidence) for run in runs if run.hypotheses)
    other = next((one for one in named if one.initial_confidence >= NAMED and not _same(one, ranked[0])), None) if ranked else None
    if other is None:
        return ""
    now, first = next((one for one in ranked if _same(one, other)), other), ranked[0]
    felled = next((test.detail for test in now.tests if test.verdict == "contradicted"), "")
    seen = (each for run in runs for each in run.findings.observations)
    later = [each for each in seen if each.id in first.evidence_for and each.id not in other.evidence_for]
    if {*now.evidence_for} & {*first.brought_about_by}:
        why = f"it brought about what is wrong with {first.service}"
    elif felled:
        why = f"a test speaks against it ({felled})"
    elif later:
        why = f"{later[0].summary.partition(', usually ')[0]} weighs more"
    else:
        why = f"what was seen later makes {first.service} likelier"
    return f"The {other.agent} agent named {other.service} ({other.mechanism.replace('_', ' ')}) first: {why}."


def harmless(ranked: Sequence[Hypothesis], runs: Sequence[Run]) -> str:
    """What people would suspect, and why it is not likely; '' for none.

    `Hardly the change of prices (deployed 1.8.3 → 1.8.4, 13:39): nothing was seen to get worse there.`
    """
    best = strongest(each for run in runs for each in run.findings.observations)
    blamed = {each for one in ranked if one.confidence >= LEAST for each in (*one.evidence_for, *one.brought_about_by)}
    told = []
    for service, held in best.items():
        changes = [seen for name, seen in held.items() if name in CHANGED and name != AS_WELL and seen.onset and seen.score >= TROUBLED]
        if changes and not {seen.id for seen in changes} & blamed:
            last = max(changes, key=lambda seen: seen.score)
            what = last.summary.removeprefix(f"{service}: ")
            if why := _no_harm(last, held, ranked[:1], best):
                told.append((last.score, f"Hardly the change of {service} ({what[:SHORT]}, {last.onset:%H:%M}): {why}."))
    return max(told, default=(0.0, ""))[1]


def _no_harm(change: Observation, held: Best, first: Sequence[Hypothesis], best: Mapping[str, Best]) -> str:
    """Why a change is not what did it; '' where nobody can say."""
    if AS_WELL in held:
        return "its new version answers as well as the old one"
    if not any(seen.score >= TROUBLED for name, seen in held.items() if name not in CHANGED):
        return "nothing was seen to get worse there"
    for leader in (one for one in first if one.confidence >= NAMED):
        signs = [seen.onset for seen in best.get(leader.service, {}).values() if seen.id in leader.evidence_for and seen.score >= TROUBLED]
        begun = min(filter(None, signs), default=None)
        if begun and change.onset and (change.onset - begun).total_seconds() > ONSET_SLACK_SECONDS:
            return f"{leader.service} was in trouble before it, from {begun:%H:%M} on"
    return ""


def changed(now: Conclusion, before: Conclusion) -> tuple[str, ...]:
    """`rose: checkout: bad deploy, 21% → 64% (checkout: failing requests 9%)`: what moved since, most first, and what is seen anew."""
    new, old = ({one.about: one for one in reversed(each.hypotheses)} for each in (now, before))
    told = []
    for about in {**new, **old}:
        is_, was = (held[about].confidence if about in held else 0.0 for held in (new, old))
        word = "new" if about not in old else "gone" if about not in new else "rose" if is_ > was else "fell"
        there, other, held = (now, before, new) if is_ > was else (before, now, old)
        known = {(seen.service, seen.signal) for seen in other.observations.values()}
        cited = [there.observations[each] for each in held[about].evidence_for if each in there.observations]
        by = [f"{'' if is_ > was else 'no longer '}{one.summary}" for one in cited if (one.service, one.signal) not in known]
        by += [test.detail for test in new[about].tests if test.verdict == "contradicted"] if word == "fell" else []
        told.append((abs(is_ - was), f"{word}: {about}, {was:.0%} → {is_:.0%}{f' ({by[0]})' if by else ''}"))
    return tuple(text for by, text in sorted(told, reverse=True) if by >= MOVED) or ("nothing",)


def unexplained(ranked: Sequence[Hypothesis], runs: Sequence[Run]) -> str:
    """`Not explained by it: stock: failing requests 10%.`: trouble of who neither uses what is blamed nor is used by it; '' for none."""
    edges = next((run.findings.edges for run in reversed(runs) if run.findings.edges), ())
    beneath, best = callees(edges), strongest(each for run in runs for each in run.findings.observations)
    bad = {service: [seen for seen in held.values() if _is_bad(seen)] for service, held in best.items()}
    if not ranked or not any(ranked[0].service in {edge.caller, edge.callee} for edge in edges):
        return ""
    blamed = ranked[0].service
    near = {blamed, *beneath.get(blamed, ())}
    apart = {each for each, troubles in bad.items() if troubles and each not in near and blamed not in beneath.get(each, ())}
    first = [each for each in apart if not beneath.get(each, frozenset()) & apart and any(each in below for below in beneath.values())]
    worst = max((seen for each in first for seen in bad[each]), key=lambda seen: seen.score, default=None)
    return f"Not explained by it: {worst.summary}." if worst else ""


def _is_bad(seen: Observation) -> bool:
    return seen.score >= STRONG and seen.signal not in CHANGED and evidence_of(seen) in {DIRECT, FELT}


def _same(one: Hypothesis, other: Hypothesis) -> bool:
    return (one.service, one.mechanism) == (other.service, other.mechanism)
