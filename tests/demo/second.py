"""The second incident: `events-catalog` runs out of memory, and `web-shop`, which was deployed just before and fails loudest, is innocent.

A day after the first. In minutes from the alert:

-62    recording begins
-12    the memory of `events-catalog` begins to grow: an import has tripled the number of events that it keeps
-4     `web-shop` 7.32.0 is deployed; it is as good as the one before
-1.5   `events-catalog` is killed for its memory, again and again; what asks it fails, and everyone above, louder
 0     the alert on `edge`
12     recording ends
"""

from __future__ import annotations

import math
import random
from typing import Any

from tests.demo.logs import Voice
from tests.demo.metrics import Route, histogram
from tests.demo.story import ALERT, FIRST, LAST, TICK, Story, ramp

ABOUT: dict[str, Any] = {
    "format": 1,
    "incident": {
        "id": "INC-43",
        "title": "The list of events stays empty for most visitors",
        "services": ["edge"],
        "started_at": "2026-03-15T19:00:00Z",
        "severity": "major",
        "description": "More than 30 % of requests for the list of events end in 502.",
    },
    "window": {"start": "2026-03-15T17:58:00Z", "end": "2026-03-15T19:12:00Z"},
    "truth": {"service": "events-catalog", "mechanism": "memory_pressure", "domain": "application"},
    "provenance": {"dataset": "compass demo", "case": "made by tests/demo_incident.py", "licence": "the project's own"},
}
ROUTES = (
    Route("edge", "GET", "/events", 22, 0.09, 0.62, "502", 2.2, 4.0, 0.4, 0.3),
    Route("edge", "POST", "/bookings", 5, 0.24),
    Route("web-shop", "GET", "/events", 22, 0.07, 0.66, "502", 2.0, 4.0, 0.5, 0.1),
    Route("web-shop", "POST", "/bookings", 5, 0.20),
    Route("events-catalog", "GET", "/v2/events", 24, 0.018, 0.30, "500", 0.9, 6.0),
    Route("bookings", "POST", "/v1/bookings", 5, 0.14),
    Route("payments", "POST", "/v1/charges", 4.6, 0.18),
)
SIZES = {"edge": 200, "web-shop": 900, "events-catalog": 1024, "bookings": 620, "payments": 260}  # MiB
VOICES = (
    Voice("edge", "info", 0.7, -0.3, '{"ts":"$iso","level":"info","msg":"request","path":"/events","status":200,"ms":$ms,"id":"$id"}'),
    Voice(
        "edge", "error", 0.004, 11, '{"ts":"$iso","level":"error","msg":"upstream answered 502","upstream":"web-shop:8080","id":"$id"}', 0.3
    ),
    Voice("web-shop", "info", 0.6, -0.3, '{"level":"info","time":"$iso","msg":"page rendered","page":"events","ms":$ms,"requestId":"$id"}'),
    Voice(
        "web-shop",
        "error",
        0.003,
        14,
        '{"level":"error","time":"$iso","msg":"list of events unavailable","err":"connect ECONNREFUSED events-catalog:8080","requestId":"$id"}',
        0.1,
    ),
    Voice("events-catalog", "info", 0.4, -0.2, '{"severity":"INFO","time":"$iso","message":"listed events","count":$event,"took_ms":$ms}'),
    Voice(
        "events-catalog", "error", 0.0, 2.5, '{"severity":"ERROR","time":"$iso","message":"java.lang.OutOfMemoryError: Java heap space"}'
    ),
    Voice("bookings", "info", 0.5, 0, 'ts=$iso level=info msg="booking confirmed" booking=$id event=$event dur=${ms}ms'),
    Voice("payments", "warn", 0.02, 0, "$iso  WARN 1 --- [exec-$event] s.payments.Charge : card of user $user declined by its bank"),
)


