"""What a thread says of the model: who was refined, and why not; over the demo's incident."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot import blocks
from bot.blocks import text_of
from compass_core.domain import AgentName, Outcome, Prediction
from compass_core.errors import BudgetExceededError, ModelError, Reason
from tests.bot.fitting import fits, shown
from tests.bot.made import INVESTIGATION, conclusion, hypothesis, progress, run
from tests.fakes import FakeModel
from tests.hypotheses.knowing import answer, cause, expected
from tests.playing import Played, play

if TYPE_CHECKING:
    from compass_core.domain import Conclusion, Run
    from compass_core.hypotheses.refine import Answer

TIMEOUT = ModelError(Reason.TIMEOUT, "the model did not answer (timeout)")
NOTHING = answer()


@pytest.fixture(scope="module")
def by_rules() -> Conclusion:
    return asyncio.run(play(None)).conclusion


def worded(run: Run) -> Answer:
    """The first of these hypotheses in a model's words."""
    return answer(cause(run.hypotheses[0].service, run.hypotheses[0].mechanism, run.hypotheses[0].confidence))


def ranking(conclusion: Conclusion) -> list[tuple[str, str, float]]:
    return [(one.service, one.mechanism, one.confidence) for one in conclusion.hypotheses]


def texts(played: Played) -> list[str]:
    for message in played.messages:
        fits(message)
    return [shown(message) for message in played.messages]


async def test_a_model_refined_all(by_rules: Conclusion) -> None:
    top = by_rules.hypotheses[0]
    refined = answer(
        cause(
            top.service,
            top.mechanism,
            0.5,
            *top.evidence_for,
            statement="Transactions left open by bookings 4.7.0 use up the connections.",
            predictions=(expected("bookings", "pool waits", "begin before the errors of edge"),),
            next_check="Roll bookings back on one instance.",
        )
    )
    played = await play(FakeModel([refined if agent is top.agent else NOTHING for agent in AgentName]))
    *_, final = texts(played)
    now = played.conclusion.hypotheses[0]
    assert (now.service, now.confidence) == (top.service, top.confidence)
    assert now.statement == top.statement, "the rules' sentence with its numbers stays"
    assert now.model_says == "Transactions left open by bookings 4.7.0 use up the connections."
    for said in (final, played.terminal):
        assert "The model says: Transactions left open by bookings 4.7.0" in said
        assert "It has no free connection left." in said, "the sentence of the rules stays"
        assert "Model: database. Rules only for application, network: the model's answer changed nothing." in said
        assert "total $0.0030 / $10.00" in said
    behind = text_of(blocks.told(played.conclusion, blocks.HYPOTHESES))
    assert "If so, the model says: pool waits of bookings: begin before the errors of edge" in behind
    assert "Next check, the model says: Roll bookings back on one instance." in behind
    assert "If so, the model says: " in played.terminal
    assert "Rules only: " not in played.messages[-1].text


async def test_no_model_is_configured() -> None:
    played = await play(None)
    _root, *updates, final = texts(played)
    for said in updates:
        assert "$0.0000 / $10.00" in said
        assert "model" not in said, "it is said once"
    assert "Rules only: no model is configured." in final
    assert played.terminal.count("no model is configured") == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        *((ModelError(reason, f"the model's server says {reason}"), f"the model's server says {reason}") for reason in Reason),
        (ModelError(Reason.GARBAGE, "<!channel> *b* <https://evil.example|ok>"), "<!channel> *b* <https://evil.example|ok>"),
    ],
)
async def test_one_agents_model_failed(error: Exception, why: str, by_rules: Conclusion) -> None:
    """The investigation goes on; the agent's update and the final message say whose hypotheses are the rules' alone, and why."""
    played = await play(FakeModel([worded(by_rules.runs[0]), error, NOTHING]))
    _, application, database, network, final = texts(played)
    assert f"rules only: {why}" in database
    assert "rules only" not in application
    assert "rules only: the model's answer changed nothing" in network
    assert f"Model: application. Rules only for database: {why}. Rules only for network: " in final
    assert [run.outcome for run in played.conclusion.runs] == [Outcome.ANSWERED] * 3
    assert ranking(played.conclusion) == ranking(by_rules)
    assert f"rules only: {why}" in played.terminal
    assert f"Rules only for database: {why}." in played.terminal


