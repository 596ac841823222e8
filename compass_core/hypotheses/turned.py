"""Why the answer is not what an earlier message named, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import Hypothesis, Run

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
        why = f"{later[0].summary} weighs more"
    else:
        why = f"what was seen later makes {first.service} likelier"
    return f"The {other.agent} agent named {other.service} ({other.mechanism.replace('_', ' ')}) first: {why}."


def _same(one: Hypothesis, other: Hypothesis) -> bool:
    return (one.service, one.mechanism) == (other.service, other.mechanism)
