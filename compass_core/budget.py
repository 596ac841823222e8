"""What may be spent: reserve before a call, settle or release after it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from compass_core.errors import BudgetExceededError

if TYPE_CHECKING:
    from compass_core.model import AgentName


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """The most that one call may cost; compared by identity, so that two equal amounts stay two."""

    agent: AgentName
    amount: Decimal


class Budget:
    """One investigation's money, in US dollars.

    `spent + reserved` never passes `limit` through `reserve`. A bill can still be higher than its reservation: it is
    counted as it is, and `check` (after each agent) then raises.
    """

    def __init__(self, limit: Decimal) -> None:
        if not limit.is_finite() or limit < 0:
            msg = f"a budget is zero or more US dollars, not {limit}"
            raise ValueError(msg)
        self.limit = limit
        self._spent: dict[AgentName, Decimal] = {}
        self._open: set[Reservation] = set()

    @property
    def spent(self) -> Decimal:
        """What was billed so far."""
        return sum(self._spent.values(), Decimal(0))

    @property
    def reserved(self) -> Decimal:
        """What calls in flight may still cost."""
        return sum((held.amount for held in self._open), Decimal(0))

    def spent_by(self, agent: AgentName) -> Decimal:
        """What was billed to one agent."""
        return self._spent.get(agent, Decimal(0))

    def reserve(self, agent: AgentName, amount: Decimal) -> Reservation:
        """Take `amount` before a call; raises `BudgetExceededError`, and takes nothing, when it does not fit."""
        _refuse_negative(amount)
        if self.spent + self.reserved + amount > self.limit:
            taken = f"${self.spent:.4f} of ${self.limit:.2f} is spent and ${self.reserved:.4f} in flight"
            raise BudgetExceededError(f"${amount:.4f} for {agent} does not fit: {taken}")
        reservation = Reservation(agent, amount)
        self._open.add(reservation)
        return reservation

    def settle(self, reservation: Reservation, cost: Decimal) -> None:
        """Replace a reservation by what the call cost, which may be more; a second settling is a KeyError."""
        _refuse_negative(cost)
        self._open.remove(reservation)
        self._spent[reservation.agent] = self.spent_by(reservation.agent) + cost

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call was not billed."""
        self._open.remove(reservation)

    def check(self) -> None:
        """Raise `BudgetExceededError` when more than the limit was billed."""
        if self.spent > self.limit:
            msg = f"${self.spent:.4f} was billed, the budget is ${self.limit:.2f}"
            raise BudgetExceededError(msg)


def _refuse_negative(amount: Decimal) -> None:
    if not amount.is_finite() or amount < 0:
        msg = f"money is zero or more US dollars, not {amount}"
        raise ValueError(msg)
