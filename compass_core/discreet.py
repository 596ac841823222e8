"""Nothing secret is told or kept: a Thread and an Investigations that redact what they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.redaction.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from compass_core.domain import Conclusion, Investigation, Progress
    from compass_core.ports import Investigations, Thread


class DiscreetThread:
    """`ports.Thread` that hands on what it is told without its secrets."""

    def __init__(self, thread: Thread, redact: Callable[[str], str]) -> None:
        self._thread, self._redact = thread, redact

    async def opened(self, investigation: Investigation) -> None:
        """The root message."""
        await self._thread.opened(redacted(investigation, self._redact))

    async def agent_finished(self, investigation: Investigation, progress: Progress) -> None:
        """What one agent saw and thinks."""
        await self._thread.agent_finished(redacted(investigation, self._redact), redacted(progress, self._redact))

    async def concluded(self, conclusion: Conclusion) -> None:
        """The final message."""
        await self._thread.concluded(redacted(conclusion, self._redact))


class DiscreetInvestigations:
    """`ports.Investigations` that keeps no secret of how an investigation ended."""

    def __init__(self, investigations: Investigations, redact: Callable[[str], str]) -> None:
        self._investigations, self._redact = investigations, redact

    async def opened(self, investigation: Investigation) -> None:
        """Kept whole: it is run again from what is kept, and with a placeholder for a service it would look for nothing."""
        await self._investigations.opened(investigation)

    async def closed(self, conclusion: Conclusion) -> None:
        """Only shown again, never run: redacted."""
        await self._investigations.closed(redacted(conclusion, self._redact))
