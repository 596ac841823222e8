"""Reads whole traces from Tempo: failing ones, slow ones, and some of the others."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from dataclasses import dataclass
from functools import partial
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from compass_core.errors import Reason, SourceError
from compass_core.http import shaped
from compass_core.model import Gap, Reading, Span
from compass_core.sources.quoting import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from compass_core.http import Linker, Reader
    from compass_core.model import Window
    from compass_core.ports import Offload

T = TypeVar("T")

SEARCH: Final = "/api/search"
TRACES: Final = "/api/v2/traces"
OLDER_TRACES: Final = "/api/traces"
FOUND: Final = 50
FAILING, SLOW, OTHERS = 5, 4, 3
KEPT: Final = frozenset({"service.version", "k8s.pod.name"})
EXCEPTION: Final = frozenset({"exception.type", "exception.message"})


class _Answer(BaseModel):
    """Proto-JSON: what is zero or empty is absent, 64-bit integers are strings."""

    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)


class _Found(_Answer):
    """A search trims leading zeros off the id."""

    trace_id: str = Field(alias="traceID", pattern="^[0-9a-fA-F]{1,32}$")
    duration_ms: int = 0


class _Search(_Answer):
    traces: tuple[_Found, ...] = ()


class _Attribute(_Answer):
    key: str = ""
    value: dict[str, Any] = {}


class _Resource(_Answer):
    attributes: tuple[_Attribute, ...] = ()


class _Event(_Resource):
    name: str = ""


class _Status(_Answer):
    code: str = ""


class _Span(_Resource):
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str = ""
    kind: str = ""
    start_time_unix_nano: int
    end_time_unix_nano: int = 0
    events: tuple[_Event, ...] = ()
    status: _Status = _Status()

    def read(self, service: str, kept: dict[str, str]) -> Span:
        """As a span of `service`; the exceptions among its events become attributes, the last one wins."""
        attributes = kept | _texts(self.attributes)
        for event in self.events:
            attributes |= {key: text for key, text in _texts(event.attributes).items() if key in EXCEPTION}
        return Span(
            trace_id=_hex(self.trace_id),
            span_id=_hex(self.span_id),
            parent_id=_hex(self.parent_span_id),
            service=service,
            name=self.name,
            t=self.start_time_unix_nano / 1e9,
            ms=max(0, self.end_time_unix_nano - self.start_time_unix_nano) / 1e6,
            error=self.status.code == "STATUS_CODE_ERROR",
            kind=self.kind.removeprefix("SPAN_KIND_").lower().replace("unspecified", ""),
            attributes=attributes,
        )


class _Scope(_Answer):
    spans: tuple[_Span, ...] = ()


class _ResourceSpans(_Answer):
    resource: _Resource = _Resource()
    scope_spans: tuple[_Scope, ...] = ()

    def read(self) -> Iterator[Span]:
        """Its spans, with what of the resource is worth keeping."""
        resource = _texts(self.resource.attributes)
        kept = {key: text for key, text in resource.items() if key in KEPT}
        return (span.read(resource.get("service.name", ""), kept) for scope in self.scope_spans for span in scope.spans)


class _Trace(_Answer):
    resource_spans: tuple[_ResourceSpans, ...] = Field(default=(), validation_alias=AliasChoices("resourceSpans", "batches"))


@dataclass(frozen=True, slots=True)
class _Searched:
    """What one search found, or why it failed."""

    traces: tuple[_Found, ...] = ()
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """The spans of one trace, or why there are none."""

    spans: tuple[Span, ...] = ()
    cut: bool = False
    error: SourceError | None = None


class Tempo:
    """`ports.Traces`, for one investigation; a call sends at most 15 requests, retries not counted."""

    def __init__(self, reader: Reader, offload: Offload, *, link: Linker | None) -> None:
        self._reader = reader
        self._offload = offload
        self._link = link
        self._traces = TRACES

    async def spans(self, services: Sequence[str], window: Window) -> Reading[Span]:
        """All spans of up to 12 traces, also those outside the window; `query` finds every trace they were chosen from."""
        if not services:
            return Reading(source=self._reader.name)
        wanted = matching("resource.service.name", services)
        query = f"{{{wanted}}}"
        failing, found = await _together([self._search(f"{{{wanted} && status=error}}", window), self._search(query, window)])
        if failing.error and found.error:
            raise failing.error
        slow = _Searched()
        if len(found.traces) >= FOUND:
            # A search neither sorts nor says that it stopped early: what is slower than all of a full answer is slow.
            longest = max(trace.duration_ms for trace in found.traces)
            slow = await self._search(f"{{{wanted} && traceDuration > {longest}ms}}", window)
        gaps = [self._gap(searched.error.reason, searched.error.detail) for searched in (failing, slow, found) if searched.error]
        chosen = _choose(failing.traces, slow.traces, found.traces)
        if not chosen and not gaps:
            gaps.append(self._gap(Reason.NO_DATA, f"no trace of {', '.join(services)}"))
        traces = await self._read_all(chosen)
        link = await self._link(query, window) if self._link else None
        spans = tuple(span for trace in traces for span in trace.spans)
        return Reading(values=spans, gaps=(*gaps, *self._missing(traces)), query=query, link=link, source=self._reader.name)

    async def _search(self, query: str, window: Window) -> _Searched:
        times = [("start", str(floor(window.start.timestamp()))), ("end", str(ceil(window.end.timestamp())))]
        try:
            answer = await self._reader.json(SEARCH, [("q", query), *times, ("limit", str(FOUND)), ("spss", "1")])
            return _Searched(await self._parsed(SEARCH, lambda: _Search.model_validate(answer).traces))
        except SourceError as error:
            return _Searched(error=error)

    async def _read_all(self, chosen: Sequence[str]) -> list[_Read]:
        """The first alone, because it shows which address this server knows; finding that out costs one trace."""
        traces = [await self._read(trace_id) for trace_id in chosen[:1]]
        if self._traces == TRACES and any(trace.error and trace.error.reason is Reason.NOT_FOUND for trace in traces):
            self._traces, chosen = OLDER_TRACES, chosen[: FAILING + SLOW + OTHERS - 1]
            traces = [await self._read(trace_id) for trace_id in chosen[:1]]
        traces += await _together([self._read(trace_id) for trace_id in chosen[1:]])
        errors = [trace.error for trace in traces if trace.error]
        if errors and len(errors) == len(traces):
            raise errors[0]
        return traces

    async def _read(self, trace_id: str) -> _Read:
        try:
            answer = await self._reader.json(f"{self._traces}/{trace_id}")
            return await self._parsed(self._traces, partial(_trace, answer))
        except SourceError as error:
            return _Read(error=error)

    def _missing(self, traces: Sequence[_Read]) -> Iterator[Gap]:
        errors = [trace.error for trace in traces if trace.error]
        if errors:
            yield self._gap(errors[0].reason, f"{len(errors)} of {len(traces)} traces were not read: {errors[0].detail}")
        if gone := sum(not trace.spans for trace in traces) - len(errors):
            yield self._gap(Reason.NO_DATA, f"{gone} of {len(traces)} traces are gone")
        if cut := sum(trace.cut for trace in traces):
            yield self._gap(Reason.TRUNCATED, f"{cut} of {len(traces)} traces are larger than the server returns: spans are missing")

    def _gap(self, reason: Reason, detail: str) -> Gap:
        return Gap(source=self._reader.name, reason=reason, detail=detail)

    async def _parsed(self, path: str, parse: Callable[[], T]) -> T:
        return await self._offload(shaped(self._reader.name, path, parse))


def _choose(failing: Sequence[_Found], slow: Sequence[_Found], found: Sequence[_Found]) -> tuple[str, ...]:
    """Ids of up to 12 traces: failing ones, the slowest, others."""
    slowest = sorted((*slow, *found), key=lambda trace: trace.duration_ms, reverse=True)
    chosen: dict[str, None] = {}
    for traces, most in ((failing, FAILING), (slowest, SLOW), (found, OTHERS)):
        fresh = dict.fromkeys(trace.trace_id for trace in traces if trace.trace_id not in chosen)
        chosen |= dict.fromkeys(list(fresh)[:most])
    return tuple(trace_id.zfill(32) for trace_id in chosen)


def _trace(answer: Any) -> _Read:
    """The newer answer wraps the trace; for an unknown id it wraps nothing."""
    trace = _Trace.model_validate(answer.get("trace", answer))
    spans = tuple(span for resource in trace.resource_spans for span in resource.read())
    return _Read(spans, cut=answer.get("status") == "PARTIAL")


def _texts(attributes: Sequence[_Attribute]) -> dict[str, str]:
    return {attribute.key: _text(attribute.value) for attribute in attributes}


def _text(value: dict[str, Any]) -> str:
    inner = next(iter(value.values()), "")
    return inner if isinstance(inner, str) else json.dumps(inner)


def _hex(identifier: str) -> str:
    """Ids are base64 in proto-JSON and hexadecimal in OTLP's own JSON; a parent of zeros is none."""
    plain = re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", identifier)
    digits = identifier if plain else b64decode(identifier, validate=True).hex()
    return digits if digits.strip("0") else ""


async def _together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]
