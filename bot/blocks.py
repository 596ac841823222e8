"""Everything Slack shows, as Block Kit; pure. Escapes what is not ours and keeps Slack's limits: it never fails.

Text from outside stands in `rich_text` and `plain_text`, where Slack reads no markup, or is escaped. A message that would
grow too large is built again with less detail, and says how much is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bot import words
from bot.command import FORMS
from bot.elements import Json, bold, bullets, code_block, context, escaped, fallback, header, link_to, local_time, may_link, plain, rich
from bot.words import listed, more, named, shown, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from compass_core.domain import Conclusion, Hypothesis, Incident, Investigation, Observation, Progress

ROOM = 10_500  # of JSON: Slack takes about 13,000 characters, and does not say which it counts
MOST_BLOCKS = 50
CHECKED = 3  # hypotheses, from the first, with which it says what would be seen and what to look at
LONGEST_BUTTON = 2_000


@dataclass(frozen=True, slots=True)
class Message:
    """What `chat.postMessage` takes; `text` stands alone where blocks are not shown, as in a notification."""

    text: str
    blocks: list[Json]


class _Detail(NamedTuple):
    """How much a message tells: items of a list, how many of them carry links and queries, characters of a text."""

    items: int
    linked: int
    text: int


_DETAILS = (
    _Detail(40, 40, 600),
    _Detail(40, 10, 400),
    _Detail(40, 6, 300),
    _Detail(40, 3, 220),
    _Detail(25, 1, 160),
    _Detail(12, 0, 120),
    _Detail(3, 0, 80),
)


def root(investigation: Investigation, conclusion: Conclusion | None = None) -> Message:
    """The first message of an investigation; with its conclusion, how it ended."""
    incident = investigation.incident
    state = f"waiting for others to end, number {investigation.waits} in line" if investigation.waits else "investigating"
    lines = [[bold("Services: "), plain(listed(incident.services) or "not known")]]
    if incident.severity:
        lines.append([bold("Severity: "), plain(shown(incident.severity))])
    if investigation.only:
        lines.append([bold("Only: "), plain(f"the {investigation.only} agent")])
    if conclusion:
        state = words.outcome(conclusion.outcome, conclusion.reason) + (
            f" ({missing})" if (missing := words.incomplete(conclusion)) else ""
        )
        nothing = words.nothing_found(conclusion)
        likely = [[bold("Most likely: "), plain(shown(named(top), 300))] for top in conclusion.hypotheses[:1]]
        lines += [[plain(nothing.removesuffix("."))]] if nothing else likely
        lines += [[plain(words.looked_at(conclusion.looked))]] if conclusion.looked else []
    lines.append([bold("Again: " if investigation.again else "State: "), plain(state)])
    cost = words.cost_line(conclusion.total_cost, investigation.budget) if conclusion else f"budget ${words.budget(investigation.budget)}"
    title = f"{shown(incident.id)}: {shown(incident.title, 300)}"
    told = "; ".join("".join(run["text"] for run in line) for line in lines)
    return Message(
        fallback(f"{title}. {told}; since {utc(incident.started_at)}; {cost}"),
        [
            header(title),
            rich(*lines),
            context(f"Since {local_time(incident.started_at)} · {cost} · `{escaped(investigation.id.replace('`', ''), 100)}`"),
        ],
    )


def agent_update(investigation: Investigation, progress: Progress) -> Message:
    """What one agent saw and thinks, what it could not look at, and the cost so far."""
    run, cost = progress.run, words.cost_line(progress.spent, progress.budget)
    seen = words.strongest(run)
    lead = rich([bold(f"{run.agent.title()} "), plain(f"{words.saw(run)} ({run.seconds:.1f} s)")])

    def build(detail: _Detail) -> list[Json]:
        most = min(words.MOST_SEEN, detail.items)
        thought = [_thought(one, detail) for one in run.hypotheses[:most]]
        return [
            lead,
            *bullets("", _evidence(seen[:most], detail), len(seen) - most),
            *bullets("Thinks", thought, len(run.hypotheses) - most),
            *bullets("Not seen", [[plain(line)] for line in words.gap_lines([run])[:most]], len(words.gap_lines([run])) - most),
            context(escaped(" · ".join((f"Cost so far: {cost}", *words.thought_how(run))), 500)),
        ]

    told = [f"{run.agent.title()} {words.saw(run)}", *(f"thinks {named(one)}" for one in run.hypotheses[:1])]
    told += [f"{one.id} {shown(one.summary, 100)}" for one in seen[:3]]
    return Message(fallback(f"{shown(investigation.incident.id)}: {'; '.join(told)}", cost, *words.thought_how(run)), _fitting(build))


def final(conclusion: Conclusion) -> Message:
    """The ranked hypotheses with their evidence, what could not be done, what it cost, and a button to do it again."""
    incident, ended = shown(conclusion.investigation.incident.id), words.outcome(conclusion.outcome, conclusion.reason)
    cost = words.cost_line(conclusion.total_cost, conclusion.investigation.budget)
    if not conclusion.runs:
        told = f"{incident}: {ended}. Nothing was found before that; investigate again with the button."
        return Message(fallback(told, cost), [rich([plain(told)]), _again(conclusion)])
    ranked, seen, nothing = conclusion.hypotheses, conclusion.observations, words.nothing_found(conclusion)
    untold, notes = words.cited_untold(conclusion), [line for line in (words.incomplete(conclusion), nothing) if line]

    def build(detail: _Detail) -> list[Json]:
        return [
            rich([bold(incident), plain(f": {ended} after {conclusion.seconds:.1f} s")], *([plain(line)] for line in notes)),
            *(_ranked(rank, one, seen if rank <= detail.linked else {}, detail) for rank, one in enumerate(ranked[: detail.items], 1)),
            *map(context, more(len(ranked) - detail.items)),
            *bullets(
                "More evidence", [_observed(one, detail, linked=at < detail.linked) for at, one in enumerate(untold[: detail.items])], 0
            ),
            *bullets(
                "Not seen",
                [[plain(shown(line, detail.text))] for line in words.gap_lines(conclusion.runs)[:5]],
                len(words.gap_lines(conclusion.runs)) - 5,
            ),
            *bullets("What to check", [[plain(line)] for line in words.to_check(conclusion)] if nothing else [], 0),
            context("\n".join(escaped(line, 700) for line in words.costs(conclusion))),
            _again(conclusion),
        ]

    top = [*notes, *(f"{rank}. {named(one)}" for rank, one in enumerate(ranked[:3], 1))]
    return Message(fallback(f"{incident}: {ended}.", *top, *more(len(ranked) - 3), cost, *words.costs(conclusion)[1:]), _fitting(build))


def help_text() -> Message:
    """How to ask."""
    text = "Compass investigates an incident and says what it thinks, with evidence. In an incident's channel, type:"
    return Message(fallback(text, *FORMS.values()), [rich([plain(text)]), code_block("\n".join(FORMS.values()))])


def status(running: Sequence[Investigation], recent: Sequence[Conclusion], links: Mapping[str, str]) -> Message:
    """What runs, and what ended lately and what it cost; `links` lead from an investigation's id to its thread."""

    def build(detail: _Detail) -> list[Json]:
        def line(at: int, of: Investigation, told: str) -> list[Json]:
            link = links.get(of.id) if at < detail.linked else None
            return [link_to(link, shown(of.incident.id)), plain(f" {shown(of.incident.title, 100)}: {told}")]

        now = [line(at, one, f"running, budget ${words.budget(one.budget)}") for at, one in enumerate(running[: detail.items])]
        ended = [line(at, one.investigation, words.ended_line(one)) for at, one in enumerate(recent[: detail.items])]
        return [
            *(bullets("Running", now, len(running) - detail.items) or [rich([plain("Nothing is running.")])]),
            *bullets("Recent", ended, len(recent) - detail.items),
        ]

    return Message(fallback(f"{len(running)} running, {len(recent)} recent.", *map(words.ended_line, recent[:3])), _fitting(build))


