"""Which phrases stand in which texts: all of them in all texts at once, as one after the other in each takes many times as long."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Grams = NDArray[np.uint16]


AT_ONCE = 4_000  # texts
GRAM = 3  # bytes in a row; of a phrase those are looked for that are the rarest in these texts
_GRAMS = 1 << 16
_DIGITS = bytes.maketrans(b"0123456789", b"##########")


def first_of(phrases: tuple[str, ...], texts: Sequence[str]) -> list[int]:
    """For each text the place of the first of these phrases that it holds, −1 for none; a `#` is any digit, capitals do not count."""
    known = _prepared(phrases)
    parts = (texts[begin : begin + AT_ONCE] for begin in range(0, len(texts), AT_ONCE))
    return [place for part in parts for place in _first(known, [text.lower().encode("utf-8", "replace") for text in part])]


class _Phrase(NamedTuple):
    place: int
    text: bytes
    grams: Grams
    pattern: re.Pattern[bytes]


@lru_cache(maxsize=32)
def _prepared(phrases: tuple[str, ...]) -> tuple[list[_Phrase], list[_Phrase], list[_Phrase]]:
    """Those without a `#`, those with one, in which every digit is one, and those that are too short for a gram."""
    kinds: tuple[list[_Phrase], list[_Phrase], list[_Phrase]] = ([], [], [])
    for place, phrase in enumerate(phrases):
        text = phrase.lower().encode("utf-8", "replace")
        pattern = re.compile(re.escape(text).replace(rb"\#", b"[0-9]"))
        kind = 2 if len(text) < GRAM else 1 if b"#" in text else 0
        text = text.translate(_DIGITS) if kind == 1 else text
        kinds[kind].append(_Phrase(place, text, _grams(text), pattern))
    return kinds


def _first(known: tuple[list[_Phrase], list[_Phrase], list[_Phrase]], texts: Sequence[bytes]) -> list[int]:
    exact, vague, short = known
    none = sum(map(len, known))
    found = [none] * len(texts)
    if short:
        found = [min((one.place for one in short if one.pattern.search(text)), default=none) for text in texts]
    whole = b"\0".join(texts)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
    for phrases, read in ((exact, whole), (vague, whole.translate(_DIGITS) if vague else b"")):
        grams = _grams(read)
        often = np.bincount(grams, minlength=_GRAMS)
        rarest: dict[int, list[tuple[int, _Phrase]]] = {}
        for phrase in phrases:
            at = int(often[phrase.grams].argmin())
            rarest.setdefault(int(phrase.grams[at]), []).append((at, phrase))
        wanted = np.zeros(_GRAMS, np.bool_)
        wanted[list(rarest)] = True
        places = np.flatnonzero(wanted[grams])
        rows = np.searchsorted(starts, places, "right") - 1
        for place, row, gram in zip(places.tolist(), rows.tolist(), grams[places].tolist(), strict=True):
            for at, phrase in rarest[gram]:
                begins = max(0, place - at)
                if phrase.place < found[row] and read.startswith(phrase.text, begins) and phrase.pattern.match(whole, begins):
                    found[row] = phrase.place
    return [-1 if place == none else place for place in found]


def _grams(text: bytes) -> Grams:
    """A number for each gram, by its first byte."""
    byte = np.frombuffer(text, np.uint8).astype(np.uint16)
    found: Grams = byte[:-2] * np.uint16(4051) + byte[1:-1] * np.uint16(61) + byte[2:]
    return found
