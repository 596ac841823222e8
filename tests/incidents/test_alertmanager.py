"""Incidents among the alerts of real Alertmanagers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from compass_core.domain import Incident
from compass_core.errors import AmbiguousIncidentError, Reason, SourceError
from compass_core.incidents.alertmanager import Alertmanager
from tests.sources.kit import Server, recorded

CONTRACTS = Path(__file__).parents[1] / "contracts"
VERSIONS = ("alertmanager", "alertmanager-0.25")
ERRORS = {
    "err_404": Reason.NOT_FOUND,
    "err_silence_404": Reason.NOT_FOUND,
    "err_silence_bad_id": Reason.REJECTED,
    "err_bad_filter": Reason.REJECTED,
    "err_bad_filter_syntax": Reason.REJECTED,
    "err_v1_gone": Reason.REJECTED,
}


def alertmanager(server: Server, labels: tuple[str, ...] = ("service", "service_name", "job", "instance")) -> Alertmanager:
    return Alertmanager(server.backend("Alertmanager"), service_labels=labels)


def replayed(version: str = "alertmanager", name: str = "alerts") -> Server:
    return Server(lambda _: recorded(CONTRACTS / version / f"{name}.json"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_by_fingerprint(version: str) -> None:
    server = replayed(version)
    found = await alertmanager(server).find(" 76AAA0f7eb737de2 ")
    assert found is not None
    assert (found.id, found.services, found.severity, found.origin) == ("76aaa0f7eb737de2", ("checkout",), "critical", "alertmanager")
    assert found.title.startswith("Error ratio of checkout is 35.4")
    assert server.requests[0].url.path == "/prefix/api/v2/alerts"


async def test_alerts_of_grafanas_own_rules() -> None:
    server = replayed()
    place = Alertmanager(server.backend("Grafana"), service_labels=("service",), of_grafana=True)
    found = await place.find("76aaa0f7eb737de2")
    assert found is not None
    assert found.id == "76aaa0f7eb737de2"
    assert (server.requests[0].url.path, place.place) == ("/prefix/api/alertmanager/grafana/api/v2/alerts", "Grafana's alerts")


async def test_a_grafana_that_is_too_old_for_alerts_has_none() -> None:
    server = Server(lambda _: recorded(CONTRACTS / "grafana-7.5" / "err_404.json"))
    place = Alertmanager(server.backend("Grafana"), service_labels=("service",), of_grafana=True)
    assert (await place.find("x"), await place.known()) == (None, ())


async def test_all_of_it() -> None:
    found = await alertmanager(replayed()).find("TargetDown")
    assert found == Incident(
        id="4ebe5a9cd263ecc7",
        title="blackhole 127.0.0.1:9 is down",
        services=("blackhole",),
        environment=(("cluster", "prod-eu"),),
        started_at=datetime(2026, 11, 22, 11, 41, 48, 754000, tzinfo=UTC),
        severity="warning",
        origin="alertmanager",
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_name_that_fires_more_than_once(version: str) -> None:
    with pytest.raises(AmbiguousIncidentError) as caught:
        await alertmanager(replayed(version)).find("HighErrorRate")
    assert "671af3e30094e13c (payment); 76aaa0f7eb737de2 (checkout); f7b9c999a90d0586 (frontend)." in str(caught.value)


@pytest.mark.parametrize("reference", ["866359ce452107dd", "nodeNetworkTransmitErrs", "CheckoutLatencyHigh"])
async def test_what_is_silenced_or_inhibited_is_found_when_it_is_named(reference: str) -> None:
    assert await alertmanager(replayed()).find(reference) is not None


@pytest.mark.parametrize(
    "link",
    [
        "https://alerts.example.com/#/alerts?silenced=false&filter=%7Balertname%3D%22TargetDown%22%7D",
        "https://alerts.example.com/#/alerts?filter=%7Balertname%3D%22TargetDown%22%2C%20job%3D%22blackhole%22%2C%20cluster%3D~%22prod.%2A%22%7D",
        "https://grafana.example.com/alerting/list?queryString=alertname%3DTargetDown",
        "https://grafana.example.com/alerting/silence/new?alertmanager=grafana&matcher=alertname%3DTargetDown&matcher=job%3Dblackhole",
        "https://prometheus.example.com/graph?g0.expr=up%20%3D%3D%200&g0.tab=1",
    ],
)
async def test_by_a_link(link: str) -> None:
    found = await alertmanager(replayed()).find(link)
    assert found is not None
    assert found.id == "4ebe5a9cd263ecc7"


@pytest.mark.parametrize(
    "link",
    [
        "https://alerts.example.com/#/alerts",
        "https://alerts.example.com/#/alerts?filter=%7Balertname%3D%22Other%22%7D",
        "https://alerts.example.com/#/alerts?filter=%7Balertname%3D%22TargetDown%22%2Cjob%3D%22other%22%7D",
        "https://alerts.example.com/#/alerts?filter=%7Balertname%21%3D%22TargetDown%22%7D",
        "https://prometheus.example.com/graph?g0.expr=other&g0.tab=1",
        "https://prometheus.example.com/graph",
        "http://[",
    ],
)
async def test_a_link_to_something_else(link: str) -> None:
    assert await alertmanager(replayed()).find(link) is None


@pytest.mark.parametrize("end", ["view?orgId=1", "view?orgId=2&tab=history", "edit", "view"])
async def test_by_the_page_of_a_rule_in_grafana_under_whatever_host(end: str) -> None:
    alert = {"annotations": {}, "startsAt": "2026-01-05T14:00:00Z", "status": {"state": "active"}}
    alerts = [
        alert
        | {
            "fingerprint": str(at),
            "labels": {"alertname": "A"},
            "generatorURL": f"http://grafana:3000/alerting/grafana/{rule}/view?orgId=1",
        }
        for at, rule in enumerate(("aa11", "bb22"))
    ]
    found = await alertmanager(Server(lambda _: httpx.Response(200, json=alerts))).find(
        f"https://grafana.example.com/alerting/grafana/bb22/{end}"
    )
    assert found is not None
    assert found.id == "1"


async def test_what_fires_wins_over_what_is_silenced() -> None:
    def alert(fingerprint: str, state: str) -> dict[str, object]:
        return {
            "fingerprint": fingerprint,
            "labels": {"alertname": "A"},
            "annotations": {},
            "startsAt": "2026-01-05T14:00:00Z",
            "status": {"state": state},
        }

    server = Server(lambda _: httpx.Response(200, json=[alert("1", "suppressed"), alert("2", "active"), alert("3", "suppressed")]))
    found = await alertmanager(server).find("A")
    assert found is not None
    assert (found.id, found.title, found.services) == ("2", "A", ())


async def test_the_first_service_label_counts() -> None:
    found = await alertmanager(replayed(), ("instance", "service_name")).find("73856358c36cc11d")
    assert found is not None
    assert found.services == ("postgres-orders-0",)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_known(version: str) -> None:
    known = await alertmanager(replayed(version)).known()
    assert len(known) == len(set(known)) == 8 + 5
    assert {"HighErrorRate", "866359ce452107dd"} <= set(known)


@pytest.mark.parametrize("version", VERSIONS)
async def test_nothing_fires(version: str) -> None:
    quiet = alertmanager(replayed(version, "alerts_empty"))
    assert (await quiet.find("HighErrorRate"), await quiet.known(), quiet.place) == (None, (), "Alertmanager")


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("alertmanager*/err_*.json")), ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_errors_of_real_servers(path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        await alertmanager(replayed(path.parent.name, path.stem)).find("x")
    assert caught.value.reason is ERRORS[path.stem]


async def test_a_start_without_a_zone() -> None:
    alert = {"fingerprint": "1", "labels": {}, "annotations": {}, "startsAt": "2026-01-05T14:00:00", "status": {"state": "active"}}
    with pytest.raises(SourceError) as caught:
        await alertmanager(Server(lambda _: httpx.Response(200, json=[alert]))).find("1")
    assert caught.value.reason is Reason.GARBAGE


RULES = {
    "status": "success",
    "data": {
        "groups": [
            {
                "rules": [
                    {"type": "recording", "name": "orders:errors", "query": "sum(rate(orders_failed_total[9m]))", "labels": {}},
                    {"type": "alerting", "name": "OrdersFail", "query": "x", "duration": 60, "labels": {"severity": "warning"}},
                    {
                        "type": "alerting",
                        "name": "OrdersFail",
                        "query": 'rate(orders_failed_total{app="a[b"}[5m]) > 1',
                        "duration": 900,
                        "labels": {"severity": "page", "team": "{{ $labels.team }}"},
                    },
                ]
            }
        ]
    },
}


@pytest.mark.parametrize(
    ("answer", "waited"),
    [
        (httpx.Response(200, json=RULES), timedelta(minutes=20)),
        (httpx.Response(200, json={"status": "success", "data": {"groups": []}}), None),
        (httpx.Response(200, json={"status": "success", "data": {"groups": [{"rules": [{}]}]}}), None),
        (httpx.Response(404, text="not here"), None),
    ],
)
async def test_how_long_an_alert_waited_is_read_from_its_rule(answer: httpx.Response, waited: timedelta | None) -> None:
    alert = {
        "labels": {"alertname": "OrdersFail", "severity": "page", "service": "orders"},
        "annotations": {},
        "startsAt": "2026-01-05T14:03:00Z",
        "fingerprint": "00aa",
        "status": {"state": "active"},
    }
    rules = Server(lambda _: answer)
    firing = Server(lambda _: httpx.Response(200, json=[alert]))
    place = Alertmanager(firing.backend("Alertmanager"), service_labels=("service",), rules=rules.backend("Prometheus"))
    for reference in ("00aa", "OrdersFail"):
        found = await place.find(reference)
        assert found is not None
        assert found.waited == waited
    assert {request.url.path for request in rules.requests} == {"/prefix/api/v1/rules"}
