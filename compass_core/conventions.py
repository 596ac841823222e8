"""Spans, and the names of what they and metrics say about models: OpenTelemetry's GenAI conventions, `compass.*` where these have none.

Prompts and answers are in none of them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace

OPERATION = "gen_ai.operation.name"  # what kind of span it is
CHAT = "chat"
INVOKE_AGENT = "invoke_agent"

AGENT = "gen_ai.agent.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
MOST_TOKENS = "gen_ai.request.max_tokens"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - the name of an attribute
ERROR = "error.type"
COST = "compass.cost.usd"  # on a span; the counter of the same name adds them up
OUTCOME = "compass.outcome"
DROPPED = "compass.model.dropped"  # a counter: what models named that does not exist
KIND = "compass.kind"  # of what was dropped: ids, services, mechanisms

TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 - the name of a metric, in {token}
DURATION = "gen_ai.client.operation.duration"  # in s

tracer = trace.get_tracer("compass")


@contextmanager
def span(name: str, attributes: Mapping[str, Any] | None = None, kind: trace.SpanKind = trace.SpanKind.INTERNAL) -> Iterator[trace.Span]:
    """A span that holds of an error its kind alone, for a foreign error's text may hold anything."""
    with tracer.start_as_current_span(name, None, kind, attributes, record_exception=False, set_status_on_exception=False) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute(ERROR, str(getattr(error, "reason", type(error).__name__)))
            current.set_status(trace.StatusCode.ERROR)
            raise
