"""The one way to a model: reserve, call, settle, validate, and repair once.

An attempt is one request with a reservation and a row in the ledger of its own. It is given back only where nothing can have
been generated, settled by the usage that the reply tells where that can be true, and else kept at its worst. Spans and metrics
hold no word of what was said.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import structlog
from opentelemetry import metrics, trace
from pydantic import BaseModel, ValidationError

from compass_core import conventions as names
from compass_core.budget import Attempt, Budget
from compass_core.domain import AgentName, Message
from compass_core.errors import ModelError, Reason, StoreError
from compass_core.llm.prices import Tariff
from compass_core.llm.wire import PLAIN, CallError, Reply, Server, at, fewest_tokens, send, size_of

V = TypeVar("V", bound=BaseModel)

AROUND = 512  # tokens that a server may add around the messages
MOST_QUOTED = 4_000  # characters of a wrong answer that the model is shown again
MOST_PROBLEMS = 5
LONGEST_WAIT = 10.0  # seconds that a server may ask to wait before the one retry
MOST_READ = 100_000  # characters of an answer, and values in it, that are looked at
MOST_VALUES = 200
MARGIN = 1.0  # seconds before the agent's time is up in which its answer without a model still gets out

log = structlog.get_logger()
meter = metrics.get_meter("compass")
tokens_used = meter.create_histogram(names.TOKEN_USAGE, "{token}", "Tokens that were billed")
seconds_taken = meter.create_histogram(names.DURATION, "s", "How long a call of a model took")
dollars_spent = meter.create_counter(names.COST, "USD", "What calls of models cost, or may have cost where that is not known")


class _Question(NamedTuple):
    """What an agent asks; `until` is on `time.monotonic`'s clock."""

    agent: AgentName
    shape: type[BaseModel]
    until: float

    @property
    def seconds_left(self) -> float:
        return self.until - time.monotonic()


