"""How long the analysis takes on one core, and how that grows with what it reads: python -m tests.bench.analysis.

Seconds of CPU, the best of three, over telemetry that is made here from seeds. The growth is the time ÷ the time for a tenth of it:
10 is linear. A case is what the three agents do with a recording that was read before.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compass_core.agents.application import ApplicationAgent
from compass_core.agents.database import DatabaseAgent
from compass_core.agents.network import NetworkAgent
from compass_core.agents.view import Sources, View
from compass_core.analysis.calls import detours, failures
from compass_core.analysis.metric_notes import of_series
from compass_core.analysis.notes import Note, Times
from compass_core.analysis.templates import _masked, templates
from compass_core.analysis.timing import changed, growths, slow_throughout
from compass_core.analysis.traces import edges, traces
from compass_core.domain import AgentName, Incident, Outcome, Run, Window
from compass_core.readings import LogLine, Reduction, Selection, Series, Span
from compass_core.sources.recorded import Recorded
from tests.fakes import START, FakeClock, inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Work = Callable[[], object]

TIMES = Times(Window(start=START, end=START + timedelta(minutes=20)), Window(start=START - timedelta(hours=1), end=START), 40)
BEGIN, ALERT, END = (at.timestamp() for at in (TIMES.baseline.start, START, TIMES.window.end))
KINDS = ("api", "core", "job", "db", "cache")
SERVICES = tuple(f"{part}-{kind}" for part in ("cart", "order", "price", "seat", "user", "mail", "bill", "stock") for kind in KINDS)
CULPRIT, DEEPEST = "order-job", 3
SERIES_OF_CASE, LINES_OF_CASE, SPANS_OF_CASE = 736, 7_500, 14_700
FAMILIES = (
    "http_requests_total",
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "pool_threads_busy",
    "gc_pause_seconds",
    "queue_depth",
    "cache_items",
    "bytes_sent_total",
    "disk_write_latency",
    "open_files",
    "sessions",
    "errors_total",
    "retries",
    "heap_used_bytes",
    "connections_open",
    "jobs_waiting",
    "rpc_latency_p90",
    "response_ms",
    "success_rate",
)
LINES = (
    "{stamp} ERROR [{service},{key:.16}] order {order} failed after {ms} ms: no seat left for {user}",
    "{stamp}  WARN 1 --- [http-nio-8080-exec-{few}] c.s.o.Retry : attempt {few} to http://{address}:8080/orders/{order} failed",
    'ts={stamp} level={level} caller=handler.go:{few} msg="request timed out" path=/api/v1/users/{user}/orders/{order} took={ms}ms',
    'ts={stamp} level={level} msg="payment failed for {user}" err="card {order} was refused" trace_id={key}',
    '{{"ts": "{stamp}", "level": "{level}", "message": "upstream {address}:9090 timed out after {ms} ms", "trace_id": "{key}", "pod": "{service}-{few}"}}',
    '{{"time": "{stamp}", "severity": "{level}", "msg": "cannot load item {order} of {user}", "error": "key {key:.8} is not found"}}',
    '{address} - {user} [05/Jan/2026:14:03:00 +0000] "GET /orders/{order}?page={few} HTTP/1.1" 503 {ms} "-" "Mozilla/5.0 (X11; Linux)"',
    'Traceback (most recent call last):\n  File "/app/{user}.py", line {ms}, in place\nValueError: seat {order} is taken',
    "{stamp} [{ms}] {user}@shop FATAL:  remaining connection slots are reserved ({few} in use)",
    "panic: runtime error: index out of range [{ms}] with length {few} goroutine {order}",
    "E0105 14:03:00.{ms:06d}       1 worker.go:{few}] job {key:.8}-{few} of {service} failed: context deadline exceeded",
    "consumer {user} lost partition {few} at offset {order}: CommitFailedException",
)


def lines(n: int) -> Iterator[LogLine]:
    """Of a dozen kinds and 40 services, as real programs write them; half of them carry a level."""
    chance = random.Random(1)  # noqa: S311 - the same lines each time
    for k in range(n):
        t, service, level = BEGIN + (END - BEGIN) * k / n, chance.choice(SERVICES), chance.choice(("error", "warn", "info"))
        text = chance.choice(LINES).format(
            stamp=f"{datetime.fromtimestamp(t, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            level=level,
            service=service,
            key=f"{chance.getrandbits(128):032x}",
            order=chance.randrange(10**6),
            ms=chance.randrange(9000),
            few=chance.randrange(32),
            user=chance.choice(("anna", "bo", "chen", "dara", "eli", "fatima")),
            address=f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}",
        )
        yield LogLine(t, service, text, level if k % 2 else "")


def spans(n: int) -> list[Span]:
    """Whole traces, evenly over the time."""
    chance, found = random.Random(2), list[Span]()  # noqa: S311 - the same spans each time
    while len(found) < n:
        first = len(found)
        _serve(chance, found, (f"{first:032x}", ""), (BEGIN + (END - BEGIN) * first / n, SERVICES[chance.randrange(4)]))
    return found[:n]


def _serve(chance: random.Random, found: list[Span], above: tuple[str, str], at: tuple[float, str], depth: int = 0) -> float:
    """A server's span with its calls, to databases too, beneath it; its milliseconds. In the window one service is slow, and may fail before it calls."""
    (trace, parent), (t, service), own = above, at, len(found)
    late = service == CULPRIT and t >= ALERT
    ms, kind, me = chance.gammavariate(2, 3) + 200 * late, chance.randrange(3), f"{own:016x}"
    fails = late and chance.random() < 0.3
    found.append(Span(trace, me, parent, service, f"GET /{service}/{kind}", t, ms, fails, "server"))
    for k in range(0 if fails or depth == DEEPEST else chance.randrange(1, 4)):
        callee, call = SERVICES[(SERVICES.index(service) * 3 + kind + k + 1) % len(SERVICES)], len(found)
        attributes = {"server.address": f"{callee}.shop.svc:8080", "http.request.method": "GET"}
        if callee.endswith(("-db", "-cache")):
            attributes["db.system"] = "postgresql"
        begin = t + ms / 1000
        found.append(Span(trace, f"{call:016x}", me, service, f"call {callee}", begin, 0.0, False, "client", attributes))
        below = (trace, f"{call:016x}")
        took = chance.gammavariate(2, 2) if "db.system" in attributes else _serve(chance, found, below, (begin, callee), depth + 1) + 1
        found[call] = replace(found[call], ms=took)
        ms += took
    found[own] = replace(found[own], ms=ms)
    return ms


