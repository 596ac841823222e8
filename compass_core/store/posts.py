"""Which messages were posted."""

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from compass_core.domain import Post
from compass_core.store.rows import POSTS, Rows, value_of


class Posts(Rows):
    """`ports.Outbox`."""

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


def _of(investigation: str, step: str) -> Select[tuple[Any, Any]]:
    return select(POSTS.c.step, POSTS.c.post).where(POSTS.c.investigation == investigation, POSTS.c.step == step)


def _row(post: Post) -> dict[str, str]:
    return {"investigation": post.investigation, "step": post.step, "post": post.model_dump_json()}
