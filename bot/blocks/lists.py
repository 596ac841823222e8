"""Short answers that one person sees: help, what runs, why nothing was started, what was declared."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from bot import words
from bot.blocks.elements import Json, Message, bullets, button, buttons, channel, code_block, fitting, header, link_to, message, plain, rich
from bot.command import FORMS
from bot.words import listed, shown, utc
from compass_core.domain import AgentName, Conclusion, Incident, Investigation


def help_text() -> Message:
    text = "Compass investigates an incident and says what probably caused it, with evidence. Type in the incident's channel:"
    return message([rich([plain(text)]), code_block("\n".join(FORMS.values()))])


def status(running: Sequence[Investigation], recent: Sequence[Conclusion], links: Mapping[str, str], now: datetime) -> Message:
    """What runs, and what ended and what is said of it; `links` lead from an investigation's id to its thread."""

    def build(most: int) -> list[Json]:
        def line(of: Investigation, told: str) -> list[Json]:
            where = [plain(", "), channel(of.address.channel)] if of.address.channel else []
            head = [link_to(links.get(of.id), shown(of.incident.id)), plain(f" {shown(of.incident.title, 100)}"), *where]
            return [*head, plain(f", {words.age(now - of.started_at)} ago: {shown(told, 400)}")]

        ongoing = [line(one, f"running, budget ${words.budget(one.budget)}") for one in running[:most]]
        ended = [line(one.investigation, words.remembered(one)) for one in recent[:most]]
        return [
            rich([plain(f"{len(running)} running, {len(recent)} ended lately, of those that you may see.")]),
            *bullets("Running", ongoing, len(running) - most),
            *bullets("Recent", ended, len(recent) - most),
        ]

    return message(fitting(build, (20, 10, 5, 2, 1, 0), 1_000))


def cost(ended: Iterable[Conclusion], now: datetime) -> Message:
    """What the investigations of this month cost, by day and agent."""
    days: dict[date, list[Conclusion]] = {}
    for one in ended:
        days.setdefault(one.investigation.started_at.date(), []).append(one)
    days = {day: these for day, these in sorted(days.items()) if (day.year, day.month) == (now.year, now.month)}

    def told(when: str, these: Sequence[Conclusion]) -> list[Json]:
        each = (f"{name} ${sum((one.costs.get(name, Decimal(0)) for one in these), Decimal(0)):.4f}" for name in AgentName)
        return [plain(f"{when}: ${sum((one.total_cost for one in these), Decimal(0)):.4f} ({', '.join(each)})")]

    by_day = [told(f"{day}", these) for day, these in days.items()]
    return message([rich(told(f"{now:%B %Y}", [one for these in days.values() for one in these])), *bullets("By day", by_day)])


def home(recent: Message, spent: Message) -> Json:
    return {"type": "home", "blocks": [header("Investigations"), *recent.blocks, header("Cost"), *spent.blocks]}


def refusal(text: str, link: str | None = None) -> Message:
    """Why nothing was started; lines after the first are shown as code, to be copied."""
    first, _, form = text.partition("\n")
    said = [plain(shown(first, 2_000))] + ([plain(" "), link_to(link, "Open its thread")] if link else [])
    shown_form = "\n".join(shown(line, 300) for line in form.split("\n")[:8]).strip()
    return message([rich(said), *([code_block(shown_form)] if shown_form else [])])


def declared(incident: Incident, who: str) -> Message:
    """Who declared what, and the button that investigates it."""
    about = f"{shown(incident.title, 300)} ({listed(incident.services)}, since {utc(incident.started_at)})"
    line = f"{shown(who) or 'Somebody'} declared {shown(incident.id)}: {about}"
    return message([rich([plain(line)]), buttons(button("investigate", "Investigate", incident.id))])
