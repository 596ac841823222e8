"""Money: what was spent plus what may still be billed never passes the limit by a reservation."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from compass_core.budget import Attempt, Bill, Budget
from compass_core.domain import AgentName
from compass_core.errors import BudgetExceededError
from compass_core.store import Store
from tests.fakes import FakeLedger

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from compass_core.budget import Ledger

T = TypeVar("T")

APPLICATION, DATABASE, NETWORK = AgentName
money = st.decimals(0, 20, places=4)


def done(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError


@pytest.fixture(params=["in memory", "in a database"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "in memory":
        yield FakeLedger()
        return
    store = Store(f"sqlite:///{tmp_path}/compass.db")
    yield store
    store.dispose()


def budget_of(limit: str, ledger: Ledger | None = None) -> Budget:
    return Budget(Decimal(limit), ledger or FakeLedger(), "run-1")


async def bills(ledger: Ledger) -> list[tuple[Bill, Decimal]]:
    return [(row.bill, row.amount) for row in await ledger.attempts("run-1")]


class Schedule(RuleBasedStateMachine):
    """Any order of calls by any agents; bills up to their reservation."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.budget = budget_of("10")
        self.spent = dict.fromkeys(AgentName, Decimal(0))
        self.open: list[Attempt] = []
        self.ended = False

    @rule(target=held, agent=st.sampled_from(AgentName), amount=money)
    def reserve(self, agent: AgentName, amount: Decimal) -> Attempt | None:
        fits = sum(self.spent.values()) + sum(one.amount for one in self.open) + amount <= self.budget.limit
        try:
            reservation = done(self.budget.reserve(agent, "m", amount))
        except BudgetExceededError:
            assert self.ended or not fits
            self.ended = True
            return None
        assert fits
        assert not self.ended, "where one call did not fit, no later one is tried"
        self.open.append(reservation)
        return reservation

    @rule(reservation=consumes(held), share=st.decimals(0, 1, places=2))
    def settle(self, reservation: Attempt | None, share: Decimal) -> None:
        if reservation is not None:
            done(self.budget.settle(reservation, reservation.amount * share))
            self.spent[reservation.agent] += reservation.amount * share
            self.open = [one for one in self.open if one is not reservation]

    @rule(reservation=consumes(held))
    def lose(self, reservation: Attempt | None) -> None:
        if reservation is not None:
            done(self.budget.settle(reservation, None))
            self.spent[reservation.agent] += reservation.amount
            self.open = [one for one in self.open if one is not reservation]

    @rule(reservation=consumes(held))
    def release(self, reservation: Attempt | None) -> None:
        if reservation is not None:
            done(self.budget.release(reservation))
            self.open = [one for one in self.open if one is not reservation]

    @invariant()
    def adds_up(self) -> None:
        assert {agent: self.budget.spent_by(agent) for agent in AgentName} == self.spent
        assert self.budget.spent == sum(self.spent.values())
        assert self.budget.reserved == sum(one.amount for one in self.open)
        assert self.budget.spent + self.budget.reserved <= self.budget.limit
        self.budget.check()


TestSchedule = Schedule.TestCase


async def test_a_reservation_that_does_not_fit_takes_nothing(ledger: Ledger) -> None:
    budget = budget_of("1.00", ledger)
    await budget.reserve(APPLICATION, "m", Decimal("0.60"))
    await budget.reserve(DATABASE, "m", Decimal("0.40"))
    with pytest.raises(BudgetExceededError, match=r"^no room in the budget for a model call$"):
        await budget.reserve(DATABASE, "m", Decimal("0.0001"))
    assert budget.reserved == Decimal("1.00")
    assert await bills(ledger) == [(Bill.OPEN, Decimal("0.60")), (Bill.OPEN, Decimal("0.40"))]


async def test_a_ledger_that_has_forgotten_what_was_spent_does_not_let_more_be_spent() -> None:
    ledger = FakeLedger()
    budget = budget_of("1.00", ledger)
    await budget.settle(await budget.reserve(APPLICATION, "m", Decimal("0.60")), Decimal("0.60"))
    ledger.rows.clear()
    with pytest.raises(BudgetExceededError):
        await budget.reserve(DATABASE, "m", Decimal("0.41"))


async def test_every_attempt_is_a_row_that_says_what_became_of_it(ledger: Ledger) -> None:
    budget = budget_of("1.00", ledger)
    held = [await budget.reserve(agent, "m", Decimal("0.20")) for agent in (*AgentName, DATABASE)]
    await budget.settle(held[0], Decimal("0.01"))
    await budget.settle(held[1], None)
    await budget.release(held[2])
    assert await bills(ledger) == [
        (Bill.SETTLED, Decimal("0.01")),
        (Bill.UNKNOWN, Decimal("0.20")),
        (Bill.RELEASED, Decimal(0)),
        (Bill.OPEN, Decimal("0.20")),
    ]
    assert [(row.agent, row.model) for row in await ledger.attempts("run-1")] == [(agent, "m") for agent in (*AgentName, DATABASE)]
    assert await ledger.attempts("run-2") == ()
    await ledger.close(held[0].number, Bill.RELEASED, Decimal(0))
    assert (await bills(ledger))[0] == (Bill.SETTLED, Decimal("0.01")), "what became of it is said once"


