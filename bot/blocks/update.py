"""What one agent saw and thinks, in at most sixty words: a line a finding."""

from decimal import Decimal

from bot import words
from bot.blocks.details import show
from bot.blocks.elements import Json, Message, bold, bullets, button, buttons, context, fitting, link_to, may_link, message, plain, rich
from bot.words import shown
from compass_core.domain import Investigation, Observation, Run

MOST_WORDS = 45  # and fifteen of small print
SHOWN = 3  # findings
_DETAILS = ((SHOWN, 14), (SHOWN, 11), (SHOWN, 9), (2, 9), (2, 7), (1, 5))  # findings, and words of each


def agent_update(investigation: Investigation, run: Run, spent: Decimal) -> Message:
    """What it saw and thinks, what it could not check, and the cost so far."""
    seen, gaps = words.strongest(run), words.gap_lines([run])
    thinks = f" suspects {shown(run.hypotheses[0].about, 100)}" if run.hypotheses else f": {words.saw(run)}"

    def build(detail: tuple[int, int]) -> list[Json]:
        most, length = detail
        count = f"{words.saw(run)}{f', {most} shown' if len(seen) > most else ''} ({run.seconds:.1f} s)"
        small = [count if run.hypotheses else f"{run.seconds:.1f} s", words.cost_line(spent, investigation.budget)]
        small += [words.brief(line, length) for line in words.thought_how(run)]
        missing = [f"Could not check: {words.brief('; '.join(gaps), length)}"] if gaps else []
        return [
            rich([bold(run.agent.title()), plain(thinks)]),
            *bullets("", [finding(one, most=length) for one in seen[:most]]),
            context(" · ".join(filter(None, small)), *missing),
            *([buttons(button("show", f"Show all {len(seen)}", show(investigation.id, run.agent)))] if len(seen) > most else []),
        ]

    return message(fitting(build, _DETAILS, MOST_WORDS))


def finding(seen: Observation, service: str = "", most: int = 14) -> list[Json]:
    """When it began, what it is, how much against usual, and a link where there is one."""
    link = [plain(" "), link_to(seen.link, shown(seen.id))] if may_link(seen.link) else []
    return [plain(words.found(seen, service, most)), *link]
