"""Writes the incidents of `compass demo`: a ticket shop whose booking database runs out of connections, and `demo/second.py`'s.

`python -m tests.demo_incident` rewrites `bot/demo_case` and `bot/demo_second`; with `--check` it only says whether that is what would be written.
Everything is made up here, from one seed. The plot, in minutes from the alert:

-62    recording begins; `pricing` is deployed at -55 and stays healthy, `notifications` restarts at -31
-3.5   `bookings` 4.7.0 is deployed; it keeps its transactions open while it waits for payments
-3.2   its pool has requests waiting; sessions of `bookings-db` pile up, idle in transaction
-0.4   `bookings-db` holds 97 of 100 connections and refuses more; `bookings` fails, then everyone above it, louder
 0     the alert on `edge`, the entry
12     recording ends
"""

from __future__ import annotations

import gzip
import json
import math
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.demo import logs, metrics, second, traces
from tests.demo.story import FIRST, LAST, TICK, Story

if TYPE_CHECKING:
    from collections.abc import Iterable

CASE = Path(__file__).parent.parent / "bot" / "demo_case"
SECOND = CASE.parent / "demo_second"
ABOUT = {
    "format": 1,
    "incident": {
        "id": "INC-42",
        "title": "Customers cannot buy tickets: pages time out, orders end in errors",
        "services": ["edge"],
        "started_at": "2026-03-14T19:00:00Z",
        "severity": "critical",
        "description": "More than 20 % of requests at the edge end in 503 or 504.",
    },
    "window": {"start": "2026-03-14T17:58:00Z", "end": "2026-03-14T19:12:00Z"},
    "truth": {"service": "bookings-db", "mechanism": "connection_exhaustion", "domain": "database"},
    "provenance": {"dataset": "compass demo", "case": "made by tests/demo_incident.py", "licence": "the project's own"},
}


def record() -> Story:
    """The whole story, from the first tick to the last."""
    story = Story(random.Random(42))  # noqa: S311 - a story must be the same each time
    for story.seconds in range(FIRST, LAST, TICK):
        demand = story.near((1 + 0.1 * math.sin(story.minute / 23)) * (1 + 0.002 * (story.minute + 62)), 0.03)
        metrics.requests(story, demand)
        metrics.containers(story, demand)
        metrics.databases(story, demand, metrics.pools(story, demand))
        metrics.nodes(story, demand)
        logs.speak(story)
        traces.trace(story)
    return story


def files(story: Story, about: dict[str, Any] = ABOUT) -> dict[str, bytes]:
    """The case's files by name."""
    series = [
        {"name": name, "kind": kind, "labels": dict(labels), "t0": min(seen), "step": TICK, "v": list(seen.values())}
        for (name, kind, labels), seen in sorted(story.metrics.items())
    ]
    return {
        "case.json": (json.dumps(about, indent=2) + "\n").encode(),
        "metrics.jsonl.gz": packed(series),
        "logs.jsonl.gz": packed(sorted(story.logs, key=lambda row: row["t"])),
        "spans.jsonl.gz": packed(sorted(story.spans, key=lambda row: row["t"])),
    }


def packed(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as compressed lines of JSON, without the time and the file name that gzip would add."""
    lines = (json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode(), compresslevel=9, mtime=0)


def content(name: str, file: bytes) -> bytes:
    """What a file says: another zlib may pack the same lines into other bytes."""
    return gzip.decompress(file) if name.endswith(".gz") else file


def both() -> dict[Path, bytes]:
    """Everything that is written, by its path."""
    first, other = files(record()), files(second.record(), second.ABOUT)
    return {CASE / name: file for name, file in first.items()} | {SECOND / name: file for name, file in other.items()}


def main(arguments: list[str]) -> int:
    """Write the cases, or (`--check`) say whether they are those that would be written."""
    made = both()
    if arguments == ["--check"]:
        stale = [str(path) for path, file in made.items() if content(path.name, path.read_bytes()) != content(path.name, file)]
        print(f"differs: {', '.join(stale)}" if stale else "up to date")
        return len(stale)
    for path, file in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file)
        print(f"{path.parent.name}/{path.name}: {len(file):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
