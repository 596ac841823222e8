"""Text comes in by doors: behind each of them nothing secret is left, and a name is still asked for as telemetry knows it."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from compass_core.agents.view import Sources, View
from compass_core.domain import AgentName, Gap, Incident, Message, Request
from compass_core.errors import AmbiguousIncidentError, ModelError, Reason, SourceError
from compass_core.ports import Changes, Incidents, Logs, Metrics, Traces
from compass_core.readings import Change, Family, LogLine, Match, Reading, Reduction, Selection, Series, Span
from compass_core.redaction.entrance import RedactedIncidents, RedactedModel, RedactedTelemetry
from compass_core.redaction.exits import RedactedThread
from compass_core.redaction.redact import Redactor
from compass_core.redaction.whole import asked, redacted
from tests.bot.made import INVESTIGATION, conclusion, progress, run
from tests.fakes import INCIDENT, WINDOW, FakeClock, FakeIncidents, FakeThread, inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

PASSWORD = "hunter" + "2hunter"
LONG = f"{'.' * 700} password={PASSWORD}"
NAME = "shop-gh" + "p_" + "a1" * 18  # a service that is named by a token
SHOWN = "shop-<token-1>"
LINK = f"https://g/explore?left=password%3D{PASSWORD}"
GAP = Gap(source="Loki", reason=Reason.TRUNCATED, detail=LONG)
SELECTION = Selection(LONG, NAME, Reduction.RATE, "service", ((NAME, NAME),), (Match("path", (LONG,)),), NAME, by=("service",))
SERIES = Series(SELECTION, NAME, {"service": NAME, "path": LONG}, np.zeros(1), np.zeros(1), LONG, LONG, LINK)
ANSWERS: dict[str, Any] = {
    "families": Family(NAME, "counter", "service", ((NAME, NAME),), {"path": frozenset({LONG})}, LONG, help=LONG),
    "series": SERIES,
    "log_counts": SERIES,
    "log_lines": LogLine(0.0, NAME, LONG, LONG, LONG),
    "spans": Span(LONG, LONG, LONG, NAME, LONG, 0.0, 1.0, kind=LONG, attributes={LONG: LONG}),
    "changes": Change(0.0, NAME, LONG, LONG, LONG, LONG, LINK, LONG),
}
PORTS = (Metrics, Logs, Traces, Changes)
METHODS = [name for port in PORTS for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")]
KNOWING = Redactor()
assert KNOWING.name(NAME) == SHOWN
QUESTIONS: dict[str, tuple[Any, ...]] = {
    "families": ((SHOWN,), (SHOWN,), WINDOW),
    "series": ((redacted(SELECTION, KNOWING),), WINDOW, 5.0),
    "log_lines": ((SHOWN,), WINDOW, ()),
    "log_counts": ((SHOWN,), WINDOW, 5.0, ()),
    "spans": ((SHOWN,), WINDOW),
    "changes": ((SHOWN,), WINDOW),
}


class Leaking:
    """Answers everything with secrets in every text; keeps what it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        self.error = error

    def __getattr__(self, method: str) -> Callable[..., Any]:
        async def answer(*question: Any) -> Reading[Any]:
            self.asked.append(question)
            if self.error:
                raise self.error
            return Reading((ANSWERS[method],), (GAP,), LONG, LINK, LONG)

        return answer


def texts(value: Any) -> str:
    """Everything that a value says."""
    return repr(value)


async def asked_of(source: Any, redact: Redactor, method: str) -> Reading[Any]:
    return await RedactedTelemetry(redact, inline).ask(getattr(source, method), *QUESTIONS[method])


@pytest.mark.parametrize("method", METHODS)
async def test_no_port_hands_out_a_secret(method: str) -> None:
    """Every text of every answer is tried: a new port, or a new field, is tried as well."""
    held = [name for name, value in vars_of(ANSWERS[method]).items() if isinstance(value, str)]
    assert all(getattr(ANSWERS[method], name) for name in held if name not in {"kind", "service_label"}), "a field without a secret"
    reading = await asked_of(Leaking(), Redactor(), method)
    said = texts(reading)
    assert PASSWORD not in said
    assert NAME not in said
    assert said.count("<password-") >= 4
    for name in held:  # a text that is cut first may be cut within a secret, where nothing tells any more that it is one
        if getattr(ANSWERS[method], name) == LONG:
            assert re.sub("<password-[0-9]>", PASSWORD, getattr(reading.values[0], name)) == LONG


def vars_of(value: Any) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


