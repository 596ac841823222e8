"""Hand-made recorded cases."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from compass_core.domain import Window
from compass_core.sources.recorded import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")
Json = dict[str, Any]

START = datetime(2026, 1, 5, 14, tzinfo=UTC)
T0 = START.timestamp()
HOUR = Window(start=START, end=START + timedelta(hours=1))
CASE = {
    "format": 1,
    "incident": {"id": "INC-1", "title": "slow", "services": ["web"], "started_at": "2026-01-05T14:30:00Z", "severity": "high"},
    "window": {"start": "2026-01-05T14:00:00Z", "end": "2026-01-05T14:40:00Z"},
    "truth": "never looked at, so it may be anything",
}


async def offload(work: Callable[[], T]) -> T:
    return work()


def write(directory: Path, case: Json | None = None, **files: list[Json]) -> Recorded:
    (directory / "case.json").write_text(json.dumps(CASE if case is None else case))
    for kind, rows in files.items():
        (directory / f"{kind}.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return Recorded(directory, offload)


def metric(name: str, v: Sequence[float | None], *, kind: str = "gauge", t: Sequence[float] | None = None, **labels: str) -> Json:
    """Samples each minute from `START`, or at `t` seconds after it."""
    times = {"t0": T0, "step": 60} if t is None else {"t": [T0 + at for at in t]}
    return {"name": name, "labels": {"service": "web", **labels}, "kind": kind, "v": list(v), **times}


def line(at: float, text: str, service: str = "web", **rest: str | None) -> Json:
    return {"t": T0 + at, "service": service, "line": text, **rest}


def span(trace: str, service: str, at: float, **rest: Any) -> Json:
    return {
        "trace_id": trace,
        "span_id": f"{trace}{at}",
        "parent_id": None,
        "service": service,
        "name": "GET",
        "t": T0 + at,
        "ms": 5,
        "error": False,
        **rest,
    }
