"""Random schedules of concurrent questions, prices, faults and limits, through the real gateway, budget and ledger.

A schedule is one investigation, made from its seed. Whatever happens in it, the server must not bill more than its limit, nor more
than is shown: the server refuses with a bill, hides thinking tokens, and tells counts that cannot be true. As a program:
`python -m tests.llm.schedules DATABASE SEED COUNT [URL]`, where several on one database may ask one server at the URL.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import structlog
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, PriceVariant, Provider, Tier, TieredPrices
from pydantic import BaseModel, ConfigDict

from compass_core.budget import Budget
from compass_core.domain import AgentName, Message
from compass_core.errors import BudgetExceededError, ModelError
from compass_core.llm.gateway import Gateway
from compass_core.llm.prices import Tariff
from compass_core.llm.wire import Server, connect, fewest_tokens
from compass_core.store import Store
from tests.fakes import FakeLedger
from tests.llm.scripted import Prices, Scripted, Turn, error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import openai

    from compass_core.budget import Ledger

AT_ONCE = 20  # schedules that run side by side
TROUBLES = (
    Turn(),
    Turn(),
    Turn(),
    Turn(tier="priority"),
    Turn(text="no JSON at all"),
    Turn(text='{"service": 3}'),
    Turn(text="", finish="length"),
    Turn(text=None, refusal="I cannot."),
    Turn(told=False),
    Turn(body=b"<html>"),
    Turn(body=b"{}"),
    Turn(status=307, headers={"Location": "http://127.0.0.1:9/"}, body=b""),
    error(400),
    *(error(status, billed=True) for status in (400, 408, 409, 422, 499, 500, 503)),
    error(400, billed=True, more={"param": "response_format"}),
    error(401),
    error(429),
    error(429, Retry_After="0"),
    error(429, billed=True, more={"usage": {"total_tokens": 1}}, Retry_After="0"),
    Turn(trouble="hang"),
    Turn(trouble="drop"),
)
ONLY_IN_PROCESS = (Turn(trouble="cancel"), Turn(trouble="unreachable", billed=False))


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    service: str
    confidence: float


class Schedule:
    """One investigation, made from its seed alone, so that several processes take part in the same one."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311 - a test's
        each_in, each_out = (Decimal(draw.choice((0, 1, 15, 250, 3000))) / 100 for _ in range(2))
        cached = each_in * draw.choice((0, 1, 2)) / 2
        self.prices = Prices(each_in, each_out, cached, draw.choice((None, 300, 900)), draw.choice((1, 2)))
        self.model, self.most_output_tokens = f"m{seed}", draw.choice((1, 100, 4096))
        self.tariff = Tariff(*_listed(self.model, self.prices), "scripted")
        typical = self.tariff.worst(1_800, self.most_output_tokens)
        self.limit = typical * draw.choice((0, 1, 1, 2, 3, 10, 30)) * Decimal(draw.randint(80, 120)) / 100
        self.tasks = draw.choice((1, 2, 2, 3))
        self.budget = Budget(self.limit, FakeLedger(), self.model)

    def turn(self, content: bytes, draw: random.Random, troubles: tuple[Turn, ...] = TROUBLES) -> Turn:
        """What the server does with a request, and how much it finds in it: at most what it could."""
        chosen = draw.choice(troubles)
        asked = [each["content"] for each in json.loads(content)["messages"]]
        least = fewest_tokens(*asked) or 1
        tokens = draw.choice((least, draw.randint(least, len(content)), len(content) + 512))
        most = self.most_output_tokens
        out = draw.randint(min(most, fewest_tokens(chosen.text or "")), most)
        lies: dict[str, Any] = draw.choice(
            (
                {},
                {},
                {"completion_tokens": draw.randint(0, out), "completion_tokens_details": {}},
                {"prompt_tokens": draw.randint(0, tokens), "prompt_tokens_details": {}},
                {"completion_tokens": 0, "prompt_tokens": 0, "prompt_tokens_details": {}, "completion_tokens_details": {}},
                {"completion_tokens": 0, "prompt_tokens": 0, "total_tokens": 0, "prompt_tokens_details": {}},
                {"completion_tokens": -1},
                {"total_tokens": None},
                {"prompt_tokens": str(tokens)},
            )
        )
        return Turn(**{**vars(chosen), "usage": (tokens, draw.choice((0, draw.randint(0, tokens), tokens)), out), "lies": lies})

    async def play(self, client: openai.AsyncOpenAI, ledger: Ledger, draw: random.Random) -> Counter[str]:
        """Ask from several tasks at once; how each question ended."""
        budget = Budget(self.limit, ledger, self.model)
        server = Server(client, self.model, "http://127.0.0.1/v1", seconds=2.0, most_output_tokens=self.most_output_tokens)
        gateway = Gateway(server, self.tariff, budget, str)

        async def ask(agent: AgentName, text: str) -> str:
            try:
                await gateway.ask(agent, (Message(role="user", text=text),), Answer)
            except BudgetExceededError:
                return "no room"
            except ModelError:
                return "failed"
            except asyncio.CancelledError:
                return "cancelled"
            return "answered"

        self.budget = budget
        asked = [ask(draw.choice(list(AgentName)), "x" * draw.choice((0, 10, 400))) for _ in range(self.tasks)]
        return Counter(await asyncio.gather(*asked))


