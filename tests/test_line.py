"""Who may investigate now, and who is told a place in the line."""

from __future__ import annotations

from contextlib import ExitStack

from compass_core.line import Line


def test_so_many_run_and_the_rest_come_in_their_order() -> None:
    line = Line(2)
    first, second, third, fourth, fifth = (ExitStack() for _ in range(5))
    turns = [stack.enter_context(line.turn()) for stack in (first, second, third, fourth)]

    def come() -> list[bool]:
        return [turn.come.is_set() for turn in turns]

    assert [turn.place for turn in turns] == [0, 0, 1, 2]
    assert come() == [True, True, False, False]
    second.close()
    assert come() == [True, True, True, False]
    turns.append(fifth.enter_context(line.turn()))
    assert turns[-1].place == 2
    fourth.close()
    assert not turns[-1].come.is_set(), "who leaves the line makes no room among those that run"
    first.close()
    assert turns[-1].come.is_set()
    third.close()
    fifth.close()
    with line.turn() as last:
        assert last.place == 0
