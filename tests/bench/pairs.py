"""Two systems that break at once, laid side by side in one case, are found as two: `python -m tests.bench.pairs DIR [--pairs N]`.

Neighbours among the faulty cases of a set whose services have different names become one case; the first is moved in time so that both
faults begin together. Printed: in how many pairs the first two services are the two true ones, and how much of the confidence they hold.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from compass_core import evaluation

Json = dict[str, Any]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("set", type=Path)
    asked.add_argument("--pairs", type=int, default=10)
    options = asked.parse_args()
    cases = [case for case in evaluation.find([options.set]) if evaluation.planted(case)]
    both = one = played = 0
    for first, second in list(pairwise(cases))[::2]:
        if played == options.pairs:
            break
        with tempfile.TemporaryDirectory() as folder:
            if not beside(first, second, Path(folder)):
                continue
            played += 1
            case = evaluation.investigate(Path(folder))
            if isinstance(case, Exception):
                raise case
            right = [{each.service for each in evaluation.answers(path) or ()} for path in (first, second)]
            top = [each["service"] for each in case["services"][:2]]
            found = [any(service in each for service in top) for each in right]
            both, one = both + all(found), one + any(found)
            shares = ", ".join(f"{each['service']} {each['confidence']:.2f}" for each in case["services"][:3])
            print(f"{first.name} and {second.name}: {'both' if all(found) else 'one' if any(found) else 'none'} ({shares})", flush=True)
    print(f"both in the first two places: {both} of {played}; at least one: {one}")


def beside(first: Path, second: Path, folder: Path) -> bool:
    """Write both as one case; False where a service of one is called like one of the other."""
    told = [json.loads((path / "case.json").read_text(encoding="utf-8")) for path in (first, second)]
    starts = [datetime.fromisoformat(each["incident"]["started_at"]) for each in told]
    moved = (starts[1] - starts[0]).total_seconds()
    rows = {kind: [_rows(path, kind) for path in (first, second)] for kind in ("metrics", "logs", "spans", "changes")}
    names = [{row.get("service") or row["labels"]["service"] for kind in rows.values() for row in kind[at]} for at in (0, 1)]
    if names[0] & names[1]:
        return False
    for kind, (mine, others) in rows.items():
        whole = sorted(
            [*(_moved(row, moved) for row in mine), *others], key=lambda row: row["t"] if isinstance(row.get("t"), float | int) else 0
        )
        text = "".join(f"{json.dumps(row)}\n" for row in whole).encode()
        (folder / f"{kind}.jsonl{'' if kind == 'changes' else '.gz'}").write_bytes(text if kind == "changes" else gzip.compress(text, 1))
    spans = [[datetime.fromisoformat(each["window"][end]) for end in ("start", "end")] for each in told]
    spans[0] = [at + timedelta(seconds=moved) for at in spans[0]]
    case = {**told[1], "window": {"start": max(spans[0][0], spans[1][0]).isoformat(), "end": min(spans[0][1], spans[1][1]).isoformat()}}
    case["incident"]["services"] = [*told[0]["incident"]["services"], *told[1]["incident"]["services"]]
    (folder / "case.json").write_text(json.dumps(case), encoding="utf-8")
    return True


def _rows(path: Path, kind: str) -> list[Json]:
    for name, read in ((f"{kind}.jsonl.gz", gzip.open), (f"{kind}.jsonl", open)):
        if (path / name).exists():
            with read(path / name, "rt", encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.strip()]
    return []


def _moved(row: Json, seconds: float) -> Json:
    at = row.get("t", row.get("t0"))
    key = "t" if "t" in row else "t0"
    return {**row, key: [each + seconds for each in at] if isinstance(at, list) else (at or 0) + seconds}


if __name__ == "__main__":
    main()
