"""The rows of the ledger, and the one rule for writing them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from compass_core.domain import AgentName, Value
from compass_core.errors import BudgetExceededError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Bill(StrEnum):
    """What is known of the bill of an attempt: nothing yet, the amount, that there is none, or that it will not be told."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    UNKNOWN = "unknown"


class Attempt(Value):
    """One try at a call of a model, a row of the ledger.

    `amount` is what it takes of the budget, in US dollars: the most that it may cost while its bill is open or unknown,
    else what was billed.
    """

    investigation: str
    agent: AgentName
    model: str
    amount: Decimal
    bill: Bill = Bill.OPEN


def refuse_what_does_not_fit(wanted: Attempt, others: Iterable[Attempt], limit: Decimal) -> None:
    """Raise `BudgetExceededError` where an attempt would pass the limit, beside all others of its investigation."""
    spent = reserved = Decimal(0)
    for other in others:
        if other.bill is Bill.OPEN:
            reserved += other.amount
        else:
            spent += other.amount
    if spent + reserved + wanted.amount > limit:
        taken = f"${spent:.4f} of ${limit:f} is spent and ${reserved:.4f} in flight"
        raise BudgetExceededError(f"a call for up to ${wanted.amount:.4f} does not fit: {taken}")
