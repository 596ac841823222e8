"""What is kept, behind the ports of the core: incidents that people declared, investigations, posts, the ledger, and who lives."""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement, Select

from compass_core.budget import Attempt, Bill, Caps
from compass_core.domain import AgentName, Conclusion, Feedback, Incident, Investigation, Post
from compass_core.errors import AlreadyRunningError, StoreError
from compass_core.store.rows import ATTEMPTS, FEEDBACK, INCIDENTS, INVESTIGATIONS, POSTS, PROCESSES, RUNNING, Rows, now, value_of

KNOWN = 50
WHOLE = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation)


class Store(Rows):
    """Each method is described at its port, and raises `StoreError` where the database does not do it."""

    place = "declared incidents"

    # `ports.Incidents`, of those that were declared

    async def declare(self, title: str, service: str, started_at: datetime) -> Incident:
        """Keep an incident under a new id."""
        incident = Incident(id="", title=title, services=(service,), started_at=started_at)
        keep = insert(INCIDENTS).values(incident=incident.model_dump_json()).returning(INCIDENTS.c.id)
        return incident.model_copy(update={"id": f"INC-{await self._do(lambda db: db.scalar(keep))}"})

    async def find(self, reference: str) -> Incident | None:
        number = re.fullmatch(r"inc-0*([0-9]{1,9})", reference.strip(), re.IGNORECASE)
        if number is None:
            return None
        wanted = select(INCIDENTS.c.id, INCIDENTS.c.incident).where(INCIDENTS.c.id == int(number[1]))
        incident = await self._one(Incident, wanted)
        return incident and incident.model_copy(update={"id": f"INC-{int(number[1])}"})

    async def known(self) -> tuple[str, ...]:
        """The ids of the latest, newest first."""
        latest = select(INCIDENTS.c.id).order_by(INCIDENTS.c.id.desc()).limit(KNOWN)
        return tuple(f"INC-{number}" for number in await self._do(lambda db: db.scalars(latest).all(), reads=True))

    # `ports.Investigations` and `ports.History`

    async def opened(self, investigation: Investigation) -> tuple[Investigation, int]:
        incident, channel = investigation.incident.id, investigation.address.channel
        row = {"id": investigation.id, "incident": incident, "channel": channel, "stop": ""}
        row |= {"investigation": investigation.model_dump_json()}
        holds = WHOLE.where(INVESTIGATIONS.c.incident == incident, INVESTIGATIONS.c.channel == channel, RUNNING)

        def work(db: Connection) -> tuple[tuple[str, str] | None, int]:
            with suppress(IntegrityError), db.begin_nested():
                db.execute(insert(INVESTIGATIONS).values(row))
            return db.execute(holds).first(), db.scalar(select(func.count()).where(RUNNING)) or 0

        holder, count = await self._do(work, lasts=True)
        if holder is None:
            raise StoreError(f"Investigation {investigation.id} has ended already.")
        if holder[0] != investigation.id:
            raise AlreadyRunningError(incident, holder[0])
        return value_of(Investigation, *holder), count - 1

    async def closed(self, conclusion: Conclusion) -> None:
        short = conclusion.model_copy(update={"runs": (), "hypotheses": conclusion.hypotheses[:1]}).model_dump_json()
        latest = select(func.coalesce(func.max(INVESTIGATIONS.alias().c.ended), 0)).scalar_subquery()
        this = update(INVESTIGATIONS).where(INVESTIGATIONS.c.id == conclusion.investigation.id, RUNNING)
        end = {"ended": latest + 1, "conclusion": short, "found": conclusion.model_dump_json()}
        await self._do(lambda db: db.execute(this.values(**end, ended_at=now(db))))

    async def investigation(self, investigation: str) -> Investigation | None:
        return await self._one(Investigation, WHOLE.where(INVESTIGATIONS.c.id == investigation))

    async def running(self) -> tuple[Investigation, ...]:
        """By their start."""
        return tuple(sorted(await self._readable(Investigation, WHOLE.where(RUNNING)), key=lambda each: each.started_at))

    async def conclusion(self, investigation: str) -> Conclusion | None:
        """With its runs and hypotheses where they were kept."""
        text = func.coalesce(INVESTIGATIONS.c.found, INVESTIGATIONS.c.conclusion)
        ended = await self._one(Conclusion, select(INVESTIGATIONS.c.id, text).where(INVESTIGATIONS.c.id == investigation, ~RUNNING))
        return (await self._judged([ended]))[0] if ended else None

    async def recent(self, count: int) -> tuple[Conclusion, ...]:
        ended = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.conclusion).where(~RUNNING)
        return await self._judged(await self._readable(Conclusion, ended.order_by(INVESTIGATIONS.c.ended.desc()).limit(count)))

    async def in_thread(self, channel: str, ts: str) -> tuple[str, ...]:
        posts = select(POSTS.c.investigation).where(POSTS.c.post.contains(f'"{ts}"', autoescape=True))
        speaking = await self._readable(Investigation, WHOLE.where(INVESTIGATIONS.c.channel == channel, INVESTIGATIONS.c.id.in_(posts)))
        return tuple(one.id for one in sorted(speaking, key=lambda each: each.started_at, reverse=True))

    async def answered(self, feedback: Feedback) -> bool:
        key = feedback.model_dump(include={"investigation", "hypothesis", "person"})
        this, text = [FEEDBACK.c[name] == value for name, value in key.items()], feedback.model_dump_json()

        def work(db: Connection) -> bool:
            with suppress(IntegrityError), db.begin_nested():
                db.execute(insert(FEEDBACK).values(**key, feedback=text, at=now(db)))
                return True
            return bool(db.execute(update(FEEDBACK).where(*this, FEEDBACK.c.feedback != text).values(feedback=text, at=now(db))).rowcount)

        return await self._do(work)

    async def forget(self, days: float) -> list[str]:
        """Delete the investigations that ended so long ago, with their posts, attempts and feedback; their ids."""

        def work(db: Connection) -> list[str]:
            old = INVESTIGATIONS.c.ended_at < now(db) - days * 86_400
            ids = list(db.scalars(select(INVESTIGATIONS.c.id).where(old)))
            for table in (POSTS, ATTEMPTS, FEEDBACK):
                db.execute(delete(table).where(table.c.investigation.in_(select(INVESTIGATIONS.c.id).where(old))))
            db.execute(delete(INVESTIGATIONS).where(old))
            return ids

        return await self._do(work)

    async def _judged(self, ended: Sequence[Conclusion]) -> tuple[Conclusion, ...]:
        """With what people said of them."""
        ids = [one.investigation.id for one in ended]
        wanted = select(FEEDBACK.c.person, FEEDBACK.c.feedback).where(FEEDBACK.c.investigation.in_(ids)).order_by(FEEDBACK.c.at)
        said: dict[str, list[Feedback]] = {}
        for one in await self._readable(Feedback, wanted):
            said.setdefault(one.investigation, []).append(one)
        return tuple(one.model_copy(update={"feedback": tuple(said.get(one.investigation.id, ()))}) for one in ended)

    # `ports.Outbox`

    async def posted(self, investigation: str, step: str) -> Post | None:
        post = await self._one(Post, _of(investigation, step))
        return post if post and post.ts else None

    async def claim(self, post: Post) -> Post | None:
        def work(db: Connection) -> Post | None:
            if row := db.execute(_of(post.investigation, post.step)).first():
                return value_of(Post, *row)
            db.execute(insert(POSTS).values(_row(post)))
            return None

        return await self._do(work, lasts=True)

    async def record(self, post: Post) -> None:
        def work(db: Connection) -> None:
            this = update(POSTS).where(POSTS.c.investigation == post.investigation, POSTS.c.step == post.step)
            if not db.execute(this.values(_row(post))).rowcount:
                db.execute(insert(POSTS).values(_row(post)))

        await self._do(work)

    # `budget.Ledger`

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
        wanted = _attempts(ATTEMPTS.c.investigation.in_(investigations))
        costs: dict[str, dict[AgentName, Decimal]] = {}
        for attempt in await self._readable(Attempt, wanted):
            of = costs.setdefault(attempt.investigation, {})
            of[attempt.agent] = of.get(attempt.agent, Decimal(0)) + attempt.amount
        return costs

    # `journal.watch.Processes`

    async def beat(self, process: str, lease: float) -> frozenset[str]:
        """Keep that this process lives, forget those that said nothing for `lease` seconds, and give those that live."""

        def work(db: Connection) -> frozenset[str]:
            at = now(db)
            db.execute(delete(PROCESSES).where((PROCESSES.c.id == process) | (PROCESSES.c.seen < at - lease)))
            db.execute(insert(PROCESSES).values(id=process, seen=at))
            return frozenset(db.scalars(select(PROCESSES.c.id)))

        return await self._do(work, self._watch)

    async def leave(self, process: str) -> None:
        """A process ends: others may go on with its work at once."""
        await self._do(lambda db: db.execute(delete(PROCESSES).where(PROCESSES.c.id == process)), self._watch)

    async def lives(self, process: str) -> bool:
        this = select(PROCESSES.c.id).where(PROCESSES.c.id == process)
        return await self._do(lambda db: db.scalar(this) is not None, self._watch, reads=True)

    async def ask_to_stop(self, investigation: str, why: str) -> None:
        """Whichever process runs it shall end it."""
        await self._do(lambda db: db.execute(update(INVESTIGATIONS).where(INVESTIGATIONS.c.id == investigation, RUNNING).values(stop=why)))

    async def to_stop(self, investigations: Collection[str]) -> dict[str, str]:
        """Those of them that shall end, with why."""
        wanted = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.stop).where(INVESTIGATIONS.c.stop != "", RUNNING)
        rows = await self._do(lambda db: db.execute(wanted).all(), self._watch, reads=True)
        return {key: why for key, why in rows if key in investigations}


def _of(investigation: str, step: str) -> Select[tuple[Any, Any]]:
    return select(POSTS.c.step, POSTS.c.post).where(POSTS.c.investigation == investigation, POSTS.c.step == step)


def _row(post: Post) -> dict[str, str]:
    return {"investigation": post.investigation, "step": post.step, "post": post.model_dump_json()}


def _attempts(these: ColumnElement[bool]) -> Select[tuple[Any, Any]]:
    return select(ATTEMPTS.c.id, ATTEMPTS.c.attempt).where(these).order_by(ATTEMPTS.c.id)


def _taken(db: Connection, these: ColumnElement[bool]) -> Decimal:
    return sum((value_of(Attempt, *row).amount for row in db.execute(_attempts(these))), Decimal(0))
