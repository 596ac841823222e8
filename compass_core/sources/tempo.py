"""Reads whole traces from Tempo: failing ones, slow ones, and some of the others, each with how many it stands for."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import Any, Final, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from compass_core.domain import Environment, Gap, Window
from compass_core.errors import Reason, SourceError
from compass_core.identity import ATTRIBUTES, attributes
from compass_core.readings import Reading, Span
from compass_core.sources.http import Linker, Reader
from compass_core.sources.quoting import matching
from compass_core.sources.sample import MOST, choose, weighted
from compass_core.sources.source import Source, parted, together

SEARCH: Final = "/api/search"
TRACES: Final = "/api/v2/traces"
OLDER_TRACES: Final = "/api/traces"
COUNTS: Final = "/api/metrics/query_range"
FOUND: Final = 50
COUNTED_STEPS: Final = 30  # the first begins a little before the window
SERVER_ERROR: Final = 500
CODES: Final = ("http.response.status_code", "http.status_code")
FAILS: Final = f"(status=error || {' || '.join(f'span.{code}>={SERVER_ERROR}' for code in CODES)})"
KEPT: Final = frozenset({"service.version", "k8s.pod.name", *(name for names in ATTRIBUTES.values() for name in names)})
KINDS: Final = {"0": "", "1": "internal", "2": "server", "3": "client", "4": "producer", "5": "consumer"}
EXCEPTION: Final = frozenset({"exception.type", "exception.message"})


class _Answer(BaseModel):
    """Proto-JSON: what is zero or empty is absent, 64-bit integers are strings."""

    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)


class _Found(_Answer):
    trace_id: str = Field(alias="traceID", pattern="^[0-9a-fA-F]{1,32}$")  # a search trims leading zeros off
    start_time_unix_nano: int = 0
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
    kind: str | int = ""
    start_time_unix_nano: int
    end_time_unix_nano: int = 0
    events: tuple[_Attributed, ...] = ()
    status: dict[str, Any] = {}

    def read(self, service: str, kept: dict[str, str]) -> Span:
        """As a span of `service`; the exceptions among its events become attributes, the last one wins."""
        exceptions = {key: text for event in self.events for key, text in event.texts.items() if key in EXCEPTION}
        own = self.texts
        return Span(
            trace_id=_hex(self.trace_id),
            span_id=_hex(self.span_id),
            parent_id=_hex(self.parent_span_id),
            service=service,
            name=self.name,
            t=self.start_time_unix_nano / 1e9,
            ms=max(0, self.end_time_unix_nano - self.start_time_unix_nano) / 1e6,
            error=_fails(str(self.status.get("code", "")), own),
            kind=KINDS.get(str(self.kind), str(self.kind).removeprefix("SPAN_KIND_").lower().replace("unspecified", "")),
            attributes=kept | own | exceptions,
        )


class _Counted(_Attributed):
    attributes: tuple[_Attribute, ...] = Field(default=(), alias="labels")
    samples: tuple[dict[str, Any], ...] = ()


class _Read(NamedTuple):
    spans: list[Span]
    cut: bool


_Traces: TypeAlias = Sequence[_Found]


class Tempo(Source):
    """`ports.Traces`, for one investigation; a call sends at most 11 requests, retries not counted."""

    def __init__(self, reader: Reader, *, link: Linker | None) -> None:
        super().__init__(reader, link)
        self._traces = TRACES
        self._counts = True
        self._placed = True

    async def spans(self, services: Sequence[str], window: Window, environment: Environment = ()) -> Reading[Span]:
        """All spans of up to 8 traces, also those outside the window; `query` finds every trace they were chosen from.

        Where no span says that it is in the environment, those are taken that say nothing of one.
        """
        if not services:
            return Reading(source=self._reader.name)
        if environment and self._placed:
            reading = await self._spans(services, window, environment)
            self._placed = bool(reading.values) or any(gap.reason is not Reason.NO_DATA for gap in reading.gaps)
            if self._placed:
                return reading
        reading = await self._spans(services, window, ())
        where = [(name, value) for value, names in attributes(environment) for name in names]
        elsewhere = [span for span in reading.values if any(span.attributes.get(name, value) != value for name, value in where)]
        ids = {span.trace_id for span in elsewhere if span.service in services}
        return replace(reading, values=tuple(span for span in reading.values if span.trace_id not in ids))

    async def _spans(self, services: Sequence[str], window: Window, environment: Environment) -> Reading[Span]:
        wanted = matching("resource.service.name", services)
        for value, names in attributes(environment):
            wanted += f" && ({' || '.join(matching(f'resource.{name}', [value]) for name in names)})"
        query = f"{{{wanted}}}"
        searches = await together([self._search(f"{{{wanted} && {FAILS}}}", window), self._search(query, window)])
        parted(searches)  # raises where both failed
        failing, found = map(_good, searches)
        slow: _Traces = ()
        if len(found) >= FOUND:
            # A search neither sorts nor says that it stopped early: what is slower than all of a full answer is slow.
            longest = max(trace.duration_ms for trace in found)
            searches.append(await self._search(f"{{{wanted} && traceDuration > {longest}ms}}", window))
            slow = _good(searches[-1])
        gaps = [self._reader.gap(error.reason, error.detail) for error in searches if isinstance(error, SourceError)]
        chosen = choose(failing, (*slow, *found), found)
        if not chosen.ids and not gaps:
            gaps.append(self._reader.gap(Reason.NO_DATA, f"no trace of {', '.join(services)}"))
        traces, errors = await self._read_all(chosen.ids)
        gaps += self._missing(traces, errors)
        counted = await self._counted(query, window) if chosen.ids else None
        spans = tuple(weighted([trace.spans for trace in traces if trace.spans], services, chosen, counted))
        return Reading(spans, tuple(gaps), query, await self._linked(query, window), self._reader.name)

    async def _counted(self, query: str, window: Window) -> float | None:
        """The share of failing spans among all that the query finds; None where the server does not count, which is asked once."""
        if not self._counts:
            return None
        step = max(1, ceil(window.seconds / COUNTED_STEPS))
        by = ", ".join(("status", *(f"span.{code}" for code in CODES)))
        params = [("q", f"{query} | count_over_time() by ({by})"), *_times(window), ("step", f"{step}s")]
        share = await self._reader.attempt(COUNTS, _failing_share, params)
        self._counts = not isinstance(share, SourceError)
        return None if isinstance(share, SourceError) else share

    async def _search(self, query: str, window: Window) -> _Traces | SourceError:
        params = [("q", query), *_times(window), ("limit", str(FOUND)), ("spss", "1")]
        return await self._reader.attempt(SEARCH, lambda answer: [_Found.model_validate(one) for one in answer.get("traces", ())], params)

    async def _read_all(self, chosen: Sequence[str]) -> tuple[list[_Read], list[SourceError]]:
        """The first alone, because it shows which address this server knows; finding that out costs one trace."""
        first = await together(map(self._read, chosen[:1]))
        if self._traces == TRACES and any(isinstance(one, SourceError) and one.reason is Reason.NOT_FOUND for one in first):
            self._traces, chosen = OLDER_TRACES, chosen[: MOST - 1]
            first = await together(map(self._read, chosen[:1]))
        return parted(first + await together(map(self._read, chosen[1:])))

    async def _read(self, trace_id: str) -> _Read | SourceError:
        return await self._reader.attempt(f"{self._traces}/{trace_id}", _trace)

    def _missing(self, traces: Sequence[_Read], errors: Sequence[SourceError]) -> Iterator[Gap]:
        count = len(traces) + len(errors)
        if errors:
            yield self._reader.gap(errors[0].reason, f"{len(errors)} of {count} traces were not read: {errors[0].detail}")
        if gone := sum(not trace.spans for trace in traces):
            yield self._reader.gap(Reason.NO_DATA, f"{gone} of {count} traces are gone")
        if cut := sum(trace.cut for trace in traces):
            yield self._reader.gap(Reason.TRUNCATED, f"{cut} of {count} traces are larger than the server returns: spans are missing")


def _good(searched: _Traces | SourceError) -> _Traces:
    return () if isinstance(searched, SourceError) else searched


def _times(window: Window) -> list[tuple[str, str]]:
    return [("start", str(floor(window.start.timestamp()))), ("end", str(ceil(window.end.timestamp())))]


def _failing_share(answer: Any) -> float | None:
    """Of all spans counted; None where there are none."""
    failing = total = 0.0
    for series in map(_Counted.model_validate, answer.get("series", ())):
        count = sum(float(sample.get("value", 0)) for sample in series.samples)
        labels = {name.removeprefix("span."): text for name, text in series.texts.items()}
        total += count
        failing += count * _fails(labels.get("status", ""), labels)
    return failing / total if total else None


def _fails(status: str, attributes: Mapping[str, str]) -> bool:
    """Many servers that answer 5xx leave the status of their spans as it was."""
    codes = (attributes.get(code, "") for code in CODES)
    return status in {"STATUS_CODE_ERROR", "2", "error"} or any(code.isdecimal() and int(code) >= SERVER_ERROR for code in codes)


def _trace(answer: Any) -> _Read:
    """The newer answer wraps the trace; for an unknown id it wraps nothing."""
    trace, spans = answer.get("trace", answer), []
    for block in trace.get("resourceSpans", ()) or trace.get("batches", ()):
        resource = _Attributed.model_validate(block.get("resource", {})).texts
        of_resource = {key: text for key, text in resource.items() if key in KEPT}
        scopes = block.get("scopeSpans") or block.get("instrumentationLibrarySpans") or ()
        found = (_Span.model_validate(span) for scope in scopes for span in scope.get("spans", ()))
        spans += [span.read(resource.get("service.name", ""), of_resource) for span in found]
    return _Read(spans, answer.get("status") == "PARTIAL")


def _hex(identifier: str) -> str:
    """Ids are base64 in proto-JSON and hexadecimal in OTLP's own JSON; a parent of zeros is none."""
    plain = re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", identifier)
    digits = identifier if plain else b64decode(identifier, validate=True).hex()
    return digits if digits.strip("0") else ""
