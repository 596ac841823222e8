"""One investigation as plain text: the Thread of `compass investigate`. It prints what Slack shows, and at the end what a modal holds."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TextIO

from bot import blocks
from bot.words import printable
from compass_core.domain import Conclusion, Investigation, Moment, Run


@dataclass(frozen=True, slots=True)
class TerminalThread:
    """Writes to `out`, each message once; what comes from outside loses its control characters."""

    out: TextIO

    async def opened(self, investigation: Investigation) -> None:
        self._say(blocks.root(investigation).blocks)

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        """What was printed stays."""

    async def agent_finished(self, investigation: Investigation, run: Run, spent: Decimal) -> None:
        self._say(blocks.agent_update(investigation, run, spent).blocks)

    async def concluded(self, conclusion: Conclusion) -> None:
        self._say(blocks.final(conclusion).blocks)
        self._say(blocks.told(conclusion, blocks.HYPOTHESES))

    def _say(self, these: list[blocks.Json]) -> None:
        lines = (printable(line) for line in blocks.text_of(these, links=True).split("\n"))
        self.out.write("\n".join(line for line in lines if line) + "\n\n")
        self.out.flush()
