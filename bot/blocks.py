"""Everything Slack shows, as Block Kit; pure. Escapes what is not ours and keeps Slack's limits: it never fails.

Text from outside stands in `rich_text` and `plain_text`, where Slack reads no markup, or is escaped. A message that would
grow too large is built again with less detail, and says how much is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.command import FORMS
from bot.words import (
    MOST_SEEN,
    VERDICTS,
    budget,
    cited_untold,
    cost_line,
    costs,
    ended_line,
    gap_lines,
    incomplete,
    listed,
    looked_at,
    more,
    named,
    nothing_found,
    outcome,
    printable,
    saw,
    shown,
    strongest,
    thought_how,
    to_check,
    utc,
    what_next,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from compass_core.domain import Conclusion, Hypothesis, Incident, Investigation, Observation, Progress

Json = dict[str, Any]

ROOM = 10_500  # of JSON: Slack takes about 13,000 characters, and does not say which it counts
MOST_BLOCKS = 50
CHECKED = 3  # hypotheses, from the first, with which it says what would be seen and what to look at
LONGEST_LINK = 3_000
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
    lines = [[_bold("Services: "), _text(listed(incident.services) or "not known")]]
    if incident.severity:
        lines.append([_bold("Severity: "), _text(shown(incident.severity))])
    if investigation.only:
        lines.append([_bold("Only: "), _text(f"the {investigation.only} agent")])
    if conclusion:
        state = outcome(conclusion.outcome, conclusion.reason) + (f" ({missing})" if (missing := incomplete(conclusion)) else "")
        nothing = nothing_found(conclusion)
        likely = [[_bold("Most likely: "), _text(shown(named(top), 300))] for top in conclusion.hypotheses[:1]]
        lines += [[_text(nothing.removesuffix("."))]] if nothing else likely
        lines += [[_text(looked_at(conclusion.looked))]] if conclusion.looked else []
    lines.append([_bold("Again: " if investigation.again else "State: "), _text(state)])
    cost = cost_line(conclusion.total_cost, investigation.budget) if conclusion else f"budget ${budget(investigation.budget)}"
    title = f"{shown(incident.id)}: {shown(incident.title, 300)}"
    told = "; ".join("".join(run["text"] for run in line) for line in lines)
    return Message(
        _fallback(f"{title}. {told}; since {utc(incident.started_at)}; {cost}"),
        [
            _header(title),
            _rich(*lines),
            _context(f"Since {_local(incident.started_at)} · {cost} · `{_escaped(investigation.id.replace('`', ''), 100)}`"),
        ],
    )


def agent_update(investigation: Investigation, progress: Progress) -> Message:
    """What one agent saw and thinks, what it could not look at, and the cost so far."""
    run, cost = progress.run, cost_line(progress.spent, progress.budget)
    seen = strongest(run)
    lead = _rich([_bold(f"{run.agent.title()} "), _text(f"{saw(run)} ({run.seconds:.1f} s)")])

    def build(detail: _Detail) -> list[Json]:
        most = min(MOST_SEEN, detail.items)
        thought = [_thought(one, detail) for one in run.hypotheses[:most]]
        return [
            lead,
            *_bullets("", _evidence(seen[:most], detail), len(seen) - most),
            *_bullets("Thinks", thought, len(run.hypotheses) - most),
            *_bullets("Not seen", [[_text(line)] for line in gap_lines([run])[:most]], len(gap_lines([run])) - most),
            _context(_escaped(" · ".join((f"Cost so far: {cost}", *thought_how(run))), 500)),
        ]

    told = [f"{run.agent.title()} {saw(run)}", *(f"thinks {named(one)}" for one in run.hypotheses[:1])]
    told += [f"{one.id} {shown(one.summary, 100)}" for one in seen[:3]]
    return Message(_fallback(f"{shown(investigation.incident.id)}: {'; '.join(told)}", cost, *thought_how(run)), _fitting(build))


def final(conclusion: Conclusion) -> Message:
    """The ranked hypotheses with their evidence, what could not be done, what it cost, and a button to do it again."""
    incident, ended = shown(conclusion.investigation.incident.id), outcome(conclusion.outcome, conclusion.reason)
    cost = cost_line(conclusion.total_cost, conclusion.investigation.budget)
    if not conclusion.runs:
        told = f"{incident}: {ended}. Nothing was found before that; investigate again with the button."
        return Message(_fallback(told, cost), [_rich([_text(told)]), _again(conclusion)])
    ranked, seen, nothing = conclusion.hypotheses, conclusion.observations, nothing_found(conclusion)
    untold, notes = cited_untold(conclusion), [line for line in (incomplete(conclusion), nothing) if line]

    def build(detail: _Detail) -> list[Json]:
        return [
            _rich([_bold(incident), _text(f": {ended} after {conclusion.seconds:.1f} s")], *([_text(line)] for line in notes)),
            *(_ranked(rank, one, seen if rank <= detail.linked else {}, detail) for rank, one in enumerate(ranked[: detail.items], 1)),
            *map(_context, more(len(ranked) - detail.items)),
            *_bullets(
                "More evidence", [_observed(one, detail, linked=at < detail.linked) for at, one in enumerate(untold[: detail.items])], 0
            ),
            *_bullets(
                "Not seen",
                [[_text(shown(line, detail.text))] for line in gap_lines(conclusion.runs)[:5]],
                len(gap_lines(conclusion.runs)) - 5,
            ),
            *_bullets("What to check", [[_text(line)] for line in to_check(conclusion)] if nothing else [], 0),
            _context("\n".join(_escaped(line, 700) for line in costs(conclusion))),
            _again(conclusion),
        ]

    top = [*notes, *(f"{rank}. {named(one)}" for rank, one in enumerate(ranked[:3], 1))]
    return Message(_fallback(f"{incident}: {ended}.", *top, *more(len(ranked) - 3), cost, *costs(conclusion)[1:]), _fitting(build))


def help_text() -> Message:
    """How to ask."""
    text = "Compass investigates an incident and says what it thinks, with evidence. In an incident's channel, type:"
    return Message(_fallback(text, *FORMS.values()), [_rich([_text(text)]), _code("\n".join(FORMS.values()))])


def status(running: Sequence[Investigation], recent: Sequence[Conclusion], links: Mapping[str, str]) -> Message:
    """What runs, and what ended lately and what it cost; `links` lead from an investigation's id to its thread."""

    def build(detail: _Detail) -> list[Json]:
        def line(at: int, of: Investigation, told: str) -> list[Json]:
            link = links.get(of.id) if at < detail.linked else None
            return [_link(link, shown(of.incident.id)), _text(f" {shown(of.incident.title, 100)}: {told}")]

        now = [line(at, one, f"running, budget ${budget(one.budget)}") for at, one in enumerate(running[: detail.items])]
        ended = [line(at, one.investigation, ended_line(one)) for at, one in enumerate(recent[: detail.items])]
        return [
            *(_bullets("Running", now, len(running) - detail.items) or [_rich([_text("Nothing is running.")])]),
            *_bullets("Recent", ended, len(recent) - detail.items),
        ]

    return Message(_fallback(f"{len(running)} running, {len(recent)} recent.", *map(ended_line, recent[:3])), _fitting(build))