class Gateway:
    """`ports.Model` for one investigation: its budget pays, and nothing is sent that `redact` has not seen."""

    def __init__(self, server: Server, tariff: Tariff, budget: Budget, redact: Callable[[str], str]) -> None:
        self._server = server
        self._tariff = tariff
        self._budget = budget
        self._redact = redact
        self._about = {names.OPERATION: names.CHAT, names.PROVIDER: tariff.provider, names.REQUEST_MODEL: server.model}

    @property
    def advice(self) -> str:
        return PLAIN if self._server.plain and self._server.schema else ""

    async def ask(self, agent: AgentName, messages: tuple[Message, ...], shape: type[V]) -> V:
        """As `ports.Model.ask`: one call, one retry where the server asks for another, one repair of a wrong answer."""
        question = _Question(agent, shape, min(time.monotonic() + self._server.seconds, self._budget.deadline - MARGIN))
        reply = await self._patiently(question, messages)
        try:
            return _read(reply, shape)
        except _WrongAnswerError as wrong:
            log.info("answer.wrong", agent=agent, reason=wrong.reason)
            messages = (*messages, *wrong.correction)
        try:
            return _read(await self._call(question, messages), shape)
        except _WrongAnswerError as again:
            raise CallError(again.reason) from None

    async def _patiently(self, question: _Question, messages: Sequence[Message]) -> Reply:
        plain = self._server.plain
        try:
            return await self._call(question, messages)
        except CallError as told:
            if told.schema and not plain:
                self._server.plain = True  # for all that is asked after this
            elif told.wait is None or told.wait > min(LONGEST_WAIT, question.seconds_left):
                raise
            await asyncio.sleep(told.wait or 0)
        return await self._call(question, messages)

    async def _call(self, question: _Question, messages: Sequence[Message]) -> Reply:
        """One attempt."""
        if question.seconds_left <= 0:
            raise CallError(Reason.TIMEOUT)
        clean = [each.model_copy(update={"text": self._redact(each.text)}) for each in messages]
        body = self._server.body_of(clean, question.shape)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        if paid := self._budget.paid(question.agent, digest):
            return Reply(**json.loads(paid))
        most = self._tariff.worst(size_of(body) + AROUND, self._server.most_output_tokens)
        reservation = await self._reserve(question.agent, most, digest)
        cost: Decimal | None = None
        reply: Reply | None = None
        failed: CallError | None = None
        begun = time.perf_counter()
        about = self._about | {names.MOST_TOKENS: self._server.most_output_tokens}
        with names.span(f"{names.CHAT} {self._server.model}", about, trace.SpanKind.CLIENT) as span:
            try:
                reply = await send(self._server.client, body, question.seconds_left)
                least_in = fewest_tokens(*(each.text for each in clean)) or 1
                least_out = fewest_tokens(reply.spoken) or int(reply.text is not None)  # also an empty answer was generated
                cost = self._tariff.cost(reply.told, least_in, least_out)
                self._tell(span, reply, billed=cost is not None)
            except CallError as error:
                failed = error
                raise
            finally:
                seconds_taken.record(time.perf_counter() - begun, self._about | ({names.ERROR: failed.reason} if failed else {}))
                await self._close(span, reservation, cost, reply, billed=not (failed and failed.free))
        return reply

    async def _reserve(self, agent: AgentName, amount: Decimal, digest: str) -> Attempt:
        try:
            return await self._budget.reserve(agent, self._server.model, amount, digest)
        except StoreError as error:
            raise ModelError(Reason.SERVER_ERROR, f"no model was asked, since its cost could not be written down: {error}") from error

    async def _close(self, span: trace.Span, reservation: Attempt, cost: Decimal | None, reply: Reply | None, *, billed: bool) -> None:
        answer = json.dumps(reply._replace(told={}, spoken="", text=reply.text and self._redact(reply.text))._asdict()) if reply else ""
        amount = (reservation.amount if cost is None else cost) if billed else Decimal(0)
        span.set_attribute(names.COST, float(amount))
        dollars_spent.add(float(amount), self._about)
        try:
            await (self._budget.settle(reservation, cost, answer) if billed else self._budget.release(reservation))
        except StoreError:  # the row stays open, and counts as the most that the call may have cost
            log.warning("attempt.not_closed", exc_info=True)

    def _tell(self, span: trace.Span, reply: Reply, *, billed: bool) -> None:
        span.set_attributes({names.RESPONSE_MODEL: str(reply.told.get("model") or "")[:100], names.FINISH_REASONS: [reply.finish[:30]]})
        for kind, name, field in (("input", names.INPUT_TOKENS, "prompt_tokens"), ("output", names.OUTPUT_TOKENS, "completion_tokens")):
            if billed and isinstance(count := at(reply.told, "usage", field), int):
                span.set_attribute(name, count)
                tokens_used.record(count, self._about | {names.TOKEN_TYPE: kind})


class _WrongAnswerError(Exception):
    """An answer that may be right when it is asked for again, with the messages that ask for it."""

    def __init__(self, reason: Reason, answer: str, advice: str) -> None:
        self.reason = reason
        quoted = (Message(role="assistant", text=answer[:MOST_QUOTED]),) if answer.strip() else ()
        self.correction = (*quoted, Message(role="user", text=advice))
        super().__init__(reason)


def _read(reply: Reply, shape: type[V]) -> V:
    """The first value in the answer that has the form which was asked for."""
    if reply.declined:
        raise CallError(Reason.DECLINED)
    if reply.text is None:
        raise CallError(Reason.GARBAGE)
    problems = ""
    for value in _values(reply.text):
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_PROBLEMS]
            problems = problems or "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}".lstrip(": ") for each in wrong)
    if reply.finish == "length":
        raise _WrongAnswerError(Reason.TRUNCATED, "", "Your answer was cut off. Answer again, much shorter.")
    problems = problems or "it holds no complete JSON object"
    advice = f"Your answer does not have the form that was asked for ({problems}). Answer again with one JSON object of that form."
    raise _WrongAnswerError(Reason.GARBAGE, reply.text, advice)


def _values(text: str) -> Iterator[Any]:
    """The complete JSON objects that begin in a text, wherever: in a fence, between words, before a brace too many.

    What a model thinks aloud holds drafts, which are none.
    """
    text = text.rpartition("</think>")[2].partition("<think>")[0][:MOST_READ]
    start = -1
    for _ in range(MOST_VALUES):
        start = text.find("{", start + 1)
        if start < 0:
            return
        with suppress(ValueError, RecursionError):
            yield json.JSONDecoder().raw_decode(text, start)[0]
