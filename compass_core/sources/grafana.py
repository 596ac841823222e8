"""Finds the data sources behind Grafana, links to Explore, and reads annotations as changes."""

import asyncio
import html
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from compass_core.domain import Window
from compass_core.errors import Reason, SourceError
from compass_core.readings import Change, Reading
from compass_core.sources.http import Allowance, Backend, Linker, Locate, Reader
from compass_core.sources.source import Source

Explored: TypeAlias = Literal["prometheus", "loki", "tempo"]
Kind: TypeAlias = Literal[Explored, "alertmanager"]

TYPES: Final[dict[Kind, tuple[str, ...]]] = {
    "prometheus": (
        "prometheus", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource", "victoriametrics-metrics-datasource",
    ),
    "loki": ("loki",), "tempo": ("tempo",), "alertmanager": ("alertmanager",),
}  # fmt: skip
BELOW: Final = frozenset({"mimir", "cortex"})  # kinds of Alertmanagers whose interface begins at /alertmanager
HEALTH: Final = "/api/health"
SOURCES: Final = "/api/datasources"
ANNOTATIONS: Final = "/api/annotations"
LIMIT: Final = 500
UID_PROXY, PANES = 9, 10
ASKED: Final[dict[Explored, dict[str, Any]]] = {
    "prometheus": {"range": True, "instant": False},
    "loki": {"queryType": "range"},
    "tempo": {"queryType": "traceql"},
}
QUIET: Final = 60.0
KINDS: Final = {
    "deploy": "deploy", "deployment": "deploy", "release": "deploy", "rollout": "deploy", "rollback": "deploy",
    "config": "config", "configuration": "config", "scale": "scale", "scaling": "scale", "autoscaling": "scale",
}  # fmt: skip
SERVICE_TAG: Final = re.compile(r"(?:service|service[._]name|app)\s*[:=]\s*(.+)", re.IGNORECASE)
ELEMENT: Final = re.compile(r"</?[a-zA-Z!][^<>]*>")


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True, frozen=True)


class Datasource(_Answer):
    """One data source of Grafana; `uid` is '' where Grafana is too old to give one."""

    id: int
    uid: str = ""
    org_id: int = 1
    name: str
    type: str
    is_default: bool = False
    json_data: dict[str, Any] | None = None


class _Annotation(_Answer):
    time: int
    text: str = ""
    tags: tuple[str, ...] | None = None

    def change(self, services: Sequence[str], query: str, source: str, link: str) -> Change:
        """Its text is HTML that anybody may have written: the elements go, what looks like text stays."""
        text = " ".join(html.unescape(ELEMENT.sub(" ", self.text)).split())
        tags = self.tags or ()
        words = [tag.lower().rpartition(":")[2].strip() for tag in tags]
        kind = next((KINDS[word] for word in words if word in KINDS), "annotation")
        return Change(self.time / 1000, _named(services, tags, text), text, kind, query, source, link)


_DATASOURCES, _ANNOTATIONS = TypeAdapter(tuple[Datasource, ...]), TypeAdapter(tuple[_Annotation, ...])


