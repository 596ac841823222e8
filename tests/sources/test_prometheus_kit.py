"""Prometheus against the contract of all sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compass_core.readings import Reduction, Selection
from compass_core.sources.prometheus import Prometheus
from tests.sources.handmade import HOUR
from tests.sources.kit import SourceKit

if TYPE_CHECKING:
    from compass_core.sources.http import Allowance, Backend

SELECTION = Selection("requests", "requests_total", Reduction.RATE, "service", (("web", "web"),))


def prometheus(backend: Backend, allowance: Allowance) -> Prometheus:
    return Prometheus(backend.reader(allowance), service_labels=(), link=None, public_url="http://prometheus.test")


class TestFamilies(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        return await prometheus(backend, allowance).families(["web"], ["up"], HOUR)


class TestSeries(SourceKit):
    async def ask(self, backend: Backend, allowance: Allowance) -> object:
        return await prometheus(backend, allowance).series([SELECTION], HOUR, 15)
