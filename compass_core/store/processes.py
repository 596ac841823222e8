"""Which processes of Compass live, and what they are asked to stop."""

from collections.abc import Collection

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from compass_core.store.rows import INVESTIGATIONS, PROCESSES, RUNNING, Rows, now


class Processes(Rows):
    """`journal.watch.Processes`."""

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
