"""A view over one fake that stands for every source."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from compass_core.agents.view import Sources, View
from compass_core.analysis.notes import Times
from compass_core.domain import Window
from compass_core.errors import Reason, SourceError
from compass_core.readings import Family, Reading
from tests.fakes import START, WINDOW, FakeClock, FakeSource, inline

TIMES = Times(WINDOW, Window(start=START - timedelta(hours=1), end=START), 60)
QUESTIONS = ("families", "series", "log_lines", "log_counts", "spans", "changes")


def view_of(source: Any) -> View:
    return View(Sources(source, source, source, source), inline, FakeClock())


def down(reason: Reason = Reason.UNREACHABLE, *questions: str) -> FakeSource:
    """A source that fails what it is asked, or these questions alone."""
    return FakeSource(fails={name: SourceError("Tempo", reason, "no connection") for name in questions or QUESTIONS})


def family(name: str, *services: str, **labels: str) -> Family:
    held = {label: frozenset({value}) for label, value in labels.items()}
    return Family(name, "counter", "service", tuple((service, service) for service in services), held)


def asked(source: FakeSource, question: str) -> list[tuple[Any, ...]]:
    return [one for one in source.asked if one[0] == question]


def answering(**answers: tuple[Any, ...]) -> FakeSource:
    """A source that gives these values whatever it is asked."""
    return FakeSource(answers={name: Reading(values, query=f"the {name}", source="fake") for name, values in answers.items()})
