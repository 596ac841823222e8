"""The shipped agents over the wire: the demo's incident, the real gateway, and a scripted server that speaks like OpenAI."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from compass_core.bootstrap import replayed
from compass_core.budget import NO_ROOM
from compass_core.domain import Outcome, Request
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.llm.wire import BOUNDS
from compass_core.settings import load
from tests.demo_incident import CASE
from tests.fakes import FakeThread
from tests.hypotheses.knowing import answer, cause
from tests.llm.scripted import MODEL, PRICE, Scripted, Turn, error
from tests.playing import play

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_a_model_refines_what_the_rules_say_and_its_failure_leaves_it() -> None:
    by_rules = (await play(None)).conclusion.runs[1].hypotheses[0]
    said = answer(cause(by_rules.service, by_rules.mechanism, 0.99, "D1", statement="Open transactions use up the connections."))
    server = Scripted(error(401), Turn(text=said.model_dump_json()), Turn(text=None, refusal="I cannot help with that."))
    async with server.serving() as url:
        settings = load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE, "COMPASS_BUDGET_USD": "100"})
        async with replayed(CASE, settings) as compass:
            conclusion = await compass.investigate(Request(reference="INC-42"), FakeThread())
            nothing = await compass.investigate(Request(reference="INC-42", budget=Decimal(0)), FakeThread())
    assert [run.unrefined for run in conclusion.runs] == [
        "the model's server refuses the key; check OPENAI_API_KEY",
        "",
        "the model declined to answer",
    ]
    assert [one.model_says for one in conclusion.runs[1].hypotheses].count("Open transactions use up the connections.") == 1
    assert conclusion.total_cost == server.billed[MODEL]
    assert [request["messages"][1]["content"].count("\nincident\tINC-42\t") for request in server.requests] == [1] * 3
    for request in server.requests:
        assert request["response_format"]["json_schema"]["strict"] is True
        jsonschema.validate(said.model_dump(mode="json"), request["response_format"]["json_schema"]["schema"])
    assert {run.unrefined for run in nothing.runs} == {"the budget is 0"}
    assert [run.outcome for run in nothing.runs] == [Outcome.ANSWERED] * 3
    assert [(one.service, one.mechanism, one.confidence) for one in nothing.hypotheses] == [
        (one.service, one.mechanism, one.confidence) for one in conclusion.hypotheses
    ]


@pytest.mark.parametrize(("limit", "calls"), [("0", 0), ("0.0001", 0), ("0.003", 0), ("0.01", 2), ("1", 3)])
async def test_a_small_budget_makes_no_worse_answer(limit: str, calls: int) -> None:
    by_rules = (await play(None)).conclusion
    server = Scripted(*(Turn(text=answer().model_dump_json(), usage=(8000, 0, 4000)) for _ in range(3)))
    async with server.serving() as url:
        settings = load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": f"{MODEL}=0.15/0.60"})
        async with replayed(CASE, settings) as compass:
            conclusion = await compass.investigate(Request(reference="INC-42", budget=Decimal(limit)), FakeThread())
    first, own = conclusion.hypotheses[0], by_rules.hypotheses[0]
    assert (first.service, first.mechanism) == (own.service, own.mechanism)
    assert first.confidence >= own.confidence, "that of the rules alone was not tested"
    assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3
    assert len(server.requests) == calls
    assert [run.unrefined for run in conclusion.runs if run.unrefined == NO_ROOM] == [NO_ROOM] * (3 - calls if limit != "0" else 0)


async def test_with_more_money_it_goes_on_with_the_agents_that_had_none() -> None:
    server, thread = Scripted(*(Turn(text=answer().model_dump_json(), usage=(8000, 0, 4000)) for _ in range(3))), FakeThread()
    async with server.serving() as url:
        settings = load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": f"{MODEL}=0.15/0.60"})
        async with replayed(CASE, settings) as compass:
            first = await compass.investigate(Request(reference="INC-42", budget=Decimal("0.01")), FakeThread())
            more = Request(reference="INC-42", budget=Decimal(1), goes_on=first.investigation.id)
            second = await compass.investigate(more, thread)
    assert [run.unrefined == NO_ROOM for run in first.runs] == [False, False, True]
    assert [run.unrefined == NO_ROOM for run in second.runs] == [False] * 3
    assert thread.said == ["root", "network", "final"]
    assert second.runs[:2] == first.runs[:2]
    assert len(server.requests) == 3
    assert second.total_cost == 3 * Decimal("0.0036")


def keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema
        for part in schema.values():
            yield from keywords(part)


@pytest.mark.parametrize(
    ("price", "told"),
    [({"COMPASS_PRICES": PRICE, "COMPASS_BUDGET_USD": "100"}, frozenset()), ({"COMPASS_MODEL_FREE": "true"}, BOUNDS)],
)
async def test_only_a_server_of_ones_own_is_told_bounds_of_the_answer(price: dict[str, str], told: frozenset[str]) -> None:
    server = Scripted(*(Turn(text=answer().model_dump_json()) for _ in range(3)))
    async with server.serving() as url, replayed(CASE, load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, **price})) as compass:
        await compass.investigate(Request(reference="INC-42"), FakeThread())
    schemas = [request["response_format"]["json_schema"]["schema"] for request in server.requests]
    assert [BOUNDS.intersection(keywords(schema)) for schema in schemas] == [told] * 3
    for mechanism in (*MECHANISMS, *(() if told else ("gremlins",))):
        jsonschema.validate(answer(cause("db", mechanism)).model_dump(mode="json"), schemas[0])


async def test_questions_are_paid_from_what_is_left_of_the_same_budget() -> None:
    said = answer(cause("bookings-db", "connection_exhaustion", 0.9, "D1"))
    turns = [Turn(text=said.model_dump_json(), usage=(1000, 0, 100)) for _ in range(3)]
    server = Scripted(*turns, *(Turn(text='{"answer": "It began first."}', usage=(1000, 0, 100)) for _ in range(9)))
    async with server.serving() as url:
        settings = load({"OPENAI_BASE_URL": url, "COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE, "COMPASS_BUDGET_USD": "100"})
        async with replayed(CASE, settings) as compass:
            conclusion = await compass.investigate(Request(reference="INC-42"), FakeThread())
            asked = await compass.asked(conclusion)
            assert asked.budget.spent == conclusion.total_cost > 0
            assert await asked.say("why?", ["bookings-db has no free connection left"]) == "It began first."
            again = await compass.asked(conclusion)
            assert again.budget.spent == asked.budget.spent == server.billed[MODEL] > conclusion.total_cost
            poor = conclusion.investigation.model_copy(update={"budget": again.budget.spent})
            refused = await compass.asked(conclusion.model_copy(update={"investigation": poor}))
            assert await refused.say("why?", []) == ""
            assert refused.unasked == NO_ROOM
    assert server.billed[MODEL] == asked.budget.spent
    assert "bookings-db has no free connection left" in server.requests[3]["messages"][1]["content"]
    jsonschema.validate({"answer": ""}, server.requests[3]["response_format"]["json_schema"]["schema"])
