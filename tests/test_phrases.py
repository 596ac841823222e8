"""Phrases in texts: what reading text by text would find."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from compass_core.phrases import AT_ONCE, first_of

LETTERS = "ab1 #é."


def _one_by_one(phrases: tuple[str, ...], text: str) -> int:
    patterns = (re.escape(phrase.lower()).replace(r"\#", "[0-9]") for phrase in phrases)
    return next((place for place, pattern in enumerate(patterns) if re.search(pattern, text.lower())), -1)


@given(st.lists(st.text(LETTERS, min_size=1, max_size=6), max_size=5), st.lists(st.text("ab12 .éA\n", max_size=12), max_size=5))
def test_the_first_phrase_that_a_text_holds_is_found_as_if_each_was_looked_for_in_turn(phrases: list[str], texts: list[str]) -> None:
    told = tuple(phrase.replace("1", "2") for phrase in phrases)
    assert first_of(told, texts) == [_one_by_one(told, text) for text in texts]


def test_a_phrase_does_not_reach_from_one_text_into_the_next() -> None:
    assert first_of(("time out", "meout"), ["a time", " out of it", "TIMEOUT"]) == [-1, -1, 1]


def test_of_more_texts_than_are_looked_at_at_once_each_has_its_answer() -> None:
    texts = [f"request {place} failed" if place % 3 else "fine" for place in range(2 * AT_ONCE + 1)]
    assert first_of(("fail", "request # "), texts) == [0 if place % 3 else -1 for place in range(2 * AT_ONCE + 1)]
