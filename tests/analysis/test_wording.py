"""Numbers and foreign text as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.analysis.wording import LONGEST, amount, plain


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.97, "ratio", "97%"),
        (0, "ratio", "0%"),
        (0.00123, "ratio", "0.123%"),
        (0.0123, "s", "12.3 ms"),
        (1.5, "s", "1.5 s"),
        (3600, "s", "3,600 s"),
        (1500, "ms", "1.5 s"),
        (0.25, "ms", "0.25 ms"),
        (3e9, "bytes", "2.79 GiB"),
        (-2048, "bytes", "-2 KiB"),
        (12, "bytes", "12 B"),
        (5 * 2**20, "B/s", "5 MiB/s"),
        (11, "/s", "11/s"),
        (0.87, "cores", "0.87 cores"),
        (148.6, "", "149"),
        (1.01, "", "1"),
        (1.3, "", "1.3"),
        (1234567, "", "1,234,567"),
        (99.96, "", "100"),
    ],
)
def test_amount(value: float, unit: str, said: str) -> None:
    assert amount(value, unit) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two\nlines\tand  blanks ", "two lines and blanks"),
        ("\x1b[31mred\x1b[0m \x00\x07", "[31mred [0m"),
        ("turned \u202egnorw\u202c", "turned gnorw"),
        ("half \ud83d of a pair", "half of a pair"),
        ("größer 日本 🙂", "größer 日本 🙂"),
        ("", ""),
    ],
)
def test_plain(text: str, said: str) -> None:
    assert plain(text) == said


def test_long_text_is_cut_where_one_sees_it() -> None:
    assert plain("x" * LONGEST) == "x" * LONGEST
    assert plain("x" * 1_000_000) == "x" * (LONGEST - 1) + "…"


@given(st.text(alphabet=st.characters(), max_size=2 * LONGEST))
def test_no_text_is_too_odd(text: str) -> None:
    said = plain(text)
    assert len(said) <= LONGEST
    assert said.isprintable()
    said.encode()
