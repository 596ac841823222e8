"""A made recording of a system in which nothing is wrong but noise; and, so that it can be seen, the same with a fault."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from bot import blocks
from bot.terminal import TerminalThread
from bot.words import nothing_found
from compass_core import bootstrap
from compass_core.agents.view import Sources
from compass_core.domain import Request
from compass_core.hypotheses.rank import rank
from compass_core.settings import Settings
from compass_core.sources.recorded import Recorded
from tests.agents.test_recorded_case import incident, investigate
from tests.fakes import inline

if TYPE_CHECKING:
    from pathlib import Path

    from compass_core.domain import Hypothesis, Run

BEGIN = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)
MINUTES, BEFORE = 80, 60
CALLS = {"web": ("cart", "search"), "cart": ("prices", "cart-db"), "search": ("prices",), "prices": (), "cart-db": ()}
SERVICES = tuple(CALLS)
STEP = 15
NOTHING = "Nothing unusual was found in what could be read."
NORMAL = "Nothing stands out in what could be read: this may be normal."


@dataclass
class Recording:
    """What a quiet hour and more writes; `busy` uses five times its CPU from the incident's start on and takes three times as long."""

    chance: random.Random
    busy: str = ""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)

    def measure(self) -> None:
        for service in SERVICES:
            requests, errors, cpu, memory = 0.0, 0.0, 0.0, 3e8
            served: dict[str, list[float]] = {"200": [], "500": []}
            used: dict[str, list[float]] = {"cpu": [], "memory": [], "latency": [], "threads": []}
            for minute in (at * STEP / 60 for at in range(MINUTES * 60 // STEP)):
                requests += self.chance.gauss(450, 40) * self.demand(minute)
                errors += sum(self.chance.random() < 0.02 for _ in range(40))
                cpu += max(0.0, self.chance.gauss(4, 0.6)) * self.slower(service, minute, 5)
                memory += self.chance.gauss(0, 2e6)
                served["200"].append(requests)
                served["500"].append(errors)
                used["cpu"].append(cpu)
                used["memory"].append(memory)
                used["latency"].append(self.chance.lognormvariate(-3, 0.3) * self.slower(service, minute, 3))
                used["threads"].append(float(self.chance.randrange(8, 25)))
            for code, values in served.items():
                self.add("http_server_request_duration_seconds_count", "counter", values, service=service, http_response_status_code=code)
            self.add("container_cpu_usage_seconds_total", "counter", used["cpu"], service=service)
            self.add("container_memory_working_set_bytes", "gauge", used["memory"], service=service)
            self.add("own_latency_p90", "gauge", used["latency"], service=service)
            self.add("worker_threads", "gauge", used["threads"], service=service)

    def add(self, name: str, kind: str, values: list[float], **labels: str) -> None:
        self.metrics.append({"name": name, "kind": kind, "labels": labels, "t0": BEGIN.timestamp(), "step": STEP, "v": values})

    def trace(self) -> None:
        for second in range(0, MINUTES * 60, 12):
            self.span("web", f"{second:06}", None, second + self.chance.random())

    def span(self, service: str, trace: str, parent: str | None, second: float) -> float:
        """Milliseconds that it took; one in fifty fails, one in thirty is five times as slow as others."""
        name = f"{trace}-{len(self.spans):07}"
        ms = self.chance.lognormvariate(2.5, 0.35) * self.slower(service, second / 60, 3) * (5 if self.chance.random() < 1 / 30 else 1)
        own: dict[str, Any] = {
            "trace_id": trace,
            "span_id": name,
            "parent_id": parent,
            "service": service,
            "name": f"handle {service}",
            "kind": "server",
        }
        self.spans.append(own)
        for callee in CALLS[service]:
            if self.chance.random() < 0.9:
                ms += 1 + self.span(callee, trace, name, second + ms / 1000)
        own |= {"t": BEGIN.timestamp() + second, "ms": ms, "error": self.chance.random() < 0.02}
        self.speak(service, second)
        return ms

    def speak(self, service: str, second: float) -> None:
        number = self.chance.randrange(10_000)
        said = [("info", f"answered order {number} in {number % 90} ms")]
        if self.chance.random() < 0.03:
            said.append(
                ("error", f"order {number} failed: {self.chance.choice(['timeout of partner', 'card refused', 'address unknown'])}")
            )
        self.logs += [{"t": BEGIN.timestamp() + second, "service": service, "level": level, "line": line} for level, line in said]

    def demand(self, minute: float) -> float:
        return 1 + 0.1 * (minute / MINUTES)

    def slower(self, service: str, minute: float, factor: float) -> float:
        return factor if service == self.busy and minute >= BEFORE else 1.0

    def write(self, case: Path) -> Path:
        start, end = BEGIN + timedelta(minutes=BEFORE), BEGIN + timedelta(minutes=MINUTES)
        case.mkdir()
        told = {"id": "I-1", "title": "somebody wonders", "services": ["web"], "started_at": start.isoformat()}
        window = {"start": BEGIN.isoformat(), "end": end.isoformat()}
        (case / "case.json").write_text(json.dumps({"format": 1, "incident": told, "window": window}))
        for name, rows in (("metrics", self.metrics), ("logs", self.logs), ("spans", self.spans)):
            (case / f"{name}.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), 1))
        return case


async def played(case: Path) -> tuple[list[Run], tuple[Hypothesis, ...]]:
    source = Recorded(case, inline)
    runs = await investigate(Sources(source, source, source, source), await incident(case))
    return runs, rank(runs)


def recording(seed: int, busy: str = "") -> Recording:
    made = Recording(random.Random(seed), busy)  # noqa: S311 - noise that is the same each time
    made.measure()
    made.trace()
    return made


@pytest.mark.parametrize("seed", range(6))
async def test_of_a_healthy_system_nobody_is_blamed(seed: int, tmp_path: Path) -> None:
    runs, ranked = await played(recording(seed).write(tmp_path / "case"))
    assert {one.service for one in runs[-1].findings.suspects} >= set(SERVICES), "all of it was looked at"
    assert max((one.confidence for one in ranked), default=0.0) <= 0.5
    assert max(one.score for one in runs[-1].findings.suspects) <= 0.5


@pytest.mark.parametrize(("seed", "busy", "calm"), [(1, "", True), (1, "cart", False)])
async def test_the_words_say_so(seed: int, busy: str, calm: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a column of the table
    out = StringIO()
    async with bootstrap.replayed(recording(seed, busy).write(tmp_path / "case"), Settings()) as compass:
        conclusion = await compass.investigate(Request(reference="I-1", budget=Decimal(0)), TerminalThread(out))
    assert (nothing_found(conclusion) in {NOTHING, NORMAL}) is calm
    assert (NOTHING in out.getvalue() or NORMAL in out.getvalue()) is calm
    final = blocks.final(conclusion)
    assert (NOTHING in final.text or NORMAL in final.text) is calm


@pytest.mark.parametrize("busy", ["prices", "cart", "search"])
async def test_in_the_same_system_with_a_fault_somebody_is(busy: str, tmp_path: Path) -> None:
    _, ranked = await played(recording(1, busy).write(tmp_path / "case"))
    assert (ranked[0].service, ranked[0].mechanism) == (busy, "cpu_exhaustion")
    assert ranked[0].confidence > 0.5
