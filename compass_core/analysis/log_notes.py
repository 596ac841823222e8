"""From log lines to observations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from compass_core.analysis.notes import LEAST, at
from compass_core.analysis.shifts import squash
from compass_core.analysis.templates import message
from compass_core.analysis.wording import amount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from compass_core.analysis.notes import Note
    from compass_core.analysis.templates import Template
    from compass_core.model import Observation
    from compass_core.readings import LogLine, Reading
    from compass_core.signals.logs import Phrases

NEW_TEMPLATES = 5


def of_templates(note: Note, templates: Iterable[Template], lines: Reading[LogLine]) -> list[Observation]:
    """Kinds of error lines that are new or come much more often, the strongest of each service."""
    ratio = note.times.window.seconds / note.times.baseline.seconds
    best: dict[str, list[Observation]] = {}
    scored = ((squash((one.count - one.before * ratio) / max(1.0, (one.before * ratio) ** 0.5)), one) for one in templates)
    for excess, one in sorted(scored, key=lambda pair: (pair[1].before > 0, -pair[0])):
        usual, score = one.before * ratio, excess * (0.8 if one.before else 1.0)
        if score < LEAST or len(best.setdefault(one.service, [])) >= NEW_TEMPLATES:
            continue
        best[one.service].append(
            note.observation(
                one.service,
                "new_errors",
                f"{one.count} lines{f', usually {amount(usual)}' if one.before else ' of a new kind'}: {note.redact(one.example)[:160]}",
                round(score, 4),
                source=lines.source,
                value=one.count,
                baseline_value=usual,
                reduction="lines of one template over the window; usually: lines before × window ÷ baseline",
                onset=at(one.first),
                query=lines.query,
                link=lines.link,
            )
        )
    return [seen for kinds in best.values() for seen in kinds]


def of_phrases(
    note: Note, kinds: Iterable[Phrases], window: Reading[LogLine], before: Reading[LogLine], services: Collection[str]
) -> list[Observation]:
    """Lines that tell of a kind of trouble, at the service that wrote them, or, for refused connections, that they name."""
    ratio = note.times.window.seconds / note.times.baseline.seconds
    found = []
    for kind in kinds:
        usually = _by_service(kind, before.values, services)
        for service, lines in _by_service(kind, window.values, services).items():
            usual = len(usually.get(service, ())) * ratio
            score = squash((len(lines) - usual) / max(1.0, usual**0.5))
            found.append(
                note.observation(
                    service,
                    kind.signal,
                    f"{len(lines)} lines tell: {kind.words}, usually {amount(usual)}: {note.redact(message(lines[0].line))[:160]}",
                    score,
                    source=window.source,
                    value=len(lines),
                    baseline_value=usual,
                    reduction="lines with these phrases over the window; usually: lines before × window ÷ baseline",
                    onset=at(lines[0].t),
                    query=window.query,
                    link=window.link,
                )
            )
    return found


def _by_service(kind: Phrases, lines: Iterable[LogLine], services: Collection[str]) -> Mapping[str, list[LogLine]]:
    found: dict[str, list[LogLine]] = {}
    for line in lines:
        text = line.line.lower()
        if any(phrase in text for phrase in kind.phrases):
            found.setdefault(_named(line, services) if kind.signal == "log_connection_refused" else line.service, []).append(line)
    return found


def _named(line: LogLine, services: Collection[str]) -> str:
    """The longest other service that the line names, else the one that wrote it."""
    named = [one for one in services if one != line.service and one and re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", line.line)]
    return max(named, key=len, default=line.service)