def _listed(model: str, prices: Prices) -> tuple[ModelInfo, Provider]:
    """The same prices as the price list words them."""

    def price(each: Decimal) -> Decimal | TieredPrices:
        return each if prices.long_from is None else TieredPrices(each, [Tier(prices.long_from, each * prices.factor)])

    def sheet(times: int) -> ModelPrice:
        three = {"input_mtok": prices.each_in, "output_mtok": prices.each_out, "cache_read_mtok": prices.cached}
        return ModelPrice(**{key: price(each * times) for key, each in three.items()})

    variant = PriceVariant({"service_tier": "priority"}, sheet(prices.factor))
    info = ModelInfo(model, ClauseEquals(model), prices=sheet(1), price_variants=[variant])
    return info, Provider("scripted", "scripted", "", models=[info])


async def play_all(schedules: Iterable[Schedule], database: str, client: openai.AsyncOpenAI, draw: random.Random) -> Counter[str]:
    """Play schedules, several side by side; how the questions ended."""
    store, gate, ended = Store(database), asyncio.Semaphore(AT_ONCE), Counter[str]()

    async def one(schedule: Schedule) -> None:
        async with gate:
            ended.update(await schedule.play(client, store, draw))

    async with client, asyncio.TaskGroup() as group:
        for schedule in schedules:
            group.create_task(one(schedule))
    store.dispose()
    return ended


async def in_process(schedules: Mapping[str, Schedule], database: str, draw: random.Random) -> tuple[Counter[str], dict[str, Decimal]]:
    """Play schedules without a network; how the questions ended, and what the server billed."""
    server = Scripted(choose=lambda request, content: schedules[request["model"]].turn(content, draw, (*TROUBLES, *ONLY_IN_PROCESS)))
    server.prices = {name: schedule.prices for name, schedule in schedules.items()}
    ended = await play_all(schedules.values(), database, connect("http://127.0.0.1/v1", "key", server.transport()), draw)
    return ended, server.billed


async def passed(schedules: Mapping[str, Schedule], database: str, billed: Mapping[str, Decimal], *, shown: bool) -> list[str]:
    """The schedules in which more was billed than the limit, than the ledger has, or, with `shown`, than this process shows."""
    store, wrong = Store(database), []
    for name, schedule in schedules.items():
        taken = sum((row.amount for row in await store.attempts(name)), Decimal(0))
        told = schedule.budget.spent if shown else taken
        if billed.get(name, 0) > min(taken, told, schedule.limit):
            wrong.append(f"{name}: billed {billed.get(name)}, in the ledger {taken}, shown {told}, limit {schedule.limit}")
    store.dispose()
    return wrong


def main(database: str, seed: str, count: str, url: str = "") -> dict[str, Any]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    schedules = {f"m{number}": Schedule(number) for number in range(int(seed), int(seed) + int(count))}
    draw = random.Random(int(seed))  # noqa: S311 - a test's
    if url:
        return {"ended": asyncio.run(play_all(schedules.values(), database, connect(url, "key"), draw))}
    ended, billed = asyncio.run(in_process(schedules, database, draw))
    wrong = asyncio.run(passed(schedules, database, billed, shown=True))
    shown = sum(schedule.budget.spent for schedule in schedules.values())
    return {
        "schedules": len(schedules),
        "first seed": seed,
        "ended": ended,
        "billed": str(sum(billed.values())),
        "shown": str(shown),
        "wrong": wrong,
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