def refusal(text: str, link: str | None = None) -> Message:
    """Why nothing was started; lines after the first are shown as code, to be copied."""
    first, _, form = text.partition("\n")
    said = [_text(shown(first, 2_000))] + ([_text(" "), _link(link, "Open its thread")] if link else [])
    shown_form = "\n".join(shown(line, 300) for line in form.split("\n")[:8]).strip()
    return Message(_fallback(first, form), [_rich(said), *([_code(shown_form)] if shown_form else [])])


def declared(incident: Incident) -> Message:
    """A new incident's id, and the command that investigates it."""
    title = f"Declared {shown(incident.id)}: {shown(incident.title, 300)} ({listed(incident.services)}, since {utc(incident.started_at)})."
    return refusal(f"{title} Next, type:\n/compass investigate {incident.id}")


def _observed(seen: Observation, detail: _Detail, *, linked: bool) -> list[Json]:
    how = [shown(seen.reduction, 160)] if seen.reduction else []
    how += [f"since {seen.onset:%H:%M:%S} UTC"] if seen.onset else []
    parts = [_bold(f"{shown(seen.id)} "), _text(shown(seen.summary, detail.text))]
    parts += [_text(f" ({', '.join(how)})")] if how else []
    if linked and _is_link(seen.link):
        return [*parts, _text(" "), _link(seen.link, "query")]
    query = shown(seen.query, detail.text)
    return [*parts, _text(" "), _text(query, code=True)] if linked and query else parts


