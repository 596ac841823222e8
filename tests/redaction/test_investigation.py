"""Investigations of incidents whose telemetry is full of secrets: none is told, logged, printed or handed to a model."""

from __future__ import annotations

import asyncio
import html
import io
import json
import logging
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.report import report
from bot.terminal import TerminalThread
from bot.thread import SlackThread
from bot.workspace import INCIDENTS
from compass_core import telemetry
from compass_core.agents.view import Sources, View
from compass_core.bootstrap import Compass, Kept, Telemetry, replayed, utc_now
from compass_core.domain import Gap, Incident, Outcome, Request, Run
from compass_core.errors import AmbiguousIncidentError, Reason, SourceError
from compass_core.orchestrator import Limits
from compass_core.readings import Change, LogLine, Reading
from compass_core.redaction.redact import Redactor
from compass_core.settings import Settings, load
from compass_core.signals.logs import ERROR_PHRASES
from compass_core.sources.recorded import Recorded
from tests.agents.test_recorded_case import AGENTS
from tests.bot.made import FakeDeclarations, FakeHistory, FakeOutbox
from tests.demo_incident import packed
from tests.fakes import INCIDENT, WINDOW, FakeClock, FakeInvestigations, FakeLedger, FakeSource, FakeThread, inline
from tests.llm.scripted import MODEL, PRICE, Scripted, Turn
from tests.redaction.planted import NOTATIONS, Planted, planted
from tests.redaction.test_redact import leaks
from tests.workspace.limits import links, mentions
from tests.workspace.strict import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRETS = planted(seed=11)
AT_ONCE = 24
CASES = [SECRETS[at : at + AT_ONCE] for at in range(0, len(SECRETS), AT_ONCE)]
START = INCIDENT.started_at.timestamp()
TOKEN = next(one for one in SECRETS if one.kind == "github").value
# values that only their names or places give away: these are planted with both everywhere
UNMARKED = {
    "aws secret key", "azure storage key", "azure sas", "slack webhook", "datadog", "bearer", "basic credentials", "cookie", "session",
    "password in url", "password", "token",
    "private key", "card", *NOTATIONS,
}  # fmt: skip


def services(secrets: tuple[Planted, ...]) -> list[str]:
    return [*(f"service-{at}" for at in range(len(secrets) - 1)), f"shop-{TOKEN}"]