@pytest.mark.parametrize("method", METHODS)
async def test_agents_read_telemetry_by_that_door(method: str) -> None:
    source = Leaking()
    view = View(Sources(source, source, source, source), inline, FakeClock(), Redactor())
    said = texts(await getattr(view, method)(*QUESTIONS[method]))
    assert PASSWORD not in said
    assert NAME not in said


@pytest.mark.parametrize("method", METHODS)
async def test_telemetry_is_asked_by_the_name_that_it_knows(method: str) -> None:
    """What it said once: also where the name came with an alert."""
    redact, source = Redactor(), Leaking()
    assert redact.name(NAME) == SHOWN
    redact.name(LONG)
    await asked_of(source, redact, method)
    assert NAME in texts(source.asked)
    assert SHOWN not in texts(source.asked)
    assert "<password-" not in texts(source.asked)


@pytest.mark.parametrize("method", METHODS)
async def test_what_a_source_says_when_it_fails_comes_in_by_the_same_door(method: str) -> None:
    source = Leaking(SourceError("Loki", Reason.REJECTED, LONG))
    with pytest.raises(SourceError) as failed:
        await asked_of(source, Redactor(), method)
    assert PASSWORD not in f"{failed.value}{failed.value!r}{failed.value.detail}{failed.value.args}"


def test_a_question_without_such_names_is_not_made_anew() -> None:
    assert asked(SELECTION, Redactor()) is SELECTION


async def test_incidents_come_in_without_secrets() -> None:
    redact = Redactor()
    secret = Incident(id=NAME, title=LONG, services=(NAME,), started_at=INCIDENT.started_at, severity=LONG, description=LONG, origin=LONG)
    place = RedactedIncidents(FakeIncidents(incidents={NAME: secret}), redact)
    assert await place.known() == (SHOWN,)
    found = await place.find(SHOWN)
    assert found
    assert (found.id, found.services) == (SHOWN, (SHOWN,))
    assert PASSWORD not in found.model_dump_json()


@pytest.mark.parametrize("error", [SourceError("Alertmanager", Reason.REJECTED, LONG), AmbiguousIncidentError("x", (LONG,))])
async def test_errors_of_places_come_in_without_secrets(error: Any) -> None:
    with pytest.raises(type(error)) as failed:
        await RedactedIncidents(FakeIncidents(down=error), Redactor()).find("x")
    assert PASSWORD not in f"{failed.value}{failed.value!r}{getattr(failed.value, 'detail', '')}"


def test_every_method_of_incidents_is_tried() -> None:
    assert {name for name, _ in inspect.getmembers(Incidents, inspect.isfunction) if not name.startswith("_")} == {"find", "known"}


def test_a_request_keeps_what_telemetry_is_asked_by() -> None:
    redact = Redactor()
    told = redacted(Request(reference=NAME, service=NAME, environment=(("cluster", NAME),)), redact)
    assert NAME not in told.model_dump_json()
    assert asked(told, redact) == Request(reference=NAME, service=NAME, environment=(("cluster", NAME),))


class Repeats:
    """A model that answers with what it was told, or fails with it."""

    advice = ""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def ask(self, _agent: AgentName, messages: tuple[Message, ...], _shape: type[BaseModel]) -> Any:
        if self.error:
            raise self.error
        return messages[0]


async def test_a_models_words_come_in_without_secrets() -> None:
    told = await RedactedModel(Repeats(), Redactor()).ask(AgentName.DATABASE, (Message(role="user", text=LONG),), Message)
    assert told.text.endswith("password=<password-1>")
    with pytest.raises(ModelError) as failed:
        await RedactedModel(Repeats(ModelError(Reason.GARBAGE, LONG)), Redactor()).ask(AgentName.DATABASE, (), Message)
    assert PASSWORD not in str(failed.value)


async def test_a_thread_is_told_no_secret_whatever_comes_to_the_exit() -> None:
    incident = INCIDENT.model_copy(update={"id": NAME, "title": LONG})
    investigation = INVESTIGATION.model_copy(update={"incident": incident})
    heard: list[Any] = []

    class Thread(FakeThread):
        async def opened(self, investigation: Any) -> None:
            heard.append(investigation)

        async def agent_finished(self, investigation: Any, run: Any, spent: Any) -> None:
            heard.extend((investigation, run))

        async def concluded(self, conclusion: Any) -> None:
            heard.append(conclusion)

    told = RedactedThread(Thread(), Redactor())
    await told.opened(investigation)
    await told.agent_finished(investigation, *progress(run(reason=LONG)))
    await told.concluded(conclusion(investigation=investigation, reason=LONG))
    assert len(heard) == 4
    for each in heard:
        said = json.dumps(each.model_dump(mode="json"))
        assert PASSWORD not in said
        assert NAME not in said
        assert "<password-" in said