async def test_every_model_call_failed(by_rules: Conclusion) -> None:
    played = await play(FakeModel([TIMEOUT, ModelError(Reason.REJECTED, "the model refused to answer"), TIMEOUT]))
    told = "Rules only: the model did not answer (timeout) (application, network); the model refused to answer (database)."
    assert told in texts(played)[-1]
    assert told in played.terminal
    assert played.conclusion.hypotheses == by_rules.hypotheses
    same = await play(FakeModel([TIMEOUT] * 3))
    assert "Rules only: the model did not answer (timeout)." in same.terminal


async def test_where_a_call_does_not_fit_all_agents_answer_by_their_rules(by_rules: Conclusion) -> None:
    played = await play(FakeModel([worded(by_rules.runs[0])]), limit="0.0015")
    _, application, database, network, final = texts(played)
    assert [run.outcome for run in played.conclusion.runs] == [Outcome.ANSWERED] * 3
    assert "rules only" not in application
    for said in (database, network):
        assert "rules only: no room in the budget for a model call" in said
    assert [run.hypotheses for run in played.conclusion.runs[1:]] == [run.hypotheses for run in by_rules.runs[1:]]
    assert "Model: application. Rules only for database, network: no room in the budget" in final
    assert "total $0.0010 / $0.0015" in final


@pytest.mark.parametrize("limit", ["0", "0.0001", "0.003", "0.01", "1"])
async def test_a_small_budget_makes_no_worse_answer(limit: str, by_rules: Conclusion) -> None:
    said: list[Answer | Exception] = [worded(run) if run.hypotheses else NOTHING for run in by_rules.runs]
    played = await play(FakeModel(said) if limit != "0" else None, limit=limit)
    assert played.conclusion.outcome is Outcome.ANSWERED
    assert ranking(played.conclusion)[0] == ranking(by_rules)[0]
    assert BudgetExceededError.__name__ not in played.terminal


async def test_a_budget_of_nothing_asks_no_model() -> None:
    played = await play(None, limit="0")
    assert [run.outcome for run in played.conclusion.runs] == [Outcome.ANSWERED] * 3
    assert "Rules only: the budget is 0." in texts(played)[-1]
    assert played.terminal.count("the budget is 0") == 1


async def test_a_model_that_costs_nothing_was_used_all_the_same() -> None:
    free = run(AgentName.DATABASE, unrefined="", hypotheses=(hypothesis(),))
    said = shown(blocks.final(conclusion(runs=(free,))))
    assert "total $0.0000" in said
    assert "Model: database." in said


async def test_what_the_model_made_up_is_said_in_its_agents_update(by_rules: Conclusion) -> None:
    first = by_rules.runs[1].hypotheses[0]
    made_up = answer(cause("nowhere"), cause(first.service, first.mechanism, 0.9, "D2", "Q7"))
    played = await play(FakeModel([NOTHING, made_up, NOTHING]))
    _, application, database, network, _ = texts(played)
    assert "the model named what does not exist: 1 id, 1 service" in database
    assert "the model named what does not exist: 1 id, 1 service" in played.terminal
    assert "does not exist" not in application + network


def test_a_run_that_never_thought_is_neither() -> None:
    failed = run(outcome=Outcome.FAILED, reason="KeyError", unrefined="")
    assert "odel" not in shown(blocks.final(conclusion(runs=(failed,), hypotheses=())))
    assert "rules only" not in shown(blocks.agent_update(INVESTIGATION, *progress(failed)))


def test_many_long_predictions_fit() -> None:
    long = Prediction(signal="s" * 120, service="x" * 300, comparison="c" * 120)
    many = tuple(hypothesis(0.9 - n / 20, predictions=(long,) * 2, next_check="look " * 60, statement="why " * 75) for n in range(10))
    message = blocks.final(conclusion(hypotheses=many))
    fits(message)
    behind = text_of(blocks.told(conclusion(hypotheses=many), blocks.HYPOTHESES))
    assert "10. postgres-orders" in behind
    assert behind.count("Next check, the model says: ") == 10
