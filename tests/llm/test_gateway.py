"""The gateway against a scripted server: what is raised, what was sent, and what the ledger holds."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, ConfigDict, Field

from compass_core import conventions
from compass_core.budget import Bill, Budget
from compass_core.domain import AgentName, Message
from compass_core.errors import BudgetExceededError, ModelError, Reason, StoreError
from compass_core.llm import gateway as room
from compass_core.llm.gateway import Gateway
from compass_core.llm.prices import tariff
from compass_core.llm.wire import MOST_BYTES, Server, connect
from tests.fakes import FakeLedger
from tests.llm.scripted import DOLLARS, GOOD, MODEL, Prices, Scripted, Turn, error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from compass_core.budget import Attempt, Caps

APPLICATION, DATABASE, NETWORK = AgentName
KEY = "sk-very-secret-key"
ASKED = (Message(role="system", text="You look at databases."), Message(role="user", text="password=hunter2 «Störung»"))
COST = Prices().bill(Turn().usage)
NOWHERE = "http://127.0.0.1:9/v1"


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    service: str
    confidence: float = Field(ge=0, le=1)


def redact(text: str) -> str:
    return text.replace("hunter2", "[hidden]")


@dataclass
class Stage:
    """A gateway to a server, a budget and a ledger around it."""

    server: Scripted
    url: str
    limit: str = "10000.00"
    seconds: float = 20.0
    ledger: FakeLedger = field(default_factory=FakeLedger)

    def __post_init__(self) -> None:
        self.budget = Budget(Decimal(self.limit), self.ledger, "run-1")

    async def ask(self, agent: AgentName = DATABASE) -> Answer:
        async with connect(self.url, KEY) as client:
            gateway = Gateway(
                Server(client, MODEL, self.url, seconds=self.seconds), tariff(MODEL, self.url, configured=DOLLARS), self.budget, redact
            )
            return await gateway.ask(agent, ASKED, Answer)

    async def failed(self) -> ModelError:
        with pytest.raises(ModelError) as failed:
            await self.ask()
        return failed.value

    def worst(self, number: int = 0) -> Decimal:
        """The most that a request could have cost, reckoned from what arrived."""
        return ((self.server.sizes[number] + 512) * Decimal(100) + 4096 * Decimal(1000)) / 1_000_000

    @property
    def rows(self) -> list[tuple[Bill, Decimal]]:
        return [(row.bill, row.amount) for row in self.ledger.rows]


@asynccontextmanager
async def stage(*turns: Turn, **options: Any) -> AsyncIterator[Stage]:
    server = Scripted(*turns)
    async with server.serving() as url:
        yield Stage(server, url, **options)


FENCED = f"```json\n{GOOD}\n```"


@pytest.mark.parametrize("text", [GOOD, FENCED, f"Here it is:\n\n{FENCED}\nAnything else?", f"  {GOOD}\n"])
async def test_an_answer_is_read_and_settled_by_its_usage(text: str) -> None:
    async with stage(Turn(text=text)) as on:
        assert await on.ask() == Answer(service="checkout", confidence=0.5)
    assert on.rows == [(Bill.SETTLED, COST)]
    assert Decimal("0.18") == COST, "600 tokens in, 400 of them cached for half, 100 out"
    assert (on.budget.spent_by(DATABASE), on.budget.reserved) == (COST, Decimal(0))
    assert (on.ledger.rows[0].investigation, on.ledger.rows[0].agent, on.ledger.rows[0].model) == ("run-1", DATABASE, MODEL)


WRONG = {
    "broken JSON": Turn(text='{"service": "checkout", "confid'),
    "fenced and broken": Turn(text='```json\n{"service": checkout}\n```'),
    "no JSON": Turn(text="I would look at the database."),
    "nothing": Turn(text=""),
    "null": Turn(text=None),
    "another shape": Turn(text='{"service": "checkout"}'),
    "one field more": Turn(text='{"service": "checkout", "confidence": 0.5, "why": "x"}'),
    "a value out of range": Turn(text='{"service": "checkout", "confidence": 99}'),
    "deep": Turn(text='{"a":[' * 100),
    "cut off": Turn(text='{"service": "check', finish="length"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_answer_is_repaired_once(name: str) -> None:
    async with stage(WRONG[name], Turn()) as on:
        assert (await on.ask()).service == "checkout"
    assert on.rows == [(Bill.SETTLED, COST)] * 2
    assert on.budget.spent == on.server.billed[MODEL]
    first, second = ([message["content"] for message in request["messages"]] for request in on.server.requests)
    assert second[: len(first)] == first, "what was asked stays in front, so that it can be cached"
    assert "cut off" in second[-1] if name == "cut off" else "form" in second[-1]


@pytest.mark.parametrize("name", WRONG)
async def test_a_second_wrong_answer_is_the_end(name: str) -> None:
    async with stage(WRONG[name], WRONG[name]) as on:
        failed = await on.failed()
    assert failed.reason is (Reason.TRUNCATED if name == "cut off" else Reason.GARBAGE)
    assert on.rows == [(Bill.SETTLED, COST)] * 2, "both were billed"


async def test_a_repair_tells_the_model_what_was_wrong() -> None:
    async with stage(WRONG["another shape"], Turn()) as on:
        await on.ask()
    *_, quoted, advice = on.server.requests[1]["messages"]
    assert quoted == {"role": "assistant", "content": '{"service": "checkout"}'}
    assert advice["role"] == "user"
    assert "confidence: Field required" in advice["content"]


async def test_a_long_answer_that_is_whole_is_taken() -> None:
    async with stage(Turn(text=GOOD + " and so", finish="length")) as on:
        assert (await on.ask()).service == "checkout"


# each: the turn, the reason, and what the ledger holds; None is the worst case
FAILURES: dict[str, tuple[Turn, Reason, Bill, Decimal | None]] = {
    "400 that was billed": (error(400, billed=True), Reason.REJECTED, Bill.UNKNOWN, None),
    "409 that was billed": (error(409, billed=True), Reason.REJECTED, Bill.UNKNOWN, None),
    "422 that was billed": (error(422, billed=True, more={"usage": {"prompt_tokens": 0}}), Reason.REJECTED, Bill.UNKNOWN, None),
    "499 that was billed": (error(499, billed=True), Reason.REJECTED, Bill.UNKNOWN, None),
    "429 that claims usage": (error(429, billed=True, more={"usage": {"total_tokens": 9}}), Reason.RATE_LIMITED, Bill.UNKNOWN, None),
    "an error of odd types": (
        Turn(status=403, body=b'{"error": {"code": 7, "param": {}, "message": []}}', billed=False),
        Reason.UNAUTHORIZED,
        Bill.RELEASED,
        Decimal(0),
    ),
    "an error that is a list": (Turn(status=418, body=b'[{"error": 5}]'), Reason.REJECTED, Bill.UNKNOWN, None),
    "401": (error(401), Reason.UNAUTHORIZED, Bill.RELEASED, Decimal(0)),
    "403": (error(403), Reason.UNAUTHORIZED, Bill.RELEASED, Decimal(0)),
    "404": (error(404), Reason.NOT_FOUND, Bill.RELEASED, Decimal(0)),
    "408": (error(408, billed=True), Reason.TIMEOUT, Bill.UNKNOWN, None),
    "429": (error(429), Reason.RATE_LIMITED, Bill.RELEASED, Decimal(0)),
    "429, in an hour": (error(429, Retry_After="3600"), Reason.RATE_LIMITED, Bill.RELEASED, Decimal(0)),
    "429, at a date": (error(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), Reason.RATE_LIMITED, Bill.RELEASED, Decimal(0)),
    "500 that was billed": (error(500, billed=True), Reason.SERVER_ERROR, Bill.UNKNOWN, None),
    "503": (error(503), Reason.SERVER_ERROR, Bill.UNKNOWN, None),
    "a redirect": (Turn(status=307, headers={"Location": NOWHERE}, billed=False), Reason.REJECTED, Bill.UNKNOWN, None),
    "a broken connection": (Turn(trouble="drop"), Reason.SERVER_ERROR, Bill.UNKNOWN, None),
    "a refusal": (Turn(text=None, refusal="I cannot help."), Reason.DECLINED, Bill.SETTLED, COST),
    "a filter": (Turn(text=None, finish="content_filter"), Reason.DECLINED, Bill.SETTLED, COST),
    "no JSON around the answer": (Turn(body=b"<html>"), Reason.GARBAGE, Bill.UNKNOWN, None),
    "a list": (Turn(body=b"[]"), Reason.GARBAGE, Bill.UNKNOWN, None),
    "nothing at all": (Turn(body=b"{}"), Reason.GARBAGE, Bill.UNKNOWN, None),
    "deep": (Turn(body=b"[" * 200_000), Reason.GARBAGE, Bill.UNKNOWN, None),
    "no choice, but usage": (
        Turn(body=b'{"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 0}}', usage=(10, 0, 0)),
        Reason.GARBAGE,
        Bill.SETTLED,
        Decimal("0.001"),
    ),
    "another type of content": (
        Turn(body=b'{"choices": [{"message": {"content": 7}}], "usage": {"prompt_tokens": 10, "completion_tokens": 0}}', usage=(10, 0, 0)),
        Reason.GARBAGE,
        Bill.SETTLED,
        Decimal("0.001"),
    ),
    "too much": (Turn(body=b" " * (MOST_BYTES + 1)), Reason.TOO_LARGE, Bill.UNKNOWN, None),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_has_a_reason_and_a_row(name: str) -> None:
    turn, reason, bill, amount = FAILURES[name]
    async with stage(turn) as on:
        with structlog.testing.capture_logs() as logs:
            failed = await on.failed()
    assert failed.reason is reason
    assert on.rows == [(bill, on.worst() if amount is None else amount)]
    assert on.budget.spent == on.rows[0][1] >= on.server.billed[MODEL]
    assert on.budget.reserved == 0
    for text in (str(failed), repr(failed.__cause__), str(logs)):
        assert "sk-very" not in text
        assert "hunter2" not in text


@pytest.mark.parametrize("trouble", ["hang", "trickle"])
async def test_a_time_out_keeps_the_worst_case(trouble: str) -> None:
    async with stage(Turn(trouble=trouble), seconds=0.3) as on:
        assert (await on.failed()).reason is Reason.TIMEOUT
    assert on.rows == [(Bill.UNKNOWN, on.worst())]
    assert on.budget.spent >= on.server.billed[MODEL]


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"prompt_tokens": 10},
        {"prompt_tokens": None, "completion_tokens": 1},
        {"prompt_tokens": -10, "completion_tokens": 1},
        {"prompt_tokens": "10", "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": float("nan"), "completion_tokens": 1},
        {"prompt_tokens": 10, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 11}},
        {"prompt_tokens": 10**30, "completion_tokens": 9},
        {"prompt_tokens": 10, "completion_tokens": 0},
        {"prompt_tokens": 0, "completion_tokens": 9},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": 10, "completion_tokens": 3},
        {"prompt_tokens": 4, "completion_tokens": 9},
        {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": "many"},
    ],
)
async def test_a_usage_that_does_not_tell_keeps_the_worst_case(usage: Any) -> None:
    told = {"choices": [{"finish_reason": "stop", "message": {"content": GOOD}}], "usage": usage}
    async with stage(Turn(body=json.dumps(told).encode())) as on:
        assert (await on.ask()).service == "checkout", "the answer is good all the same"
    assert on.rows == [(Bill.UNKNOWN, on.worst())]


async def test_a_usage_may_tell_no_details() -> None:
    told = {"choices": [{"message": {"content": GOOD}}], "usage": {"prompt_tokens": 10, "completion_tokens": 9}}
    async with stage(Turn(body=json.dumps(told).encode())) as on:
        await on.ask()
    assert on.rows == [(Bill.SETTLED, Decimal("0.010"))]


async def test_thoughts_that_stand_in_the_total_alone_count_as_the_dearest_tokens() -> None:
    async with stage(Turn(usage=(1000, 400, 2000), lies={"completion_tokens": 50, "completion_tokens_details": {}})) as on:
        await on.ask()
    assert on.rows == [(Bill.SETTLED, Decimal("2.10"))], "1,000 in, none of them cached for sure, 50 out and 1,950 more"
    assert on.budget.spent >= on.server.billed[MODEL]


async def test_an_answer_of_nothing_but_hidden_thoughts_was_generated_all_the_same() -> None:
    zeros = {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 0, "prompt_tokens_details": {}, "completion_tokens_details": {}}
    async with stage(Turn(text="", finish="length", usage=(10, 0, 4096), lies=zeros), Turn(trouble="drop")) as on:
        await on.failed()
    assert on.rows[0] == (Bill.UNKNOWN, on.worst())
    assert on.budget.spent >= on.server.billed[MODEL]


SHAPES = {
    "after thinking aloud": Turn(
        text=f'<think>\nIt must look like {{"a": [...]}}. Draft: {{"service": "x", "confidence": 0.1}}\n</think>\n{GOOD}'
    ),
    "after thoughts whose begin is not sent": Turn(text=f'{{"service": "x", "confidence": 0.1}}</think>{GOOD}'),
    "before a note with braces": Turn(text=f"{GOOD}\n\nNote: it is {{high}} here."),
    "with braces too many": Turn(text=f"{GOOD}}}}}"),
    "in another object": Turn(text=f'{{"answer": {GOOD}}}'),
    "where thoughts belong": Turn(text=None, said={"reasoning_content": GOOD}),
    "where newer servers put thoughts": Turn(text="", said={"reasoning": GOOD}),
    "in parts": Turn(
        said={"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": GOOD}]}
    ),
}


@pytest.mark.parametrize("name", SHAPES)
async def test_an_answer_is_found_wherever_it_stands(name: str) -> None:
    async with stage(SHAPES[name]) as on:
        assert await on.ask() == Answer(service="checkout", confidence=0.5)
    assert len(on.rows) == 1


NO_SCHEMAS = error(400, more={"param": "'response_format' of type 'json_schema' is not supported with this model"})


async def test_a_server_without_json_schemas_is_asked_in_words_and_that_is_remembered() -> None:
    async with stage(NO_SCHEMAS, Turn(), Turn()) as on, connect(on.url, KEY) as client:
        server = Server(client, MODEL, on.url, seconds=on.seconds)
        first, second = (Gateway(server, tariff(MODEL, on.url, configured=DOLLARS), on.budget, redact) for _ in range(2))
        assert first.advice == ""
        for gateway in (first, second):
            assert (await gateway.ask(DATABASE, ASKED, Answer)).service == "checkout"
            assert "COMPASS_JSON_SCHEMA=false" in gateway.advice
    assert ["response_format" in request for request in on.server.requests] == [True, False, False]
    assert '"confidence"' in on.server.requests[1]["messages"][0]["content"], "the form stands in the question"
    assert [bill for bill, _ in on.rows] == [Bill.UNKNOWN, Bill.SETTLED, Bill.SETTLED]
    async with stage(NO_SCHEMAS, NO_SCHEMAS) as on:
        assert "COMPASS_JSON_SCHEMA=false" in str(await on.failed())


async def test_a_server_that_asks_to_wait_is_asked_once_more() -> None:
    async with stage(error(429, Retry_After="0"), Turn()) as on:
        assert (await on.ask()).service == "checkout"
    assert on.rows == [(Bill.RELEASED, Decimal(0)), (Bill.SETTLED, COST)]
    async with stage(*[error(429, Retry_After="0")] * 2) as on:
        assert (await on.failed()).reason is Reason.RATE_LIMITED
    assert on.rows == [(Bill.RELEASED, Decimal(0))] * 2


async def test_a_wait_that_does_not_fit_into_the_time_left_is_not_waited() -> None:
    async with stage(error(429, Retry_After="5"), seconds=2) as on:
        assert (await on.failed()).reason is Reason.RATE_LIMITED
    assert len(on.rows) == 1


async def test_a_server_that_is_not_there_bills_nothing() -> None:
    on = Stage(Scripted(), NOWHERE)
    assert (await on.failed()).reason is Reason.UNREACHABLE
    assert on.rows == [(Bill.RELEASED, Decimal(0))]


async def test_a_call_that_does_not_fit_is_not_made() -> None:
    async with stage(Turn(), limit="4.00") as on:
        with pytest.raises(BudgetExceededError, match="no room in the budget"):
            await on.ask()
    assert on.server.requests == []
    assert on.rows == []


async def test_a_repair_is_paid_from_the_budget_too() -> None:
    async with stage(WRONG["no JSON"], Turn(), limit="4.30") as on:
        with pytest.raises(BudgetExceededError):
            await on.ask()
    assert len(on.server.requests) == 1
    assert on.rows == [(Bill.SETTLED, COST)]


async def test_a_bill_above_its_reservation_is_counted_and_ends_the_spending() -> None:
    async with stage(Turn(usage=(500_000, 0, 100)), Turn(), limit="20.00") as on:
        assert (await on.ask()).service == "checkout", "what was paid for is used"
        bill = Prices().bill((500_000, 0, 100))
        assert on.rows == [(Bill.SETTLED, bill)]
        assert on.budget.spent == bill == on.server.billed[MODEL] > on.budget.limit
        with pytest.raises(BudgetExceededError, match=r"\$50\.1000 was billed, the budget is \$20\.00"):
            on.budget.check()
        with pytest.raises(BudgetExceededError):
            await on.ask()
    assert len(on.server.requests) == 1


async def test_a_call_that_is_cancelled_keeps_the_worst_case() -> None:
    async with stage(Turn(trouble="hang")) as on:
        asking = asyncio.create_task(on.ask())
        await on.server.in_flight.wait()
        assert on.rows == [(Bill.OPEN, on.worst())], "written before the call"
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert on.rows == [(Bill.UNKNOWN, on.worst())]
    assert on.budget.spent == on.worst()


async def test_no_call_is_made_where_the_agent_has_no_time_left() -> None:
    async with stage(Turn()) as on:
        on.budget.deadline = asyncio.get_running_loop().time()
        assert (await on.failed()).reason is Reason.TIMEOUT
    assert on.rows == []
    assert on.server.requests == []


@dataclass
class BrokenLedger(FakeLedger):
    broken: frozenset[str] = frozenset()

    async def reserve(self, attempt: Attempt, caps: Caps) -> int:
        if "reserve" in self.broken:
            raise StoreError("the disk is full")
        return await super().reserve(attempt, caps)

    async def close(self, number: int, bill: Bill, amount: Decimal, answer: str = "") -> None:
        if "close" in self.broken:
            raise StoreError("the disk is full")
        await super().close(number, bill, amount)


async def test_nothing_is_asked_where_its_cost_cannot_be_written_down() -> None:
    async with stage(Turn(), ledger=BrokenLedger(broken=frozenset({"reserve"}))) as on:
        assert "the disk is full" in str(await on.failed())
    assert on.server.requests == []


async def test_an_attempt_that_cannot_be_closed_stays_open_at_its_worst() -> None:
    async with stage(Turn(), ledger=BrokenLedger(broken=frozenset({"close"}))) as on:
        assert (await on.ask()).service == "checkout"
    assert on.rows == [(Bill.OPEN, on.worst())]
    assert on.budget.spent == COST


async def test_what_is_sent() -> None:
    async with stage(Turn()) as on:
        await on.ask()
    (request,), (headers,) = on.server.requests, on.server.headers
    schema = request.pop("response_format")
    said = [{"role": "system", "content": "You look at databases."}, {"role": "user", "content": "password=[hidden] «Störung»"}]
    assert request == {"model": MODEL, "messages": said, "max_completion_tokens": 4096}
    assert schema["type"] == "json_schema"
    assert (schema["json_schema"]["name"], schema["json_schema"]["strict"]) == ("Answer", True)
    assert schema["json_schema"]["schema"]["additionalProperties"] is False
    assert schema["json_schema"]["schema"]["required"] == ["service", "confidence"]
    assert headers["Authorization"] == f"Bearer {KEY}"


async def test_everything_that_is_sent_is_redacted_also_in_a_repair() -> None:
    async with stage(Turn(text="hunter2 is the password"), Turn()) as on:
        await on.ask()
    assert "hunter2" not in json.dumps(on.server.requests)
    assert on.server.requests[1]["messages"][-2]["content"] == "[hidden] is the password"


async def test_what_utf_8_cannot_hold_is_replaced() -> None:
    async with stage(Turn()) as on, connect(on.url, KEY) as client:
        gateway = Gateway(Server(client, MODEL, on.url, seconds=on.seconds), tariff(MODEL, on.url, configured=DOLLARS), on.budget, str)
        await gateway.ask(NETWORK, (Message.model_construct(role="user", text="half a \ud83d pair"),), Answer)
    assert on.server.requests[0]["messages"][0]["content"] == "half a ? pair"


@pytest.mark.parametrize(
    ("url", "field", "extra"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens", {"service_tier": "default", "store": False}),
        ("https://eu.api.openai.com/v1", "max_completion_tokens", {"service_tier": "default", "store": False}),
        ("https://api.openai.com.evil.example/v1", "max_completion_tokens", {}),
        ("https://me.openai.azure.com/openai/v1", "max_completion_tokens", {}),
        ("http://127.0.0.1:11434/v1", "max_tokens", {}),
    ],
)
async def test_servers_differ_by_settings_and_only_openai_is_told_what_only_it_knows(url: str, field: str, extra: dict[str, Any]) -> None:
    server = Scripted(Turn())
    async with connect(url, "", server.transport()) as client:
        asked = Server(client, MODEL, url, token_limit_field=field)
        gateway = Gateway(asked, tariff(MODEL, url, configured=DOLLARS), Budget(Decimal(10), FakeLedger(), "run-1"), str)
        await gateway.ask(NETWORK, ASKED, Answer)
    (request,) = server.requests
    assert set(request) == {"model", "messages", "response_format", field, *extra}
    assert {name: request[name] for name in extra} == extra
    assert request[field] == 4096


async def test_a_price_of_another_tier_counts_as_it_is_billed() -> None:
    url = "https://api.openai.com/v1"
    server = Scripted(Turn(usage=(1000, 400, 100)), Turn(usage=(1000, 400, 100), tier="priority"))
    ledger = FakeLedger()
    async with connect(url, KEY, server.transport()) as client:
        gateway = Gateway(Server(client, "gpt-5", url), tariff("gpt-5", url), Budget(Decimal(10), ledger, "run-1"), str)
        for _ in range(2):
            await gateway.ask(NETWORK, ASKED, Answer)
    assert [row.amount for row in ledger.rows] == [Decimal("0.0018"), Decimal("0.0036")]


async def test_spans_and_metrics_tell_tokens_and_cost_and_nothing_that_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider, reader = InMemorySpanExporter(), TracerProvider(), InMemoryMetricReader()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter = MeterProvider([reader]).get_meter("test")
    monkeypatch.setattr(conventions, "tracer", provider.get_tracer("test"))
    monkeypatch.setattr(room, "tokens_used", meter.create_histogram("gen_ai.client.token.usage"))
    monkeypatch.setattr(room, "seconds_taken", meter.create_histogram("gen_ai.client.operation.duration"))
    monkeypatch.setattr(room, "dollars_spent", meter.create_counter("compass.cost.usd"))
    async with stage(Turn(), error(500)) as on:
        await on.ask()
        await on.failed()
        worst = on.worst(1)
    good, bad = exporter.get_finished_spans()
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai_compatible",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 4096,
    }
    answered = {
        "gen_ai.response.model": "scripted-2026-01-05",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "compass.cost.usd": 0.18,
    }
    assert (good.name, good.kind.name, good.attributes) == (f"chat {MODEL}", "CLIENT", asked | answered)
    assert bad.attributes == asked | {"error.type": "server_error", "compass.cost.usd": float(worst)}
    assert not good.events
    assert not bad.events
    told = reader.get_metrics_data()
    assert told is not None
    points: dict[str, list[Any]] = {
        metric.name: list(metric.data.data_points) for metric in told.resource_metrics[0].scope_metrics[0].metrics
    }
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in points["gen_ai.client.token.usage"]} == {
        "input": 1000,
        "output": 100,
    }
    assert [point.value for point in points["compass.cost.usd"]] == [pytest.approx(0.18 + float(worst))]
    assert [point.attributes.get("error.type") for point in points["gen_ai.client.operation.duration"]] == [None, "server_error"]
    assert "hunter2" not in str(told) + good.to_json() + bad.to_json()
