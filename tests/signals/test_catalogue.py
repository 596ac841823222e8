"""Every family of every row, by its exporter's real names and labels, is measured as the row means it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compass_core.model import AgentName
from compass_core.settings import SERVICE_LABELS
from compass_core.signals.catalogue import GRAPH_FAMILIES, RESEMBLANCE, ROWS, names_of, resembled
from compass_core.signals.plan import plan
from compass_core.signals.watched import SIGNALS
from compass_core.sources.prometheus_families import Wanted, families
from tests.signals.exporters import EXPORTERS, listed
from tests.signals.measured import MEASURED

if TYPE_CHECKING:
    from compass_core.readings import Match, Selection

NAMES = Path(__file__).parents[1] / "contracts" / "prometheus" / "label_values_name.json"
RECORDED = frozenset(json.loads(NAMES.read_text())["response"]["body"]["data"])


def planned(exporter: str) -> list[Selection]:
    found = families(listed(exporter), Wanted(frozenset(), ("*",), SERVICE_LABELS), {})
    return [selection for agent in AgentName for selection in plan(found, agent)]


def filtered(name: str, matches: tuple[Match, ...]) -> str:
    told = ",".join(f"{match.label}={'|'.join(match.values)}" for match in matches)
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
    assert {(row.signal, name) for row in ROWS for name in row.families} == {(one.signal, one.family) for one in made}
    divisors = {one.over for one in made if one.over}
    assert {name for row in ROWS for name in row.over} <= divisors


def test_every_signal_is_measured_by_a_row() -> None:
    assert {row.signal for row in ROWS} == set(SIGNALS)


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


@pytest.mark.parametrize(
    ("family", "signal"),
    [
        ("CpuUsageRate(%)", "cpu_usage"),
        ("checkout_errors", "error_ratio"),
        ("PodServerLatencyP90(s)", "latency_p95"),
        ("memory_free", "memory_used"),
        ("platform_jobs", ""),
        ("relation_size", ""),
        ("", ""),
    ],
)
def test_a_family_speaks_for_a_signal_by_the_beginning_of_a_word(family: str, signal: str) -> None:
    assert resembled(family) == signal


def test_what_resembles_is_a_signal() -> None:
    assert {signal for _, signal in RESEMBLANCE} <= set(SIGNALS)


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
    found = families([{"__name__": "http_requests_total", "app": "web", label: value}], Wanted(frozenset(), ("*",), SERVICE_LABELS), {})
    assert ("error_ratio" in {one.signal for one in plan(found, AgentName.APPLICATION)}) is fails
