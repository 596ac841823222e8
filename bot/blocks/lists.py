"""Short answers that one person sees: help, what runs, why nothing was started, what was declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot import words
from bot.blocks.elements import Json, Message, bullets, button, buttons, code_block, fitting, link_to, message, plain, rich
from bot.command import FORMS
from bot.words import listed, shown, utc
from compass_core.domain import Conclusion, Incident, Investigation


def help_text() -> Message:
    """How to ask."""
    text = "Compass investigates an incident and says what probably caused it, with evidence. Type in the incident's channel:"
    return message([rich([plain(text)]), code_block("\n".join(FORMS.values()))])


def status(running: Sequence[Investigation], recent: Sequence[Conclusion], links: Mapping[str, str]) -> Message:
    """What runs, and what ended lately and what it cost; `links` lead from an investigation's id to its thread."""

    def build(most: int) -> list[Json]:
        def line(of: Investigation, told: str) -> list[Json]:
            return [link_to(links.get(of.id), shown(of.incident.id)), plain(f" {shown(of.incident.title, 100)}: {told}")]

        now = [line(one, f"running, budget ${words.budget(one.budget)}") for one in running[:most]]
        ended = [line(one.investigation, words.ended_line(one)) for one in recent[:most]]
        return [
            rich([plain(f"{len(running)} running, {len(recent)} ended lately.")]),
            *bullets("Running", now, len(running) - most),
            *bullets("Recent", ended, len(recent) - most),
        ]

    return message(fitting(build, (20, 10, 5, 2, 1, 0), 1_000))


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
