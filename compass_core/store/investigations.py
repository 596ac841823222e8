"""Investigations while they run and after, and what people say of what they found."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from compass_core.domain import Conclusion, Feedback, Investigation
from compass_core.errors import AlreadyRunningError, StoreError
from compass_core.store.rows import ATTEMPTS, FEEDBACK, INVESTIGATIONS, POSTS, RUNNING, Rows, now, value_of

WHOLE = select(INVESTIGATIONS.c.id, INVESTIGATIONS.c.investigation)


class Investigations(Rows):
    """`ports.Investigations` and `ports.History`."""

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
