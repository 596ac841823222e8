"""From families to selections: divisors, what the catalogue does not know, versions, who calls whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import AgentName
from compass_core.readings import Family, Kind, Match, Reduction
from compass_core.signals.catalogue import asked_names
from compass_core.signals.logs import ERROR_PHRASES, LOG_SIGNALS, phrases_of
from compass_core.signals.plan import graph, plan, versions

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION, DATABASE, NETWORK = AgentName


def family(
    name: str, kind: Kind = "gauge", services: str = "web", label: str = "service", labels: Mapping[str, str] | None = None
) -> Family:
    """`labels` holds a label's values as one string, separated by blanks."""
    held = {key: frozenset(values.split(" ")) for key, values in (labels or {}).items()}
    return Family(name, kind, label, tuple((service, service) for service in services.split()), held)


def test_an_agent_measures_its_own_signals() -> None:
    every = [family("process_resident_memory_bytes"), family("pg_up"), family("probe_success")]
    assert [[one.family for one in plan(every, agent)] for agent in AgentName] == [
        ["process_resident_memory_bytes"],
        ["pg_up"],
        ["probe_success"],
    ]


def test_a_ratio_needs_its_divisor_for_the_same_services_under_the_same_label() -> None:
    used = family("node_nf_conntrack_entries", services="a b c")
    assert plan([used], NETWORK) == ()
    assert plan([used, family("node_nf_conntrack_entries_limit", services="a b", label="job")], NETWORK) == ()
    assert plan([used, family("node_nf_conntrack_entries_limit", services="z")], NETWORK) == ()
    (made,) = plan([used, family("node_nf_conntrack_entries_limit", services="b c z")], NETWORK)
    assert (made.over, made.members) == ("node_nf_conntrack_entries_limit", (("b", "b"), ("c", "c")))


def test_a_ratio_of_a_family_to_itself_counts_every_request_below() -> None:
    served = family("http_requests_total", "counter", labels={"code": "200 500 502"})
    made = {one.signal: one for one in plan([served], APPLICATION)}
    assert made["error_ratio"].where == (Match("code", ("500", "502")),)
    assert (made["error_ratio"].over, made["error_ratio"].over_where) == ("http_requests_total", ())
    assert made["request_rate"].over == ""
    assert "rate_limited" not in made, "no request was refused for its rate"


def test_a_quantile_needs_buckets_and_a_rate_does_not() -> None:
    name = "http_server_requests_seconds"
    assert {one.reduction for one in plan([family(name, "histogram")], APPLICATION)} == {Reduction.QUANTILE}
    assert plan([family(name)], APPLICATION) == ()


def test_spans_of_a_service_that_only_calls_are_not_its_requests() -> None:
    calls = family(
        "traces_spanmetrics_calls_total", "counter", labels={"span_kind": "SPAN_KIND_CLIENT", "status_code": "STATUS_CODE_ERROR"}
    )
    assert plan([calls], APPLICATION) == ()


def test_a_call_says_nothing_of_a_callee_that_no_label_names() -> None:
    name, failed = "http_client_request_duration_seconds_count", {"error_type": "ECONNREFUSED 500"}
    assert plan([family(name, "counter", labels=failed)], NETWORK) == ()
    (made,) = plan([family(name, "counter", labels={**failed, "server_address": "db", "net_peer_name": "db"})], NETWORK)
    assert (made.signal, made.by, made.where) == ("refused_calls", ("server_address",), (Match("error_type", ("ECONNREFUSED",)),))


def test_versions_are_read_from_each_services_first_family_that_has_two() -> None:
    found = versions(
        [
            family("up", labels={"version": "1"}),
            family("request_seconds", "histogram", services="web cart", labels={"version": "1 2"}),  # it has no series of that name
            family("requests", services="web cart", labels={"version": "1 2", "image": "a b"}),
            family("more", services="web pay", labels={"image": "a b"}),
        ]
    )
    assert [(one.family, one.by, one.members) for one in found] == [
        ("requests", ("version",), (("web", "web"), ("cart", "cart"))),
        ("more", ("image",), (("pay", "pay"),)),
    ]


@pytest.mark.parametrize(
    ("one", "by"),
    [
        (family("http_client_request_duration_seconds_count", "counter", labels={"server_address": "db"}), ("server_address",)),
        (family("http_client_duration_milliseconds_count", "counter", labels={"net_peer_name": "db"}), ("net_peer_name",)),
        (family("traces_service_graph_request_total", "counter", labels={"client": "web", "server": "db"}), ("client", "server")),
        (family("traces_service_graph_request_total", "counter", "db", "server", {"client": "web"}), ("client", "server")),
        (family("traces_service_graph_request_total", "counter", "web", "client", {"server": "db"}), ("server",)),
        (
            family("istio_requests_total", "counter", label="app", labels={"source_workload": "web", "destination_workload": "db"}),
            ("source_workload", "destination_workload"),
        ),
        (family("db_client_connection_count", labels={"server_address": "db"}), ("server_address",)),
    ],
)
def test_who_calls_whom(one: Family, by: tuple[str, ...]) -> None:
    (made,) = graph([one])
    assert made.by == by
    assert made.reduction is (Reduction.RATE if one.kind == "counter" else Reduction.RAW)


def test_a_family_without_a_callee_shows_no_calls() -> None:
    assert graph([family("istio_requests_total", "counter"), family("http_client_request_duration_seconds_count", "counter")]) == ()
    assert graph([family("traces_service_graph_request_total", "counter", "db", "server")]) == (), "nobody knows who called"
    assert graph([family("unknown", labels={"server_address": "db"})]) == ()


words = st.text(max_size=8)
anything = st.builds(
    Family,
    st.sampled_from(asked_names()) | words,
    st.sampled_from(["counter", "gauge", "histogram"]),
    st.sampled_from(["service", "server", "client"]) | words,
    st.lists(st.tuples(words, words), max_size=3).map(tuple),
    st.dictionaries(
        st.sampled_from(["code", "status", "error_type", "server", "client", "version", "span_kind"]) | words,
        st.frozensets(st.sampled_from(["500", "200", "SPAN_KIND_SERVER"]) | words, max_size=3),
        max_size=4,
    ),
)


@given(st.lists(anything, max_size=6))
def test_no_family_is_too_odd(found: list[Family]) -> None:
    made = [*(one for agent in AgentName for one in plan(found, agent)), *versions(found), *graph(found)]
    names = {one.name for one in found}
    assert {one.family for one in made} <= names
    assert {one.over for one in made if one.over} <= names
    assert all(one.members for one in made if one.signal != "graph")


def test_every_kind_of_line_is_some_agents_and_named_once() -> None:
    assert sum(len(phrases_of(agent)) for agent in AgentName) == len({kind.name for kind in LOG_SIGNALS}) == len(LOG_SIGNALS)
    phrases = [phrase for kind in LOG_SIGNALS for phrase in kind.phrases]
    assert phrases == [phrase.lower() for phrase in phrases], "lines are compared in lower case"
    assert len(phrases) == len(set(phrases))


def test_what_an_agent_looks_for_in_lines_fits_a_query() -> None:
    """Old versions of Loki take queries of 5,120 bytes."""
    for phrases in (ERROR_PHRASES, *(tuple(phrase for kind in phrases_of(agent) for phrase in kind.phrases) for agent in AgentName)):
        assert len("|".join(phrases).encode()) < 4_500
