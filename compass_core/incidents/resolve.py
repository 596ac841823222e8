"""From what a person asked for to the incident that they mean."""

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches

from compass_core.domain import Incident, Request
from compass_core.errors import IncidentNotFoundError, SourceError, StoreError
from compass_core.ports import Incidents

NEAREST = 3


async def resolve(request: Request, places: Sequence[Incidents], now: datetime) -> Incident:
    """Give the incident itself, the service's trouble since a time, or the first place's answer to the reference.

    Raises `IncidentNotFoundError` with every place that was asked (one that did not answer says so) and the nearest
    ids, or the `AmbiguousIncidentError` of a place.
    """
    if request.incident is not None:
        return request.incident
    if request.service and request.since is not None:
        return Incident(
            id=f"service:{request.service}",
            title=f"{request.service} since {now - request.since:%H:%M} UTC",
            services=(request.service,),
            environment=request.environment,
            started_at=now - request.since,
            origin="asked for",
        )
    looked_in: list[str] = []
    known: list[str] = []
    for place in places:
        try:
            if found := await place.find(request.reference):
                # what a person says wins over what an alert says of the same label
                return found.model_copy(update={"environment": tuple((dict(found.environment) | dict(request.environment)).items())})
            known += await place.known()
            looked_in.append(place.place)
        except (SourceError, StoreError) as error:
            looked_in.append(f"{place.place} (no answer: {error.detail if isinstance(error, SourceError) else error})")
    nearest = get_close_matches(request.reference, dict.fromkeys(known), n=NEAREST, cutoff=0.0)
    raise IncidentNotFoundError(request.reference, tuple(looked_in), tuple(nearest))
