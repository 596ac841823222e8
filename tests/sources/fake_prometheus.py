"""A Prometheus in this process that understands just what we ask."""

from __future__ import annotations

import re
from typing import Any

import httpx

from compass_core.sources.http import Allowance
from compass_core.sources.prometheus import Prometheus
from tests.sources.handmade import T0
from tests.sources.kit import Answer, Server, params_of

TAGGED = re.compile(r'label_replace\((.*?), "compass_selection", "(\d+)", "", ""\)(?: or |$)')


def ok(data: object, **more: object) -> httpx.Response:
    return httpx.Response(200, json={"status": "success", "data": data, **more})


def refused(status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"status": "error", "errorType": "bad_data", "error": "no"})


class FakePrometheus(Server):
    """Lists `series`; every expression has one point a minute, 1.5, unless it contains `bad`, which fails the whole request."""

    def __init__(self, series: list[dict[str, str]] | None = None, metadata: object = None, refusal: httpx.Response | None = None) -> None:
        super().__init__(self._route)
        self.series = series or []
        self.metadata = metadata or {}
        self.refusal = refusal or refused()
        self.points: list[tuple[float, str]] = [(T0, "1.5"), (T0 + 60, "NaN"), (T0 + 180, "+Inf")]
        self.samples = "8"
        self.warnings: list[str] = []
        self.more: dict[str, object] = {}

    def asked(self, path: str) -> list[httpx.QueryParams]:
        return [params_of(request) for request in self.requests if request.url.path == f"/prefix/api/v1/{path}"]

    def _route(self, request: httpx.Request) -> Answer:
        match request.url.path.rpartition("/")[2]:
            case "series":
                return refused() if "bad" in str(params_of(request)) else ok(self.series, warnings=self.warnings, **self.more)
            case "labels":
                return ok(sorted({label for one in self.series for label in one}))
            case "metadata":
                return ok(self.metadata)
        query = params_of(request)["query"]
        if "bad" in query:
            return self.refusal
        tags = [tag for _, tag in TAGGED.findall(query)]
        if request.url.path.endswith("query"):
            return ok({"result": [{"metric": {"compass_selection": tag}, "value": [T0, self.samples]} for tag in tags]})
        return ok(
            {"result": [{"metric": {"compass_selection": tag, "service": "web"}, "values": self.points} for tag in tags]},
            warnings=self.warnings,
            **self.more,
        )


def prometheus(server: Server, allowance: Allowance | None = None, **settings: Any) -> Prometheus:
    reader = server.backend("prometheus").reader(allowance or Allowance())
    return Prometheus(reader, **{"service_labels": (), "link": None, "public_url": "", **settings})
