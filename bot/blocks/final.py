"""The answer: the likeliest cause with what speaks for and against it and what to do, then the others, the timeline and the cost."""

from collections.abc import Mapping
from typing import NamedTuple

from bot import words
from bot.blocks.details import HYPOTHESES, judging, show
from bot.blocks.elements import Json, Message, bold, bullets, button, buttons, context, fitting, link_to, message, plain, rich
from bot.blocks.root import again
from bot.blocks.update import finding
from bot.words import likely, shown
from compass_core.budget import NO_ROOM
from compass_core.domain import Conclusion, Hypothesis, Observation, Outcome

MOST_WORDS = 115  # and some of small print


class _Detail(NamedTuple):
    """How many words a piece of evidence may have, how many other hypotheses are told, words of longer sentences."""

    evidence: int
    others: int
    text: int


_DETAILS = tuple(_Detail(*each) for each in ((14, 4, 40), (12, 3, 20), (10, 2, 16), (9, 1, 16), (8, 1, 13)))


def final(conclusion: Conclusion, seen: str | None = None) -> Message:
    """The ranked hypotheses with their evidence, what could not be done, what it cost, and a button to do it again; `seen` is a link."""
    investigation, ended = conclusion.investigation, words.outcome(conclusion.outcome, conclusion.reason)
    behind = [button("show", "Evidence", show(investigation.id, HYPOTHESES))] if conclusion.hypotheses else []
    judge = judging(conclusion, 0) if conclusion.hypotheses else ()
    actions = buttons(*behind, *judge, *_more_money(conclusion), *again(investigation.id))
    if not conclusion.runs:
        told = f"{shown(investigation.incident.id)}: {ended}. Nothing was found before that; investigate again with the button."
        return message([rich([plain(told)]), context(words.cost_line(conclusion.total_cost, investigation.budget)), actions])
    nothing, gaps = words.nothing_found(conclusion), words.gap_lines(conclusion.runs)
    notes = [line for line in (words.incomplete(conclusion), nothing) if line]

    def build(detail: _Detail) -> list[Json]:
        first, rest = conclusion.hypotheses[:1], conclusion.hypotheses[1:]
        told = [one for one in rest if one.confidence >= words.LITTLE][: detail.others]
        others = [_other(rank, one, conclusion.observations, detail) for rank, one in enumerate(told, 2)]
        changed = "; ".join(conclusion.changed[: detail.others])
        story = first[0].story if first and not nothing else ""
        missing = [[bold("Could not check: "), plain(words.brief("; ".join(gaps), detail.text))]] if gaps else []
        checks = [[plain(line)] for line in words.to_check(conclusion)] if nothing else []
        head = [bold(shown(investigation.incident.id)), plain(f": {ended} in {conclusion.seconds:.1f} s")]
        return [
            rich(head, *([plain(line)] for line in notes)),
            *(block for one in first for block in _first(one, conclusion.observations, detail)),
            *(rich([plain(shown(line, 400))]) for line in (conclusion.why_not, conclusion.unexplained) if line),
            *([rich(_before(conclusion, seen, detail))] if conclusion.seen_before else []),
            *([rich([bold("Changed since the last time: "), plain(shown(changed, 400))])] if changed else []),
            *bullets("Other explanations", others, len(rest) - len(told)),
            *([rich([bold("How it went (UTC): "), plain(shown(story, 400))])] if story else []),
            *([rich(*missing)] if missing else []),
            *bullets("What to check", checks[: detail.others + 1], len(checks) - detail.others - 1),
            context(conclusion.how_sure.partition(": ")[2].capitalize(), *words.costs(conclusion)),
            actions,
        ]

    return message(fitting(build, _DETAILS, MOST_WORDS))


def _before(conclusion: Conclusion, link: str | None, detail: _Detail) -> list[Json]:
    incident, _, told = conclusion.seen_how.partition("; ")
    how = f": {words.brief(told, detail.text)}" if told else ""
    return [
        plain(conclusion.seen_before),
        *([plain(" ("), link_to(link, shown(incident)), plain(")")] if incident else []),
        plain(f"{how}."),
    ]


def _more_money(conclusion: Conclusion) -> list[Json]:
    short = conclusion.outcome is Outcome.OUT_OF_BUDGET or any(run.unrefined == NO_ROOM for run in conclusion.runs)
    return [button("raise", "Raise the budget and go on", conclusion.investigation.id)] if short else []


def _first(hypothesis: Hypothesis, seen: Mapping[str, Observation], detail: _Detail) -> list[Json]:
    cited = [seen[each] for each in hypothesis.evidence_for if each in seen]
    against = [[plain(words.brief(each.detail, detail.evidence))] for each in hypothesis.tests if each.verdict == "contradicted"]
    against += [finding(seen[each], hypothesis.service, detail.evidence) for each in hypothesis.evidence_against if each in seen]
    lines = [[bold("Against: "), *each] for each in against[:2]]
    lines += [[bold("Check: "), plain(shown(step, 300))]] if (step := words.next_step(hypothesis, seen)) else []
    lines += [[plain(words.brief(line, detail.text))] for line in words.model_says(hypothesis)[:1]]
    sure = f"{words.sure(hypothesis).lower()} ({likely(hypothesis)}, {words.VERDICTS[hypothesis.verdict]})"
    return [
        rich([bold(f"1. {shown(hypothesis.about, 200)}, {sure}"), plain(f". {words.brief(words.sentence(hypothesis), detail.text)}")]),
        *bullets("", [finding(each, hypothesis.service, detail.evidence) for each in cited[:3]]),
        *([rich(*lines)] if lines else []),
    ]


def _other(rank: int, hypothesis: Hypothesis, seen: Mapping[str, Observation], detail: _Detail) -> list[Json]:
    cited = [seen[each] for each in hypothesis.evidence_for if each in seen][:1]
    wrong = f", {words.VERDICTS[hypothesis.verdict]}" if hypothesis.verdict == "contradicted" else ""
    told = [part for each in cited for part in (plain(": "), *finding(each, hypothesis.service, detail.evidence))]
    return [bold(f"{rank}. {shown(hypothesis.about, 100)}"), plain(f" ({likely(hypothesis)}{wrong})"), *told]
