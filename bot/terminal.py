"""One investigation told as plain text: the Thread of `compass investigate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import words
from bot.words import listed, more, named, utc

if TYPE_CHECKING:
    from typing import TextIO

    from compass_core.domain import Conclusion, Investigation, Observation, Progress

MOST = 5  # hypotheses


class TerminalThread:
    """Writes to `out`, each message once; what comes from outside loses its control characters."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    async def opened(self, investigation: Investigation) -> None:
        """The incident and the budget."""
        incident = investigation.incident
        self._say(
            f"{incident.id}: {incident.title}",
            f"  services {listed(incident.services) or 'not known'}, severity {incident.severity or 'not known'}, "
            f"since {utc(incident.started_at)}, budget ${words.budget(investigation.budget)}",
        )

    async def agent_finished(self, investigation: Investigation, progress: Progress) -> None:
        """What one agent saw and thinks, and the cost so far."""
        run = progress.run
        lines = [f"{investigation.incident.id}: {run.agent.title()} {words.saw(run)} ({run.seconds:.1f} s)"]
        lines += [line for seen in words.strongest(run)[: words.MOST_SEEN] for line in _observed(seen)]
        lines += [f"  {rest}" for rest in more(len(words.strongest(run)) - words.MOST_SEEN)]
        lines += [f"  thinks {named(one)}: {one.statement}" for one in run.hypotheses[:MOST]]
        lines += [f"  {rest}" for rest in more(len(run.hypotheses) - MOST)]
        lines += [f"  not seen: {line}" for line in words.gap_lines([run])]
        self._say(*lines, *(f"  {line}" for line in words.thought_how(run)), f"  {words.cost_line(progress.spent, progress.budget)}")

    async def concluded(self, conclusion: Conclusion) -> None:
        """The ranked hypotheses, what was left out, and what it cost."""
        nothing = words.nothing_found(conclusion)
        ended = words.outcome(conclusion.outcome, conclusion.reason)
        lines = [f"{conclusion.investigation.incident.id}: {ended} after {conclusion.seconds:.1f} s"]
        lines += [f"  {missing}"] if (missing := words.incomplete(conclusion)) else []
        lines += [f"  {words.looked_at(conclusion.looked)}"] if conclusion.looked else []
        lines += [f"  {nothing}", *(f"  check: {line}" for line in words.to_check(conclusion))] if nothing else []
        for rank, one in enumerate(conclusion.hypotheses, 1):
            lines += [f"  {rank}. {named(one)} ({one.agent}, {words.VERDICTS[one.verdict]})", f"     {one.statement}"]
            lines += [f"     evidence: {', '.join(one.evidence_for) or 'none'}"]
            lines += [f"     against: {', '.join(one.evidence_against)}"] if one.evidence_against else []
            lines += [f"     {each}" for each in words.what_next(one)]
        untold = words.cited_untold(conclusion)
        lines += ["  more evidence:"] * bool(untold) + [line for seen in untold for line in _observed(seen)]
        self._say(*lines, *(f"  {line}" for line in words.costs(conclusion)))

    def _say(self, *lines: str) -> None:
        self._out.write("".join(f"{' ' * (len(line) - len(line.lstrip(' ')))}{words.printable(line)}\n" for line in lines) + "\n")
        self._out.flush()


def _observed(seen: Observation) -> tuple[str, str]:
    since = f", since {seen.onset:%H:%M:%S} UTC" if seen.onset else ""
    return f"  {seen.id} {seen.summary} ({seen.reduction}{since})", f"     {seen.link or seen.query}"
