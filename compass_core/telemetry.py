"""Where logs, spans and metrics go; the rest of the core writes them and does not ask.

Logs are for people on a terminal and JSON elsewhere. Spans and metrics are exported only when `OTEL_*` names an exporter.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import entry_points
from typing import Any, TextIO

import structlog
from opentelemetry import metrics, trace

from compass_core.redaction.redact import hidden
from compass_core.redaction.whole import said


def configure(
    environ: Mapping[str, str] | None = None,
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
    secret: Sequence[re.Pattern[str]] = (),
) -> None:
    """Log to `stream` (standard error), ours from `level` and other libraries' warnings; export what `OTEL_*` asks for.

    No secret is logged: neither one that is known by its form nor a match of the configured expressions `secret`.
    """
    out = sys.stderr if stream is None else stream
    _log_to(out, level, partial(_hide, secret))
    environ = os.environ if environ is None else environ
    if span_exporter := _exporter("traces", environ, out):
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the SDK is loaded only when something is exported
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same

        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(span_exporter))
        trace.set_tracer_provider(tracers)
    if metric_exporter := _exporter("metrics", environ, out):
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415 - the same

        metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(metric_exporter)]))


def _log_to(out: TextIO, level: int, hide: Any) -> None:
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Any] = [structlog.processors.format_exc_info, hide, structlog.processors.JSONRenderer(), hide]
    if out.isatty():  # plain_traceback: the pretty ones print the values of local variables, tokens included
        last = [hide, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback), hide]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
    )
    others = logging.StreamHandler(out)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    others.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[remove, *last], foreign_pre_chain=first))
    logging.basicConfig(level=logging.WARNING, handlers=[others], force=True)


def _hide(secret: Sequence[re.Pattern[str]], _logger: object, _method: str, event: Any) -> Any:
    """Before it is written, for JSON's signs would stand within a secret's notation, and after, for a field's name may mark one."""
    return said(event, partial(hidden, configured=secret))


def _exporter(kind: str, environ: Mapping[str, str], out: TextIO) -> Any:
    """The exporter that `OTEL_TRACES_EXPORTER` or `OTEL_METRICS_EXPORTER` names, or None."""
    variable = f"OTEL_{kind.upper()}_EXPORTER"
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{kind.upper()}_ENDPOINT")
    name = environ.get(variable, "").strip() or ("otlp" if any(environ.get(each) for each in endpoints) else "none")
    if name == "none":
        return None
    names = ("otlp", "otlp_proto_http", "otlp_proto_grpc") if name == "otlp" else (name,)
    points = [point for each in names for point in entry_points(group=f"opentelemetry_{kind}_exporter", name=each)]
    if not points:
        advice = "install opentelemetry-exporter-otlp-proto-http" if name == "otlp" else f"set {variable} to console, otlp or none"
        structlog.get_logger().warning("exporter.not_found", signal=kind, exporter=name, advice=advice)
        return None
    exporter = points[0].load()
    return exporter(out=out) if name == "console" else exporter()  # the console's default is standard output, where reports go
