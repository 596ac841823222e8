"""What calls of a model took of the money: every attempt is written before it is made."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement, Select

from compass_core.budget import Attempt, Bill, Caps
from compass_core.domain import AgentName
from compass_core.store.rows import ATTEMPTS, Rows, value_of


class Attempts(Rows):
    """`budget.Ledger`."""

    async def reserve(self, attempt: Attempt, caps: Caps) -> int:
        row = {"investigation": attempt.investigation, "account": attempt.account, "attempt": attempt.model_dump_json()}

        def work(db: Connection) -> int:
            if db.dialect.name == "postgresql":  # SQLite's transactions wait for each other anyway
                db.execute(select(func.pg_advisory_xact_lock(func.hashtext(attempt.account or attempt.investigation))))
            investigation = _taken(db, ATTEMPTS.c.investigation == attempt.investigation)
            account = _taken(db, ATTEMPTS.c.account == attempt.account) if attempt.account else Decimal(0)
            caps.refuse_what_does_not_fit(attempt.amount, investigation, account)
            number: int = db.execute(insert(ATTEMPTS).values(row).returning(ATTEMPTS.c.id)).scalar_one()
            return number

        return await self._do(work, lasts=True)

    async def close(self, number: int, bill: Bill, amount: Decimal, answer: str = "") -> None:
        this = ATTEMPTS.c.id == number

        def work(db: Connection) -> None:
            attempt = value_of(Attempt, *db.execute(_attempts(this).with_for_update()).one())
            if attempt.bill is Bill.OPEN:
                closed = attempt.model_copy(update={"bill": bill, "amount": amount, "answer": answer})
                db.execute(update(ATTEMPTS).where(this).values(attempt=closed.model_dump_json()))

        await self._do(work)

    async def attempts(self, investigation: str) -> tuple[Attempt, ...]:
        wanted = _attempts(ATTEMPTS.c.investigation == investigation)
        rows = await self._do(lambda db: db.execute(wanted).all(), reads=True)
        return tuple(value_of(Attempt, *row).model_copy(update={"number": row[0]}) for row in rows)

    async def costs(self, investigations: Collection[str]) -> dict[str, dict[AgentName, Decimal]]:
        """What each of these took so far, also for questions that were asked later, by agent, in US dollars."""
        wanted = _attempts(ATTEMPTS.c.investigation.in_(investigations))
        costs: dict[str, dict[AgentName, Decimal]] = {}
        for attempt in await self._readable(Attempt, wanted):
            of = costs.setdefault(attempt.investigation, {})
            of[attempt.agent] = of.get(attempt.agent, Decimal(0)) + attempt.amount
        return costs


def _attempts(these: ColumnElement[bool]) -> Select[tuple[Any, Any]]:
    return select(ATTEMPTS.c.id, ATTEMPTS.c.attempt).where(these).order_by(ATTEMPTS.c.id)


def _taken(db: Connection, these: ColumnElement[bool]) -> Decimal:
    return sum((value_of(Attempt, *row).amount for row in db.execute(_attempts(these))), Decimal(0))
