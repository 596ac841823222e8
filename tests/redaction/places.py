"""An investigation of an incident whose telemetry is full of secrets, and all that can be read of it, by place."""

from __future__ import annotations

import html
import io
import json
import logging
import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from slack_sdk.web.async_client import AsyncWebClient

from bot.report import report
from bot.terminal import TerminalThread
from bot.thread import SlackThread
from bot.workspace import INCIDENTS
from compass_core import conventions, telemetry
from compass_core.bootstrap import replayed
from compass_core.compass import utc_now
from compass_core.domain import Incident, Outcome, Request
from compass_core.errors import AmbiguousIncidentError
from compass_core.settings import load
from compass_core.signals.logs import ERROR_PHRASES
from tests.demo_incident import packed
from tests.fakes import INCIDENT, FakeThread
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


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What is logged, at every level, as `compass serve` would."""
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    telemetry.configure({}, level=logging.DEBUG, stream=out)
    yield out
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@contextmanager
def exported() -> Iterator[InMemorySpanExporter]:
    """The spans that are exported, of every room."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conventions, "tracer", provider.get_tracer("compass"))
        yield exporter


def span_texts(span: ReadableSpan) -> Iterator[str]:
    """All that a span says: also the events in which it keeps errors."""
    yield span.name
    yield span.status.description or ""
    yield from strings(dict(span.attributes or {}))
    for event in span.events:
        yield event.name
        yield from strings(dict(event.attributes or {}))


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


async def places(case: Path, secrets: tuple[Planted, ...]) -> dict[str, list[str]]:
    """Investigates in Slack and in a terminal, with a model that repeats secrets, and a reference that fails; what can then be read, by place."""
    workspace, terminal, thread = Workspace(clock=utc_now), io.StringIO(), FakeThread()
    await workspace.start()
    client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])
    server = Scripted(*(Turn(text=f"{{broken {one.text}") for one in secrets[:6]))
    errors: list[str] = []
    with logged() as log, exported() as spans:
        async with server.serving() as url:
            settings = load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE, "COMPASS_BUDGET_USD": "100"})
            async with replayed(case, settings) as compass:
                await compass.investigate(Request(reference="INC-1"), SlackThread(client, compass.outbox, INCIDENTS))
                await compass.investigate(Request(reference="INC-1"), TerminalThread(terminal))
                conclusion = await compass.investigate(Request(reference="INC-1"), thread)
                for place in (Ambiguous(secrets), Broken(secrets)):
                    failing = replace(compass, telemetry=replace(compass.telemetry, places=(place,)))
                    with pytest.raises((AmbiguousIncidentError, RuntimeError)) as refused:
                        await failing.investigate(Request(reference="x"), FakeThread())
                    errors += [str(refused.value), repr(refused.value)] if refused.type is AmbiguousIncidentError else []
                kept = await compass.history.recent(5)
    await workspace.stop()
    assert conclusion.outcome is Outcome.ANSWERED
    assert len(workspace.messages) == 5
    assert [message for message in workspace.messages if mentions(message)] == []
    assert [link for message in workspace.messages for link in links(message) if re.match("[a-z]+-[0-9]", link)] == []
    return {
        "Slack": [text for message in workspace.messages for text in (message.text, *links(message), *strings(list(message.blocks)))],
        "terminal": [terminal.getvalue()],
        "--json": [json.dumps(report(conclusion), ensure_ascii=False, indent=1)],
        "what a thread is told": [one.model_dump_json() for one in (conclusion, *thread.runs, *thread.conclusions)],
        "model": [text for request in server.requests for text in strings(request)],
        "store": [one.model_dump_json() for one in kept],
        "errors": errors,
        "log": [log.getvalue()],
        "spans": [text for span in spans.get_finished_spans() for text in span_texts(span)],
    }


class Broken:
    """A place of incidents with a defect: it says what it should not."""

    place = "Alertmanager"

    def __init__(self, secrets: tuple[Planted, ...]) -> None:
        self.secrets = secrets

    async def find(self, _reference: str) -> Incident | None:
        raise RuntimeError(" ".join(one.text for one in self.secrets))

    async def known(self) -> tuple[str, ...]:
        return ()


class Ambiguous:
    """Alerts with secrets in their titles."""

    place = "Alertmanager"

    def __init__(self, secrets: tuple[Planted, ...]) -> None:
        self.secrets = secrets

    async def find(self, reference: str) -> Incident | None:
        raise AmbiguousIncidentError(reference, tuple(one.text for one in self.secrets))

    async def known(self) -> tuple[str, ...]:
        return ()
