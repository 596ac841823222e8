"""What a recorded case answers through the ports."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from compass_core.domain import Window
from compass_core.errors import Reason
from compass_core.readings import Reduction, Selection
from compass_core.sources import recorded
from compass_core.sources.recorded import Recorded, RecordedIncidents
from tests.sources.handmade import HOUR, START, T0, line, metric, offload, span, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

LINES = [line(5, "Pool TIMEOUT"), line(60, "ok", level="INFO", trace_id=None), line(61, "timeout again"), line(9, "timeout", service="db")]


async def test_families(tmp_path: Path) -> None:
    rows = [
        metric("h_bucket", [1], kind="counter", le="+Inf", code="200"),
        metric("up", [1], service="node-1", job="node"),
        metric("up", [1], service="node-2", job="edge"),
        metric("only_null", [None]),
        metric("old", [1], t=[-86400]),
    ]
    source = write(tmp_path, metrics=rows)
    ours, all_of_them = await source.families(["web"], ["u*"], HOUR), await source.families([], ["h", "o*"], HOUR)
    assert [(f.name, str(f.kind), set(f.services), dict(f.labels)) for f in ours.values] == [
        ("h", "histogram", {"web"}, {"code": frozenset({"200"})}),
        ("up", "gauge", {"node-1", "node-2"}, {"job": frozenset({"node", "edge"})}),
    ]
    assert [family.name for family in all_of_them.values] == ["h"]


async def test_log_lines(tmp_path: Path) -> None:
    source = write(tmp_path, logs=LINES)
    every = await source.log_lines(["web", "absent"], HOUR, ())
    some = await source.log_lines(["web", "db"], HOUR, ("Timeout", "a.b"))
    assert [(one.line, one.level, one.trace_id) for one in every.values] == [
        ("Pool TIMEOUT", "", ""),
        ("ok", "info", ""),
        ("timeout again", "", ""),
    ]
    assert [one.t - T0 for one in some.values] == [5, 9, 61]
    assert some.query == '{service=~"web|db"} |~ "(?i)Timeout|a\\\\.b"'


async def test_too_many_lines_keep_the_newest_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MOST_LINES", 2)
    reading = await write(tmp_path, logs=LINES).log_lines(["web"], HOUR, ())
    assert [one.t - T0 for one in reading.values] == [60, 61]
    assert [gap.reason for gap in reading.gaps] == [Reason.TRUNCATED]


async def test_log_counts_count_whole_steps_and_fill_zeros(tmp_path: Path) -> None:
    reading = await write(tmp_path, logs=LINES).log_counts(
        ["web", "db", "absent"], Window(start=START, end=START + timedelta(minutes=4)), 60, ("timeout",)
    )
    counts = {series.service: series.v.tolist() for series in reading.values}
    assert counts == {"web": [1, 1, 0, 0], "db": [1, 0, 0, 0]}
    assert (reading.values[0].t - T0).tolist() == [60, 120, 180, 240]
    assert reading.values[0].query == 'sum by (service) (count_over_time({service="web"} |~ "(?i)timeout"[60s]))'


async def test_of_a_time_that_was_not_recorded_there_are_no_counts(tmp_path: Path) -> None:
    later = Window(start=START + timedelta(days=1), end=START + timedelta(days=1, minutes=4))
    assert (await write(tmp_path, logs=LINES).log_counts(["web"], later, 60, ())).values == ()


async def test_spans_are_those_of_whole_traces(tmp_path: Path) -> None:
    rows = [
        span("a", "web", 2),
        span("a", "db", 1, kind="client", attributes={"code": 503, "system": None}),
        span("b", "db", 3),
        span("a", "db", 9999),
    ]
    reading = await write(tmp_path, spans=rows).spans(["web"], HOUR)
    assert [(s.service, s.kind, dict(s.attributes), s.parent_id) for s in reading.values] == [
        ("db", "client", {"code": "503", "system": ""}, ""),
        ("web", "", {}, ""),
    ]


async def test_changes_are_those_that_were_recorded(tmp_path: Path) -> None:
    told = [
        {"t": T0 + 600, "service": "web", "kind": "deploy", "from": "1.0", "to": "1.1", "source": "release plan"},
        {"t": T0 + 400, "service": "other", "kind": "scale", "from": "3", "to": "1"},
        {"t": T0 + 700, "service": "new", "kind": "config", "to": "abc"},
    ]
    source = write(tmp_path)
    assert (await source.changes(["web"], HOUR)).values == ()
    (tmp_path / "changes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    source = Recorded(tmp_path, offload)
    found = (await source.changes(["web", "other", "new"], HOUR)).values
    assert [(c.t - T0, c.service, c.text, c.kind, c.source) for c in found] == [
        (400, "other", "scaled 3 → 1", "scale", "recorded"),
        (600, "web", "deployed 1.0 → 1.1", "deploy", "release plan"),
        (700, "new", "configured abc", "config", "recorded"),
    ]
    assert (await source.changes(["web"], Window(start=START, end=START + timedelta(seconds=600)))).values == ()


async def test_absent_files_are_gaps(tmp_path: Path) -> None:
    source = write(tmp_path)
    gaps = [
        (await source.families([], ["*"], HOUR)).gaps,
        (await source.log_lines(["web"], HOUR, ())).gaps,
        (await source.log_counts(["web"], HOUR, 60, ())).gaps,
        (await source.spans(["web"], HOUR)).gaps,
    ]
    assert [(gap.reason, gap.detail) for (gap,) in gaps] == [
        (Reason.NO_DATA, f"the case holds no {kind}") for kind in ("metrics", "logs", "logs", "spans")
    ]
    assert (await source.series([Selection("m", "m", Reduction.RAW, "service", (("web", "web"),))], HOUR, 60)).values == ()


async def test_what_is_left_out_is_as_if_it_had_not_been_recorded(tmp_path: Path) -> None:
    write(tmp_path, metrics=[metric("m", [1])], logs=LINES, spans=[span("a", "web", 2)])
    source = Recorded(tmp_path, offload, {"metrics", "spans"})
    assert [gap.detail for gap in (await source.spans(["web"], HOUR)).gaps] == ["the case holds no spans"]
    assert [gap.detail for gap in (await source.families(["web"], [], HOUR)).gaps] == ["the case holds no metrics"]
    lines = await source.log_lines(["web"], HOUR, ())
    assert (len(lines.values), lines.gaps) == (3, ())


async def test_the_incident(tmp_path: Path) -> None:
    write(tmp_path)
    incidents = RecordedIncidents(tmp_path)
    found = await incidents.find("INC-1")
    assert await incidents.known() == ("INC-1",)
    assert await incidents.find("INC-2") is None
    assert found is not None
    assert (found.origin, found.ended_at, found.services) == ("recorded", START + timedelta(minutes=40), ("web",))
