"""What an agent thinks with a model, and what stays where the model fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from compass_core.agents import thinking
from compass_core.agents.thinking import think
from compass_core.budget import NO_ROOM
from compass_core.domain import Findings, Thoughts
from compass_core.errors import BudgetExceededError, ModelError, Reason
from compass_core.hypotheses.known import Known
from tests.fakes import INCIDENT, FakeModel
from tests.hypotheses.knowing import DATABASE, answer, cause, known, thought

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compass_core.hypotheses.refine import Answer

FULL = thought("db", "connection_exhaustion", 0.9, "D1")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    found = InMemoryMetricReader()
    provider = MeterProvider([found])
    monkeypatch.setattr(thinking, "dropped_total", provider.get_meter("test").create_counter("compass.model.dropped"))
    yield found
    provider.shutdown()


async def test_a_model_refines() -> None:
    model = FakeModel([answer(cause("db", "connection_exhaustion", 0.95, "D1"))])
    thoughts = await think(model, known(FULL))
    assert [(one.statement, one.model_says, one.confidence) for one in thoughts.hypotheses] == [(FULL.statement, "A model's words.", 0.9)]
    assert (thoughts.unrefined, thoughts.remark) == ("", "")
    assert [agent for agent, _ in model.told] == [DATABASE]
    assert "\tdb_connections_of_limit\t" in model.told[0][1]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        *((ModelError(reason, f"the model says {reason}"), f"the model says {reason}") for reason in Reason),
        (BudgetExceededError(NO_ROOM), "no room in the budget for a model call"),
        *(
            (error, f"the model's answer could not be worked with; the log says why ({type(error).__name__})")
            for error in (KeyError("x"), TypeError("secret"), RecursionError(), UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates"))
        ),
    ],
)
async def test_whatever_a_model_does_the_rules_answer_stays(error: Exception, why: str) -> None:
    thoughts = await think(FakeModel([error]), known(FULL))
    assert thoughts == Thoughts(hypotheses=(FULL,), unrefined=why)


async def test_without_a_model_rules_decide() -> None:
    assert await think(None, known(FULL)) == Thoughts(hypotheses=(FULL,), unrefined="no model is configured")


async def test_nothing_is_asked_where_no_cause_is_named() -> None:
    model = FakeModel()
    thoughts = await think(model, Known(DATABASE, INCIDENT, Findings(), (), ()))
    assert thoughts == Thoughts(unrefined="the rules name no cause that could be refined")
    assert not model.told


@pytest.mark.parametrize("said", [answer(), answer(cause("nowhere"), cause("db", "gremlins"))])
async def test_an_answer_that_changes_nothing_has_refined_nothing(said: Answer) -> None:
    thoughts = await think(FakeModel([said]), known(FULL))
    assert thoughts.hypotheses == (FULL,)
    assert thoughts.unrefined == "the model's answer changed nothing"


async def test_what_was_dropped_is_counted(reader: InMemoryMetricReader) -> None:
    said = answer(cause("db", "connection_exhaustion", 0.9, "Z1", "Z2"), cause("nowhere"), cause("db", "gremlins"))
    with structlog.testing.capture_logs() as logs:
        thoughts = await think(FakeModel([said]), known(FULL))
    assert thoughts.remark == "the model named what does not exist: 2 ids, 1 service, 1 mechanism"
    assert [one for one in logs if one["event"] == "answer.dropped"] == [
        {"event": "answer.dropped", "log_level": "info", "agent": "database", "ids": 2, "services": 1, "mechanisms": 1}
    ]
    told: Any = reader.get_metrics_data()
    points = told.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert {(point.attributes["gen_ai.agent.name"], point.attributes["compass.kind"]): point.value for point in points} == {
        ("database", "ids"): 2,
        ("database", "services"): 1,
        ("database", "mechanisms"): 1,
    }
