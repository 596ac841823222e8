"""Which span attributes name a database, and which name whom a span talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.readings import service_name

if TYPE_CHECKING:
    from compass_core.readings import Span

DATABASE_ATTRIBUTES = ("db.system.name", "db.system")
PEER_ATTRIBUTES = ("peer.service", "server.address", "net.peer.name", "db.client.connection.pool.name", "db.namespace", "db.name")


def database_system(span: Span) -> str:
    """`postgresql`, `redis`, … for a call to a database, else ''."""
    return next((span.attributes[name] for name in DATABASE_ATTRIBUTES if span.attributes.get(name)), "")


def peer(span: Span) -> str:
    """The service that the span says it talks to, or ''; a server's own address is not one."""
    if span.kind in {"server", "consumer"}:
        return ""
    for name in PEER_ATTRIBUTES:
        if value := span.attributes.get(name):
            return service_name(value, "server_address" if "address" in name or "peer.name" in name else name)
    return ""