def _evidence(seen: Sequence[Observation], detail: _Detail) -> list[list[Json]]:
    return [_observed(one, detail, linked=at < detail.linked) for at, one in enumerate(seen[: detail.items])]


def _thought(one: Hypothesis, detail: _Detail) -> list[Json]:
    return [_bold(shown(named(one), 200)), _text(f" {shown(one.statement, detail.text)} [{listed(one.evidence_for)}]")]


def _ranked(rank: int, one: Hypothesis, seen: Mapping[str, Observation], detail: _Detail) -> Json:
    head = [_bold(f"{rank}. {shown(named(one), 200)}"), _text(f" ({one.agent}, {VERDICTS[one.verdict]})")]
    lines = [head, [_text(shown(one.statement, detail.text))]]
    for name, ids in (("Evidence: ", one.evidence_for), ("Against: ", one.evidence_against)):
        linked = [part for each in ids[:5] if each in seen for part in (_link(seen[each].link, shown(each)), _text(" "))]
        most = 5 * detail.items  # in any message of the usual size that is all
        rest = " ".join((*(shown(each) for each in ids[5 if linked else 0 : most]), *more(len(ids) - most)))
        lines += [[_text(name), *linked, _text(rest)]] if ids else []
    lines += [[_text(shown(each, detail.text))] for each in what_next(one)[:4] if rank <= CHECKED]
    return _rich(*lines)


def _fitting(build: Callable[[_Detail], list[Json]]) -> list[Json]:
    blocks: list[Json] = []
    for detail in _DETAILS:
        blocks = build(detail)
        if len(blocks) <= MOST_BLOCKS and len(json.dumps(blocks, ensure_ascii=False)) <= ROOM:
            break
    return blocks


def _bullets(title: str, lines: Sequence[list[Json]], left: int) -> list[Json]:
    if not lines:
        return []
    items = [_section(line) for line in (*lines, *([_text(rest)] for rest in more(left)))]
    bullets = {"type": "rich_text_list", "style": "bullet", "elements": items}
    return [{"type": "rich_text", "elements": [*([_section([_bold(title)])] if title else []), bullets]}]


def _rich(*lines: list[Json]) -> Json:
    parts = [part for line in lines for part in (_text("\n"), *line)][1:]
    return {"type": "rich_text", "elements": [_section(parts)]}


def _section(parts: Iterable[Json]) -> Json:
    return {"type": "rich_text_section", "elements": [part for part in parts if part["text"]] or [_text("-")]}


def _code(text: str) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [_text(text)]}]}


def _text(text: str, *, code: bool = False) -> Json:
    return {"type": "text", "text": text, **({"style": {"code": True}} if code else {})}


def _bold(text: str) -> Json:
    return {"type": "text", "text": text, "style": {"bold": True}}


def _is_link(url: str | None) -> bool:
    return url is not None and url.startswith(("https://", "http://")) and len(url) <= LONGEST_LINK and url.isprintable() and " " not in url


def _link(url: str | None, text: str) -> Json:
    return {"type": "link", "url": url, "text": text or "-"} if _is_link(url) else _text(text)


def _header(text: str) -> Json:
    return {"type": "header", "text": {"type": "plain_text", "text": shown(text, 140), "emoji": False}}


def _context(mrkdwn: str) -> Json:
    """Only for our own words: markup in them is read."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": mrkdwn, "verbatim": True}]}


def _again(conclusion: Conclusion) -> Json:
    button = {
        "type": "button",
        "action_id": "reinvestigate",
        "text": {"type": "plain_text", "text": "Re-investigate", "emoji": False},
        "value": shown(conclusion.investigation.id, LONGEST_BUTTON) or "-",
    }
    return {"type": "actions", "elements": [button]}


def _local(at: datetime) -> str:
    """A time that Slack shows in the reader's own time zone, after the one in UTC."""
    return f"{utc(at)} (<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%H:%M} UTC> here)"


def _escaped(text: str, limit: int) -> str:
    return shown(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fallback(*lines: str) -> str:
    return "\n".join(_escaped(line, 400) for line in lines if printable(line)) or "-"