def refusal(text: str, link: str | None = None) -> Message:
    """Why nothing was started; lines after the first are shown as code, to be copied."""
    first, _, form = text.partition("\n")
    said = [plain(shown(first, 2_000))] + ([plain(" "), link_to(link, "Open its thread")] if link else [])
    shown_form = "\n".join(shown(line, 300) for line in form.split("\n")[:8]).strip()
    return Message(fallback(first, form), [rich(said), *([code_block(shown_form)] if shown_form else [])])


def declared(incident: Incident) -> Message:
    """A new incident's id, and the command that investigates it."""
    title = f"Declared {shown(incident.id)}: {shown(incident.title, 300)} ({listed(incident.services)}, since {utc(incident.started_at)})."
    return refusal(f"{title} Next, type:\n/compass investigate {incident.id}")


def _observed(seen: Observation, detail: _Detail, *, linked: bool) -> list[Json]:
    how = [shown(seen.reduction, 160)] if seen.reduction else []
    how += [f"since {seen.onset:%H:%M:%S} UTC"] if seen.onset else []
    parts = [bold(f"{shown(seen.id)} "), plain(shown(seen.summary, detail.text))]
    parts += [plain(f" ({', '.join(how)})")] if how else []
    if linked and may_link(seen.link):
        return [*parts, plain(" "), link_to(seen.link, "query")]
    query = shown(seen.query, detail.text)
    return [*parts, plain(" "), plain(query, code=True)] if linked and query else parts


