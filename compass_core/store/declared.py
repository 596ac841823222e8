"""Incidents that people declared."""

import re
from datetime import datetime

from sqlalchemy import insert, select

from compass_core.domain import Incident
from compass_core.store.rows import INCIDENTS, Rows

KNOWN = 50


class Declared(Rows):
    """`ports.Incidents` of those that were declared."""

    place = "declared incidents"

    async def declare(self, title: str, service: str, started_at: datetime) -> Incident:
        """Keep an incident under a new id."""
        incident = Incident(id="", title=title, services=(service,), started_at=started_at)
        keep = insert(INCIDENTS).values(incident=incident.model_dump_json()).returning(INCIDENTS.c.id)
        return incident.model_copy(update={"id": f"INC-{await self._do(lambda db: db.scalar(keep))}"})

    async def find(self, reference: str) -> Incident | None:
        number = re.fullmatch(r"inc-0*([0-9]{1,9})", reference.strip(), re.IGNORECASE)
        if number is None:
            return None
        wanted = select(INCIDENTS.c.id, INCIDENTS.c.incident).where(INCIDENTS.c.id == int(number[1]))
        incident = await self._one(Incident, wanted)
        return incident and incident.model_copy(update={"id": f"INC-{int(number[1])}"})

    async def known(self) -> tuple[str, ...]:
        """The ids of the latest, newest first."""
        latest = select(INCIDENTS.c.id).order_by(INCIDENTS.c.id.desc()).limit(KNOWN)
        return tuple(f"INC-{number}" for number in await self._do(lambda db: db.scalars(latest).all(), reads=True))
