"""Alerts as they stand in a channel, made up after what each of these products posts there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts import read
from bot.workspace import ALEX, INCIDENTS, SAM
from compass_core.domain import Environment
from tests.bot.made import FakeCompass
from tests.bot.test_app import answer, is_step, says, served
from tests.bot.test_change import opened

if TYPE_CHECKING:
    from tests.workspace.strict import Workspace

POSTED = datetime(2026, 1, 5, 14, 3, tzinfo=UTC)
NOW = datetime(2026, 1, 5, 14, 10, tzinfo=UTC)
TS = f"{POSTED.timestamp():.6f}"
Json = dict[str, Any]


def mrkdwn(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def fields(*texts: str) -> Json:
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in texts]}


def attached(**parts: object) -> Json:
    return {"text": "", "attachments": [parts]}


def pairs(**parts: str) -> list[Json]:
    return [{"title": name.replace("_", " "), "value": value, "short": True} for name, value in parts.items()]


def blocks(*these: Json) -> Json:
    return {"text": "", "blocks": list(these)}


SHOP: Environment = (("namespace", "shop"),)
PROD: Environment = (("env", "prod"),)
# kind, message, service, where (some of it), minute at which it began
ALERTS: list[tuple[str, Json, str, Environment, str]] = [
    (
        "alertmanager",
        attached(
            title="[FIRING:1] CheckoutErrors (checkout shop critical)",
            title_link="https://alertmanager.example/#/alerts?receiver=slack",
            text="*Alert:* More than 5 % of requests fail - `critical`\n*Details:*\n • *alertname:* `CheckoutErrors`\n • *namespace:* `shop`\n"
            " • *service:* `checkout`\n • *severity:* `critical`\n*Started:* 2026-01-05 13:58:12 +0000 UTC",
        ),
        "checkout", SHOP, "13:58",
    ),
    (
        "alertmanager",
        attached(
            pretext="1 alert is firing", title="KubePodCrashLooping",
            text="alertname = KubePodCrashLooping\nnamespace = shop\npod = cart-7d9f8b6c5-x2x4z\ncontainer = cart\nseverity = warning",
        ),
        "cart", SHOP, "14:03",
    ),
    (
        "alertmanager",
        {"text": ':fire: *HighLatency* {service="payment", env="prod", severity="page"} since 13:55 UTC'},
        "payment", PROD, "13:55",
    ),
    (
        "grafana",
        attached(
            title="[FIRING:1] Checkout latency (api critical)", title_link="https://grafana.example/alerting/grafana/ab12/view?orgId=1",
            text="**Firing**\n\nValue: A=2.31, C=1\nLabels:\n - alertname = Checkout latency\n - grafana_folder = Shop\n - namespace = shop\n"
            " - service = checkout\nAnnotations:\n - summary = p95 above 2 s\nSource: <https://grafana.example/alerting/grafana/ab12/view|open>",
            footer="Grafana v11.2.0", ts=1767621480,
        ),
        "checkout", SHOP, "13:58",
    ),
    (
        "grafana",
        blocks(
            {"type": "header", "text": {"type": "plain_text", "text": "🔥 DiskFilling is firing"}},
            mrkdwn("*Summary:* disk of the orders database is full soon"),
            fields("*Service:*\npostgres-orders", "*Cluster:*\neu-1", "*Severity:*\ncritical"),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "Started <!date^1767621300^{date} {time}|2026-01-05 13:55 UTC>"}]},
        ),
        "postgres-orders", (("cluster", "eu-1"),), "13:55",
    ),
    (
        "grafana",
        attached(title="[Alerting] Cart errors", text="app: cart, environment: staging", fields=pairs(error_ratio="0.12"), ts="1767621600"),
        "cart", (("environment", "staging"),), "14:00",
    ),
    (
        "pagerduty",
        blocks(
            mrkdwn("*<https://acme.pagerduty.com/incidents/Q1W2E3|#4711: Error rate above 5%>*"),
            fields("*Service:*\n<https://acme.pagerduty.com/service-directory/P9|Checkout>", "*Urgency:*\nHigh", "*Assigned to:*\nAlex"),
            fields("*Triggered at:*\n2026-01-05 13:57 UTC"),
        ),
        "checkout", (), "13:57",
    ),
    (
        "pagerduty",
        attached(
            pretext="Triggered by Prometheus", title="#4712 Payments are slow", title_link="https://acme.pagerduty.com/incidents/Q4",
            fields=pairs(Service="Payment API", Urgency="High", Created_at="2026-01-05T13:50:00Z"),
        ),
        "payment-api", (), "13:50",
    ),
    (
        "pagerduty",
        {"text": "*Triggered* <https://acme.pagerduty.com/incidents/Q7|#4713 [prod] cart is down>\nImpacted service: cart\nSeverity: critical"},
        "cart", (), "14:03",
    ),
    (
        "datadog",
        attached(
            title="[Triggered on {service:checkout,env:prod}] High error rate", title_link="https://app.datadoghq.com/monitors/123",
            text="Errors above 5 %.\n@slack-ops\nTags: service:checkout, env:prod, team:shop\nMetric value: 0.12",
            fields=pairs(Monitored_since="2026-01-05"), ts=1767621420,
        ),
        "checkout", PROD, "13:57",
    ),
    (
        "datadog",
        attached(title="Warn: p99 latency is high on payment", text="`env:prod` `service:payment` `version:1.4.2`\nThe monitor was last triggered at Mon Jan 05 2026 13:59:00 UTC."),
        "payment", PROD, "13:59",
    ),
    (
        "datadog",
        blocks(
            {"type": "header", "text": {"type": "plain_text", "text": "Re-Triggered: Redis memory"}},
            mrkdwn("*Tags*\nservice:redis-cache | env:prod | region:eu"),
            mrkdwn("*Event time:* Mon, 05 Jan 2026 13:52:10 +0000"),
        ),
        "redis-cache", PROD, "13:52",
    ),
    (
        "opsgenie",
        attached(
            title='[Prometheus]: New alert: #123 "[FIRING] CheckoutErrors"', title_link="https://opsg.in/a/i/acme/alert/1",
            fields=pairs(Priority="P1", Tags="service:checkout, env:prod", Routed_Teams="shop", Source="Prometheus", Created_At="Jan 5, 2026 13:54"),
        ),
        "checkout", PROD, "13:54",
    ),
    (
        "opsgenie",
        attached(text='Alert "#124 orders database refuses connections" is created', fields=pairs(Entity="postgres-orders", Priority="P2", Occurred="2026-01-05T13:49:30Z")),
        "postgres-orders", (), "13:49",
    ),
    (
        "opsgenie",
        blocks(mrkdwn("*P1* #125 `Cart is slow`"), fields("*Entity:* cart", "*Alias:* cart-slow", "*Environment:* prod"), mrkdwn("Created: 13:56 UTC")),
        "cart", (("environment", "prod"),), "13:56",
    ),
    (
        "cloudwatch",
        attached(
            title='ALARM: "checkout-5xx" in EU (Ireland)',
            text="Threshold Crossed: 3 datapoints were greater than the threshold (5.0).",
            fields=pairs(
                Metric="HTTPCode_Target_5XX_Count", Namespace="AWS/ECS", Dimensions="[ServiceName=checkout, ClusterName=prod-eu]",
                StateChangeTime="2026-01-05T13:53:21.123+0000", Region="eu-west-1",
            ),
        ),
        "checkout", (), "13:53",
    ),
    (
        "cloudwatch",
        blocks(
            mrkdwn(":rotating_light: *CloudWatch Alarm | orders-db-connections | eu-west-1 | Account: 123456789012*"),
            fields("*Metric:* DatabaseConnections", "*DBInstanceIdentifier:* orders-db", "*State:* OK → ALARM"),
            mrkdwn("*Timestamp:* Mon, 05 Jan 2026 13:51:00 GMT"),
        ),
        "orders-db", (), "13:51",
    ),
    (
        "cloudwatch",
        {"text": "Alarm Details:\n- Name: cart-latency\n- State Change: OK -> ALARM\n- Timestamp: Monday 05 January, 2026 13:48:00 UTC\n- Dimensions: [ServiceName = cart]\n- Period: 60 seconds"},
        "cart", (), "13:48",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "service", "where", "began"), [each[1:] for each in ALERTS], ids=[each[0] for each in ALERTS])
def test_an_alert_says_what_it_is_about(message: Json, service: str, where: Environment, began: str) -> None:
    incident = read(message | {"ts": TS}, NOW).incident
    assert incident.services == (service,)
    assert set(where) <= set(incident.environment)
    assert f"{incident.started_at:%H:%M}" == began
    assert incident.title not in {"", "An alert"}
    assert not incident.by_hand
    assert "AWS" not in str(incident.environment)


def test_a_link_that_may_lead_to_the_alert_is_found() -> None:
    link = "https://grafana.example/alerting/grafana/ab12/view?orgId=1"
    assert read(attached(title="x", title_link=link), NOW).reference == link
    assert read({"text": "see <https://wiki.example/runbook|the runbook>"}, NOW).reference == ""


def test_what_nobody_can_read_has_no_service() -> None:
    for message in (
        {},
        {"text": "payments look odd?"},
        {"text": "Service: 42"},
        {"blocks": [None, {"type": "rich_text"}], "attachments": [3]},
    ):
        incident = read(message | {"ts": TS}, NOW).incident
        assert (incident.services, incident.started_at) == ((), POSTED)


def test_a_time_to_come_or_long_gone_is_when_it_was_posted() -> None:
    for said, noted in (("2031-01-01 10:00 UTC", "2031-01-01 10:00"), ("2019-01-01T10:00:00Z", "2019-01-01 10:00"), ("soon", "")):
        incident = read({"text": f"Service: cart\nStarted: {said}", "ts": TS}, NOW).incident
        assert incident.started_at == POSTED
        assert noted in incident.noted if noted else incident.noted == ""
    for stamp in ("1e400", "9999999999.0", "x"):
        assert read({"text": "", "ts": stamp}, NOW).incident.started_at == NOW


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=30) | st.sampled_from(["Service: a b", "*Started:* 13:00", "env=x", "https://x/alert"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "fields", "blocks", "title", "value", "attachments", "ts"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["text", "blocks", "attachments", "ts"]), JSON))
def test_whatever_a_message_holds_it_is_read(message: Json) -> None:
    incident = read(message, NOW).incident
    assert incident.started_at <= NOW
    assert len(incident.title) <= 300
    assert all(len(one) <= 200 for one in incident.services)


async def test_the_shortcut_investigates_below_the_message(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        alert = await workspace.write("", attachments=ALERTS[0][1]["attachments"])
        result = await workspace.shortcut(INCIDENTS, alert.ts, "investigate_message", user=SAM)
        root = await workspace.wait_for(is_step("root"))
        await workspace.wait_for(is_step("final"))
    assert result.error == ""
    assert root.thread_ts == alert.ts
    link, request = compass.requests
    assert link.reference.startswith("https://alertmanager.example/"), "where the alert itself is known, that says more"
    assert request.incident is not None
    assert (request.incident.services, request.asker, request.again) == (("checkout",), SAM, False)
    assert "investigated again" not in root.text


async def test_that_an_alert_began_too_long_ago_is_said_in_the_thread(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        alert = await workspace.write("Service: checkout\nStarted: 2019-01-01 10:00 UTC")
        await workspace.shortcut(INCIDENTS, alert.ts, "investigate_message")
        root = await workspace.wait_for(is_step("root"))
        await workspace.wait_for(is_step("final"))
    assert "its text says 2019-01-01 10:00, no time of the last 7 days: looked at from when it was posted" in root.text


async def test_what_an_alert_does_not_say_is_asked_for(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        alert = await workspace.write("payments look odd <!channel>")
        await workspace.shortcut(INCIDENTS, alert.ts, "investigate_message")
        view = await opened(workspace)
        assert "payments look odd" in str(view["blocks"])
        assert (await workspace.submit({})).said["errors"] == {"services": "Say which services."}
        await workspace.submit({"services": "payment"})
        root = await workspace.wait_for(is_step("root"))
        await workspace.wait_for(is_step("final"))
    assert root.thread_ts == alert.ts
    (request,) = compass.requests
    assert request.incident is not None
    assert (request.incident.services, request.incident.title, request.again) == (("payment",), "payments look odd <!channel>", False)


async def test_the_same_shortcut_twice_is_told(compass: FakeCompass, workspace: Workspace) -> None:
    import asyncio  # noqa: PLC0415

    compass.gate = asyncio.Event()
    async with served(compass, workspace):
        alert = await workspace.write("Service: checkout")
        await workspace.shortcut(INCIDENTS, alert.ts, "investigate_message")
        await workspace.wait_for(is_step("application"))
        await workspace.shortcut(INCIDENTS, alert.ts, "investigate_message", user=SAM)
        await answer(workspace, "is being investigated already")
        compass.gate.set()
        await workspace.wait_for(is_step("final"))
    assert ALEX not in workspace.board.views
    assert not [one for one in workspace.messages if says("went wrong")(one)]
