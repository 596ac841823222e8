"""Money: what was spent plus what may still be billed never passes the limit by a reservation."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from compass_core.budget import Budget, Reservation
from compass_core.errors import BudgetExceededError
from compass_core.model import AgentName

APPLICATION, DATABASE, NETWORK = AgentName
money = st.decimals(0, 20, places=4)


class Schedule(RuleBasedStateMachine):
    """Any order of calls by any agents; bills up to their reservation."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(Decimal(10))
        self.spent = dict.fromkeys(AgentName, Decimal(0))
        self.open: list[Reservation] = []

    @rule(target=held, agent=st.sampled_from(AgentName), amount=money)
    def reserve(self, agent: AgentName, amount: Decimal) -> Reservation | None:
        fits = sum(self.spent.values()) + sum(one.amount for one in self.open) + amount <= self.budget.limit
        try:
            reservation = self.budget.reserve(agent, amount)
        except BudgetExceededError:
            assert not fits
            return None
        assert fits
        self.open.append(reservation)
        return reservation

    @rule(reservation=consumes(held), share=st.decimals(0, 1, places=2))
    def settle(self, reservation: Reservation | None, share: Decimal) -> None:
        if reservation is not None:
            self.budget.settle(reservation, reservation.amount * share)
            self.spent[reservation.agent] += reservation.amount * share
            self.open = [one for one in self.open if one is not reservation]

    @rule(reservation=consumes(held))
    def release(self, reservation: Reservation | None) -> None:
        if reservation is not None:
            self.budget.release(reservation)
            self.open = [one for one in self.open if one is not reservation]

    @invariant()
    def adds_up(self) -> None:
        assert {agent: self.budget.spent_by(agent) for agent in AgentName} == self.spent
        assert self.budget.spent == sum(self.spent.values())
        assert self.budget.reserved == sum(one.amount for one in self.open)
        assert self.budget.spent + self.budget.reserved <= self.budget.limit
        self.budget.check()


TestSchedule = Schedule.TestCase


def test_a_reservation_that_does_not_fit_takes_nothing() -> None:
    budget = Budget(Decimal("1.00"))
    budget.reserve(APPLICATION, Decimal("0.60"))
    with pytest.raises(
        BudgetExceededError, match=r"\$0\.4001 for database does not fit: \$0\.0000 of \$1\.00 is spent and \$0\.6000 in flight"
    ):
        budget.reserve(DATABASE, Decimal("0.4001"))
    assert budget.reserved == Decimal("0.60")
    budget.reserve(DATABASE, Decimal("0.40"))


def test_a_bill_above_its_reservation_is_counted_and_stops_at_the_check() -> None:
    budget = Budget(Decimal("1.00"))
    budget.settle(budget.reserve(DATABASE, Decimal("0.90")), Decimal("1.00"))
    budget.check()
    budget = Budget(Decimal("1.00"))
    budget.settle(budget.reserve(DATABASE, Decimal("0.90")), Decimal("1.20"))
    assert budget.spent == budget.spent_by(DATABASE) == Decimal("1.20")
    assert budget.spent_by(NETWORK) == budget.reserved == 0
    with pytest.raises(BudgetExceededError, match=r"\$1\.2000 was billed, the budget is \$1\.00"):
        budget.check()
    with pytest.raises(BudgetExceededError):
        budget.reserve(NETWORK, Decimal("0.01"))


def test_a_reservation_ends_once() -> None:
    budget = Budget(Decimal(1))
    first, second = budget.reserve(DATABASE, Decimal("0.5")), budget.reserve(DATABASE, Decimal("0.5"))
    budget.settle(first, Decimal("0.1"))
    with pytest.raises(KeyError):
        budget.settle(first, Decimal("0.1"))
    with pytest.raises(KeyError):
        budget.release(first)
    assert budget.spent == Decimal("0.1")
    budget.release(second)
    assert budget.reserved == 0


def test_a_budget_of_nothing_pays_for_nothing() -> None:
    budget = Budget(Decimal(0))
    budget.check()
    budget.settle(budget.reserve(DATABASE, Decimal(0)), Decimal(0))
    with pytest.raises(BudgetExceededError):
        budget.reserve(DATABASE, Decimal("0.0001"))


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_money_is_zero_or_more(amount: str) -> None:
    with pytest.raises(ValueError, match="a budget is zero or more US dollars"):
        Budget(Decimal(amount))
    budget = Budget(Decimal(1))
    held = budget.reserve(DATABASE, Decimal("0.5"))
    with pytest.raises(ValueError, match="money is zero or more US dollars"):
        budget.reserve(DATABASE, Decimal(amount))
    with pytest.raises(ValueError, match="money is zero or more US dollars"):
        budget.settle(held, Decimal(amount))
    assert budget.spent == 0, "a bill that is none changes nothing"
    assert budget.reserved == Decimal("0.5")


@given(st.lists(money, max_size=30))
def test_cents_are_not_lost(bills: list[Decimal]) -> None:
    budget = Budget(Decimal(10_000))
    for bill in bills:
        budget.settle(budget.reserve(NETWORK, bill), bill)
    assert budget.spent == sum(bills, Decimal(0))
