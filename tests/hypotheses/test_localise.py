"""One ranking of all services by everything that was observed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.shifts import FULL_SCORE as FULL
from compass_core.domain import Edge
from compass_core.hypotheses.localise import ENOUGH, EXPLAINED, NOBODY, ONSET_SLACK_SECONDS, OTHER, SHARPNESS, TROUBLED, suspects
from compass_core.signals.changes import CHANGES
from compass_core.signals.logs import ERRORS_IN_LINES
from compass_core.signals.spans import SPANS
from tests.hypotheses.seeing import MADE, calls, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compass_core.domain import Observation

SERVICES = ("web", "cart", "db")


def blamed(observations: Sequence[Observation], edges: Sequence[Edge] = (), affected: Sequence[str] = ()) -> dict[str, float]:
    return {one.service: one.score for one in suspects(observations, edges, SERVICES, affected)}


def order(observations: Sequence[Observation], edges: Sequence[Edge] = (), affected: Sequence[str] = ()) -> list[str]:
    return list(blamed(observations, edges, affected))


def alone(*values: float) -> list[float]:
    """The probabilities of services against which these values stand, by the formula."""
    weights = [math.exp(SHARPNESS * value) - 1 for value in values]
    return [weight / (sum(weights) + math.exp(SHARPNESS * NOBODY)) for weight in weights]


def test_the_formula() -> None:
    found = blamed([seen("cpu_usage", "cart", 0.8), seen("error_ratio", "web", 0.5)])
    cart, web = alone(0.8 * FULL, 0.5 * 0.5 * FULL)
    assert found == pytest.approx({"cart": cart, "web": web, "db": 0.0})


def test_every_service_is_ranked_and_with_nothing_against_anybody_nobody_is_likely() -> None:
    assert blamed([]) == {"web": 0, "cart": 0, "db": 0}
    assert blamed([seen("cpu_usage", "web", 0.0), seen("cpu_usage", "")]) == {"web": 0, "cart": 0, "db": 0}
    assert order([seen("cpu_usage", "elsewhere")])[0] == "elsewhere", "also who was not asked for but named"
    assert suspects([], (), ("", "web"), ())[0].service == "web"


def test_evidence_adds_over_kinds_and_not_within_one() -> None:
    cpu, throttled, memory = (seen(signal, "web", 0.5) for signal in ("cpu_usage", "cpu_throttling", "memory_used"))
    one = blamed([cpu])["web"]
    assert blamed([cpu, throttled]) == blamed([throttled, cpu]) == blamed([cpu])
    assert blamed([cpu, memory])["web"] > one
    assert blamed([cpu, seen("cpu_throttling", "web", 0.9)])["web"] == blamed([seen("cpu_usage", "web", 0.9)])["web"] > one


@pytest.mark.parametrize(
    "signals",
    [("error_ratio",), ("latency_p95", "failing_spans"), ("error_ratio", "latency_p99", "new_errors", "error_lines"), ("detour",)],
    ids=" ".join,
)
def test_a_victim_that_is_louder_comes_after_its_callee(signals: tuple[str, ...]) -> None:
    """Both show the same, the victim half as much again."""
    observations = [seen(signal, service, score, at) for signal in signals for service, score, at in (("web", 0.9, 2), ("cart", 0.6, 1))]
    assert order(observations)[0] == "web"
    assert order(observations, calls("web cart"))[0] == "cart"
    own = [*observations, seen("cpu_usage", "web", 1.0, 2)]
    assert order(own, calls("web cart"))[0] == "web", "trouble of its own is no symptom"


def test_symptoms_alone_are_explained_by_symptoms_of_a_callee() -> None:
    loud, quiet = seen("error_ratio", "web", 1.0, 2), seen("error_ratio", "cart", 0.7, 1)
    assert order([loud, quiet])[0] == "web"
    assert order([loud, quiet], calls("web cart"))[0] == "cart"
    assert order([loud, quiet], calls("web x", "x cart"))[0] == "cart", "through others too"


def test_what_is_explained_is_a_share_of_what_stands_against_the_worst_callee() -> None:
    observations = [seen("error_ratio", "web", 1.0), seen("cpu_usage", "cart", 0.2), seen("cpu_usage", "db", 0.3)]
    found = blamed(observations, calls("web cart", "web db"))
    web, cart, db = alone(0.5 * FULL * (1 - EXPLAINED * min(1, 0.3 * FULL / ENOUGH)), 0.2 * FULL, 0.3 * FULL)
    assert found == pytest.approx({"web": web, "cart": cart, "db": db})


def test_more_than_the_symptoms_is_never_explained() -> None:
    """A callee's trouble does not use up CPU."""
    busy = [seen("cpu_usage", "web", 0.6), seen("latency_p50", "web", 0.2)]
    found = blamed([*busy, seen("self_time", "cart", 0.5)], calls("web cart"))
    own, symptoms = 0.6 * FULL, 0.5 * 0.2 * FULL
    web, cart = alone(own + symptoms - EXPLAINED * symptoms, 0.5 * FULL)
    assert found == pytest.approx({"web": web, "cart": cart, "db": 0})


