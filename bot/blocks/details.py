"""What stands behind a message, for a modal with pages: all that an agent saw, or every hypothesis with all of its evidence."""

from bot import words
from bot.blocks.elements import Json, bold, button, buttons, entry, form, label, link_to, may_link, plain, rich, section
from bot.words import likely, shown
from compass_core.domain import AgentName, Conclusion, Hypothesis, Observation, Trial
from compass_core.hypotheses.calibrated import how_sure

HYPOTHESES = "hypotheses"
LONGEST = 600
LONGEST_NOTE = 300


def details(ended: Conclusion, what: str, page: int = 0) -> Json:
    """The modal: of the agent with that name or of the hypotheses, `page` from 0 on."""
    agent = what.title() if what in set(AgentName) else "Hypotheses"
    all_of_it, size = told(ended, what), 4 if what == HYPOTHESES else 10
    last = max(0, (len(all_of_it) - 1) // size)
    page = min(max(page, 0), last)
    first = page * size - (len(all_of_it) - len(ended.hypotheses))  # before the hypotheses stands which time was looked at
    blocks: list[Json] = []
    for rank, block in enumerate(all_of_it[page * size : (page + 1) * size], first):
        blocks += [block, buttons(*judging(ended, rank))] if what == HYPOTHESES and rank >= 0 else [block]
    turns = [("show_before", "Back", page - 1)] * (page > 0) + [("show_after", "Next", page + 1)] * (page < last)
    turning = [button(action, text, show(ended.investigation.id, what, at)) for action, text, at in turns]
    return {
        "type": "modal",
        "title": label(f"{agent}{f' {page + 1} of {last + 1}' if last else ''}", 24),
        "close": label("Close", 24),
        "private_metadata": show(ended.investigation.id, what, page),
        "blocks": (blocks or [rich([plain("Nothing is kept of it.")])]) + ([buttons(*turning)] if turning else []),
    }


def judging(ended: Conclusion, rank: int) -> tuple[Json, Json]:
    """The buttons by which a person says whether that hypothesis is right."""
    which = show(ended.investigation.id, HYPOTHESES, rank)
    return button(f"right_{rank}", "Right", which), button(f"wrong_{rank}", "Wrong: it was …", which)


def correction(ended: Conclusion, rank: int) -> Json:
    """The modal that asks what it was instead of that hypothesis."""
    wrong = ended.hypotheses[rank].about
    others = {one.about: {"text": label(one.about, 75), "value": str(at)} for at, one in enumerate(ended.hypotheses) if one.about != wrong}
    typed = {"type": "plain_text_input", "action_id": "typed"}
    inputs: list[tuple[str, str, Json]] = [
        ("was", "Or a service that is not listed" if others else "The service, and what was wrong with it", typed | {"max_length": 100})
    ]
    inputs += [("note", "Note for the thread", typed | {"max_length": LONGEST_NOTE, "multiline": True})]
    if others:
        inputs.insert(0, ("other", "It was", {"type": "static_select", "action_id": "chosen", "options": list(others.values())[:100]}))
    asked = (entry(name, text, one, optional=True) for name, text, one in inputs)
    said = rich([plain("Not "), bold(shown(wrong, 200)), plain(". Say as much as you know:")])
    return form("correction", "What was it?", show(ended.investigation.id, HYPOTHESES, rank), said, *asked)


def show(investigation: str, what: str, page: int = 0) -> str:
    """The value of a button that opens a page; `parse_show` reads it."""
    return f"{page} {what} {investigation}"


def parse_show(value: str) -> tuple[str, str, int]:
    """The investigation, what of it, and which page."""
    page, what, investigation = value.split(" ", 2)
    return investigation, what, int(page)


def told(ended: Conclusion, what: str) -> list[Json]:
    """Everything of it, a block for each."""
    if what == HYPOTHESES:
        looked = [rich([plain(words.looked_at(ended.looked))])] if ended.looked else []
        return looked + [_hypothesis(rank, one, ended) for rank, one in enumerate(ended.hypotheses, 1)]
    seen = [one for run in ended.runs if run.agent == what for one in (*words.strongest(run), *run.findings.observations)]
    return [rich(_observed(one)) for one in dict.fromkeys(seen)]


def _hypothesis(rank: int, hypothesis: Hypothesis, ended: Conclusion) -> Json:
    by = f"{likely(hypothesis)}, {words.VERDICTS[hypothesis.verdict]}, by the {hypothesis.agent} agent"
    lines = [[bold(f"{rank}. {shown(hypothesis.about, 200)}"), plain(f" ({by})")]]
    lines += [[plain(shown(line, LONGEST))] for line in (words.sentence(hypothesis), *words.model_says(hypothesis))]
    lines += [[plain(shown(each.told, LONGEST))] for each in ended.feedback if each.hypothesis == hypothesis.about]
    lines += [[plain(f"How sure: {ended.how_sure if rank == 1 and ended.how_sure else how_sure(hypothesis.confidence)}")]]
    lines += [[bold("How it went (UTC): "), plain(shown(hypothesis.story, LONGEST))]] if hypothesis.story else []
    lines += [[bold("Check: "), plain(shown(step, LONGEST))]] if (step := words.next_step(hypothesis, ended.observations)) else []
    tests = [
        section([bold(f"{each.verdict}: "), plain(shown(f"{each.name}: {each.detail}", LONGEST)), *_asked(each)])
        for each in hypothesis.tests[:20]
    ]
    both = (("for", hypothesis.evidence_for), ("against", hypothesis.evidence_against))
    cited = [(name, each) for name, ids in both for each in ids[:20]]
    evidence = [section([plain(f"{name}: "), *_observed(ended.observations[each])]) for name, each in cited if each in ended.observations]
    lists = [{"type": "rich_text_list", "style": "bullet", "elements": each} for each in (tests, evidence) if each]
    return {"type": "rich_text", "elements": [*rich(*lines)["elements"], *lists]}


def _observed(seen: Observation) -> list[Json]:
    how = [shown(seen.reduction, 160)] if seen.reduction else []
    how += [f"since {seen.onset:%H:%M:%S} UTC"] if seen.onset else []
    parts = [bold(f"{shown(seen.id)} "), plain(shown(seen.summary, LONGEST)), plain(f" ({', '.join(how)})" if how else "")]
    return [*parts, *_asked(seen)]


def _asked(one: Observation | Trial) -> list[Json]:
    if may_link(one.link):
        return [plain(" "), link_to(one.link, "query")]
    query, cut = shown(one.query, LONGEST), [plain(" (the query is cut)")] * (len(words.printable(one.query)) > LONGEST)
    return [plain(" "), plain(query, code=True), *cut] if query else []
