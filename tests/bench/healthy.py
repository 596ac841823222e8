"""How the first hypothesis' confidence tells healthy windows from faulty ones: python -m tests.bench.healthy DIR….

Each DIR is a set of recorded cases. A healthy case is made of a case by moving its incident to a time before its fault
and cutting what comes after; how, is decided a set. Where a case's `provenance.note` holds the words of `--own-time`
(logs and spans of a fault-free time were added to the case "at their own time"), only such cases of its set are used: the
window is the second half of the first cluster of its spans and log lines, a minute at least, and the first half is the
baseline. In other sets the baseline is taken to be free of faults, and its second half is the window. Cases of one set may
have been given the same fault-free time: their windows are then nearly the same.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import tempfile
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compass_core import evaluation
from compass_core.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

SILENCE = 120.0  # seconds without a span or a line end a cluster
SHORTEST = 60.0  # seconds: a shorter window is not looked at
CALM = 0.5  # a healthy window's first confidence is at most this


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("sets", metavar="DIR", nargs="+", type=Path)
    asked.add_argument("--own-time", metavar="WORDS", default="at its own time,at their own time", help="by commas; default: %(default)s")
    asked.add_argument("--keep", metavar="DIR", type=Path, help="write the healthy cases there instead of into a temporary folder")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = options.keep or Path(folder)
        for directory in options.sets:
            make(directory, out / directory.absolute().name, options.own_time.split(","))
        report(results(options.sets), results([out / directory.absolute().name for directory in options.sets]))


def make(directory: Path, out: Path, own_time: Sequence[str]) -> None:
    """Healthy cases of a set."""
    cases = evaluation.find([directory])
    noted = [case for case in cases if any(words in about(case).get("provenance", {}).get("note", "") for words in own_time)]
    for case in noted or cases:
        told, rows = about(case), {path.name: read(path) for path in case.glob("*.jsonl.gz")}
        start, end = cluster(rows) if noted else half(told)
        told["incident"]["started_at"], told["window"]["end"] = stamp(start), stamp(end)
        told.pop("truth", None)
        kept = out / case.name
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "case.json").write_text(json.dumps(told))
        for name, file in rows.items():
            lines = "".join(json.dumps(row) + "\n" for row in (before(end, row) for row in file) if row)
            (kept / name).write_bytes(gzip.compress(lines.encode(), compresslevel=1))


def half(told: Json) -> tuple[float, float]:
    """The second half of the baseline."""
    start, end = seconds(told["window"]["start"]), seconds(told["incident"]["started_at"])
    return (start + end) / 2, end


def cluster(rows: dict[str, list[Json]]) -> tuple[float, float]:
    """The second half of the first cluster of spans and lines, a minute at least."""
    times = sorted(row["t"] for name in ("spans.jsonl.gz", "logs.jsonl.gz") for row in rows.get(name, []))
    last = next((one for one, after in pairwise(times) if after - one > SILENCE), times[-1])
    middle = (times[0] + last) / 2
    return middle, max(last, middle + SHORTEST)


def before(end: float, row: Json) -> Json | None:
    """The span, the line or the samples of the series before the end; None where nothing is."""
    if "v" not in row:
        return row if row["t"] < end else None
    times = row["t"] if row.get("t") is not None else [row["t0"] + at * row["step"] for at in range(len(row["v"]))]
    kept = [(t, v) for t, v in zip(times, row["v"], strict=True) if t < end]
    same = {name: value for name, value in row.items() if name not in {"t0", "step"}}
    return {**same, "t": [t for t, _ in kept], "v": [v for _, v in kept]} if kept else None


def about(case: Path) -> Json:
    told: Json = json.loads((case / "case.json").read_bytes())
    return told


def read(path: Path) -> list[Json]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines() if line.strip()]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def results(sets: Sequence[Path]) -> list[evaluation.Json]:
    answers = list(evaluation.investigated(evaluation.find(sets)))
    for _, answer in answers:
        if isinstance(answer, CaseError):
            raise answer
    return evaluation.sets((path, answer) for path, answer in answers if not isinstance(answer, CaseError))


def report(faulty: list[evaluation.Json], healthy: list[evaluation.Json]) -> None:
    print(f"{'set':<16}{'faulty':>8}{'healthy':>9}{'AUC':>7}{f'healthy <= {CALM}':>16}{'median healthy':>16}{'median rank 1':>15}")
    for one, other in zip(faulty, healthy, strict=True):
        line(one["name"], one["cases"], other["cases"])
    every = [[case for one in sets for case in one["cases"]] for sets in (faulty, healthy)]
    line("all", *every)
    print("\nhealthy windows that look worst")
    for name, case in sorted(((one["name"], case) for one in healthy for case in one["cases"]), key=lambda pair: -pair[1]["confidence"])[
        :10
    ]:
        print(f"  {name}/{case['case']}: {case['confidence']:.2f} {case['services'][0]['service'] if case['services'] else '-'}")


def line(name: str, faulty: list[evaluation.Case], healthy: list[evaluation.Case]) -> None:
    sick, well = ([case["confidence"] for case in cases] for cases in (faulty, healthy))
    hits = [case["confidence"] for case in faulty if case["rank"] == 1]
    # the share of pairs in which the faulty one has the higher confidence; equal ones count half
    auc = statistics.mean((s > w) + (s == w) / 2 for s in sick for w in well)
    calm = statistics.mean(w <= CALM for w in well)
    median = f"{statistics.median(hits):.2f}" if hits else "-"
    print(f"{name:<16}{len(sick):>8}{len(well):>9}{auc:>7.2f}{calm:>16.2f}{statistics.median(well):>16.2f}{median:>15}")


if __name__ == "__main__":
    main()