def _evidence(seen: Sequence[Observation], detail: _Detail) -> list[list[Json]]:
    return [_observed(one, detail, linked=at < detail.linked) for at, one in enumerate(seen[: detail.items])]


def _thought(one: Hypothesis, detail: _Detail) -> list[Json]:
    return [
        bold(shown(named(one), 200)),
        plain(f" {shown(one.statement, detail.text)} [{listed(one.evidence_for)}]"),
    ]


def _ranked(rank: int, one: Hypothesis, seen: Mapping[str, Observation], detail: _Detail) -> Json:
    head = [bold(f"{rank}. {shown(named(one), 200)}"), plain(f" ({one.agent}, {words.VERDICTS[one.verdict]})")]
    lines = [head, [plain(shown(one.statement, detail.text))]]
    for name, ids in (("Evidence: ", one.evidence_for), ("Against: ", one.evidence_against)):
        linked = [part for each in ids[:5] if each in seen for part in (link_to(seen[each].link, shown(each)), plain(" "))]
        most = 5 * detail.items  # in any message of the usual size that is all
        rest = " ".join((*(shown(each) for each in ids[5 if linked else 0 : most]), *more(len(ids) - most)))
        lines += [[plain(name), *linked, plain(rest)]] if ids else []
    lines += [[plain(shown(each, detail.text))] for each in words.what_next(one)[:4] if rank <= CHECKED]
    return rich(*lines)


def _fitting(build: Callable[[_Detail], list[Json]]) -> list[Json]:
    blocks: list[Json] = []
    for detail in _DETAILS:
        blocks = build(detail)
        if len(blocks) <= MOST_BLOCKS and len(json.dumps(blocks, ensure_ascii=False)) <= ROOM:
            break
    return blocks


def _again(conclusion: Conclusion) -> Json:
    button = {
        "type": "button",
        "action_id": "reinvestigate",
        "text": {"type": "plain_text", "text": "Re-investigate", "emoji": False},
        "value": shown(conclusion.investigation.id, LONGEST_BUTTON) or "-",
    }
    return {"type": "actions", "elements": [button]}