def written(folder: Path, secrets: tuple[Planted, ...]) -> Path:
    """A case: each service writes a line and has a failing span with its secret, and deploys a version that is one."""
    logs: list[dict[str, Any]] = []
    spans: list[dict[str, Any]] = []
    metrics: list[dict[str, Any]] = []
    for service, one in zip(services(secrets), secrets, strict=True):
        told = one.text if any(phrase in one.text.lower() for phrase in ERROR_PHRASES) else f"error: {one.text}"
        logs.append({"t": START + 60, "service": service, "line": told, "level": "error"})
        label = one.text if one.kind in UNMARKED else one.value
        failing = {
            "error": True,
            "attributes": {"exception.message": told, "server.address": f"postgres://kim:{one.value}@db"},
            "kind": "client",
        }
        for at in range(10):
            early = at < 5
            row = {"trace_id": f"{service}-{at}", "span_id": "1", "parent_id": None, "service": service, "name": f"GET /{label}"}
            spans.append(row | {"t": START - 900 + at * 200, "ms": 9.0, "error": False} | ({} if early else failing))
        for version, begin in (("1.0", START - 3600), (label, START - 300)):
            metrics.append(
                {
                    "name": "queue_depth",
                    "kind": "gauge",
                    "labels": {"service": service, "version": version},
                    "t0": begin,
                    "step": 15,
                    "v": [1] * 40,
                }
            )
    incident = {
        "id": "INC-1", "title": secrets[0].text, "description": " ".join(one.text for one in secrets), "severity": secrets[-1].text,
        "services": services(secrets), "started_at": "2026-01-05T14:00:00Z",
    }  # fmt: skip
    case = {"format": 1, "incident": incident, "window": {"start": "2026-01-05T13:00:00Z", "end": "2026-01-05T14:20:00Z"}}
    (folder / "case.json").write_text(json.dumps(case))
    for name, rows in (("logs", logs), ("spans", spans), ("metrics", metrics)):
        (folder / f"{name}.jsonl.gz").write_bytes(packed(rows))
    return folder


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, at every level, as `compass serve` would."""
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    telemetry.configure({}, level=logging.DEBUG, stream=out)
    yield out
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def readable(text: str) -> str:
    """The text, and what it says to somebody who decodes it."""
    plain = html.unescape(text)
    return "\n".join((text, plain, unquote(plain), unquote(unquote(plain))))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for each in value.items() for text in strings(list(each)))
    elif isinstance(value, list | tuple):
        yield from (text for each in value for text in strings(each))


def told_of(secrets: tuple[Planted, ...], *texts: str) -> list[Planted]:
    everything = readable("\n".join(texts))
    return [one for one in secrets if leaks(one.value, everything)]


class Open(Redactor):
    """Lets everything through."""

    def __call__(self, text: str) -> str:
        return text

    name = __call__


async def observed(case: Path, secrets: tuple[Planted, ...], redact: Redactor) -> list[Run]:
    source = Recorded(case, inline)
    view = View(Sources(source, source, source, source), inline, FakeClock(WINDOW.end), redact)
    given = INCIDENT.model_copy(update={"services": tuple(services(secrets))})
    runs: list[Run] = []
    for kind in AGENTS:
        findings = await (agent := kind(view)).observe(given, runs)
        thoughts = await agent.generate_hypotheses(given, findings, runs)
        runs.append(Run(agent=kind.name, outcome=Outcome.ANSWERED, findings=findings, hypotheses=thoughts.hypotheses))
    return runs


def test_what_is_not_redacted_would_be_told(tmp_path: Path) -> None:
    """Otherwise the tests below would show nothing: more than 200 secrets of 60 kinds get as far as an observation."""
    told: list[Planted] = []
    for number, secrets in enumerate(CASES):
        (folder := tmp_path / str(number)).mkdir()
        runs = asyncio.run(observed(written(folder, secrets), secrets, Open()))
        told += told_of(secrets, *(run.model_dump_json() for run in runs))
    assert len(told) >= 200
    assert len({one.kind for one in told}) >= 60


@pytest.mark.parametrize("secrets", CASES, ids=lambda secrets: secrets[0].kind)
async def test_a_model_is_given_no_secret(tmp_path: Path, secrets: tuple[Planted, ...]) -> None:
    """Over the wire: what the server got, and what the wrong answers of a server that repeats secrets brought about."""
    server = Scripted(*(Turn(text=f"{{broken {one.text}") for one in secrets[:6]))
    async with server.serving() as url:
        settings = load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE, "COMPASS_BUDGET_USD": "100"})
        async with replayed(written(tmp_path, secrets), settings) as compass:
            thread = FakeThread()
            conclusion = await compass.investigate(Request(reference="INC-1"), thread)
    assert conclusion.hypotheses
    assert server.requests, "a model was asked"
    assert told_of(secrets, *(text for request in server.requests for text in strings(request))) == []
    assert told_of(secrets, *(one.model_dump_json() for one in (conclusion, *thread.progress, *thread.conclusions))) == []


@pytest.mark.parametrize("secrets", CASES, ids=lambda secrets: secrets[0].kind)
async def test_no_secret_is_told_logged_or_printed(tmp_path: Path, secrets: tuple[Planted, ...], log: io.StringIO) -> None:
    workspace, terminal = Workspace(clock=utc_now), io.StringIO()
    await workspace.start()
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])
    async with replayed(written(tmp_path, secrets), Settings()) as compass:
        first = await compass.investigate(Request(reference="INC-1"), SlackThread(client, compass.outbox, INCIDENTS))
        conclusion = await compass.investigate(Request(reference="INC-1"), TerminalThread(terminal))
        ambiguous = replace(compass, telemetry=replace(compass.telemetry, places=(Ambiguous(secrets),)))
        with pytest.raises(AmbiguousIncidentError) as refused:
            await ambiguous.investigate(Request(reference="x"), FakeThread())
        kept = await compass.history.recent(5)
    await workspace.stop()
    assert first.outcome is conclusion.outcome is Outcome.ANSWERED
    assert len(workspace.messages) == 5
    assert conclusion.observations
    posted = [text for message in workspace.messages for text in (message.text, *links(message), *strings(list(message.blocks)))]
    assert told_of(secrets, *posted) == []
    assert [message for message in workspace.messages if mentions(message)] == []
    assert any("&lt;" in message.text for message in workspace.messages)
    assert [link for message in workspace.messages for link in links(message) if re.match("[a-z]+-[0-9]", link)] == []
    assert told_of(secrets, terminal.getvalue()) == []
    assert told_of(secrets, json.dumps(report(conclusion), ensure_ascii=False, indent=1)) == []
    assert told_of(secrets, *(one.model_dump_json() for one in kept)) == []
    assert told_of(secrets, str(refused.value), repr(refused.value)) == []
    assert "investigation.opened" in log.getvalue()
    assert told_of((*secrets, Planted("service", TOKEN, "")), log.getvalue(), *posted) == []
    assert "<" in terminal.getvalue()


class Ambiguous:
    """Alerts with secrets in their titles."""

    place = "Alertmanager"

    def __init__(self, secrets: tuple[Planted, ...]) -> None:
        self.secrets = secrets

    async def find(self, reference: str) -> Incident | None:
        raise AmbiguousIncidentError(reference, tuple(one.text for one in self.secrets))

    async def known(self) -> tuple[str, ...]:
        return ()


@pytest.mark.parametrize("secrets", CASES, ids=lambda secrets: secrets[0].kind)
async def test_what_sources_answer_is_not_told(secrets: tuple[Planted, ...], log: io.StringIO) -> None:
    """Errors of servers, what is missing from an answer, annotations longer than what is shown, a bug's traceback."""
    every = " ".join(one.text for one in secrets)
    gaps = tuple(Gap(source="Loki", reason=Reason.TRUNCATED, detail=one.text) for one in secrets)
    changes = tuple(
        Change(START, "checkout", f"{'.' * 280} {one.text}", "deploy", one.text, "Grafana", f"https://g/?q={quote(one.text)}")
        for one in secrets
    )
    lines = tuple(LogLine(START, "checkout", f"error {'.' * 140} {one.text}") for one in secrets)
    source = FakeSource(
        {"changes": Reading(changes), "log_lines": Reading(lines, gaps, every)},
        {"families": SourceError("Prometheus", Reason.REJECTED, f"/api/v1/series answers 400: {every}")},
    )
    broken = FakeSource()
    broken.answers["spans"] = RuntimeError(every)  # type: ignore[assignment]  # what a bug does
    for traces in (source, broken):
        thread = FakeThread()
        compass = Compass(
            Telemetry((), lambda traces=traces: Sources(source, source, traces, source), inline),  # type: ignore[misc]  # bound as it is now
            Kept(FakeInvestigations(), FakeHistory(), FakeOutbox(), FakeDeclarations(), FakeLedger()),
            Decimal(10),
            Limits(),
            FakeClock(),
        )
        conclusion = await compass.investigate(Request(incident=INCIDENT), thread)
        assert (
            told_of(secrets, conclusion.model_dump_json(), *(one.model_dump_json() for one in (*thread.progress, *thread.conclusions)))
            == []
        )
    assert "agent.failed" in log.getvalue()
    assert told_of(secrets, log.getvalue()) == []


@pytest.mark.parametrize("secret", ["", '["fails in|of a new kind|lines tell"]'])
async def test_what_is_made_behind_the_entrances_meets_a_net_at_the_exits(tmp_path: Path, secret: str) -> None:
    """Words that only Compass says, called secret: neither the thread nor what is returned, and printed, says them."""
    async with replayed(written(tmp_path, SECRETS[:4]), load({"COMPASS_REDACT": secret} if secret else {})) as compass:
        thread = FakeThread()
        conclusion = await compass.investigate(Request(reference="INC-1"), thread)
    for said in ((one.model_dump_json() for one in (*thread.progress, *thread.conclusions)), [json.dumps(report(conclusion))]):
        assert bool(re.search("fails in|of a new kind|lines tell", "".join(said))) is not bool(secret)
