"""The gateway inside Compass: who gets a model, what an investigation costs, and what a killed process leaves."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict

from compass_core.agents.base import Agent
from compass_core.bootstrap import live, replayed
from compass_core.budget import NO_ROOM, Bill, Budget
from compass_core.domain import AgentName, Findings, Investigation, Message, Outcome, Request, Thoughts
from compass_core.errors import BudgetExceededError, ModelError, Reason, RefusalError, SettingsError
from compass_core.journal.steps import InProcess
from compass_core.llm.gateway import MARGIN, Gateway
from compass_core.llm.prices import tariff
from compass_core.llm.wire import TEXTS, Server, connect
from compass_core.orchestrator import Limits, Orchestrator, Outside
from compass_core.settings import Settings, load
from compass_core.store import Store
from tests.fakes import INCIDENT, WINDOW, FakeClock, FakeIncidents, FakeInvestigations, FakeJournal, FakeThread, hypothesis, observation
from tests.llm.scripted import DOLLARS, MODEL, PRICE, Prices, Scripted, Turn, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from compass_core.domain import Conclusion, Incident, Run
    from compass_core.ports import Model

V = TypeVar("V", bound=BaseModel)

APPLICATION, DATABASE, NETWORK = AgentName
COST = Prices().bill(Turn().usage)
SCRIPTED = {"COMPASS_MODEL": MODEL, "COMPASS_PRICES": PRICE}


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    service: str
    confidence: float


@dataclass
class Asking(Agent):
    """A specialist whose rules think something and who then asks the model."""

    name: AgentName
    model: Model

    async def observe(self, incident: Incident, earlier: Sequence[Run]) -> Findings:
        return Findings(observations=(observation(self.name),))

    async def generate_hypotheses(self, incident: Incident, findings: Findings, earlier: Sequence[Run]) -> Thoughts:
        rules = (hypothesis(self.name, 0.5),)
        try:
            answer = await self.model.ask(self.name, (Message(role="user", text="why?"),), Answer)
        except (BudgetExceededError, ModelError) as error:
            return Thoughts(hypotheses=rules, unrefined=str(error))
        return Thoughts(hypotheses=(hypothesis(self.name, answer.confidence, "refined"),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/compass.db")
    yield store
    store.dispose()


async def investigated(server: Scripted, store: Store, limit: str, url: str = "", limits: Limits | None = None) -> Conclusion:
    budget = Budget(Decimal(limit), store, "run-1")
    transport = None if url else server.transport()
    url = url or "http://127.0.0.1/v1"
    async with connect(url, "key", transport) as client:
        model = Gateway(Server(client, MODEL, url), tariff(MODEL, url, configured=DOLLARS), budget, str)
        outside = Outside((FakeIncidents(),), FakeInvestigations(), FakeThread(), FakeJournal(), FakeClock())
        agents = {name: Asking(name, model) for name in AgentName}
        orchestrator = Orchestrator(agents, budget, outside, limits)
        return await orchestrator.investigate(await orchestrator.accept(Request(reference="INC-1")))


async def test_an_investigation_costs_what_the_server_billed(store: Store) -> None:
    server = Scripted(Turn(), Turn(text="no JSON"), Turn(), error(429, Retry_After="0"), Turn())
    conclusion = await investigated(server, store, "100.00")
    assert conclusion.costs == {APPLICATION: COST, DATABASE: 2 * COST, NETWORK: COST}
    assert conclusion.total_cost == server.billed[MODEL]
    assert conclusion.investigation.id == "run-1"
    assert [row.agent for row in await store.attempts("run-1")] == [APPLICATION, DATABASE, DATABASE, NETWORK, NETWORK]
    assert {run.outcome for run in conclusion.runs} == {Outcome.ANSWERED}
    assert {run.unrefined for run in conclusion.runs} == {""}


async def test_an_outage_leaves_what_the_rules_say_and_the_next_agent_asks_again(store: Store) -> None:
    conclusion = await investigated(Scripted(error(401), Turn(trouble="hang"), Turn()), store, "100.00")
    assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3
    assert [one.statement for run in conclusion.runs for one in run.hypotheses] == ["because", "because", "refined"]
    assert [run.unrefined for run in conclusion.runs] == [
        "the model's server refuses the key; check OPENAI_API_KEY",
        TEXTS[Reason.TIMEOUT],
        "",
    ]


async def test_a_model_that_takes_all_the_time_of_an_agent_leaves_what_its_rules_say(store: Store) -> None:
    server = Scripted(Turn(trouble="hang"), Turn(trouble="trickle"), Turn(trouble="hang"))
    async with server.serving() as url:
        conclusion = await investigated(server, store, "100.00", url, Limits(MARGIN + 0.3, 60))
    assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3
    assert [one.statement for run in conclusion.runs for one in run.hypotheses] == ["because"] * 3
    assert {run.unrefined for run in conclusion.runs} == {TEXTS[Reason.TIMEOUT]}
    assert {row.bill for row in await store.attempts("run-1")} == {Bill.UNKNOWN}
    assert conclusion.total_cost >= server.billed[MODEL]


async def test_where_no_call_fits_any_more_the_rules_of_all_agents_answer(store: Store) -> None:
    server = Scripted(Turn())
    conclusion = await investigated(server, store, "4.30")
    assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3
    assert [run.unrefined for run in conclusion.runs] == ["", NO_ROOM, NO_ROOM]
    assert [one.agent for one in conclusion.hypotheses] == [APPLICATION, DATABASE, NETWORK]
    assert conclusion.total_cost == COST
    assert conclusion.outcome is Outcome.ANSWERED
    assert len(server.requests) == 1


async def test_a_wrong_bill_is_counted_and_the_check_after_the_agent_stops(store: Store) -> None:
    server = Scripted(Turn(usage=(500_000, 0, 10)))
    conclusion = await investigated(server, store, "20.00")
    assert [run.outcome for run in conclusion.runs] == [Outcome.OUT_OF_BUDGET, Outcome.SKIPPED, Outcome.SKIPPED]
    assert conclusion.runs[0].reason == "$50.0100 was billed, the budget is $20.00"
    assert [one.statement for one in conclusion.hypotheses] == ["refined"], "what was paid for is used"
    assert conclusion.total_cost == server.billed[MODEL] == Decimal("50.01")


def settings(tmp_path: Path, **environ: str) -> Settings:
    return load({"COMPASS_DATABASE_URL": f"sqlite:///{tmp_path}/compass.db", "COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9", **environ})


async def test_without_a_key_and_a_server_there_is_no_model(tmp_path: Path) -> None:
    async with live(settings(tmp_path)) as compass:
        assert compass.model is None


async def test_a_configured_model_is_paid_by_the_investigation(tmp_path: Path) -> None:
    server = Scripted(Turn())
    async with server.serving() as url, live(settings(tmp_path, OPENAI_BASE_URL=url, **SCRIPTED)) as compass:
        assert compass.model is not None
        budget = Budget(Decimal(100), compass.store, "run-1")
        await compass.model(budget, str).ask(DATABASE, (Message(role="user", text="why?"),), Answer)
        assert [(row.bill, row.amount) for row in await compass.store.attempts("run-1")] == [(Bill.SETTLED, COST)]
    assert budget.spent == COST


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"OPENAI_API_KEY": "k", "COMPASS_MODEL": "gpt-4o-minni"}, "COMPASS_PRICES: the price of gpt-4o-minni at"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}, "COMPASS_PRICES: the price of gpt-4o-mini at http://127.0.0.1:8080/v1"),
        (
            {"OPENAI_API_KEY": "k", "COMPASS_MODEL_FREE": "true"},
            "COMPASS_MODEL_FREE: is for a server of your own; api.openai.com is neither",
        ),
    ],
)
async def test_a_model_whose_price_is_not_known_stops_the_start(tmp_path: Path, environ: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        async with live(settings(tmp_path, **environ)):
            pass


async def test_the_demo_uses_no_model_whatever_the_environment_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody's")
    with as_file(files("bot") / "demo_case") as case:
        async with replayed(case, Settings()) as compass:
            assert compass.model is None


@pytest.mark.parametrize(("limit", "models"), [("0", 0), ("10.00", 1)])
async def test_a_budget_of_nothing_asks_no_model_and_runs_all_agents(limit: str, models: int) -> None:
    given: list[Budget] = []

    class Refusing:
        advice = ""

        def __init__(self, budget: Budget, _redact: Callable[[str], str]) -> None:
            given.append(budget)

        async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
            raise BudgetExceededError

    with as_file(files("bot") / "demo_case") as case:
        async with replayed(case, Settings()) as compass:
            asked = Request(reference="INC-42", budget=Decimal(limit))
            conclusion = await replace(compass, model=Refusing).investigate(asked, FakeThread())
    assert len(given) == models
    assert conclusion.total_cost == 0
    if not models:
        assert [run.outcome for run in conclusion.runs] == [Outcome.ANSWERED] * 3


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        ({"asker": "U1"}, "2.00"),
        ({"asker": "U1", "budget": Decimal("2.00")}, "2.00"),
        ({"asker": "U1", "budget": Decimal("2.01")}, None),
        ({"asker": "UBOSS", "budget": Decimal("2.01")}, "2.01"),
        ({"budget": Decimal("2.01")}, "2.01"),
        ({"asker": "U1", "budget": Decimal("2.01"), "incident": INCIDENT}, None),
        ({"asker": "U1", "budget": Decimal("2.01"), "incident": INCIDENT, "again": True}, "2.00"),
        ({"asker": "UBOSS", "budget": Decimal("2.01"), "incident": INCIDENT, "again": True}, "2.01"),
        ({"asker": "U1", "budget": Decimal("3.00"), "incident": INCIDENT, "again": True, "goes_on": "i-1"}, "2.00"),
        ({"asker": "U1", "budget": Decimal("4.00"), "incident": INCIDENT, "again": True, "goes_on": "i-1"}, None),
        ({"asker": "UBOSS", "budget": Decimal("4.00"), "incident": INCIDENT, "again": True, "goes_on": "i-1"}, "4.00"),
    ],
)
async def test_nobody_but_an_admin_or_the_operator_asks_for_more_than_the_budget(asked: dict[str, object], limit: str | None) -> None:
    settings = load({"COMPASS_BUDGET_USD": "2.00", "COMPASS_ADMINS": "UBOSS, U2"})
    with as_file(files("bot") / "demo_case") as case:
        async with replayed(case, settings) as compass:
            asking = compass.investigate(Request(**{"reference": "INC-42", "only": NETWORK, **asked}), thread := FakeThread())
            if limit is not None:
                assert (await asking).investigation.budget == Decimal(limit)
                return
            with pytest.raises(RefusalError, match=r"at most \$2\.00 here.* COMPASS_ADMINS"):
                await asking
    assert thread.said == []


async def test_what_a_day_does_not_hold_is_answered_by_rules_and_said() -> None:
    server = Scripted(*(Turn(text='{"hypotheses": []}', usage=(2000, 0, 200)) for _ in range(9)))
    async with server.serving() as url:
        settings = load({"OPENAI_BASE_URL": url, **SCRIPTED, "COMPASS_BUDGET_USD": "10", "COMPASS_DAILY_USD": "6"})
        with as_file(files("bot") / "demo_case") as case:
            async with replayed(case, settings) as compass:
                asked = Request(reference="INC-42", asker="U1", workspace="T1")
                first, second = [await compass.investigate(asked, FakeThread()) for _ in range(2)]
    told = "no room for a model call in the $6 that this workspace may spend a day (COMPASS_DAILY_USD)"
    assert told not in first.runs[0].unrefined
    assert {run.unrefined for run in second.runs} == {told}
    assert [run.outcome for run in second.runs] == [Outcome.ANSWERED] * 3
    assert server.billed[MODEL] <= first.total_cost <= 6


KILLED = """
import asyncio, sys
from decimal import Decimal
from pydantic import BaseModel
from compass_core.bootstrap import live
from compass_core.budget import Budget
from compass_core.domain import AgentName, Message
from compass_core.settings import load

