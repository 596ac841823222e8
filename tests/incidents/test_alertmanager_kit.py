"""Alertmanager against the contract of all sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from compass_core.incidents.alertmanager import Alertmanager
from tests.sources.kit import Server, SourceKit

if TYPE_CHECKING:
    from compass_core.sources.http import Allowance, Backend


class TestAlertmanager(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        return await Alertmanager(backend, service_labels=("service",)).find("x")

    async def test_no_request_beyond_the_allowance(self) -> None:
        """Look-ups belong to no investigation: however many there were, the next is answered."""
        server = Server(lambda _: httpx.Response(200, json=[]))
        place = Alertmanager(server.backend(), service_labels=())
        assert {await place.find("x") for _ in range(100)} == {None}