class Grafana:
    """One Grafana, for the life of the process; what it discovers is asked for once, outside the investigations' allowances."""

    def __init__(self, backend: Backend, base_url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._sources: tuple[Datasource, ...] | None = None
        self._major = PANES
        self._quiet_until = float("-inf")
        self._lock = asyncio.Lock()

    async def datasource(self, kind: Kind) -> Datasource:
        """The default one of this kind, else the first by name; raises `SourceError` (NOT_CONFIGURED where there is none)."""
        fitting = [one for one in await self._discovered() if one.type in TYPES[kind]]
        if not fitting:
            raise SourceError(self._backend.name, Reason.NOT_CONFIGURED, f"Grafana has no {kind.title()} data source")
        return min(fitting, key=lambda one: (not one.is_default, one.name))

    def locate(self, kind: Kind) -> Locate:
        """The address under which Grafana passes requests on to the data source of this kind."""

        async def located() -> str:
            found = await self.datasource(kind)
            by_uid = found.uid and self._major >= UID_PROXY
            below = "/alertmanager" if (found.json_data or {}).get("implementation") in BELOW else ""
            return f"{self._base_url}{SOURCES}/proxy/" + (f"uid/{quote(found.uid, safe='')}" if by_uid else str(found.id)) + below

        return located

    def linker(self, kind: Explored) -> Linker:
        """Links to Explore; None where Grafana does not answer, which is then not asked again for a minute."""

        async def link(query: str, window: Window) -> str | None:
            if self._clock() < self._quiet_until:
                return None
            try:
                found = await self.datasource(kind)
            except SourceError as error:
                if error.reason is not Reason.NOT_CONFIGURED:
                    self._quiet_until = self._clock() + QUIET
                return None
            asked = {**ASKED[kind], "query" if kind == "tempo" else "expr": query}
            return f"{_without_user(self._base_url)}/explore?{_explored(found, self._major, asked, window)}"

        return link

    async def _discovered(self) -> tuple[Datasource, ...]:
        """All data sources; a server that hides its version is taken for a new one."""
        async with self._lock:
            if self._sources is None:
                reader = self._backend.reader(Allowance())
                self._major = await reader.ask(HEALTH, _major)
                self._sources = await reader.ask(SOURCES, _DATASOURCES.validate_python)
            return self._sources


class GrafanaChanges(Source):
    """`ports.Changes`, for one investigation: the annotations that people and pipelines made."""

    def __init__(self, reader: Reader, base_url: str) -> None:
        super().__init__(reader)
        self._base_url = _without_user(base_url).rstrip("/")

    async def changes(self, services: Sequence[str], window: Window) -> Reading[Change]:
        """Annotations that begin in the window, oldest first; the query is the request itself."""
        begin, end = _milliseconds(window)
        params = [("from", begin), ("to", end), ("type", "annotation"), ("limit", str(LIMIT))]
        query = f"{ANNOTATIONS}?{urlencode(params)}"
        link = self._base_url + query

        def read(answer: Any) -> tuple[tuple[Change, ...], int]:
            found = _ANNOTATIONS.validate_python(answer)
            inside = sorted((one for one in found if int(begin) <= one.time < int(end)), key=lambda one: one.time)
            return tuple(one.change(services, query, self._reader.name, link) for one in inside), len(found)

        values, count = await self._reader.ask(ANNOTATIONS, read, params)
        cut = self._reader.gap(Reason.TRUNCATED, f"{LIMIT} annotations or more: older ones were not read")
        return Reading(values, (cut,) if count >= LIMIT else (), query, link, self._reader.name)


def _major(health: Any) -> int:
    version = re.match(r"\d+", health.get("version", ""))
    return int(version[0]) if version else PANES


def _explored(source: Datasource, major: int, asked: dict[str, Any], window: Window) -> str:
    """The state of Explore as a query string: for exactly this window, which Grafana wants in milliseconds."""
    begin, end = _milliseconds(window)
    span = {"from": begin, "to": end}
    state: dict[str, Any] = {"left": {"datasource": source.name, "queries": [{"refId": "A", **asked}], "range": span}}
    if major >= PANES:
        query = {"refId": "A", "datasource": {"type": source.type, "uid": source.uid}, **asked}
        state = {"schemaVersion": 1, "panes": {"compass": {"datasource": source.uid, "queries": [query], "range": span}}}
    texts = {key: json.dumps(value, separators=(",", ":")) for key, value in state.items()}
    return urlencode({"orgId": source.org_id, **texts}, quote_via=quote)


def _named(services: Sequence[str], tags: Sequence[str], text: str) -> str:
    """The service an annotation is about: said by a tag, or the first one in its text, or ''."""
    for tag in tags:
        if said := SERVICE_TAG.fullmatch(tag.strip()):
            return said[1]
        if tag in services:
            return tag
    words = "|".join(re.escape(service) for service in sorted(services, key=len, reverse=True) if service)
    match = re.search(rf"(?<![\w-])(?:{words})(?![\w-])", text) if words else None
    return match[0] if match else ""


def _without_user(url: str) -> str:
    return re.sub(r"(?<=//)[^/]*@", "", url, count=1)


def _milliseconds(window: Window) -> tuple[str, str]:
    return str(round(window.start.timestamp() * 1000)), str(round(window.end.timestamp() * 1000))
