"""What the services of the demo's shop write in their logs: JSON, logfmt and plain text, each as its kind writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.demo.story import failing, held

if TYPE_CHECKING:
    from tests.demo.story import Story


@dataclass(frozen=True)
class Voice:
    """A line that a service writes: how often a tick when all is well, how often more at the height of the failure, and from when."""

    service: str
    level: str
    usual: float
    more: float
    line: str
    lag: float = 0.0


VOICES = (
    Voice(
        "edge",
        "info",
        2.2,
        -0.8,
        '{"ts":"$iso","level":"info","msg":"request","method":"GET","path":"/events/$event","status":200,"ms":$ms,"id":"$id"}',
    ),
    Voice(
        "edge",
        "info",
        1.0,
        -0.6,
        '{"ts":"$iso","level":"info","msg":"request","method":"GET","path":"/events/$event/seats","status":200,"ms":$ms,"id":"$id"}',
    ),
    Voice(
        "edge",
        "error",
        0.004,
        30,
        '{"ts":"$iso","level":"error","msg":"upstream timed out","upstream":"web-shop:8080","path":"/events/$event/seats","status":504,"ms":$slow,"id":"$id"}',
        0.3,
    ),
    Voice(
        "edge",
        "error",
        0.002,
        16,
        '{"ts":"$iso","level":"error","msg":"upstream answered 503","upstream":"web-shop:8080","path":"/bookings","status":503,"ms":$slow,"id":"$id"}',
        0.2,
    ),
    Voice(
        "edge",
        "warn",
        0.006,
        13,
        '{"ts":"$iso","level":"warn","msg":"retrying request","upstream":"web-shop:8080","attempt":2,"id":"$id"}',
        0.2,
    ),
    Voice(
        "web-shop",
        "info",
        1.8,
        -0.6,
        '{"level":"info","time":"$iso","msg":"page rendered","page":"event","event":$event,"ms":$ms,"requestId":"$id"}',
    ),
    Voice(
        "web-shop",
        "warn",
        0.004,
        12,
        '{"level":"warn","time":"$iso","msg":"retrying POST http://bookings:8080/v1/bookings after 503","attempt":2,"requestId":"$id"}',
        0.1,
    ),
    Voice(
        "web-shop",
        "error",
        0.003,
        14,
        '{"level":"error","time":"$iso","msg":"seat map unavailable","err":"request to http://seatmap:8080/v1/seats failed, status 502","requestId":"$id"}',
        0.2,
    ),
    Voice(
        "web-shop",
        "error",
        0.002,
        5,
        '{"level":"error","time":"$iso","msg":"checkout failed: bookings answered 503","requestId":"$id"}\n'
        "UpstreamError: bookings answered 503 after $slow ms\n"
        "    at BookingsClient.post (/srv/app/clients/bookings.js:88:13)\n"
        "    at async checkout (/srv/app/routes/checkout.js:41:20)",
        0.1,
    ),
    Voice(
        "web-shop",
        "warn",
        0.0,
        0.04,
        '{"level":"warn","time":"$iso","msg":"search found nothing","query":"<!channel> <https://example.com|click> free tickets","requestId":"$id"}',
    ),
    Voice("web-shop", "warn", 0.05, 0, '{"level":"warn","time":"$iso","msg":"slow image host, placeholder used","event":$event,"ms":$ms}'),
    Voice("seatmap", "info", 0.8, -0.3, 'ts=$iso level=info msg="seats drawn" event=$event dur=${ms}ms'),
    Voice(
        "seatmap",
        "error",
        0.002,
        8,
        'ts=$iso level=error msg="availability failed" event=$event upstream=bookings status=503 dur=${slow}ms',
    ),
    Voice("bookings", "info", 1.2, -0.8, 'ts=$iso level=info msg="booking confirmed" booking=$id event=$event seat=$seat dur=${ms}ms'),
    Voice(
        "bookings",
        "error",
        0.0,
        9,
        'ts=$iso level=error msg="Connection is not available, request timed out after 4000ms" pool=bookings total=30 active=30 idle=0 waiting=$waiting req=$id',
    ),
    Voice(
        "bookings",
        "error",
        0.0,
        3,
        'ts=$iso level=error msg="could not open transaction" req=$id\n'
        "org.postgresql.util.PSQLException: FATAL: remaining connection slots are reserved for non-replication superuser connections\n"
        "\tat shop.bookings.Pool.connect(Pool.java:131)\n"
        "\tat shop.bookings.Reserve.handle(Reserve.java:57)",
    ),
    Voice("bookings-db", "", 0.10, 0, "$pg LOG:  checkpoint complete: wrote $event buffers (1.1%); write=26.$ms s, sync=0.004 s"),
    Voice(
        "bookings-db",
        "fatal",
        0.0,
        7,
        "$pg bookings_rw@bookings FATAL:  remaining connection slots are reserved for non-replication superuser connections",
        -0.2,
    ),
    Voice("catalog-db", "", 0.10, 0, "$pg LOG:  checkpoint complete: wrote $event buffers (0.9%); write=21.$ms s, sync=0.003 s"),
    Voice(
        "catalog-db",
        "",
        0.03,
        0,
        "$pg catalog_ro@catalog LOG:  duration: $ms.412 ms  statement: select id, title from events where on_sale order by starts_at",
    ),
    Voice("payments", "info", 0.9, -0.6, "$iso  INFO 1 --- [exec-$event] s.payments.Charge : charge $id captured in $ms ms"),
    Voice("payments", "warn", 0.02, 0, "$iso  WARN 1 --- [exec-$event] s.payments.Charge : card of user $user declined by its bank"),
    Voice("events-catalog", "info", 0.7, 0, '{"severity":"INFO","time":"$iso","message":"listed events","count":$event,"took_ms":$ms}'),
    Voice("pricing", "info", 0.3, 0, "ts=$iso level=info msg=quote event=$event seat=$seat dur=${ms}ms"),
    Voice("pricing", "warn", 0.02, 0, 'ts=$iso level=warn msg="rate table is older than an hour" event=$event'),
    Voice("notifications", "info", 0.4, -0.2, "[$iso] INFO mail queued id=$id user=$user"),
    Voice("notifications", "error", 0.012, 0, "[$iso] ERROR mailbox of user $user is full, giving up id=$id"),
    Voice("holds-cache", "", 0.06, 0, "1:M 14 Mar 2026 * 100 changes in 300 seconds. Saving... id=$id"),
)


def speak(story: Story) -> None:
    """The lines of one tick."""
    for voice in VOICES:
        for _ in range(story.events(voice.usual + voice.more * failing(story.minute, voice.lag))):
            story.log(voice.service, voice.line, voice.level)
    if story.seconds == -210:
        story.log(
            "bookings", 'ts=$iso level=info msg="bookings 4.7.0 started" changes="one transaction per purchase, charge included"', "info"
        )
    if story.seconds == -31 * 60:
        story.log("notifications", "[$iso] INFO notifications 0.14.2 started", "info")
    for _ in range(story.events(1.5 * held(story.minute) * (1 - failing(story.minute)))):
        story.log(
            "bookings", 'ts=$iso level=warn msg="waited for a connection" pool=bookings waited=${ms}ms waiting=$waiting req=$id', "warn"
        )
