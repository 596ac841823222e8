"""Keeps what a model's server sends to a size, also where it is compressed and where it is an error."""

import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

import httpx2

from compass_core.bodies import ENCODINGS, pieces


def client(most: int, transport: httpx2.AsyncBaseTransport | None = None) -> httpx2.AsyncClient:
    """A client without redirects whose bodies end after the piece with which they pass `most` bytes, unpacked.

    A reader that counts then sees that there is too much. An own transport would lose the proxies of the environment, so this is a hook.
    """

    async def bound(answer: httpx2.Response) -> None:
        encoding = answer.headers.pop("Content-Encoding", "identity").lower()
        if encoding not in ENCODINGS:
            raise httpx2.DecodingError("an encoding that was not asked for", request=answer.request)
        answer.stream = _Body(cast("httpx2.AsyncByteStream", answer.stream), encoding, most)

    hooks = {"response": [bound]}
    return httpx2.AsyncClient(transport=transport, follow_redirects=False, headers={"Accept-Encoding": "gzip"}, event_hooks=hooks)


@dataclass
class _Body(httpx2.AsyncByteStream):
    stream: httpx2.AsyncByteStream
    encoding: str
    most: int

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self.most
        try:
            async with aclosing(pieces(self.stream, self.encoding)) as unpacked:
                async for piece in unpacked:
                    yield piece
                    left -= len(piece)
                    if left < 0:
                        return
        except zlib.error as error:
            raise httpx2.DecodingError("the answer is not gzip") from error

    async def aclose(self) -> None:
        await self.stream.aclose()
