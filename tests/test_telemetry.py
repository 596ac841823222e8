"""Logs are JSON away from a terminal, hold no token, and exporters come only when asked for."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import structlog

from compass_core.telemetry import configure
from tests.redaction.planted import planted

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = ("xoxb-123-456-abcDEF", "xapp-1-A0-9-deadbeef", "xoxe.xoxp-1-Mi0yLTk", "9f8e7d6c-ticket")
TEXT = f"{TOKENS[0]} {TOKENS[1]} '{TOKENS[2]}' url='wss://wss.slack.com/link/?ticket={TOKENS[3]}&app_id=1'"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_events_are_json_lines_from_the_level_on() -> None:
    out = io.StringIO()
    configure({}, stream=out)
    structlog.get_logger().info("investigation.opened", incident="INC-7 «Ü»")
    structlog.get_logger().debug("step.finished")
    (event,) = lines(out)
    assert (event["event"], event["incident"], event["level"]) == ("investigation.opened", "INC-7 «Ü»", "info")
    assert str(event["timestamp"]).endswith("Z")


def test_warnings_of_libraries_are_routed_and_their_chatter_is_not() -> None:
    out = io.StringIO()
    configure({}, stream=out)
    logging.getLogger("slack_bolt.AsyncApp").info("A new session")
    logging.getLogger("httpx").info("HTTP Request: GET http://me:secret@host")
    logging.getLogger("slack_sdk.socket_mode").error("Failed to connect (error: %s)", TEXT)
    (event,) = lines(out)
    assert event["level"] == "error"
    assert "[hidden]" in str(event["event"])
    assert "&app_id=1" in str(event["event"])


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()])
def test_no_token_reaches_the_log(out: io.StringIO) -> None:
    configure({}, stream=out)
    logging.getLogger("slack_sdk").warning(TEXT)
    structlog.get_logger().info("post.failed", text=TEXT)
    try:
        int(TEXT)
    except ValueError:
        structlog.get_logger().exception("listener.failed")
        logging.getLogger("slack_bolt").exception("it broke")
    assert out.getvalue().count("[hidden]") >= 8
    assert "ValueError" in out.getvalue()
    assert not [token for token in TOKENS if token in out.getvalue()]


@pytest.mark.parametrize("out", [io.StringIO(), Terminal()])
def test_no_secret_of_any_kind_reaches_the_log(out: io.StringIO) -> None:
    configure({}, stream=out, secret=[re.compile("customer-[0-9]{6}")])
    secrets = planted(seed=5)
    for one in secrets:
        structlog.get_logger().info("step.finished", detail=one.text, password=one.value, fields={"password": one.value})
        logging.getLogger("aiohttp").warning("%s of customer-123456", one.text)
        structlog.get_logger().warning("agent.failed", exc_info=RuntimeError(one.text))
    assert [one for one in secrets if one.value in out.getvalue()] == []
    assert "customer-" not in out.getvalue()
    assert out.getvalue().count("[hidden]") > 4 * len(secrets)


@pytest.mark.parametrize(
    ("environ", "exporter", "advice"),
    [
        ({"OTEL_TRACES_EXPORTER": "jeager"}, "jeager", "console, otlp or none"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "prometheus", "console, otlp or none"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318"}, "otlp", "opentelemetry-exporter-otlp-proto-http"),
    ],
)
def test_an_exporter_that_is_not_installed_is_a_warning(environ: dict[str, str], exporter: str, advice: str) -> None:
    out = io.StringIO()
    configure(environ, stream=out)
    (event,) = lines(out)
    assert (event["event"], event["exporter"]) == ("exporter.not_found", exporter)
    assert advice in str(event["advice"])


PROGRAM = """
import asyncio
from opentelemetry import metrics
from compass_core.journal.steps import InProcess
from compass_core.telemetry import configure
configure()
metrics.get_meter("t").create_counter("investigations_total").add(1)
async def action(): return None
asyncio.run(InProcess().step("observe", action))
"""


@pytest.mark.parametrize("asked", [True, False])
def test_a_step_is_a_span_on_standard_error_when_asked_for(asked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    environ = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "console"} if asked else {}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert ran.stdout == ""
    assert ('"name": "step observe"' in ran.stderr, "investigations_total" in ran.stderr) == (asked, asked)
