"""Whether anything at all is known of what an incident is about, and what is called almost so."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches

from compass_core.agents.scope import ambiguous
from compass_core.agents.view import View
from compass_core.analysis.notes import Times
from compass_core.domain import Incident, Window
from compass_core.errors import Reason, UnknownNameError
from compass_core.identity import name_of
from compass_core.ports import Clock
from compass_core.readings import Family, Reading, Series, Span
from compass_core.signals.catalogue import GRAPH_FAMILIES, asked_names

NEAREST = 3
PATIENCE = 5.0  # seconds: whoever asked waits for the first message
POINTS = 100
NOTHING_LOST = frozenset({Reason.NOT_CONFIGURED, Reason.NO_DATA})


@dataclass(frozen=True, slots=True)
class Names:
    """`ports.Names` over a view."""

    view: View
    clock: Clock

    async def check(self, incident: Incident) -> None:
        """Raises `UnknownNameError` where nothing is known of a service of the incident, and `AmbiguousPlaceError` where it may be several.

        Too slow an answer says nothing.
        """
        self.view.environment = incident.environment
        now = self.clock()
        window = incident.window(now)
        until = Window(start=window.start, end=max(window.end, now.replace(microsecond=0)))  # `--since` may be generous
        times = Times(until, incident.baseline(window), max(60.0, until.seconds // POINTS))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                if error := await unknown(self.view, incident.services, times):
                    raise error
                families = await self.view.families(incident.services, (), times.all)
                for unclear in ambiguous(families.values, incident.services, incident.environment):
                    raise unclear


async def unknown(view: View, services: Sequence[str], times: Times) -> UnknownNameError | None:
    """The services of which nothing is known where the incident is; None where each is known or a source could not be asked.

    None also where nothing is known of anything anywhere: then it is the sources that are empty.
    """
    left, looked_in = set(services), []
    for kind in ("metrics", "logs", "traces"):
        if not left:
            return None
        reading = await _asked(view, kind, sorted(left), times)
        if any(gap.reason not in NOTHING_LOST for gap in reading.gaps):
            return None
        looked_in += [] if reading.gaps else [f"{kind} ({reading.source})" if reading.source else kind]
        left -= {name for one in reading.values for name in _named(one)}
    known = await view.families((), asked_names(), times.all)
    names = sorted({service for one in known.values for service in one.services})
    near = [one for name in sorted(left) for one in get_close_matches(name, names, n=NEAREST, cutoff=0.0)]
    where = ", ".join(f"{label}={value}" for label, value in view.environment)
    told = left and looked_in and (names or where)
    return UnknownNameError(tuple(sorted(left)), where, tuple(looked_in), tuple(dict.fromkeys(near))) if told else None


async def _asked(view: View, kind: str, services: Sequence[str], times: Times) -> Reading[Family] | Reading[Series] | Reading[Span]:
    if kind == "metrics":
        return await view.families(services, GRAPH_FAMILIES, times.all)
    if kind == "logs":
        return await view.log_counts(services, times.all, times.step, ())
    return await view.spans(services, times.window)


def _named(one: Family | Series | Span) -> set[str]:
    """Whose it is, and, of a metric, whom it tells of: the callees of its labels."""
    if not isinstance(one, Family):
        return {one.service}
    values = {value for some in one.labels.values() for value in some}
    return {*one.services, *values, *(name_of(value, "server_address") for value in values)}
