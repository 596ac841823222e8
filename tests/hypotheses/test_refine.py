"""What a model's answer makes of the rules' hypotheses, and what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from compass_core.domain import AgentName, Edge, Findings, Hypothesis, Outcome, Prediction, Run, Suspect
from compass_core.hypotheses.known import Known
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.propose import MOST, propose
from compass_core.hypotheses.rank import rank
from compass_core.hypotheses.refine import BELOW, SHARE, UNSUPPORTED, Answer, Dropped, refine
from compass_core.signals.catalogue import SIGNALS as ALL_SIGNALS
from tests.fakes import INCIDENT, hypothesis, observation
from tests.hypotheses.knowing import APPLICATION, DATABASE, answer, cause, expected, known, thought

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FULL = thought("db", "connection_exhaustion", 0.9, "D1")
LOCKS = thought("db", "lock_contention", 0.5, "D2")


def of(found: Sequence[Hypothesis], mechanism: str, service: str = "db") -> Hypothesis:
    (one,) = (one for one in found if (one.service, one.mechanism) == (service, mechanism))
    return one


def test_the_models_words_stand_beside_those_of_the_rules() -> None:
    said = cause("db", "connection_exhaustion", 0.95, "D1", "A1", evidence_against=("D2",), predictions=(expected(),))
    found, dropped = refine(known(FULL, LOCKS), answer(said))
    assert found[0] == FULL.model_copy(
        update={
            "model_says": "A model's words.",
            "evidence_for": ("D1", "A1"),
            "evidence_against": ("D2",),
            "predictions": (Prediction(signal="sessions", service="db", comparison="> 95"),),
            "next_check": "Count the sessions.",
        }
    )
    assert found[1] == LOCKS
    assert dropped == Dropped()


def test_what_the_model_ignores_stays() -> None:
    assert refine(known(FULL, LOCKS), answer()).hypotheses == (FULL, LOCKS)


def test_unknown_ids_services_and_mechanisms_are_dropped_and_counted() -> None:
    found, dropped = refine(
        known(FULL),
        answer(
            cause(
                "db",
                "connection_exhaustion",
                0.9,
                "D1",
                "D9",
                "Z1",
                evidence_against=("Z1",),
                predictions=(expected("nowhere"), expected()),
            ),
            cause("nowhere", "bad_deploy", 0.9, "D1"),
            cause("checkout", "bad_deploy", 0.9, "D1"),
            cause("db", "gremlins", 0.9, "D1"),
        ),
    )
    assert [(one.service, one.mechanism, one.evidence_for) for one in found] == [("db", "connection_exhaustion", ("D1",))]
    assert [each.service for each in found[0].predictions] == ["db"]
    assert dropped == Dropped(ids=2, services=3, mechanisms=1), "checkout exists, but no rule names it"
    assert str(dropped) == "2 ids, 3 services, 1 mechanism"


def test_evidence_speaks_for_or_against_not_both() -> None:
    rule = FULL.model_copy(update={"evidence_against": ("A2",)})
    said = cause("db", "connection_exhaustion", 0.9, "D1", "A2", evidence_against=("D1", "D2", "A2"))
    found = refine(known(rule), answer(said)).hypotheses[0]
    assert (found.evidence_for, found.evidence_against) == (("D1",), ("A2", "D2"))


@pytest.mark.parametrize("claimed", [-5.0, 0.0, 0.45, 0.99, 7.0])
def test_how_sure_a_model_is_of_what_rules_say_does_not_count(claimed: float) -> None:
    found = of(refine(known(FULL, LOCKS), answer(cause("db", "lock_contention", claimed, "D2"))).hypotheses, "lock_contention")
    assert (found.confidence, found.initial_confidence, found.model_says) == (0.5, 0.5, "A model's words.")


def test_evidence_that_does_not_exist_is_not_cited() -> None:
    found = of(refine(known(FULL, LOCKS), answer(cause("db", "lock_contention", 0.99, "Z1"))).hypotheses, "lock_contention")
    assert (found.evidence_for, found.model_says) == (("D2",), "A model's words.")


@pytest.mark.parametrize(
    ("claimed", "ids", "confidence"),
    [
        (0.99, ("D1",), SHARE * 1.0),
        (0.99, ("D2", "A2"), SHARE * 0.5),
        (0.99, (), UNSUPPORTED),
        (0.99, ("Z1",), UNSUPPORTED),
        (0.1, ("D1",), 0.1),
        (-1.0, ("D1",), 0.0),
    ],
)
def test_a_new_explanation_is_worth_a_share_of_what_it_cites(claimed: float, ids: tuple[str, ...], confidence: float) -> None:
    found = of(refine(known(FULL), answer(cause("db", "disk_io", claimed, *ids))).hypotheses, "disk_io")
    assert (found.confidence, found.initial_confidence, found.by_rules) == (confidence, confidence, False)
    assert (found.agent, found.statement, found.model_says) == (DATABASE, MECHANISMS[found.mechanism], "A model's words.")


def test_a_new_explanation_stays_below_the_rules_best_for_the_service() -> None:
    found = refine(known(thought("db", "slow_queries", 0.3, "D1")), answer(cause("db", "disk_io", 0.99, "D1"))).hypotheses
    assert [(one.mechanism, one.confidence) for one in found] == [("slow_queries", 0.3), ("disk_io", round(0.3 * BELOW, 4))]


def test_another_agents_hypothesis_is_not_said_again() -> None:
    found, dropped = refine(known(FULL), answer(cause("web", "bad_deploy", 0.9, "A1")))
    assert found == (FULL,)
    assert dropped == Dropped()


def test_an_agent_without_hypotheses_of_its_own_may_explain_what_others_suspect() -> None:
    found = refine(known(agent=AgentName.NETWORK), answer(cause("web", "network_loss", 0.9, "A1"))).hypotheses
    assert [(one.agent, one.service, one.confidence) for one in found] == [(AgentName.NETWORK, "web", 0.4)]


def test_an_agent_adds_none_beyond_what_its_rules_may_have() -> None:
    more = answer(*(cause("db", mechanism, 0.9, "D1") for mechanism in MECHANISMS))
    assert len(refine(known(FULL, LOCKS), more).hypotheses) == MOST[DATABASE]
    five = tuple(thought("db", mechanism, 0.3, "D1") for mechanism in list(MECHANISMS)[:5])
    assert len(refine(known(*five), more).hypotheses) == 5, "none of the rules' is lost"
    assert sum(MOST.values()) == 10


def test_words_of_the_model_are_one_line_that_can_be_printed() -> None:
    said = cause(
        "db",
        "connection_exhaustion",
        0.9,
        "D1",
        statement="one\ntwo\x1b[31m \u202ethree " + "x" * 900,
        predictions=(expected("db", "a\nb" + "s" * 900, "> 1\x00" + "c" * 900),) * 9,
        next_check="\n\n",
    )
    found = refine(known(FULL), answer(said)).hypotheses[0]
    assert found.model_says.startswith("one two [31m three xxx")
    assert len(found.model_says) == 300
    assert found.next_check == ""
    assert len(found.predictions) == 2
    assert found.predictions[0].signal.startswith("a bsss")
    assert max(len(found.predictions[0].signal), len(found.predictions[0].comparison)) == 120
    empty = refine(known(FULL), answer(cause("db", "connection_exhaustion", 0.9, "D1", statement="\x00 \n")))
    assert (empty.hypotheses[0].statement, empty.hypotheses[0].model_says) == (FULL.statement, "")


# the ranking of services is the rules' alone, whatever a model answers

confidences = st.one_of(st.sampled_from([0.2, 0.5, 0.55]), st.floats(0, 1).map(lambda value: round(value, 4)))
pairs = st.tuples(st.sampled_from(["web", "db", "cart"]), st.sampled_from(list(MECHANISMS)[:3]))  # few, so that answers hit what rules say
rules = st.lists(st.tuples(pairs, confidences), max_size=4, unique_by=lambda one: one[0])
ids = st.lists(st.sampled_from(["A1", "A1", "D1", "N1", "Z9"]), max_size=4)
causes = st.builds(
    lambda pair, confidence, cited, against: cause(*pair, confidence, *cited, evidence_against=tuple(against)),
    st.one_of(pairs, st.just(("evil", "bad_deploy"))),
    st.one_of(confidences, st.just(0.99), st.floats(-10, 10)),
    ids,
    ids,
)
answers = st.lists(causes, max_size=8).map(lambda told: Answer(hypotheses=tuple(told)))


def play(told: Sequence[tuple[Sequence[Any], Answer | None]]) -> list[Run]:
    """The three agents, one after the other; `told` holds for each what its rules propose and what the model answers."""
    runs: list[Run] = []
    for agent, (proposed, said) in zip(AgentName, told, strict=True):
        findings = Findings(observations=(observation(agent, service="web", score=0.8),))
        thoughts = [thought(service, mechanism, value, agent=agent) for (service, mechanism), value in proposed]
        hypotheses = tuple(sorted(thoughts, key=lambda one: -one.confidence))
        if said is not None:
            hypotheses = refine(Known(agent, INCIDENT, findings, tuple(runs), hypotheses), said).hypotheses
        runs.append(Run(agent=agent, outcome=Outcome.ANSWERED, findings=findings, hypotheses=hypotheses))
    return runs


def services(runs: list[Run]) -> dict[str, float]:
    """Every service in the order of the ranking, with its best confidence."""
    found: dict[str, float] = {}
    for one in rank(runs):
        found.setdefault(one.service, one.confidence)
    return found


@given(st.lists(st.tuples(rules, answers), min_size=3, max_size=3))
def test_no_answer_moves_a_service(told: list[tuple[Any, Answer]]) -> None:
    with_model, without = play(told), play([(proposed, None) for proposed, _ in told])
    assert list(services(with_model).items()) == list(services(without).items())
    for mine, theirs in zip(with_model, without, strict=True):
        assert {(one.service, one.mechanism) for one in theirs.hypotheses} <= {(one.service, one.mechanism) for one in mine.hypotheses}
        assert {each for one in mine.hypotheses for each in (*one.evidence_for, *one.evidence_against)} <= {"A1", "D1", "N1"}
        assert list(mine.hypotheses) == sorted(mine.hypotheses, key=lambda one: -one.confidence)


SIGNALS = sorted(ALL_SIGNALS)
sights = st.lists(
    st.tuples(st.sampled_from(["web", "db"]), st.sampled_from(SIGNALS), st.floats(0.3, 1).map(lambda value: round(value, 2))),
    min_size=2,
    max_size=12,
)
urges = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.just(0.99), st.just(0.0), st.floats(0, 1)), ids), max_size=4)


def by_rules(told: Sequence[tuple[Any, Any, float]], *, with_model: bool) -> list[Run]:
    """As `play`, with what the real rules propose; the model says of some of it, and of more, how sure it is."""
    runs: list[Run] = []
    for agent, (seen, urged, blame) in zip(AgentName, told, strict=True):
        observed = tuple(
            observation(agent, f"{agent[0].upper()}{n}", service, signal, score) for n, (service, signal, score) in enumerate(seen, start=1)
        )
        blamed = (Suspect(service="db", score=blame), Suspect(service="web", score=round(1 - blame, 2)))
        findings = Findings(observations=observed, edges=(Edge(caller="web", callee="db", system="mysql"),), suspects=blamed)
        known = tuple(one for run in runs for one in run.findings.observations)
        proposed = propose(agent, (*known, *observed), findings)
        hypotheses = proposed
        if with_model:
            pairs_of = [(one.service, one.mechanism) for one in proposed] + [("db", "disk_io"), ("web", "bad_deploy")]
            said = [cause(*pairs_of[at % len(pairs_of)], confidence, *cited) for at, confidence, cited in urged]
            hypotheses = refine(Known(agent, INCIDENT, findings, tuple(runs), proposed), answer(*said)).hypotheses
        runs.append(Run(agent=agent, outcome=Outcome.ANSWERED, findings=findings, hypotheses=hypotheses))
    return runs


@given(st.lists(st.tuples(sights, urges, st.floats(0.1, 0.9).map(lambda value: round(value, 2))), min_size=3, max_size=3))
@example(
    [
        ([("web", "absent", 1.0), ("web", "cache_hits", 1.0)], [], 0.5),
        ([("web", "db_checkpoints", 1.0), ("web", "log_rate_limited", 1.0)], [(1, 0.99, [])], 0.88),
        ([("web", "cpu_idle", 1.0), ("web", "db_waiting_for_locks", 1.0), ("db", "absent", 1.0)], [], 0.38),
    ]
)
def test_no_answer_moves_a_service_when_all_is_weighed_again(told: list[tuple[Any, Any, float]]) -> None:
    """At the end each hypothesis of the rules is weighed by what later agents saw; what a model moved or added changes no service."""
    mine, theirs = by_rules(told, with_model=True), by_rules(told, with_model=False)
    assert list(services(mine).items()) == list(services(theirs).items())
    ranked = rank(mine)
    assert [one.confidence for one in ranked] == sorted((one.confidence for one in ranked), reverse=True)
    assert {(one.agent, one.service, one.mechanism): one.initial_confidence for one in ranked if one.by_rules} == {
        (one.agent, one.service, one.mechanism): one.initial_confidence for one in rank(theirs)
    }


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for each in schema.values():
            yield from objects(each)


def test_the_schema_is_strict() -> None:
    """As servers that enforce a schema want it: every property is required, and there are no others."""
    found = list(objects(Answer.model_json_schema()))
    assert len(found) == 3
    for each in found:
        assert each["additionalProperties"] is False
        assert each["required"] == list(each["properties"])
        assert not [name for name, of in each["properties"].items() if "default" in of]


@pytest.mark.parametrize("confidence", ["NaN", "Infinity", '"high"', "null"])
def test_a_confidence_is_a_number(confidence: str) -> None:
    text = answer(cause(confidence=0.5)).model_dump_json().replace('"confidence":0.5', f'"confidence":{confidence}')
    with pytest.raises(ValidationError):
        Answer.model_validate_json(text)


def test_a_hypothesis_without_predictions_is_as_it_was() -> None:
    assert (hypothesis(APPLICATION, 0.5).predictions, hypothesis(APPLICATION, 0.5).next_check) == ((), "")
