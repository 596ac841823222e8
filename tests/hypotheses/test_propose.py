"""What the observations say, by rules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.hypotheses.propose import EXPLAINED, LEAST, MOST_PER_AGENT, propose
from compass_core.hypotheses.rules import RULES, Rule
from compass_core.model import MECHANISMS, AgentName, Edge, Hypothesis, Observation
from compass_core.signals.logs import LOG_SIGNALS
from compass_core.signals.watched import SIGNALS
from tests.fakes import START, observation

APPLICATION, DATABASE, NETWORK = AgentName
SEEN = ("deploy", "config_change", "failing_spans", "new_errors", "error_lines", "self_time", "database_time", "gap")


def seen(signal: str, service: str = "web", score: float = 1.0, minutes: float | None = None, name: str = "") -> Observation:
    one = observation(APPLICATION, name or f"{signal}@{service}", service, signal, score)
    onset = None if minutes is None else START + timedelta(minutes=minutes)
    return one.model_copy(update={"onset": onset, "summary": f"{service}: saw {signal}"})


def calls(*pairs: str, system: str = "") -> tuple[Edge, ...]:
    """`"web cart"`: web calls cart."""
    return tuple(Edge(caller=pair.split()[0], callee=pair.split()[1], system=system) for pair in pairs)


def of(mechanism: str, found: tuple[Hypothesis, ...], service: str = "web") -> Hypothesis | None:
    return next((one for one in found if (one.mechanism, one.service) == (mechanism, service)), None)


def identity(rule: Rule) -> str:
    return f"{rule.agent}-{rule.mechanism}"


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_fires_on_its_own_evidence(rule: Rule) -> None:
    found = of(rule.mechanism, propose(rule.agent, [seen(signal) for signal in rule.own], ()))
    assert found is not None
    assert set(found.evidence_for) == {f"{signal}@web" for signal in rule.own}
    assert found.agent is rule.agent
    assert LEAST <= found.confidence <= rule.cap
    assert found.statement.startswith(f"{MECHANISMS[rule.mechanism]}: saw ")
    assert (found.verdict, found.initial_confidence, found.evidence_against) == ("untested", found.confidence, ())


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_is_silent_without_what_it_needs(rule: Rule) -> None:
    rest = [seen(signal) for signal in rule.own if rule.needs and signal not in rule.needs]
    assert of(rule.mechanism, propose(rule.agent, rest, ())) is None
    nothing = [seen(signal, score=0.0) for signal in rule.own]
    assert of(rule.mechanism, propose(rule.agent, nothing, ())) is None


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.callers], ids=identity)
def test_a_rule_hears_the_callers_but_not_them_alone(rule: Rule) -> None:
    edges, heard = calls("web db"), [seen(signal) for signal in rule.callers]
    assert of(rule.mechanism, propose(rule.agent, heard, edges), "db") is None
    signal = max(rule.own, key=lambda one: rule.own[one])
    alone = of(rule.mechanism, propose(rule.agent, [seen(signal, "db")], edges), "db")
    both = of(rule.mechanism, propose(rule.agent, [seen(signal, "db"), *heard], edges), "db")
    assert alone is not None
    assert both is not None
    assert both.confidence > alone.confidence
    assert {one.id for one in heard} < set(both.evidence_for)
    assert of(rule.mechanism, propose(rule.agent, [seen(signal, "db"), *heard], calls("cart db")), "db") == alone, "it does not call"


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_weighs_signals_that_exist(rule: Rule) -> None:
    """A name with a slip of the pen would never be seen."""
    known = {*SIGNALS, *SEEN, *(kind.signal for kind in LOG_SIGNALS)}
    assert {*rule.own, *rule.callers, *rule.needs, *rule.unless} <= known
    assert rule.needs <= set(rule.own)
    assert all(0 < weight < 1 for weight in (*rule.own.values(), *rule.callers.values(), rule.cap))
    assert rule.mechanism in MECHANISMS


def test_the_formula() -> None:
    (found,) = propose(DATABASE, [seen("db_replication_lag", score=0.5), seen("log_replication", score=0.5)], ())
    assert found.confidence == pytest.approx(0.95 * (1 - (1 - 0.8 * 0.5) * (1 - 0.5 * 0.5)), abs=1e-4)


def test_evidence_is_told_by_its_weight_three_of_it_in_words() -> None:
    (found,) = propose(DATABASE, [seen(name, "db") for name in ("db_checkpoints", "disk_busy", "log_disk_full", "db_disk_reads")], ())[:1]
    assert found.evidence_for == ("log_disk_full@db", "disk_busy@db", "db_checkpoints@db", "db_disk_reads@db")
    assert found.statement.endswith("saw log_disk_full; saw disk_busy; saw db_checkpoints")


def test_a_victim_is_halved_and_its_callees_trouble_stands_against() -> None:
    observations = [seen("error_ratio", "web", minutes=2), seen("new_errors", "web", minutes=2), seen("new_errors", "cart", minutes=1)]
    alone = of("exception_in_code", propose(APPLICATION, observations, ()))
    victim = of("exception_in_code", propose(APPLICATION, observations, calls("web cart")))
    assert alone is not None
    assert victim is not None
    assert victim.confidence == pytest.approx(alone.confidence * EXPLAINED, abs=1e-3)
    assert victim.evidence_against == ("new_errors@cart",)
    culprit = propose(APPLICATION, observations, calls("web cart"))[0]
    assert (culprit.service, culprit.evidence_against) == ("cart", ())


@pytest.mark.parametrize(
    "callee",
    [
        seen("new_errors", "cart", minutes=5),
        seen("new_errors", "cart", score=0.4, minutes=1),
        seen("new_errors", "else", minutes=1),
    ],
)
def test_trouble_that_explains_nothing(callee: Observation) -> None:
    """It began later, is too little, or is at a service that is not called."""
    found = of("exception_in_code", propose(APPLICATION, [seen("new_errors", minutes=2), callee], calls("web cart")))
    assert found is not None
    assert found.evidence_against == ()


@pytest.mark.parametrize("signal", ["latency_p95", "cpu_usage"])
def test_a_way_is_not_slow_where_the_callee_is(signal: str) -> None:
    alone = of("network_delay", propose(NETWORK, [seen("call_p95"), seen(signal, score=0.4), seen(signal, "cart")], ()))
    busy = of("network_delay", propose(NETWORK, [seen("call_p95"), seen(signal)], ()))
    assert alone is not None
    assert busy is not None
    assert busy.confidence == pytest.approx(alone.confidence * EXPLAINED, abs=1e-3)
    assert (alone.evidence_against, busy.evidence_against) == ((), (f"{signal}@web",))


def test_a_callee_of_a_callee_explains_too_and_cycles_end() -> None:
    edges = calls("web cart", "cart db", "cart web", "db cart")
    observations = [seen("new_errors"), seen("error_ratio"), seen("failing_spans", "db")]
    found = of("exception_in_code", propose(APPLICATION, observations, edges))
    assert found is not None
    assert found.evidence_against == ("failing_spans@db",)


def test_what_speaks_for_a_hypothesis_does_not_speak_against_it() -> None:
    edges = calls("web db", "db web")
    found = of(
        "connection_exhaustion", propose(DATABASE, [seen("db_connections_of_limit", "db"), seen("db_pool_timeouts", "web")], edges), "db"
    )
    assert found is not None
    assert set(found.evidence_for) == {"db_connections_of_limit@db", "db_pool_timeouts@web"}
    assert found.evidence_against == ()


def test_no_code_of_ours_runs_in_a_database() -> None:
    observations = [seen("failing_spans", "db"), seen("new_errors", "db")]
    assert propose(APPLICATION, observations, calls("web db", system="mysql")) == ()
    assert propose(APPLICATION, observations, calls("web db"))
    assert propose(DATABASE, [seen("db_replication_lag", "db")], calls("web db", system="mysql"))


def test_a_drop_of_requests_is_no_surge() -> None:
    assert propose(APPLICATION, [seen("request_rate_drop")], ()) == ()


def test_a_surge_comes_from_the_callers_so_no_callee_explains_it() -> None:
    found = propose(APPLICATION, [seen("request_rate"), seen("request_rate", "cart")], calls("web cart"))
    assert [(one.service, one.confidence, one.evidence_against) for one in found] == [("web", 0.3, ()), ("cart", 0.3, ())]


def test_what_names_no_service_is_nobodys_fault() -> None:
    assert propose(APPLICATION, [seen("deploy", ""), seen("error_ratio", "")], ()) == ()


def test_the_strongest_of_a_signal_counts_once() -> None:
    twice = [seen("db_replication_lag", score=0.6, name="D1"), seen("db_replication_lag", score=0.9, name="D2")]
    (found,) = propose(DATABASE, twice, ())
    assert found.evidence_for == ("D2",)
    assert propose(DATABASE, twice[::-1], ()) == (found,)


def test_the_most_confident_few() -> None:
    found = propose(NETWORK, [seen("log_tls", f"s{number}", 1 - number / 10) for number in range(9)], ())
    assert [one.service for one in found] == [f"s{number}" for number in range(MOST_PER_AGENT)]
    assert propose(NETWORK, [seen("log_tls", score=0.1)], ()) == ()
    assert propose(NETWORK, [], calls("web cart")) == ()


services = st.sampled_from(["web", "cart", "db", ""])
signals = st.sampled_from(sorted({*SIGNALS, *SEEN, *(kind.signal for kind in LOG_SIGNALS)}))
observed = st.builds(seen, signals, services, st.floats(0, 1), st.none() | st.floats(-10, 30))
edge = st.builds(Edge, caller=services, callee=services, system=st.sampled_from(["", "mysql"]))


@given(st.sampled_from(AgentName), st.lists(observed, max_size=30), st.lists(edge, max_size=8))
def test_whatever_was_observed(agent: AgentName, observations: list[Observation], edges: list[Edge]) -> None:
    found = propose(agent, observations, edges)
    held = {one.id: one for one in observations}
    assert len(found) <= MOST_PER_AGENT
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    for one in found:
        assert LEAST <= one.confidence == one.initial_confidence <= 1
        assert one.evidence_for
        assert {*one.evidence_for, *one.evidence_against} <= set(held)
        assert not set(one.evidence_for) & set(one.evidence_against)
        assert any(held[name].service == one.service for name in one.evidence_for)
