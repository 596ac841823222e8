"""What may be spent, and the ledger that holds it: reserve before a call, settle or release after it."""

import math
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from compass_core.domain import AgentName, Outcome, Request, Run, Value
from compass_core.errors import BudgetExceededError, RefusalError, StoreError

_DOLLARS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
NO_ROOM = "no room in the budget for a model call"
NO_ROOM_TODAY = "no room for a model call in the ${:f} that this workspace may spend a day (COMPASS_DAILY_USD)"


def dollars(text: str) -> Decimal:
    """An amount as a person writes it, zero or more; the only way from a text to money. Raises `ValueError`."""
    if not _DOLLARS.fullmatch(text):
        raise ValueError("must be US dollars in digits, with a point before the cents, such as 2.50")
    return Decimal(text)


class Bill(StrEnum):
    """What is known of the bill of an attempt: nothing yet, the amount, that there is none, or that it will not be told."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    UNKNOWN = "unknown"


class Attempt(Value):
    """One try at a call of a model, a row of the ledger.

    `amount` is what it takes of the budget, in US dollars: the most that it may cost while its bill is open or unknown,
    else what was billed. `question` is a digest of what was asked and `answer` what came back, so that a process which goes on after
    a crash does not ask, and pay, again. `number` is the ledger's.
    """

    investigation: str
    agent: AgentName
    model: str
    amount: Decimal
    bill: Bill = Bill.OPEN
    account: str = ""
    question: str = ""
    answer: str = ""
    number: int = 0


class Caps(NamedTuple):
    """The most that may be taken, in US dollars: by one investigation, and of its account, which is a workspace's day."""

    investigation: Decimal
    account: Decimal = Decimal("Infinity")

    def refuse_what_does_not_fit(self, wanted: Decimal, investigation: Decimal, account: Decimal) -> None:
        """Raise `BudgetExceededError` where more is wanted than these two, of which so much is taken, still hold."""
        if investigation + wanted > self.investigation:
            raise BudgetExceededError(NO_ROOM)
        if account + wanted > self.account:
            raise BudgetExceededError(NO_ROOM_TODAY.format(self.account))


class Ledger(Protocol):
    """Where every attempt at a call is written before it is made."""

    async def reserve(self, attempt: Attempt, caps: Caps) -> int:
        """Write an open attempt and give its number, in one transaction with `caps.refuse_what_does_not_fit`, which raises."""

    async def close(self, number: int, bill: Bill, amount: Decimal, answer: str = "") -> None:
        """Say what became of it; nothing happens when it is closed already."""

    async def attempts(self, investigation: str) -> tuple[Attempt, ...]:
        """Every attempt of one investigation, in their order."""


