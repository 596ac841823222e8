"""Tokens and cost of the demo's incident with a model, by the exact o200k tokenizer: python -m tests.bench.tokens."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

import structlog
import toktok

from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.prompts import MOST_TOKENS
from compass_core.hypotheses.refine import Answer
from compass_core.llm.wire import schema_of
from tests.fakes import FakeModel
from tests.hypotheses.knowing import answer, cause, expected
from tests.playing import play

if TYPE_CHECKING:
    from compass_core.domain import AgentName, Message
    from compass_core.ports import V

MOST_OF_ALL = 9_000
MOST_COST = Decimal("0.005")
INPUT, CACHED, OUTPUT = (
    Decimal("0.15"),
    Decimal("0.075"),
    Decimal("0.60"),
)  # US dollars for a million tokens of gpt-4o-mini, as OpenAI lists them
CACHED_FROM = 1_024  # tokens that the beginnings of two questions must share
FRAME = 16  # tokens with which a chat frames two messages
SCHEMA = json.dumps(schema_of(Answer))  # is sent with each question, before it, and counts as input

LONG = "The longest that a statement may be: " + "connections of bookings-db are used up by transactions that bookings leaves open; " * 3
MANY = answer(  # more than an agent may keep, each as long as it may be
    *(
        cause(
            "bookings-db",
            mechanism,
            0.5,
            "D1",
            "D2",
            "D3",
            "A1",
            statement=LONG[:240],
            evidence_against=("A2", "A3"),
            predictions=(
                expected("bookings-db", "sessions that are idle in a transaction", "more than 90 before the errors of edge begin"),
            )
            * 2,
            next_check=LONG[:150],
        )
        for mechanism in list(MECHANISMS)[:4]
    )
)


def tokens(text: str) -> int:
    return int(toktok.batch_count([text], "o200k_base")[0])


class Counting(FakeModel):
    """Keeps for each question its tokens, those of them that a server can have cached since the question before, and the answer's."""

    def __init__(self) -> None:
        super().__init__(cost=Decimal(0))
        self.before = ""
        self.rows: list[Row] = []

    async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
        said = SCHEMA + "".join(message.text for message in messages)
        shared = tokens("".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(said, self.before, strict=False))))
        self.before = said
        self.rows.append(Row(agent, tokens(said) + FRAME, shared if shared >= CACHED_FROM else 0, tokens(MANY.model_dump_json())))
        return await super().ask(agent, messages, shape)

    def answer(self, agent: AgentName) -> Answer:
        return MANY


class Row(NamedTuple):
    name: str
    given: int
    cached: int
    said: int

    def cost(self, cached: int) -> Decimal:
        return (INPUT * (self.given - cached) + CACHED * cached + OUTPUT * self.said) / 1_000_000


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    model = Counting()
    await play(model)
    rows = model.rows
    every = Row("all", sum(row.given for row in rows), sum(row.cached for row in rows), sum(row.said for row in rows))
    print(f"{'agent':<14}{'input':>8}{'cached':>8}{'output':>8}{'cost':>12}{'uncached':>12}")
    for row in (*rows, every):
        print(f"{row.name:<14}{row.given:>8,}{row.cached:>8,}{row.said:>8,}{row.cost(row.cached):>12.6f}{row.cost(0):>12.6f}")
    kept = max(row.given for row in rows) <= MOST_TOKENS and every.given <= MOST_OF_ALL and every.cost(0) < MOST_COST
    print(f"at most {MOST_TOKENS:,} an agent and {MOST_OF_ALL:,} in all, under ${MOST_COST} uncached: {'kept' if kept else 'NOT KEPT'}")


if __name__ == "__main__":
    asyncio.run(main())
