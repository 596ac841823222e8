"""Broken cases name the file, the line and the problem."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from compass_core.errors import CaseError
from compass_core.sources import recorded_files
from compass_core.sources.recorded import Recorded, RecordedIncidents
from tests.sources.handmade import CASE, HOUR, T0, line, metric, offload, span, write

if TYPE_CHECKING:
    from pathlib import Path

BROKEN_CASES = {
    "naive time": ({**CASE, "window": {"start": "2026-01-05T14:00:00", "end": "2026-01-05T14:40:00Z"}}, "window.start"),
    "ends first": ({**CASE, "window": {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T14:40:00Z"}}, "must end after"),
    "no incident": ({"format": 1, "window": CASE["window"]}, "incident: Field required"),
    "another format": ({**CASE, "format": 2}, "format"),
}


@pytest.mark.parametrize("name", BROKEN_CASES)
async def test_a_broken_case_json(tmp_path: Path, name: str) -> None:
    case, problem = BROKEN_CASES[name]
    with pytest.raises(CaseError, match=rf"case\.json: .*{problem}"):
        await write(tmp_path, case).spans([], HOUR)


def test_a_missing_directory_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"absent.case\.json cannot be read \(No such file.*name the folder"):
        RecordedIncidents(tmp_path / "absent")


GOOD = metric("m", [1])
BROKEN_ROWS: dict[str, tuple[str, Any, str]] = {
    "no name": ("metrics", {**GOOD, "name": None}, "name: "),
    "no service": ("metrics", {**GOOD, "labels": {}}, "labels hold no 'service'"),
    "lengths": ("metrics", metric("m", [1, 2], t=[0]), "1 times for 2 values"),
    "no times": ("metrics", {key: value for key, value in GOOD.items() if key != "step"}, "neither 't' nor 't0'"),
    "milliseconds": ("metrics", {**GOOD, "t0": T0 * 1000}, "t0: "),
    "kind": ("metrics", {**GOOD, "kind": "summary"}, "kind: "),
    "text value": ("metrics", {**GOOD, "v": ["many"]}, r"v\.0"),
    "an array": ("logs", [1], "object"),
    "no line": ("logs", {"t": 1, "service": "web"}, "line: Field required"),
    "no duration": ("spans", {**span("a", "web", 1), "ms": None}, "ms: "),
}


@pytest.mark.parametrize("name", BROKEN_ROWS)
async def test_a_broken_row_names_file_and_line(tmp_path: Path, name: str) -> None:
    kind, row, problem = BROKEN_ROWS[name]
    good = {"metrics": GOOD, "logs": line(5, "ok"), "spans": span("b", "web", 1)}[kind]
    with pytest.raises(CaseError, match=rf"{kind}\.jsonl\.gz, line 2: .*{problem}"):
        await write(tmp_path, None, **{kind: [good, row]}).families([], [], HOUR)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not gzip", "not a readable gzip"),
        (gzip.compress(b"{}" * 999, mtime=0)[:-12], "not a readable gzip"),
        (gzip.compress(b"{}", mtime=0)[:12] + b"\xff" * 20, "not a readable gzip"),
        (gzip.compress(b'{"t":', mtime=0), "line 1: .*JSON"),
        (gzip.compress(b"\xff\xfe", mtime=0), "line 1: .*JSON"),
    ],
)
async def test_a_broken_file(tmp_path: Path, content: bytes, problem: str) -> None:
    write(tmp_path)
    (tmp_path / "logs.jsonl.gz").write_bytes(content)
    with pytest.raises(CaseError, match=rf"logs\.jsonl\.gz.*{problem}"):
        await Recorded(tmp_path, offload).log_lines([], HOUR, ())


async def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded_files, "LARGEST", 10 * 2**20)
    write(tmp_path, metrics=[GOOD])
    (tmp_path / "spans.jsonl.gz").write_bytes(gzip.compress(b"\n" * 2**24))
    with pytest.raises(CaseError, match="larger than 10 MB"):
        Recorded(tmp_path, offload)


async def test_the_files_are_read_once(tmp_path: Path) -> None:
    source = write(tmp_path, metrics=[GOOD])
    before = await source.families(["web"], [], HOUR)
    (tmp_path / "metrics.jsonl.gz").unlink()
    assert await source.families(["web"], [], HOUR) == before
