"""A net where text goes out: it finds nothing, unless an entrance was forgotten or words were put together into a secret."""

from compass_core.domain import Conclusion, Investigation, Moment, Progress
from compass_core.ports import Thread
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import redacted


class Told:
    """`ports.Thread` that is told no secret."""

    def __init__(self, thread: Thread, redact: Redactor) -> None:
        self._thread, self._redact = thread, redact

    async def opened(self, investigation: Investigation) -> None:
        await self._thread.opened(redacted(investigation, self._redact))

    async def moved(self, investigation: Investigation, now: Moment) -> None:
        await self._thread.moved(redacted(investigation, self._redact), redacted(now, self._redact))

    async def agent_finished(self, investigation: Investigation, progress: Progress) -> None:
        await self._thread.agent_finished(redacted(investigation, self._redact), redacted(progress, self._redact))

    async def concluded(self, conclusion: Conclusion) -> None:
        await self._thread.concluded(redacted(conclusion, self._redact))
