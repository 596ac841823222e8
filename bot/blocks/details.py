"""What stands behind a message, for a modal with pages: all that an agent saw, or every hypothesis with all of its evidence."""

from __future__ import annotations

from bot import words
from bot.blocks.elements import Json, bold, button, buttons, link_to, may_link, plain, rich, section
from bot.words import likely, named, shown
from compass_core.domain import AgentName, Conclusion, Hypothesis, Observation, Trial
from compass_core.hypotheses.calibrated import how_sure

HYPOTHESES = "hypotheses"
LONGEST = 600


def details(found: Conclusion, what: str, page: int = 0) -> Json:
    """The modal: of the agent with that name or of the hypotheses, `page` from 0 on."""
    agent = what.title() if what in set(AgentName) else "Hypotheses"
    all_of_it, size = told(found, what), 4 if what == HYPOTHESES else 10
    last = max(0, (len(all_of_it) - 1) // size)
    page = min(max(page, 0), last)
    turn = [("show_before", "Back", page - 1)] * (page > 0) + [("show_after", "Next", page + 1)] * (page < last)
    title = f"{agent}{f' {page + 1} of {last + 1}' if last else ''}"
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": shown(title, 24), "emoji": False},
        "close": {"type": "plain_text", "text": "Close", "emoji": False},
        "blocks": [
            *(all_of_it[page * size : (page + 1) * size] or [rich([plain("Nothing is kept of it.")])]),
            *([buttons(*(button(action, text, show(found.investigation.id, what, at)) for action, text, at in turn))] if turn else []),
        ],
    }


def show(investigation: str, what: str, page: int = 0) -> str:
    """The value of a button that opens a page; `parse_show` reads it."""
    return f"{page} {what} {investigation}"


def parse_show(value: str) -> tuple[str, str, int]:
    """The investigation, what of it, and which page."""
    page, what, investigation = value.split(" ", 2)
    return investigation, what, int(page)


def told(found: Conclusion, what: str) -> list[Json]:
    """Everything of it, a block for each."""
    if what == HYPOTHESES:
        looked = [rich([plain(words.looked_at(found.looked))])] if found.looked else []
        return looked + [_hypothesis(rank, one, found) for rank, one in enumerate(found.hypotheses, 1)]
    seen = [one for run in found.runs if run.agent == what for one in (*words.strongest(run), *run.findings.observations)]
    return [rich(_observed(one)) for one in dict.fromkeys(seen)]


def _hypothesis(rank: int, one: Hypothesis, found: Conclusion) -> Json:
    head = [bold(f"{rank}. {shown(named(one), 200)}"), plain(f" ({likely(one)}, {words.VERDICTS[one.verdict]}, by the {one.agent} agent)")]
    lines = [head, [plain(shown(words.sentence(one), LONGEST))], *([plain(shown(line, LONGEST))] for line in words.model_says(one))]
    lines += [
        [plain(f"How sure: {how_sure(one.confidence)}")],
        *([[bold("How it went (UTC): "), plain(shown(one.story, LONGEST))]] if one.story else []),
    ]
    lines += [[bold("Check: "), plain(shown(step, LONGEST))]] if (step := words.next_step(one)) else []
    tests = [
        section([bold(f"{each.verdict}: "), plain(shown(f"{each.name}: {each.detail}", LONGEST)), *_asked(each)]) for each in one.tests[:20]
    ]
    cited = [(name, each) for name, ids in (("for", one.evidence_for), ("against", one.evidence_against)) for each in ids[:20]]
    evidence = [section([plain(f"{name}: "), *_observed(found.observations[each])]) for name, each in cited if each in found.observations]
    lists = [{"type": "rich_text_list", "style": "bullet", "elements": each} for each in (tests, evidence) if each]
    return {"type": "rich_text", "elements": [*rich(*lines)["elements"], *lists]}


def _observed(seen: Observation) -> list[Json]:
    how = [shown(seen.reduction, 160)] if seen.reduction else []
    how += [f"since {seen.onset:%H:%M:%S} UTC"] if seen.onset else []
    parts = [bold(f"{shown(seen.id)} "), plain(shown(seen.summary, LONGEST)), plain(f" ({', '.join(how)})" if how else "")]
    return [*parts, *_asked(seen)]


def _asked(one: Observation | Trial) -> list[Json]:
    query = shown(one.query, LONGEST)
    return [plain(" "), link_to(one.link, "query")] if may_link(one.link) else [plain(" "), plain(query, code=True)] if query else []