class Budget:
    """One investigation's money, in US dollars, and the time of the agent in progress. `account` is charged too, up to `daily`.

    `spent + reserved` never passes `limit` through `reserve`: the ledger sees to it, also over several processes. Once a
    call did not fit, no later one is tried. A bill can still be higher than its reservation: it is counted as it is, and
    `check` then raises. `before` was spent by the investigation that this one goes on with; what an earlier process spent on this one,
    `resume` reads. A call for the agent in progress ends before `deadline` (of `time.monotonic`).
    """

    def __init__(
        self,
        limit: Decimal,
        ledger: Ledger,
        investigation: str,
        account: str = "",
        daily: Decimal = Decimal("Infinity"),
        before: Mapping[AgentName, Decimal] | None = None,
    ) -> None:
        _refuse_negative(limit)
        self.limit = limit
        self.investigation = investigation
        self.account = account
        self.deadline = math.inf
        self._ledger = ledger
        self._before = dict(before or {})
        self._spent = dict(self._before)
        self._caps = Caps(limit - self.spent, daily)
        self._open: set[Attempt] = set()
        self._answers: dict[tuple[AgentName, str], list[str]] = {}
        self._no_room = ""

    async def resume(self) -> None:
        """Count what an earlier process spent on this investigation, and keep the answers that it paid.

        A call that was in flight when it ended counts as the most that it may have cost.
        """
        try:
            attempts = await self._ledger.attempts(self.investigation)
            for attempt in attempts:
                if attempt.bill is Bill.OPEN:
                    await self._ledger.close(attempt.number, Bill.UNKNOWN, attempt.amount)
        except StoreError:
            return  # then nothing can be reserved either
        self._spent = dict(self._before)
        for attempt in attempts:
            self._spent[attempt.agent] = self.spent_by(attempt.agent) + attempt.amount
            if attempt.answer:
                self._answers.setdefault((attempt.agent, attempt.question), []).append(attempt.answer)

    def paid(self, agent: AgentName, question: str) -> str:
        """The answer that an earlier process got and paid for to the same question, '' for none; each is given once."""
        answers = self._answers.get((agent, question))
        return answers.pop(0) if answers else ""

    @property
    def spent(self) -> Decimal:
        """What was billed so far; what may have been billed, where that is not known."""
        return sum(self._spent.values(), Decimal(0))

    @property
    def reserved(self) -> Decimal:
        """What calls in flight may still cost."""
        return sum((held.amount for held in self._open), Decimal(0))

    def spent_by(self, agent: AgentName) -> Decimal:
        return self._spent.get(agent, Decimal(0))

    async def reserve(self, agent: AgentName, model: str, amount: Decimal, question: str = "") -> Attempt:
        """Take `amount` before a call; raises `BudgetExceededError`, and takes nothing, when it does not fit."""
        _refuse_negative(amount)
        if self._no_room or self.spent + self.reserved + amount > self.limit:  # also where a ledger has forgotten something
            self._no_room = self._no_room or NO_ROOM
            raise BudgetExceededError(self._no_room)
        about: dict[str, Any] = {"investigation": self.investigation, "account": self.account, "question": question}
        attempt = Attempt(agent=agent, model=model, amount=amount, **about)
        try:
            reservation = attempt.model_copy(update={"number": await self._ledger.reserve(attempt, self._caps)})
        except BudgetExceededError as error:
            self._no_room = str(error)
            raise
        self._open.add(reservation)
        return reservation

    async def settle(self, reservation: Attempt, cost: Decimal | None, answer: str = "") -> None:
        """Replace a reservation by what the call cost, which may be more; None keeps it, since the bill is not known.

        A second settling is a KeyError.
        """
        amount = reservation.amount if cost is None else cost
        _refuse_negative(amount)
        self._open.remove(reservation)
        self._spent[reservation.agent] = self.spent_by(reservation.agent) + amount
        await self._ledger.close(reservation.number, Bill.UNKNOWN if cost is None else Bill.SETTLED, amount, answer)

    async def release(self, reservation: Attempt) -> None:
        """Give a reservation back: the call was not billed."""
        self._open.remove(reservation)
        await self._ledger.close(reservation.number, Bill.RELEASED, Decimal(0))

    def check(self) -> None:
        """Raise `BudgetExceededError` when more than the limit was billed; to be called after each agent."""
        if self.spent > self.limit:
            raise BudgetExceededError(f"${self.spent:.4f} was billed, the budget is ${self.limit:f}")


def stopped_short(run: Run) -> bool:
    """Whether an agent would do more with a higher budget."""
    return run.outcome is not Outcome.ANSWERED or run.unrefined == NO_ROOM


def limit_of(request: Request, most: Decimal, admins: Collection[str]) -> Decimal:
    """What an investigation may cost: `most`, less where less was asked for, and more only for the operator and for admins."""
    wanted = most if request.budget is None else request.budget
    if wanted <= most or not request.asker or request.asker in admins:
        return wanted
    if request.goes_on and wanted >= 2 * most:  # twice what it had
        raise RefusalError(f"One investigation may cost at most ${most:f} here, and this one did. Those in COMPASS_ADMINS may raise it.")
    if request.again:  # the button, under what an admin asked for
        return most
    raise RefusalError(f"--budget is at most ${most:f} here, except for those in COMPASS_ADMINS. Leave it out, or lower it.")


def _refuse_negative(amount: Decimal) -> None:
    if not amount.is_finite() or amount < 0:
        msg = f"money is zero or more US dollars, not {amount}"
        raise ValueError(msg)
