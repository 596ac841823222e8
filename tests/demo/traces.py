"""The sampled traces of the demo's shop: who calls whom, how long it takes, and where it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.demo.story import TICK, failing, held, version

if TYPE_CHECKING:
    from tests.demo.story import Story

REFUSED = "FATAL: remaining connection slots are reserved for non-replication superuser connections"
NO_CONNECTION = "Connection is not available, request timed out after 4000ms"


@dataclass(frozen=True)
class Call:
    """A request to a service, or a query where `system` names a database; `ms` is its own time."""

    service: str
    name: str
    ms: float
    calls: tuple[Call, ...] = ()
    system: str = ""
    tries: int = 1


SELECT_EVENTS = Call("catalog-db", "SELECT catalog.events", 6, system="postgresql")
SELECT_SEATS = Call("bookings-db", "SELECT bookings.seats", 5, system="postgresql")
INSERT_BOOKING = Call("bookings-db", "INSERT bookings.orders", 9, system="postgresql")
GET_HOLD = Call("holds-cache", "GET", 0.8, system="redis")
BROWSE = Call(
    "edge", "GET /events", 3, (Call("web-shop", "GET /events", 34, (Call("events-catalog", "GET /v2/events", 7, (SELECT_EVENTS,)),)),)
)
AVAILABILITY = Call("bookings", "GET /v1/availability", 5, (SELECT_SEATS,))
SEATS = Call("seatmap", "GET /v1/seats", 14, (GET_HOLD, AVAILABILITY))
CHOOSE = Call("edge", "GET /events/{id}/seats", 3, (Call("web-shop", "GET /events/{id}/seats", 38, (SEATS,)),))
CHARGE = Call("payments", "POST /v1/charges", 120)
BOOK = Call(
    "bookings", "POST /v1/bookings", 11, (GET_HOLD, INSERT_BOOKING, CHARGE, Call("notifications", "POST /v1/messages", 14)), tries=2
)
BUY = Call("edge", "POST /bookings", 4, (Call("web-shop", "POST /bookings", 30, (Call("pricing", "GET /v1/quote", 8), BOOK)),))


def trace(story: Story) -> None:
    """What the sampler kept in one tick: one trace now and then, more of those that fail."""
    for journey, usual, more in ((BROWSE, 0.5, 0.4), (CHOOSE, 0.45, 1.4), (BUY, 0.35, 2.4)):
        for _ in range(story.events(usual + more * failing(story.minute))):
            Trace(story).request(journey, "", "", story.at - story.rng.random() * TICK)


class Trace:
    """One trace being written."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.id = f"{story.rng.getrandbits(128):032x}"

    def request(self, call: Call, caller: str, parent: str, start: float) -> tuple[float, bool]:
        """Writes client and server span of a request with all below it; when it ended and whether it failed."""
        client, server = self._new(), self._new()
        own = self.story.near(call.ms, 0.3) / 1000 * (1 + (6 * failing(self.story.minute, 0.3) if call.service == "web-shop" else 0))
        now, failed = start + 0.0004 + own / 2, False
        for below in call.calls:
            for _ in range(below.tries):
                now, failed = (self.query if below.system else self.request)(below, call.service, server, now)
                if not failed:
                    break
            if failed:
                break
        end = now + own / 2
        status = "504" if failed and not caller and end - start > 10 else "503" if failed else "200"
        method, _, route = call.name.partition(" ")
        attributes = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        if caller:
            to = attributes | {"server.address": call.service}
            ids = {"span_id": client, "parent_id": parent}
            self._write(start, end + 0.0004, to, **ids, service=caller, name=method, kind="client", error=failed)
        told = attributes | {"service.version": version(call.service, self.story.minute)}
        above = client if caller else None
        self._write(
            start + 0.0004, end, told, span_id=server, parent_id=above, service=call.service, name=call.name, kind="server", error=failed
        )
        return end + 0.0004, failed

    def query(self, call: Call, caller: str, parent: str, start: float) -> tuple[float, bool]:
        """Writes the client span of a database query, which waits for its connection first."""
        story, ms = self.story, self.story.near(call.ms, 0.4)
        attributes = {"db.system": call.system, "server.address": call.service}
        if call.system == "postgresql":
            attributes |= {"db.namespace": call.service.removesuffix("-db"), "service.version": version(caller, story.minute)}
        failed = call.service == "bookings-db" and story.rng.random() < 0.75 * failing(story.minute)
        if failed:
            refused = story.rng.random() < 0.3
            ms = story.near(400 if refused else 4003, 0.01)
            attributes |= {
                "exception.type": "PSQLException" if refused else "SQLTransientConnectionException",
                "exception.message": REFUSED if refused else NO_CONNECTION,
            }
            story.log(caller, f'ts=$iso level=error msg="{attributes["exception.message"]}" pool=bookings req=$id', "error", self.id)
        elif call.service == "bookings-db":
            ms += story.near(900 * held(story.minute) ** 2, 0.5)
        ids = {"span_id": self._new(), "parent_id": parent}
        self._write(start, start + ms / 1000, attributes, **ids, service=caller, name=call.name, kind="client", error=failed)
        return start + ms / 1000, failed

    def _new(self) -> str:
        return f"{self.story.rng.getrandbits(64):016x}"

    def _write(self, start: float, end: float, attributes: dict[str, str], **row: str | bool | None) -> None:
        times = {"t": round(start, 4), "ms": round((end - start) * 1000, 2)}
        self.story.spans.append({"trace_id": self.id, **row, **times, "attributes": attributes})
