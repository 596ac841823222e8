"""Investigations of incidents whose telemetry is full of secrets: none is told, logged, printed or handed to a model."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from bot.report import report
from compass_core.agents.view import Sources, View
from compass_core.bootstrap import replayed
from compass_core.compass import Compass, Telemetry
from compass_core.domain import Gap, Outcome, Request, Run
from compass_core.errors import Reason, SourceError
from compass_core.readings import Change, LogLine, Reading
from compass_core.redaction.redact import Redactor
from compass_core.settings import Settings, load
from compass_core.sources.recorded import Recorded
from compass_core.store import Store
from tests.agents.test_recorded_case import AGENTS
from tests.fakes import INCIDENT, WINDOW, FakeClock, FakeSource, FakeThread, inline
from tests.redaction.places import CASES, SECRETS, START, TOKEN, exported, logged, places, services, span_texts, told_of, written
from tests.redaction.planted import Planted

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize(
    "secrets", [pytest.param(each, id=each[0].kind, marks=[pytest.mark.slow] * bool(at % 3)) for at, each in enumerate(CASES)]
)
async def test_no_secret_comes_out_anywhere(tmp_path: Path, secrets: tuple[Planted, ...]) -> None:
    said = await places(written(tmp_path, secrets), secrets)
    planted_there = (*secrets, Planted("service", TOKEN, ""))
    assert {place: leaked for place, texts in said.items() if (leaked := told_of(planted_there, *texts))} == {}
    assert all(any(map(str.strip, texts)) for texts in said.values()), "a place where nothing was said shows nothing"
    assert any("&lt;" in text for text in said["Slack"])
    assert "investigation.opened" in said["log"][0]
    assert {"orchestrator.observe", "step opened", "step root"} <= set(said["spans"])
    assert "<" in said["terminal"][0]


@pytest.mark.parametrize("secrets", CASES, ids=lambda secrets: secrets[0].kind)
async def test_what_sources_answer_is_not_told(tmp_path: Path, secrets: tuple[Planted, ...]) -> None:
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
    said: list[str] = []
    store = Store(f"sqlite:///{tmp_path}/compass.db")
    with logged() as log, exported() as spans:
        for traces in (source, broken):
            thread = FakeThread()
            compass = Compass(
                Telemetry((), lambda traces=traces: Sources(source, source, traces, source), inline),  # type: ignore[misc]  # bound as it is now
                store,
                Settings(),
                FakeClock(),
            )
            conclusion = await compass.investigate(Request(incident=INCIDENT), thread)
            said += [one.model_dump_json() for one in (conclusion, *thread.runs, *thread.conclusions)]
    store.dispose()
    assert told_of(secrets, *said) == []
    assert "agent.failed" in log.getvalue()
    assert told_of(secrets, log.getvalue()) == []
    assert told_of(secrets, *(text for span in spans.get_finished_spans() for text in span_texts(span))) == []


@pytest.mark.parametrize("secret", ["", '["fails in|of a new kind|log lines"]'])
async def test_what_is_made_behind_the_entrances_meets_a_net_at_the_exits(tmp_path: Path, secret: str) -> None:
    """Words that only Compass says, called secret: neither the thread nor what is returned, and printed, says them."""
    async with replayed(written(tmp_path, SECRETS[:4]), load({"COMPASS_REDACT": secret} if secret else {})) as compass:
        thread = FakeThread()
        conclusion = await compass.investigate(Request(reference="INC-1"), thread)
    for said in ((one.model_dump_json() for one in (*thread.runs, *thread.conclusions)), [json.dumps(report(conclusion))]):
        assert bool(re.search("fails in|of a new kind|log lines", "".join(said))) is not bool(secret)
