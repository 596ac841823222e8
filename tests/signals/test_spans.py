"""What a span's attributes say of whom it talks to."""

from __future__ import annotations

import pytest

from compass_core.identity import peer
from compass_core.readings import Span
from compass_core.signals.spans import database_system


def span(kind: str = "client", **attributes: str) -> Span:
    return Span(
        "t", "s", "", "web", "op", 0, 1, kind=kind, attributes={name.replace("_", "."): value for name, value in attributes.items()}
    )


@pytest.mark.parametrize(
    ("one", "callee"),
    [
        (span(server_address="orders.shop.svc"), "orders"),
        (span(server_address="10.0.0.7"), "10.0.0.7"),
        (span(net_peer_name="orders:80"), "orders"),
        (span(peer_service="orders.v2", server_address="10.0.0.7"), "orders.v2"),
        (span(db_name="orders", db_namespace="orders", db_client_connection_pool_name="orders"), ""),
        (span(server_address=""), ""),
        (span("", server_address="orders"), "orders"),
        (span("server", server_address="shop.example"), ""),
        (span("consumer", server_address="broker"), ""),
    ],
)
def test_peer(one: Span, callee: str) -> None:
    assert peer(one) == callee


def test_database_system() -> None:
    assert database_system(span(db_system="redis")) == "redis"
    assert database_system(span(db_system_name="postgresql", db_system="postgres")) == "postgresql"
    assert database_system(span(http_route="/")) == ""
