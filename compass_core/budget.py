"""What may be spent on one investigation: reserve before a call, settle or release after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from compass_core.errors import BudgetExceededError
from compass_core.ledger import Attempt, Bill

if TYPE_CHECKING:
    from compass_core.domain import AgentName
    from compass_core.ports import Ledger


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """The most that one call may cost; compared by identity, so that two equal amounts stay two."""

    agent: AgentName
    amount: Decimal
    number: int


class Budget:
    """One investigation's money, in US dollars, and the time of the agent in progress.

    `spent + reserved` never passes `limit` through `reserve`: the ledger sees to it, also over several processes. A bill
    can still be higher than its reservation: it is counted as it is, and `check` (after each agent) then raises. What is
    read here is what this process spent. A call for the agent in progress ends before `deadline` (of `time.monotonic`).
    """

    def __init__(self, limit: Decimal, ledger: Ledger, investigation: str) -> None:
        if not limit.is_finite() or limit < 0:
            msg = f"a budget is zero or more US dollars, not {limit}"
            raise ValueError(msg)
        self.limit = limit
        self.investigation = investigation
        self.deadline = math.inf
        self._ledger = ledger
        self._spent: dict[AgentName, Decimal] = {}
        self._open: set[Reservation] = set()

    @property
    def spent(self) -> Decimal:
        """What was billed so far; what may have been billed, where that is not known."""
        return sum(self._spent.values(), Decimal(0))

    @property
    def reserved(self) -> Decimal:
        """What calls in flight may still cost."""
        return sum((held.amount for held in self._open), Decimal(0))

    def spent_by(self, agent: AgentName) -> Decimal:
        """What was billed to one agent."""
        return self._spent.get(agent, Decimal(0))

    async def reserve(self, agent: AgentName, model: str, amount: Decimal) -> Reservation:
        """Take `amount` before a call; raises `BudgetExceededError`, and takes nothing, when it does not fit."""
        _refuse_negative(amount)
        attempt = Attempt(investigation=self.investigation, agent=agent, model=model, amount=amount)
        reservation = Reservation(agent, amount, await self._ledger.reserve(attempt, self.limit))
        self._open.add(reservation)
        return reservation

    async def settle(self, reservation: Reservation, cost: Decimal | None) -> None:
        """Replace a reservation by what the call cost, which may be more; None keeps it, since the bill is not known.

        A second settling is a KeyError.
        """
        amount = reservation.amount if cost is None else cost
        _refuse_negative(amount)
        self._open.remove(reservation)
        self._spent[reservation.agent] = self.spent_by(reservation.agent) + amount
        await self._ledger.close(reservation.number, Bill.UNKNOWN if cost is None else Bill.SETTLED, amount)

    async def release(self, reservation: Reservation) -> None:
        """Give a reservation back: the call was not billed."""
        self._open.remove(reservation)
        await self._ledger.close(reservation.number, Bill.RELEASED, Decimal(0))

    def check(self) -> None:
        """Raise `BudgetExceededError` when more than the limit was billed."""
        if self.spent > self.limit:
            msg = f"${self.spent:.4f} was billed, the budget is ${self.limit:f}"
            raise BudgetExceededError(msg)


def _refuse_negative(amount: Decimal) -> None:
    if not amount.is_finite() or amount < 0:
        msg = f"money is zero or more US dollars, not {amount}"
        raise ValueError(msg)