def record() -> Story:
    """The whole story, from the first tick to the last."""
    story = Story(random.Random(43), version=version, alert=ALERT + 86_400)  # noqa: S311 - a story must be the same each time
    for story.seconds in range(FIRST, LAST, TICK):
        requests(story)
        containers(story)
        for voice in VOICES:
            for _ in range(story.events(voice.usual + voice.more * failing(story.minute, voice.lag))):
                story.log(voice.service, voice.line, voice.level)
        if story.seconds == -240:
            story.log("web-shop", '{"level":"info","time":"$iso","msg":"web-shop 7.32.0 started"}', "info")
        for _ in range(story.events(0.4 + 0.6 * failing(story.minute))):
            trace(story)
    return story


def version(service: str, minute: float) -> str:
    fixed = {"edge": "2.9.1", "events-catalog": "5.0.7", "bookings": "4.6.2", "payments": "2.22.1"}
    return fixed.get(service) or ("7.31.0" if minute < -4 else "7.32.0")


def failing(minute: float, lag: float = 0.0) -> float:
    """How far the failure has come, `lag` minutes up the chain of callers."""
    return ramp(minute - lag, -1.5, 0.6)


def requests(story: Story) -> None:
    for route in ROUTES:
        level = failing(story.minute, route.lag)
        total = story.events(route.rate * TICK * (1 + route.more * level))
        bad = min(total, story.events(total * (route.share * level + 0.0004)))
        median = route.median * (1 + route.slower * level)
        good = [min(route.limit * 0.95, story.rng.lognormvariate(math.log(median), 0.5)) for _ in range(total - bad)]
        failed = [story.near(route.limit if level else median, 0.02) for _ in range(bad)]
        for status, seconds in (("200" if route.method == "GET" else "201", good), (route.status, failed)):
            histogram(story, route, status, seconds)


def containers(story: Story) -> None:
    for service, size in SIZES.items():
        labels = {"service": service, "pod": f"{service}-0", "container": service}
        full = 0.5
        if service == "events-catalog":  # killed at its limit, and full again two minutes later
            down = failing(story.minute) and story.minute % 2 < 0.5
            full = 0.55 if down else min(0.995, 0.5 + 0.495 * ramp(story.minute, -12, -1.5))
            story.count("kube_pod_container_status_restarts_total", float(bool(down)), **labels)
            if failing(story.minute):
                story.gauge("kube_pod_container_status_last_terminated_reason", 1, reason="OOMKilled", **labels)
        story.gauge("container_memory_working_set_bytes", story.near(size * 2**20 * full, 0.004), **labels)
        story.gauge("container_spec_memory_limit_bytes", size * 2**20, **labels)
        story.count("container_cpu_usage_seconds_total", story.near(0.3, 0.06) * TICK, **labels)


def trace(story: Story) -> None:
    """One list of events, asked for at the edge; where it fails, it fails at the bottom."""
    failed, name = story.rng.random() < 0.75 * failing(story.minute), f"{story.rng.getrandbits(128):032x}"
    at, parent, took = story.at - story.rng.random() * TICK, "", [2000.0, 1990.0, 900.0] if failed else [95.0, 80.0, 15.0]
    for step, service in enumerate(("edge", "web-shop", "events-catalog")):
        about = {"http.request.method": "GET", "http.route": "/events", "service.version": version(service, story.minute)}
        ids = [f"{story.rng.getrandbits(64):016x}" for _ in range(2)]
        row = {"trace_id": name, "t": round(at + step * 0.004, 4), "ms": round(story.near(took[step], 0.1), 2), "error": failed}
        if parent:
            to = about | {"server.address": service, "http.response.status_code": "502" if failed else "200"}
            caller = ("edge", "web-shop")[step - 1]
            story.spans.append(
                row | {"span_id": ids[0], "parent_id": parent, "service": caller, "name": "GET", "kind": "client", "attributes": to}
            )
        above = ids[0] if parent else None
        story.spans.append(
            row | {"span_id": ids[1], "parent_id": above, "service": service, "name": "GET /events", "kind": "server", "attributes": about}
        )
        parent = ids[1]
