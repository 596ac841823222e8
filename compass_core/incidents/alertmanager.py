"""Finds incidents among the alerts of an Alertmanager."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from compass_core.domain import Incident
from compass_core.errors import AmbiguousIncidentError, Reason, SourceError
from compass_core.identity import environment, thing
from compass_core.incidents.links import is_link, is_of
from compass_core.incidents.rules import delay
from compass_core.sources.http import Allowance, Backend

ALERTS: Final = "/api/v2/alerts"
GRAFANA: Final = "/api/alertmanager/grafana"


class _Alert(NamedTuple):
    name: str
    suppressed: bool
    incident: Incident
    labels: Mapping[str, str]
    source: str


class Alertmanager:
    """Alerts by fingerprint or by name; each look-up has its own allowance. Of `service_labels`, the first that an alert has counts.

    `of_grafana`: the alerts of Grafana's own rules, which it tells in the same way; one that is too old for them has none.
    `rules`: the Prometheus that knows the rules of the alerts.
    """

    def __init__(
        self, backend: Backend, *, service_labels: tuple[str, ...], of_grafana: bool = False, rules: Backend | None = None
    ) -> None:
        self.place = "Grafana's alerts" if of_grafana else "Alertmanager"
        self._path = (GRAFANA if of_grafana else "") + ALERTS
        self._backend = backend
        self._service_labels = service_labels
        self._rules = rules

    async def find(self, reference: str) -> Incident | None:
        """The alert with this fingerprint, else the only one with this name or link; a silenced one where no other has that."""
        wanted = reference.strip().casefold()
        alerts = await self._alerts()
        for alert in alerts:
            if alert.incident.id.casefold() == wanted:
                return await self._with_delay(alert)
        if is_link(reference):
            named = [alert for alert in alerts if is_of(reference, alert.labels, alert.source)]
        else:
            named = [alert for alert in alerts if alert.name.casefold() == wanted]
        firing = [alert for alert in named if not alert.suppressed] or named
        if len(firing) > 1:
            incidents = (alert.incident for alert in firing)
            raise AmbiguousIncidentError(reference, tuple(f"{one.id} ({', '.join(one.services) or one.title})" for one in incidents))
        return await self._with_delay(firing[0]) if firing else None

    async def known(self) -> tuple[str, ...]:
        """The names and fingerprints of the alerts that fire."""
        alerts = await self._alerts()
        return tuple(dict.fromkeys([*(alert.name for alert in alerts), *(alert.incident.id for alert in alerts)]))

    async def _with_delay(self, alert: _Alert) -> Incident:
        waited = await delay(self._rules, alert.labels) if self._rules else None
        return alert.incident.model_copy(update={"waited": waited})

    async def _alerts(self) -> list[_Alert]:
        """All that fire: somebody who names a silenced or inhibited alert wants it explained, too."""
        reader = self._backend.reader(Allowance())
        try:
            read = partial(_read, service_labels=self._service_labels)
            return await reader.ask(self._path, read, [("active", "true"), ("silenced", "true"), ("inhibited", "true")])
        except SourceError as error:
            if self._path != ALERTS and error.reason is Reason.NOT_FOUND:
                return []
            raise


def _read(answer: Any, service_labels: tuple[str, ...]) -> list[_Alert]:
    alerts = []
    for item in answer:
        labels, annotations = item["labels"], item["annotations"]
        name = labels.get("alertname", "")
        about = thing(labels, configured=service_labels)
        incident = Incident(
            id=item["fingerprint"],
            title=annotations.get("summary") or name or item["fingerprint"],
            services=(about.name,) if about else (),
            environment=environment(labels, about),
            started_at=datetime.fromisoformat(item["startsAt"]),
            severity=labels.get("severity", ""),
            description=annotations.get("description", ""),
            origin="alertmanager",
        )
        alerts.append(_Alert(name, item["status"]["state"] == "suppressed", incident, labels, item.get("generatorURL", "")))
    return alerts