@pytest.mark.parametrize(("minutes", "explains"), [(-5, True), (0, True), (2 + ONSET_SLACK_SECONDS / 60, True), (4.1, False), (None, True)])
def test_a_callee_that_began_later_explains_nothing(minutes: float | None, explains: bool) -> None:  # noqa: FBT001 - a column of the table
    loud, quiet = seen("error_ratio", "web", 1.0, 2), seen("error_ratio", "cart", 0.8, minutes)
    assert (order([loud, quiet], calls("web cart"))[0] == "cart") is explains
    assert order([loud.model_copy(update={"onset": None}), quiet], calls("web cart"))[0] == "cart", "nobody knows when the victim's began"


def test_trouble_begins_with_its_first_sign_but_not_with_a_deploy() -> None:
    loud, quiet = seen("error_ratio", "web", 1.0, 2), seen("error_ratio", "cart", 0.8, 1)
    assert order([loud, seen("latency_p95", "web", TROUBLED, -9), quiet], calls("web cart"))[0] == "web", "its latency rose before"
    assert order([loud, seen("latency_p95", "web", TROUBLED - 0.01, -9), quiet], calls("web cart"))[0] == "cart", "that was a flicker"
    for change in (row.name for row in CHANGES):
        deployed = [seen("error_ratio", "web", 1.0, 2), seen(change, "web", 0.05, -55)]
        assert order([*deployed, seen("error_ratio", "cart", 0.8, 1)], calls("web cart"))[0] == "cart"


def test_cycles_end_and_explain_each_other() -> None:
    edges = calls("web cart", "cart db", "db web", "db db")
    found = blamed([seen("error_ratio", "web", 0.9), seen("error_ratio", "cart", 0.9), seen("cpu_usage", "db", 0.9)], edges)
    assert next(iter(found)) == "db"
    assert found["web"] == found["cart"]


def test_where_nobody_knows_whom_an_affected_service_calls_all_others_may_explain_it() -> None:
    loud, quiet = seen("error_ratio", "web", 1.0), seen("error_ratio", "cart", 0.8)
    assert order([loud, quiet], (), ["web"])[0] == "cart"
    assert order([loud, quiet], (), ["cart"])[0] == "web", "not the other way round"
    assert order([loud, quiet], calls("web db"), ["web"])[0] == "web", "it is known whom it calls"
    assert order([loud, quiet], calls("cart x", "x web"), ["web"])[0] == "web", "who calls it does not explain it"


def test_a_signal_that_nobody_knows_counts_little() -> None:
    found = blamed([seen("other:relation_size", "web"), seen("cpu_usage", "cart", 0.5)])
    web, cart = alone(OTHER.weight * FULL, 0.5 * FULL)
    assert (found["web"], found["cart"]) == pytest.approx((web, cart))


@pytest.mark.parametrize("signal", ["log_connection_exhaustion", "log_lock", "log_slow_query"])
def test_what_lines_of_a_caller_tell_of_its_database_is_the_databases_trouble(signal: str) -> None:
    """The callers of a database that lets nobody in write more than it does itself."""
    observations = [seen(signal, "web", 1.0), seen(signal, "cart", 1.0), seen(signal, "db", 0.7)]
    assert order(observations)[-1] == "db"
    assert order(observations, calls("web db", "cart db", system="postgresql"))[0] == "db"


def test_a_fall_is_of_the_kind_of_its_rise() -> None:
    assert blamed([seen("request_rate_drop")]) == blamed([seen("request_rate")])


@pytest.mark.parametrize("kind", [tuple(row.name for row in rows) for rows in (SPANS, ERRORS_IN_LINES)], ids=["traces", "logs"])
def test_a_modality_that_is_missing_lowers_the_confidence(kind: tuple[str, ...]) -> None:
    said = ["cpu_usage", "error_ratio", "self_time", "failing_spans", "new_errors", "error_lines"]
    whole = blamed([seen(signal, "cart", 0.3) for signal in said])
    without = blamed([seen(signal, "cart", 0.3) for signal in said if signal not in kind])
    assert 0 < without["cart"] < whole["cart"]


names = st.sampled_from([*SERVICES, "other", ""])
observed = st.builds(seen, st.sampled_from([*MADE, "request_rate_drop", "other:x"]), names, st.floats(0, 1), st.none() | st.floats(-10, 30))
edge = st.builds(Edge, caller=names, callee=names)
system = st.tuples(st.lists(observed, max_size=25), st.lists(edge, max_size=8), st.lists(names, max_size=2))


@given(system)
def test_probabilities_are_shares_of_one_in_order(given: tuple[list[Observation], list[Edge], list[str]]) -> None:
    observations, edges, affected = given
    found = suspects(observations, edges, SERVICES, affected)
    scores = [one.score for one in found]
    assert sum(scores) <= 1 + 1e-9
    assert scores == sorted(scores, reverse=True)
    named = [one.service for one in found]
    assert len(named) == len(set(named))
    assert set(SERVICES) <= set(named) <= {*SERVICES, "other"}
    assert found == suspects(observations, edges, SERVICES, affected)


timed = st.builds(seen, st.sampled_from(MADE), names, st.floats(0, 1), st.floats(-10, 30))


@given(st.lists(timed, min_size=1, max_size=25), st.lists(edge, max_size=8), st.lists(names, max_size=2), st.data())
def test_what_is_not_seen_of_a_service_makes_it_no_likelier(
    observations: list[Observation], edges: list[Edge], affected: list[str], data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from(observations))
    rest = [one for one in observations if one is not lost]
    whole, without = (blamed(some, edges, affected) for some in (observations, rest))
    assert without.get(lost.service, 0) <= whole.get(lost.service, 0) + 1e-9
