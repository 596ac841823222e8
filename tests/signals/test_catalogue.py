"""Every family of every row, by its exporter's real names and labels, is measured as the row means it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compass_core.domain import AgentName
from compass_core.signals.catalogue import GRAPH_FAMILIES, SIGNALS, names_of
from compass_core.signals.plan import plan
from compass_core.signals.signal import BAD
from compass_core.sources.prometheus_families import Wanted, families
from tests.signals.exporters import EXPORTERS, listed
from tests.signals.measured import MEASURED

if TYPE_CHECKING:
    from compass_core.readings import Match, Selection

NAMES = Path(__file__).parents[1] / "contracts" / "prometheus" / "label_values_name.json"
RECORDED = frozenset(json.loads(NAMES.read_text())["response"]["body"]["data"])


def planned(exporter: str) -> list[Selection]:
    found = families(listed(exporter), Wanted(frozenset(), ("*",)), {})
    return [selection for agent in AgentName for selection in plan(found, agent)]


def filtered(name: str, matches: tuple[Match, ...]) -> str:
    told = ",".join(f"{match.label}{'!' if match.but else ''}={'|'.join(match.values)}" for match in matches)
    return f"{name}{{{told}}}" if told else name


def described(one: Selection) -> str:
    """A selection in one line: `signal: reduction family{where} / divisor{where} by labels`."""
    how = f"{one.reduction} {one.quantile:g}" if one.quantile else f"{one.reduction}"
    over = f" / {filtered(one.over, one.over_where)}" if one.over else ""
    folded = "" if one.aggregate == "sum" else f" {one.aggregate}"
    return f"{one.signal}: {how}{folded} {filtered(one.family, one.where)}{over} by {', '.join((one.service_label, *one.by))}"


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_what_an_exporter_lists_is_measured(exporter: str) -> None:
    assert [described(one) for one in planned(exporter)] == [line.strip() for line in MEASURED[exporter].strip().splitlines()]


def test_every_family_of_every_row_has_a_case() -> None:
    made = [one for exporter in EXPORTERS for one in planned(exporter)]
    assert {(signal.name, name) for signal in SIGNALS.values() for ask in signal.asked for name in ask.families} == {
        (one.signal, one.family) for one in made
    }
    divisors = {one.over for one in made if one.over}
    assert {name for signal in SIGNALS.values() for ask in signal.asked for name in ask.over} <= divisors


def test_every_signal_speaks_for_a_mechanism_and_has_a_scale_in_its_direction() -> None:
    for signal in SIGNALS.values():
        assert signal.speaks_for, signal.name
        marks = (signal.scale.noticeable, signal.scale.bad, signal.scale.very_bad)
        worse = sorted(marks, reverse=signal.scale.of == "level" and signal.direction == "down")
        assert list(marks) == worse, signal.name


def test_a_signal_that_may_fall_has_a_row_for_its_fall() -> None:
    both = {signal.name for signal in SIGNALS.values() if signal.direction == "both"}
    assert {f"{name}_drop" for name in both} == {name for name in SIGNALS if name.endswith("_drop")}


@pytest.mark.parametrize(
    ("signal", "value", "usual", "says"),
    [
        ("cpu_throttling", 0.017, 0.0, "nothing"),
        ("cpu_throttling", 0.7, 0.1, "very bad"),
        ("availability", 0.73, 1.0, "very bad"),
        ("availability", 0.999, 1.0, "nothing"),
        ("latency_p50", 7.5, 0.017, "very bad"),
        ("latency_p50", 0.009, 0.001, "nothing"),
        ("error_ratio", 0.06, 0.001, "bad"),
        ("up", 0.0, 1.0, "very bad"),
        ("up", 0.0, None, "very bad"),
        ("up", 1.0, 1.0, "nothing"),
        ("db_connections_of_limit", 0.99, 0.4, "very bad"),
        ("db_connections_of_limit", 0.6, 0.1, "nothing"),
        ("disk_free", 0.01, 0.4, "very bad"),
        ("disk_waiting", 0.03, 0.01, "nothing"),
        ("disk_waiting", 0.3, 0.01, "bad"),
        ("disk_queue", 1.5, 0.1, "nothing"),
        ("disk_queue", 40.0, 0.5, "very bad"),
        ("db_waiting_for_disk", 2.0, 1.0, "nothing"),
        ("db_waiting_for_disk", 30.0, 1.0, "very bad"),
        ("load", 4.5, 3.5, "nothing"),
        ("load", 20.0, 4.0, "bad"),
        ("replicas_available", 0.0, 3.0, "very bad"),
        ("replicas_available", 0.0, 0.0, "nothing"),
        ("db_replication_lag", 40.0, 0.5, "bad"),
        ("request_rate", 400.0, None, "nothing"),
    ],
)
def test_how_bad_a_value_is_in_its_own_unit(signal: str, value: float, usual: float | None, says: str) -> None:
    row = SIGNALS[signal]
    found = row.scale.severity(value, usual, falls=row.direction == "down")
    assert {"nothing": found < 0.1, "bad": BAD <= found < 1, "very bad": found == 1}[says], found


def test_names_that_a_real_prometheus_held_are_those_of_the_rows() -> None:
    """The recording holds these; a row that loses one of them by a slip of the pen no longer measures it."""
    asked = {name for agent in AgentName for name in names_of(agent)}
    held = asked & RECORDED
    assert {name for name in RECORDED if name.startswith(("pg_", "db_client_", "node_netstat_", "node_network_")) and name not in held} == {
        "db_client_operation_duration_seconds_sum",
        "node_network_up",
        "pg_settings_superuser_reserved_connections",
    }
    assert {"http_server_request_duration_seconds_bucket", "coredns_dns_responses_total", "up", "probe_success"} <= held
    assert len(held) > 40


def test_names_are_asked_for_once() -> None:
    for agent in AgentName:
        assert len(names_of(agent)) == len(set(names_of(agent)))
    assert len(GRAPH_FAMILIES) == len(set(GRAPH_FAMILIES))


@pytest.mark.parametrize(
    ("label", "value", "fails"),
    [
        ("status", "2", False),
        ("code", "4", False),
        ("status", "Unknown", False),
        ("status_code", "404", False),
        ("status_code", "50", False),
        ("status_code", "599", True),
        ("status", "5xx", True),
        ("status_code", "STATUS_CODE_OK", False),
    ],
)
def test_what_counts_as_a_failed_request(label: str, value: str, fails: bool) -> None:  # noqa: FBT001 - a column of the table
    """A gRPC status is a small number: only a gRPC family's own label is read as one."""
    found = families([{"__name__": "http_requests_total", "app": "web", label: value}], Wanted(frozenset(), ("*",)), {})
    assert ("error_ratio" in {one.signal for one in plan(found, AgentName.APPLICATION)}) is fails