async def test_what_others_took_of_the_same_investigation_counts(ledger: Ledger) -> None:
    one, other = budget_of("1.00", ledger), budget_of("1.00", ledger)
    await one.settle(await one.reserve(DATABASE, "m", Decimal("0.50")), Decimal("0.50"))
    await one.reserve(DATABASE, "m", Decimal("0.30"))
    await other.reserve(DATABASE, "m", Decimal("0.15"))
    with pytest.raises(BudgetExceededError, match="no room in the budget"):
        await other.reserve(DATABASE, "m", Decimal("0.0501"))
    await budget_of("1.00", ledger).reserve(DATABASE, "m", Decimal("0.05"))
    await Budget(Decimal(1), ledger, "run-2").reserve(DATABASE, "m", Decimal(1))


async def test_budgets_that_reserve_at_once_share_one_limit(ledger: Ledger) -> None:
    tried = [budget_of("1.00", ledger).reserve(DATABASE, "m", Decimal("0.15")) for _ in range(20)]
    results = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(result, Attempt) for result in results) == 6
    assert sum(isinstance(result, BudgetExceededError) for result in results) == 14
    assert len(await ledger.attempts("run-1")) == 6


async def test_a_bill_above_its_reservation_is_counted_and_stops_at_the_check(ledger: Ledger) -> None:
    budget = budget_of("1.00")
    await budget.settle(await budget.reserve(DATABASE, "m", Decimal("0.90")), Decimal("1.00"))
    budget.check()
    budget = budget_of("1.00", ledger)
    await budget.settle(await budget.reserve(DATABASE, "m", Decimal("0.90")), Decimal("1.20"))
    assert budget.spent == budget.spent_by(DATABASE) == Decimal("1.20")
    assert budget.spent_by(NETWORK) == budget.reserved == 0
    with pytest.raises(BudgetExceededError, match=r"\$1\.2000 was billed, the budget is \$1\.00"):
        budget.check()
    with pytest.raises(BudgetExceededError):
        await budget.reserve(NETWORK, "m", Decimal("0.01"))


async def test_a_reservation_ends_once() -> None:
    budget = budget_of("1")
    first, second = [await budget.reserve(DATABASE, "m", Decimal("0.5")) for _ in range(2)]
    await budget.settle(first, Decimal("0.1"))
    with pytest.raises(KeyError):
        await budget.settle(first, Decimal("0.1"))
    with pytest.raises(KeyError):
        await budget.release(first)
    assert budget.spent == Decimal("0.1")
    await budget.release(second)
    assert budget.reserved == 0


async def test_a_budget_of_nothing_pays_for_nothing() -> None:
    budget = budget_of("0")
    budget.check()
    await budget.settle(await budget.reserve(DATABASE, "m", Decimal(0)), Decimal(0))
    with pytest.raises(BudgetExceededError):
        await budget.reserve(DATABASE, "m", Decimal("0.0001"))


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity", "-Infinity"])
async def test_money_is_zero_or_more(amount: str) -> None:
    with pytest.raises(ValueError, match="money is zero or more US dollars"):
        budget_of(amount)
    budget = budget_of("1")
    held = await budget.reserve(DATABASE, "m", Decimal("0.5"))
    with pytest.raises(ValueError, match="money is zero or more US dollars"):
        await budget.reserve(DATABASE, "m", Decimal(amount))
    with pytest.raises(ValueError, match="money is zero or more US dollars"):
        await budget.settle(held, Decimal(amount))
    assert budget.spent == 0, "a bill that is none changes nothing"
    assert budget.reserved == Decimal("0.5")


@given(st.lists(money, max_size=30))
def test_cents_are_not_lost(amounts: list[Decimal]) -> None:
    budget = budget_of("10000")
    for amount in amounts:
        done(budget.settle(done(budget.reserve(NETWORK, "m", amount)), amount))
    assert budget.spent == sum(amounts, Decimal(0))


async def test_a_workspace_spends_no_more_a_day_than_it_may(ledger: Ledger) -> None:
    day = ("T1/2026-01-05", Decimal(1))
    first, second, third = (Budget(Decimal("0.85"), ledger, f"run-{n}", *day) for n in (1, 2, 3))
    held = await first.reserve(DATABASE, "m", Decimal("0.80"))
    with pytest.raises(BudgetExceededError, match=r"no room for a model call in the \$1 that this workspace may spend a day"):
        await second.reserve(DATABASE, "m", Decimal("0.21"))
    await Budget(Decimal(1), ledger, "run-4", "T2/2026-01-05", Decimal(1)).reserve(DATABASE, "m", Decimal(1))
    await Budget(Decimal(1), ledger, "run-5", "T1/2026-01-06", Decimal(1)).reserve(DATABASE, "m", Decimal(1))
    await first.settle(held, Decimal("0.10"))
    await third.settle(await third.reserve(DATABASE, "m", Decimal("0.80")), Decimal("0.85"))
    with pytest.raises(BudgetExceededError, match="COMPASS_DAILY_USD"):
        await Budget(Decimal(1), ledger, "run-6", *day).reserve(DATABASE, "m", Decimal("0.0501"))
    await Budget(Decimal(1), ledger, "run-7", *day).reserve(DATABASE, "m", Decimal("0.05"))


async def test_investigations_that_reserve_at_once_share_one_day(ledger: Ledger) -> None:
    budgets = [Budget(Decimal(1), ledger, f"run-{n}", "T1/2026-01-05", Decimal(1)) for n in range(20)]
    results = await asyncio.gather(*(each.reserve(DATABASE, "m", Decimal("0.15")) for each in budgets), return_exceptions=True)
    assert sum(isinstance(result, Attempt) for result in results) == 6
    assert sum(isinstance(result, BudgetExceededError) for result in results) == 14
