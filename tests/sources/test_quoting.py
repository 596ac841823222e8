"""Whatever a name or a phrase holds, it stays one string of the query and means itself."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from compass_core.sources.quoting import any_of, matching, quoted

NASTY = st.text(st.one_of(st.sampled_from("\"'`\\\n\r\t{}|~=()[].*+?^$#/%&\x00"), st.characters()), max_size=30)
STRING = r'"(?:[^"\\\n\r\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*"'
WHOLE = NASTY.map(lambda text: text.encode("utf-8", "replace").decode())


@given(NASTY)
def test_a_quoted_text_is_one_string_and_reads_back(text: str) -> None:
    written = quoted(text)
    assert re.fullmatch(STRING, written)
    assert json.loads(written) == text.encode("utf-8", "replace").decode()


@given(st.lists(WHOLE, min_size=1, max_size=4), WHOLE)
def test_alternatives_match_their_texts_and_nothing_else(texts: list[str], other: str) -> None:
    pattern = re.compile(any_of(texts))
    assert all(pattern.fullmatch(text) for text in texts)
    assert bool(pattern.fullmatch(other)) == (other in texts)


@given(st.lists(NASTY, min_size=1, max_size=4))
def test_a_matcher_is_a_name_an_operator_and_one_string(values: list[str]) -> None:
    assert re.fullmatch(rf"name=~?{STRING}", matching("name", values))


def test_names_without_signs_stay_readable() -> None:
    assert matching("service", ["orders-db"]) == 'service="orders-db"'
    assert matching("service", ["orders-db", "a.b"]) == 'service=~"orders-db|a\\\\.b"'


def test_a_letter_beyond_16_bits_is_not_escaped_in_halves() -> None:
    assert quoted("\U0001f525") == '"\U0001f525"'