def series(n: int) -> Iterator[Series]:
    """Levels with noise, some with a rhythm; one in twenty shifts in the window."""
    chance, t = np.random.default_rng(3), np.arange(BEGIN, END, TIMES.step)
    for k in range(n):
        family, service = FAMILIES[k // len(SERVICES) % len(FAMILIES)], SERVICES[k % len(SERVICES)]
        usual = 1 + 0.1 * chance.standard_normal(t.size) + (k % 3 == 0) * 0.5 * np.sin(t / 300)
        v: NDArray[np.float64] = chance.gamma(4, 25) * usual * np.where((t >= ALERT) & (k % 20 == 0), 3.0, 1.0)
        selection = Selection(f"other:{family}", family, Reduction.RAW, "service", ((service, service),))
        yield Series(selection, service, {"service": service}, t, v, f"sum by (service) ({family})", "made", step=TIMES.step)


def shifting(n: int) -> Work:
    made, note = tuple(series(n)), Note(AgentName.APPLICATION, TIMES)
    return lambda: of_series(note, made)


def grouping(n: int) -> Work:
    made = tuple(lines(n))
    before = [line for line in made if line.t < ALERT]

    def work() -> object:
        _masked.cache_clear()
        return templates(made[len(before) :], before)

    return work


def tracing(n: int) -> Work:
    made = spans(n)
    before = [span for span in made if span.t < ALERT]

    def work() -> object:
        traced = traces(made[len(before) :], before)
        grown = changed(traced)
        return growths(grown), slow_throughout(grown), failures(traced), detours(traced), edges(traced)

    return work


def investigating(n: int) -> Work:
    """The agents over a case of that many series, with lines and spans in proportion."""
    incident = Incident(id="INC-1", title="slow", services=SERVICES[:4], started_at=START, ended_at=TIMES.window.end)
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder), incident, n)
        recorded = Recorded(Path(folder), inline)

    async def investigate() -> list[Run]:
        view, runs = View(Sources(recorded, recorded, recorded, recorded), inline, FakeClock(TIMES.window.end)), list[Run]()
        for kind in (ApplicationAgent, DatabaseAgent, NetworkAgent):
            agent = kind(view)
            findings = await agent.observe(incident, runs)
            thoughts = await agent.generate_hypotheses(incident, findings, runs)
            runs.append(Run(agent=kind.name, outcome=Outcome.ANSWERED, findings=findings, hypotheses=thoughts.hypotheses))
        return runs

    return lambda: asyncio.run(investigate())


def record(case: Path, incident: Incident, n: int) -> None:
    """Write a case."""
    told = incident.model_dump(mode="json", include={"id", "title", "services", "started_at"})
    window = {"start": TIMES.baseline.start.isoformat(), "end": TIMES.window.end.isoformat()}
    (case / "case.json").write_text(json.dumps({"format": 1, "incident": told, "window": window}))
    metrics = (
        {"name": one.selection.family, "kind": "gauge", "labels": one.labels, "t": one.t.tolist(), "v": one.v.tolist()} for one in series(n)
    )
    said, traced = (map(asdict, made) for made in (lines(n * LINES_OF_CASE // SERIES_OF_CASE), spans(n * SPANS_OF_CASE // SERIES_OF_CASE)))
    for kind, rows in (("metrics", metrics), ("logs", said), ("spans", traced)):
        (case / f"{kind}.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode(), compresslevel=1))


ROWS: tuple[tuple[str, int, float, Callable[[int], Work]], ...] = (
    (f"a case: series (with {LINES_OF_CASE:,} lines, {SPANS_OF_CASE:,} spans)", SERIES_OF_CASE, 0.5, investigating),
    ("series of 120 points", 10_000, 0.5, shifting),
    ("log lines", 100_000, 1.5, grouping),
    ("spans", 100_000, 1.0, tracing),
)


def best(work: Work) -> float:
    """Seconds of CPU of the fastest of three."""
    took = []
    for _ in range(3):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took)


def main() -> None:
    print(f"{'what':50} {'n':>8} {'seconds':>8} {'goal':>5} {'growth from n/10':>17}")
    for what, n, goal, make in ROWS:
        whole, tenth = best(make(n)), best(make(n // 10))
        print(f"{what:50} {n:8,} {whole:8.3f} {goal:5.1f} {whole / tenth:17.1f}", flush=True)


if __name__ == "__main__":
    main()
