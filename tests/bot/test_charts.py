"""Charts: what stands in them, that Slack takes them whatever was observed, and that a picture says the same."""

from __future__ import annotations

import struct
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import charts
from compass_core.domain import AgentName, Conclusion, Findings, Looked, Observation, Outcome, Window
from tests.bot.made import INVESTIGATION, START, conclusion, hypothesis, observation, run
from tests.workspace.limits import check_message, markup

BASELINE = Window(start=START - timedelta(minutes=68), end=START)
WINDOW = Window(start=START, end=START + timedelta(minutes=12))  # parts of four minutes
LOOKED = Looked(window=WINDOW, baseline=BASELINE, why="it is a test")
FLAT, RISEN = (0.2,) * 17, (0.9,) * 3
CAUSE: dict[str, Any] = {
    "agent": AgentName.DATABASE,
    "service": "postgres-orders",
    "signal": "db_connections_of_limit",
    "summary": "postgres-orders: connections in use 90%, usually 20%",
    "unit": "ratio",
    "onset": START - timedelta(minutes=2),
    "points": (*FLAT, *RISEN),
}
FELT: dict[str, Any] = {"signal": "error_ratio", "summary": "checkout: failing requests 12%", "unit": "ratio", "points": (*FLAT, *RISEN)}


def found(*seen: Observation, **more: Any) -> Conclusion:
    runs = (run(findings=Findings(looked=LOOKED, observations=seen)),)
    return conclusion(**{"runs": runs, "hypotheses": (hypothesis(evidence_for=("D1",)),)} | more)


def cause(**more: Any) -> Observation:
    return observation("D1", **CAUSE | more)


def felt(**more: Any) -> Observation:
    return observation("A1", **FELT | more)


def test_cause_and_symptom_are_drawn_over_the_whole_time_with_what_happened() -> None:
    deploy = observation("A7", signal="deploy", service="orders", summary="orders: deployed 1 → 2", onset=START - timedelta(minutes=5))
    (one,) = charts.charts(found(cause(), felt(), deploy, hypotheses=(hypothesis(evidence_for=("D1",), brought_about_by=("A7",)),)))
    assert one.title == "1. postgres-orders: connection exhaustion"
    assert [(line.service, line.name, line.values) for line in one.lines] == [
        ("postgres-orders", "connections in use", (*FLAT, *RISEN)),
        ("checkout", "failing requests", (*FLAT, *RISEN)),
    ]
    assert (one.times[0], one.times[-1], len(one.times)) == ("12:55", "14:11", 20)
    assert one.noted == "13:58 deploy, 14:01 cause, 14:03 reported + felt UTC"
    assert [place for place, _ in one.marks] == pytest.approx([15.75, 16.5, 17.0], abs=0.01)
    for told in ("connections in use 90%, usually 20%, since 14:01", "failing requests 12%", one.noted[:-4], "12:55 to 14:15"):
        assert told in one.says


def test_slack_gets_two_lines_over_the_same_labels_and_the_words_beside_them() -> None:
    told = charts.message(charts.charts(found(cause(), felt())))
    (block,) = told.blocks
    axis, series = block["chart"]["axis_config"], block["chart"]["series"]
    assert (block["type"], block["chart"]["type"], axis["y_label"]) == ("data_visualization", "line", "percent")
    assert axis["categories"][16:18] == ["14:01 cause", "14:03 reported + fe…"]
    assert [one["name"] for one in series] == ["connections in use", "failing requests"]
    assert series[0]["data"][-1] == {"label": "14:11", "value": 90.0}
    assert told.whole
    assert "Chart 1: postgres-orders: connection exhaustion" in told.text


@pytest.mark.parametrize("other", [{"unit": "s"}, {"points": (0.001,) * 20}], ids=["another unit", "much smaller"])
def test_what_cannot_share_an_axis_is_told_against_its_own_highest(other: dict[str, Any]) -> None:
    (block,) = charts.message(charts.charts(found(cause(), felt(**other)))).blocks
    assert block["chart"]["axis_config"]["y_label"] == "percent of the highest of each"
    assert {max(point["value"] for point in one["data"]) for one in block["chart"]["series"]} == {100.0}


def test_a_cause_that_is_only_a_change_is_shown_by_what_else_was_seen_there() -> None:
    deploy = observation("A7", signal="deploy", service="orders", summary="orders: deployed 1 → 2", onset=START)
    slow = observation("A8", **FELT | {"service": "orders"})
    of = hypothesis(service="orders", mechanism="bad_deploy", evidence_for=("A7",))
    (one,) = charts.charts(found(deploy, slow, felt(), hypotheses=(of,)))
    assert [line.service for line in one.lines] == ["orders", "checkout"]
    assert "14:03 deploy + reported + cause + felt" in one.noted


def test_parts_in_which_one_of_them_was_not_measured_are_left_out() -> None:
    (one,) = charts.charts(found(cause(points=(None, *FLAT[1:], *RISEN)), felt()))
    assert (one.times[0], len(one.times)) == ("12:59", 19)
    assert charts.charts(found(cause(points=(*(None,) * 16, *FLAT[:1], *RISEN)), felt())) == ()


def test_at_most_two_and_only_where_there_is_something_to_show() -> None:
    three = tuple(hypothesis(each, evidence_for=("D1",)) for each in (0.5, 0.3, 0.2))
    assert [one.title[:2] for one in charts.charts(found(cause(), felt(), hypotheses=three))] == ["1.", "2."]
    assert charts.charts(found(cause(points=()), felt())) == ()
    assert charts.charts(found(cause(), felt(), hypotheses=(hypothesis(0.1, evidence_for=("D1",)),))) == ()
    assert charts.charts(conclusion(runs=(), hypotheses=(), outcome=Outcome.FAILED)) == ()
    assert len(charts.charts(found(cause()))) == 1, "nobody says that they suffer"


TEXT = st.text(max_size=60) | st.sampled_from(["<!channel>", "$\\frac{1}{0}$", "<https://evil.example|ok>"])
VALUES = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.none()


@given(TEXT, TEXT, st.lists(VALUES, min_size=20, max_size=20), st.lists(VALUES, min_size=20, max_size=20), st.integers(1, 3000))
def test_slack_takes_it_whatever_was_observed_and_nobody_is_pinged(
    service: str, signal: str, first: list[float | None], second: list[float | None], minutes: int
) -> None:
    looked = Looked(window=WINDOW, baseline=Window(start=START - timedelta(minutes=minutes), end=START), why="")
    seen = (cause(service=service, signal=signal, points=tuple(first)), felt(points=tuple(second)))
    given = found(runs=(run(findings=Findings(looked=looked, observations=seen)),))
    if drawn := charts.charts(given):
        told = charts.message(drawn)
        check_message(told.text, told.blocks)
        assert not [one for one in markup(told.text, told.blocks) if one.startswith(("!", "@", "http"))]


def test_a_picture_is_wide_enough_for_a_phone_and_small() -> None:
    (one,) = charts.charts(found(cause(service="$shop$ <!channel>"), felt()))
    drawn = charts.png(one)
    assert drawn.startswith(b"\x89PNG")
    assert struct.unpack(">II", drawn[16:24])[0] >= 900
    assert len(drawn) < 150_000


def test_investigations_are_told_when_they_were_asked_about_by_hand() -> None:
    by_alert = INVESTIGATION.model_copy(update={"incident": INVESTIGATION.incident.model_copy(update={"origin": "alertmanager"})})
    (one,) = charts.charts(found(cause(), investigation=by_alert))
    assert "14:03 alert" in one.noted
