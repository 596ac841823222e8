"""Observations and calls for tests, one line for each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from compass_core.domain import AgentName, Edge, Findings
from compass_core.signals.catalogue import SIGNALS
from tests.fakes import START, observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import Observation, Suspect

APPLICATION, DATABASE, NETWORK = AgentName

MADE = tuple(SIGNALS)
"""Every signal that an observation may have; those of families that the catalogue does not hold have names of their own."""


def seen(signal: str, service: str = "web", score: float = 1.0, minutes: float | None = None, name: str = "") -> Observation:
    one = observation(APPLICATION, name or f"{signal}@{service}", service, signal, score)
    onset = None if minutes is None else START + timedelta(minutes=minutes)
    return one.model_copy(update={"onset": onset, "summary": f"{service}: saw {signal}"})


def calls(*pairs: str, system: str = "") -> tuple[Edge, ...]:
    """`"web cart"`: web calls cart."""
    return tuple(Edge(caller=pair.split()[0], callee=pair.split()[1], system=system) for pair in pairs)


def findings(suspects: Sequence[Suspect], edges: Sequence[Edge] = ()) -> Findings:
    return Findings(suspects=tuple(suspects), edges=tuple(edges))