class Answer(BaseModel):
    service: str

async def main():
    async with live(load()) as compass:
        await compass.model(Budget(Decimal(100), compass.store, "run-1"), str).ask(AgentName.DATABASE, (Message(role="user", text="?"),), Answer)

asyncio.run(main())
"""


async def test_a_killed_process_hides_no_spending(tmp_path: Path) -> None:
    server = Scripted(Turn(trouble="hang"))
    async with server.serving() as url:
        environ = {
            "COMPASS_DATABASE_URL": f"sqlite:///{tmp_path}/compass.db",
            "COMPASS_PROMETHEUS_URL": "http://127.0.0.1:9",
            "OPENAI_BASE_URL": url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **SCRIPTED,
        }
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, cwd=tmp_path, env=environ)
        asked, ended = asyncio.create_task(server.in_flight.wait()), asyncio.create_task(process.wait())
        await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
        assert asked.done(), "it ended by itself"
        process.kill()
        await ended
    worst = ((server.sizes[0] + 512) * Decimal(100) + 4096 * Decimal(1000)) / 1_000_000
    left = Investigation(id="run-1", incident=INCIDENT, started_at=WINDOW.end, budget=Decimal(100))
    thread = FakeThread()
    async with live(settings(tmp_path)) as compass:
        assert [(row.bill, row.amount) for row in await compass.store.attempts("run-1")] == [(Bill.OPEN, worst)]
        await compass.look(left, thread, InProcess(), stop="stopped by sam")
        with pytest.raises(BudgetExceededError):
            await Budget(worst, compass.store, "run-1").reserve(DATABASE, MODEL, Decimal("0.01"))
    assert thread.conclusions[0].costs == {APPLICATION: 0, DATABASE: worst, NETWORK: 0}
