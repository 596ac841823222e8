"""A net where text goes out: it finds nothing, unless an entrance was forgotten or words were put together into a secret."""

from dataclasses import dataclass
from decimal import Decimal

from compass_core.domain import Conclusion, Investigation, Moment, Run
from compass_core.ports import Thread
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import redacted


@dataclass(frozen=True, slots=True)
class RedactedThread:
    """`ports.Thread` that is told no secret."""

    thread: Thread
    redact: Redactor

    async def opened(self, investigation: Investigation) -> None:
        await self.thread.opened(redacted(investigation, self.redact))

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        await self.thread.moved(redacted(investigation, self.redact), redacted(now, self.redact))

    async def agent_finished(self, investigation: Investigation, run: Run, spent: Decimal) -> None:
        await self.thread.agent_finished(redacted(investigation, self.redact), redacted(run, self.redact), spent)

    async def concluded(self, conclusion: Conclusion) -> None:
        await self.thread.concluded(redacted(conclusion, self.redact))
