"""Unpacks the body of an answer piece by piece, so that whoever reads it can stop at a limit whatever it would unpack to."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Final

PIECE: Final = 64 * 1024
ENCODINGS: Final = frozenset({"identity", "gzip"})  # one layer: several can turn one small chunk into gigabytes


async def pieces(chunks: AsyncIterable[bytes], encoding: str) -> AsyncGenerator[bytes]:
    """What arrives in `encoding` (one of `ENCODINGS`), unpacked; what unpacks to more than `PIECE` bytes comes in parts.

    Raises `zlib.error` on what is not gzip. What follows the end of it is not read.
    """
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    async for chunk in chunks:
        if encoding == "identity":
            yield chunk
            continue
        packed = chunk
        while packed:
            yield gzip.decompress(packed, PIECE)
            packed = gzip.unconsumed_tail
        if gzip.eof:
            return
