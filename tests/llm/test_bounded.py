"""What a model's server sends is kept to a size, whatever it would unpack to."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import httpx2
import pytest

from compass_core.errors import ModelError, Reason
from compass_core.llm import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOMB = gzip.compress(b" " * 100_000_000)


class Stream(httpx2.AsyncByteStream):
    """Chunks of a body; it knows whether it was closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


async def sent(stream: Stream, status: int = 200, encoding: str = "gzip") -> wire.Reply:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Accept-Encoding"] == "gzip"
        return httpx2.Response(status, headers={"Content-Encoding": encoding}, stream=stream)

    async with wire.connect("http://model.test/v1", "key", httpx2.MockTransport(answer)) as client:
        return await wire.send(client, {"model": "m", "messages": []}, 5)


async def test_a_packed_answer_is_read() -> None:
    assert (await sent(Stream(gzip.compress(b'{"id": "c"}')))).told == {"id": "c"}


@pytest.mark.parametrize(("status", "reason"), [(200, Reason.TOO_LARGE), (500, Reason.SERVER_ERROR)])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_too_much_is_neither_read_nor_kept(status: int, reason: Reason, encoding: str) -> None:
    stream = Stream(*([BOMB] if encoding == "gzip" else [b" " * 1_000_000] * 100))
    tracemalloc.start()
    try:
        with pytest.raises(ModelError) as caught:
            await sent(stream, status, encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.reason is reason
    assert (stream.taken <= 3, stream.closed) == (True, True)
    assert peak < 12_000_000


@pytest.mark.parametrize(("chunk", "encoding"), [(b"{}", "br"), (gzip.compress(BOMB), "gzip, gzip"), (b"plain", "gzip")])
async def test_what_cannot_be_unpacked_is_a_failure_of_the_server(chunk: bytes, encoding: str) -> None:
    stream = Stream(chunk)
    with pytest.raises(ModelError) as caught:
        await sent(stream, encoding=encoding)
    assert (caught.value.reason, stream.closed) == (Reason.SERVER_ERROR, True)
