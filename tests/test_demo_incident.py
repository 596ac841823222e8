"""The demo's incident is the one its script writes, and it tells what it is meant to tell."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from compass_core.domain import Incident, Window
from compass_core.readings import Match, Reduction, Selection
from compass_core.signals.plan import versions
from compass_core.sources.recorded import Recorded, RecordedIncidents
from tests import demo_incident
from tests.demo import second

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def offload(work: Callable[[], T]) -> T:
    return work()


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return demo_incident.files(demo_incident.record())


async def incident() -> Incident:
    found = await RecordedIncidents(demo_incident.CASE).find("INC-42")
    assert found is not None
    return found


async def last_minutes() -> Window:
    about = await incident()
    assert about.ended_at is not None
    return Window(start=about.ended_at - timedelta(minutes=5), end=about.ended_at)


@pytest.fixture(scope="module")
def source() -> Recorded:
    return Recorded(demo_incident.CASE, offload)


async def values(source: Recorded, window: Window, family: str, reduction: Reduction, **rest: Any) -> dict[str, float]:
    """Per service the mean over the window."""
    families = (await source.families([], ["*"], window)).values
    members = next(known.members for known in families if known.name == family)
    selection = Selection(family, family, reduction, "service", members, **rest)
    return {series.service: float(series.v.mean()) for series in (await source.series([selection], window, 15)).values}


def test_the_shipped_cases_are_what_the_script_writes(made: dict[str, bytes]) -> None:
    other = demo_incident.files(second.record(), second.ABOUT)
    for folder, files in ((demo_incident.CASE, made), (demo_incident.SECOND, other)):
        for name, file in files.items():
            shipped = (folder / name).read_bytes()
            assert demo_incident.content(name, shipped) == demo_incident.content(name, file), f"{name}: run python -m tests.demo_incident"
        assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    assert sum(map(len, other.values())) < 2**17


def test_it_is_small_and_says_nothing_of_when_it_was_packed(made: dict[str, bytes]) -> None:
    assert sum(map(len, made.values())) < 2**20
    assert all(file[4:8] == bytes(4) and not file[3] for name, file in made.items() if name.endswith(".gz"))


def test_it_has_the_recorded_format(made: dict[str, bytes]) -> None:
    rows = {name: [json.loads(line) for line in gzip.decompress(file).splitlines()] for name, file in made.items() if name.endswith(".gz")}
    assert all({"name", "labels", "kind", "t0", "step", "v"} == set(row) and "service" in row["labels"] for row in rows["metrics.jsonl.gz"])
    assert len({row["labels"]["service"] for row in rows["metrics.jsonl.gz"]}) >= 8
    times = [row["t"] for row in rows["logs.jsonl.gz"]]
    assert times == sorted(times)
    spans = {row["span_id"]: row for row in rows["spans.jsonl.gz"]}
    assert len(spans) == len(rows["spans.jsonl.gz"])
    assert all(row["parent_id"] is None or spans[row["parent_id"]]["trace_id"] == row["trace_id"] for row in spans.values())


async def test_the_database_is_full_and_was_not(source: Recorded) -> None:
    about = await incident()
    before = Window(start=about.started_at - timedelta(minutes=50), end=about.started_at - timedelta(minutes=5))
    of: dict[str, Any] = {"reduction": Reduction.RATIO, "over": "pg_settings_max_connections", "aggregate": "max"}
    full = await values(source, await last_minutes(), "pg_stat_activity_count", **of)
    usual = await values(source, before, "pg_stat_activity_count", **of)
    assert full["bookings-db"] == pytest.approx(0.97, abs=0.01)
    assert max(usual["bookings-db"], usual["catalog-db"], full["catalog-db"]) < 0.3


async def test_the_victims_are_louder_than_the_culprit(source: Recorded) -> None:
    window = await last_minutes()
    bad = Match("http_response_status_code", ("502", "503", "504"))
    errors = await values(source, window, "http_server_request_duration_seconds_count", Reduction.RATE, where=(bad,))
    assert errors["edge"] > errors["web-shop"] > errors["bookings"] > errors["seatmap"] > 1
    assert "bookings-db" not in errors
    lines = (await source.log_lines(["edge", "bookings-db"], window, ["error", "FATAL"])).values
    by = {service: sum(line.service == service for line in lines) for service in ("edge", "bookings-db")}
    assert by["edge"] > 3 * by["bookings-db"] > 0


async def test_what_is_only_noise_stays_as_it_was(source: Recorded) -> None:
    about, window = await incident(), await last_minutes()
    before = Window(start=about.started_at - timedelta(minutes=50), end=about.started_at - timedelta(minutes=40))
    now = await values(source, window, "node_netstat_Tcp_RetransSegs", Reduction.RATE_RATIO, over="node_netstat_Tcp_OutSegs")
    then = await values(source, before, "node_netstat_Tcp_RetransSegs", Reduction.RATE_RATIO, over="node_netstat_Tcp_OutSegs")
    assert now["node-b"] == pytest.approx(then["node-b"], rel=0.15)
    assert now["node-b"] > 10 * now["node-a"]


async def test_deploys_come_before_and_one_of_them_is_innocent(source: Recorded) -> None:
    about = await incident()
    window = Window(start=about.started_at - timedelta(minutes=62), end=about.started_at)
    families = (await source.families(["bookings", "pricing", "edge", "bookings-db"], [], window)).values
    running = (await source.series(versions(families), window, 15)).values
    begun = {
        one.labels["service_version"]: (datetime.fromtimestamp(one.t[0], UTC) - about.started_at).total_seconds() / 60 for one in running
    }
    assert begun == {"2.9.1": -62, "4.6.2": -62, "1.18.3": -62, "1.19.0": -55, "4.7.0": -3.5}


async def test_failing_traces_begin_to_fail_at_the_database(source: Recorded) -> None:
    spans = (await source.spans(["edge"], await last_minutes())).values
    parents = {span.parent_id for span in spans if span.error}
    origins = {span.attributes["server.address"] for span in spans if span.error and span.span_id not in parents}
    assert origins == {"bookings-db"}


async def test_it_holds_text_that_must_not_reach_slack_as_it_is(source: Recorded) -> None:
    about = await incident()
    window = Window(start=about.started_at, end=about.started_at + timedelta(minutes=12))
    assert (await source.log_lines(["web-shop"], window, ["<!channel>"])).values
