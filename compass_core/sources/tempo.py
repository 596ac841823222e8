"""Reads whole traces from Tempo: failing ones, slow ones, and some of the others."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from compass_core.errors import Reason, SourceError
from compass_core.readings import Reading, Span
from compass_core.sources.quoting import matching
from compass_core.sources.source import Source, parted, together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from compass_core.domain import Gap, Window
    from compass_core.ports import Offload
    from compass_core.sources.http import Linker, Reader

SEARCH: Final = "/api/search"
TRACES: Final = "/api/v2/traces"
OLDER_TRACES: Final = "/api/traces"
FOUND: Final = 50
FAILING, SLOW, OTHERS = 3, 3, 2
KEPT: Final = frozenset({"service.version", "k8s.pod.name"})
EXCEPTION: Final = frozenset({"exception.type", "exception.message"})


class _Answer(BaseModel):
    """Proto-JSON: what is zero or empty is absent, 64-bit integers are strings."""

    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)


class _Found(_Answer):
    trace_id: str = Field(alias="traceID", pattern="^[0-9a-fA-F]{1,32}$")  # a search trims leading zeros off
    duration_ms: int = 0


class _Attribute(_Answer):
    key: str = ""
    value: dict[str, Any] = {}


class _Attributed(_Answer):
    attributes: tuple[_Attribute, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        inner = ((each.key, next(iter(each.value.values()), "")) for each in self.attributes)
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in inner}


class _Span(_Attributed):
    trace_id: str
    span_id: str
    parent_span_id: str = ""
    name: str = ""
    kind: str = ""
    start_time_unix_nano: int
    end_time_unix_nano: int = 0
    events: tuple[_Attributed, ...] = ()
    status: dict[str, Any] = {}

    def read(self, service: str, kept: dict[str, str]) -> Span:
        """As a span of `service`; the exceptions among its events become attributes, the last one wins."""
        exceptions = {key: text for event in self.events for key, text in event.texts.items() if key in EXCEPTION}
        return Span(
            trace_id=_hex(self.trace_id),
            span_id=_hex(self.span_id),
            parent_id=_hex(self.parent_span_id),
            service=service,
            name=self.name,
            t=self.start_time_unix_nano / 1e9,
            ms=max(0, self.end_time_unix_nano - self.start_time_unix_nano) / 1e6,
            error=self.status.get("code") == "STATUS_CODE_ERROR",
            kind=self.kind.removeprefix("SPAN_KIND_").lower().replace("unspecified", ""),
            attributes=kept | self.texts | exceptions,
        )


class _Read(NamedTuple):
    spans: list[Span]
    cut: bool


_Traces: TypeAlias = "Sequence[_Found]"


class Tempo(Source):
    """`ports.Traces`, for one investigation; a call sends at most 11 requests, retries not counted."""

    def __init__(self, reader: Reader, offload: Offload, *, link: Linker | None) -> None:
        super().__init__(reader, offload, link)
        self._traces = TRACES

    async def spans(self, services: Sequence[str], window: Window) -> Reading[Span]:
        """All spans of up to 8 traces, also those outside the window; `query` finds every trace they were chosen from."""
        if not services:
            return Reading(source=self._name)
        wanted = matching("resource.service.name", services)
        query = f"{{{wanted}}}"
        searches = await together([self._search(f"{{{wanted} && status=error}}", window), self._search(query, window)])
        parted(searches)  # raises where both failed
        failing, found = map(_good, searches)
        slow: _Traces = ()
        if len(found) >= FOUND:
            # A search neither sorts nor says that it stopped early: what is slower than all of a full answer is slow.
            longest = max(trace.duration_ms for trace in found)
            searches.append(await self._search(f"{{{wanted} && traceDuration > {longest}ms}}", window))
            slow = _good(searches[-1])
        gaps = [self._gap(error.reason, error.detail) for error in searches if isinstance(error, SourceError)]
        chosen = _choose(failing, (*slow, *found), found)
        if not chosen and not gaps:
            gaps.append(self._gap(Reason.NO_DATA, f"no trace of {', '.join(services)}"))
        traces, errors = await self._read_all(chosen)
        gaps += self._missing(traces, errors)
        spans = tuple(span for trace in traces for span in trace.spans)
        return Reading(spans, tuple(gaps), query, await self._linked(query, window), self._name)

    async def _search(self, query: str, window: Window) -> _Traces | SourceError:
        times = [("start", str(floor(window.start.timestamp()))), ("end", str(ceil(window.end.timestamp())))]
        params = [("q", query), *times, ("limit", str(FOUND)), ("spss", "1")]
        return await self._try(SEARCH, lambda answer: [_Found.model_validate(one) for one in answer.get("traces", ())], params)

    async def _read_all(self, chosen: Sequence[str]) -> tuple[list[_Read], list[SourceError]]:
        """The first alone, because it shows which address this server knows; finding that out costs one trace."""
        first = await together(map(self._read, chosen[:1]))
        if self._traces == TRACES and any(isinstance(one, SourceError) and one.reason is Reason.NOT_FOUND for one in first):
            self._traces, chosen = OLDER_TRACES, chosen[: FAILING + SLOW + OTHERS - 1]
            first = await together(map(self._read, chosen[:1]))
        return parted(first + await together(map(self._read, chosen[1:])))

    async def _read(self, trace_id: str) -> _Read | SourceError:
        return await self._try(f"{self._traces}/{trace_id}", _trace)

    def _missing(self, traces: Sequence[_Read], errors: Sequence[SourceError]) -> Iterator[Gap]:
        count = len(traces) + len(errors)
        if errors:
            yield self._gap(errors[0].reason, f"{len(errors)} of {count} traces were not read: {errors[0].detail}")
        if gone := sum(not trace.spans for trace in traces):
            yield self._gap(Reason.NO_DATA, f"{gone} of {count} traces are gone")
        if cut := sum(trace.cut for trace in traces):
            yield self._gap(Reason.TRUNCATED, f"{cut} of {count} traces are larger than the server returns: spans are missing")


def _good(searched: _Traces | SourceError) -> _Traces:
    return () if isinstance(searched, SourceError) else searched


def _choose(failing: _Traces, slow: _Traces, others: _Traces) -> tuple[str, ...]:
    """Ids of up to 8 traces: failing ones, the slowest, others."""
    slowest = sorted(slow, key=lambda trace: trace.duration_ms, reverse=True)
    chosen: dict[str, None] = {}
    for traces, most in ((failing, FAILING), (slowest, SLOW), (others, OTHERS)):
        fresh = dict.fromkeys(trace.trace_id for trace in traces if trace.trace_id not in chosen)
        chosen |= dict.fromkeys(list(fresh)[:most])
    return tuple(trace_id.zfill(32) for trace_id in chosen)


def _trace(answer: Any) -> _Read:
    """The newer answer wraps the trace; for an unknown id it wraps nothing."""
    trace, spans = answer.get("trace", answer), []
    for block in trace.get("resourceSpans", ()) or trace.get("batches", ()):
        resource = _Attributed.model_validate(block.get("resource", {})).texts
        kept = {key: text for key, text in resource.items() if key in KEPT}
        found = (_Span.model_validate(span) for scope in block.get("scopeSpans", ()) for span in scope.get("spans", ()))
        spans += [span.read(resource.get("service.name", ""), kept) for span in found]
    return _Read(spans, answer.get("status") == "PARTIAL")


def _hex(identifier: str) -> str:
    """Ids are base64 in proto-JSON and hexadecimal in OTLP's own JSON; a parent of zeros is none."""
    plain = re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", identifier)
    digits = identifier if plain else b64decode(identifier, validate=True).hex()
    return digits if digits.strip("0") else ""
