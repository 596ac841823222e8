"""The lab's servers, wired: the system under load, PostgreSQL with its exporter, Prometheus with its rules, Alertmanager."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.lab import kubernetes
from tests.lab.postgres import Postgres, new_folder, tool
from tests.lab.processes import Command, LabError, Servers, answers, executable, free_ports, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ROOT = Path(__file__).parents[2]
SERVICES = ("stock", "prices", "orders", "storefront")
SERVERS = ("orders-db", "postgres-exporter", "prometheus", "alertmanager")
ENTRY = "storefront"
MAX_CONNECTIONS = 50

SERVED = f'http_server_request_duration_seconds_count{{service_name="{ENTRY}"}}'
FAILED = f'http_server_request_duration_seconds_count{{service_name="{ENTRY}",http_response_status_code=~"5.."}}'
TIMED = f'http_server_request_duration_seconds_bucket{{service_name="{ENTRY}"}}'


def _alert(name: str, expression: str, summary: str) -> dict[str, Any]:
    return {"alert": name, "expr": expression, "for": "5s", "labels": {"severity": "page"}, "annotations": {"summary": summary}}


def _columns(**usages: str) -> list[dict[str, Any]]:
    return [{name: {"usage": usage, "description": name}} for name, usage in usages.items()]


# what the people who buy notice, whatever the cause
RULES = (
    _alert(
        "RequestsFail",
        f"sum by (service_name) (rate({FAILED}[15s])) / sum by (service_name) (rate({SERVED}[15s])) > 0.1",
        "More than 10 % of the requests to {{ $labels.service_name }} fail",
    ),
    _alert(
        "RequestsAreSlow",
        f"histogram_quantile(0.95, sum by (service_name, le) (rate({TIMED}[15s]))) > 0.3",
        "More than 5 % of the requests to {{ $labels.service_name }} take longer than 0.3 s",
    ),
)
# of any two requests one takes as long as this
STRICT = _alert(
    "RequestsAreTooSlow",
    f"histogram_quantile(0.5, sum by (service_name, le) (rate({TIMED}[15s]))) > 0.0005",
    "Half of the requests to {{ $labels.service_name }} take longer than 0.0005 s",
)
SCHEMA = (
    "SET ROLE shop",
    "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, email text, placed_at timestamptz)",
    "INSERT INTO orders (email, placed_at) SELECT 'Customer' || i % 25000 || '@Example.com', now() FROM generate_series(1, 200000) AS i",
    "CREATE INDEX orders_email ON orders (lower(email))",
    "ANALYZE orders",
)
# what postgres_exporter measures unasked since 0.13; Debian's is older and has to be told
QUERIES = {
    "pg_stat_activity": {
        "query": "SELECT datname, state, wait_event_type, wait_event, count(*), max(extract(epoch FROM now() - xact_start)) AS max_tx_duration"
        " FROM pg_stat_activity WHERE datname IS NOT NULL GROUP BY 1, 2, 3, 4",
        "metrics": _columns(
            datname="LABEL", state="LABEL", wait_event_type="LABEL", wait_event="LABEL", count="GAUGE", max_tx_duration="GAUGE"
        ),
    },
    "pg_stat_user_tables": {
        "query": "SELECT current_database() AS datname, schemaname, relname, seq_scan, seq_tup_read, idx_scan FROM pg_stat_user_tables",
        "metrics": _columns(
            datname="LABEL", schemaname="LABEL", relname="LABEL", seq_scan="COUNTER", seq_tup_read="COUNTER", idx_scan="COUNTER"
        ),
    },
}

# under the names of Debian or of the projects themselves
PROGRAMS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "postgres-exporter": ("prometheus-postgres-exporter", "postgres_exporter"),
    "postgres": ("postgres",),
}


def missing() -> str:
    """The real servers that are not installed here, as one text."""
    return ", ".join(name for name, names in PROGRAMS.items() if not executable(*names))


@dataclass(frozen=True, slots=True)
class Stack:
    """A lab that runs."""

    servers: Servers
    ports: Mapping[str, int]
    http: httpx.AsyncClient
    pods: bool = False

    @property
    def targets(self) -> int:
        """How many are scraped."""
        return len(_scrapes(self)["scrape_configs"]) if self.pods else len(SERVICES) + 1

    @property
    def served(self) -> str:
        """The series that count the requests to the entry."""
        return kubernetes.SERVED.format(ENTRY) if self.pods else SERVED

    def url(self, name: str) -> str:
        """The base URL of a server or service."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def role(self, role: str, **env: str) -> Command:
        """How one process of the system is run."""
        return self._module(role, "tests.lab.system", role, **env)

    def node(self) -> Command:
        """How the node is run that runs the services as pods."""
        return self._module("node", "tests.lab.node")

    def _module(self, name: str, module: str, *words: str, **env: str) -> Command:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        peers = (f"{name}={port}" for name, port in self.ports.items())
        return Command(name, (sys.executable, "-m", module, *words, *peers), env=(("PYTHONPATH", path), *env.items()))

    def sql(self, name: str, *statements: str, database: str = "shop") -> Command:
        """How the database's owner says something to it."""
        client = ("-h", "127.0.0.1", "-p", str(self.ports["orders-db"]), "-U", "postgres", "-d", database)
        return Command(name, (tool("psql"), "-X", *client, "-v", "ON_ERROR_STOP=1", *(part for one in statements for part in ("-c", one))))

    def watch(self, *rules: Mapping[str, Any]) -> None:
        """What Prometheus raises alerts by, once it reads its rules."""
        (self.servers.folder / "rules.json").write_text(json.dumps({"groups": [{"name": "lab", "rules": rules}]}))

    async def serving(self) -> bool:
        """Whether every service answers."""
        return all([await answers(self.http, f"{self.url(service)}/metrics") for service in SERVICES])

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """The instant vector that Prometheus answers."""
        answer = await self.http.get(f"{self.url('prometheus')}/api/v1/query", params={"query": query})
        return list(answer.raise_for_status().json()["data"]["result"])


@asynccontextmanager
async def up(*, pods: bool = False) -> AsyncIterator[Stack]:
    """The whole lab, under load; when it ends nothing is left of it, except its logs where it failed.

    With `pods` its services run on a node and are watched as kube-prometheus-stack does; what people notice has no rule then.
    """
    folder = new_folder()
    names = (*SERVICES, *SERVERS, "wire", "node")
    async with httpx.AsyncClient(trust_env=False) as http, running(folder) as servers:
        stack = Stack(servers, dict(zip(names, free_ports(len(names)), strict=True)), http, pods)
        await _start_database(stack)
        if pods:
            await servers.start(stack.node(), stack.serving)
        for role in ("wire",) if pods else (*SERVICES, "wire"):
            await _start(stack, stack.role(role), f"{stack.url(role)}/metrics")
        await _start_monitoring(stack)
        await servers.start(stack.role("load"))
        yield stack
    shutil.rmtree(folder)


async def _start_database(stack: Stack) -> None:
    await Postgres(stack.servers, "orders-db", stack.ports["orders-db"], MAX_CONNECTIONS).make()
    await run(stack, stack.sql("owner", "CREATE ROLE shop LOGIN", "CREATE DATABASE shop OWNER shop", database="postgres"))
    await run(stack, stack.sql("schema", *SCHEMA))


async def _start_monitoring(stack: Stack) -> None:
    folder, ports = stack.servers.folder, stack.ports
    database = f"postgresql://postgres@127.0.0.1:{ports['orders-db']}/shop?sslmode=disable"
    (folder / "alertmanager.json").write_text(json.dumps(_routes()))
    stack.watch(*([kubernetes.CRASH_LOOPING] if stack.pods else RULES))
    (folder / "queries.json").write_text(json.dumps(QUERIES))
    (folder / "prometheus.json").write_text(json.dumps(_scrapes(stack)))
    started = (
        ("postgres-exporter", "/metrics", ("--extend.query-path=queries.json",), (("DATA_SOURCE_NAME", database),)),
        ("alertmanager", "/-/ready", ("--config.file=alertmanager.json", "--storage.path=alertmanager", "--cluster.listen-address="), ()),
        ("prometheus", "/-/ready", ("--config.file=prometheus.json", "--storage.tsdb.path=prometheus"), ()),
    )
    for name, page, options, env in started:
        argv = (executable(*PROGRAMS[name]), f"--web.listen-address=127.0.0.1:{ports[name]}", "--log.level=warn", *options)
        await _start(stack, Command(name, argv, env=env), f"{stack.url(name)}{page}")


def _routes() -> dict[str, Any]:
    return {"route": {"receiver": "nobody", "group_wait": "1s", "group_interval": "1s"}, "receivers": [{"name": "nobody"}]}


def _scrapes(stack: Stack) -> dict[str, Any]:
    ports = stack.ports

    def target(service: str, port: int) -> dict[str, Any]:
        return {"targets": [f"127.0.0.1:{port}"], "labels": {"service_name": service}}

    by_service = [
        {"job_name": "shop", "static_configs": [target(service, ports[service]) for service in SERVICES]},
        {"job_name": "postgres", "static_configs": [target("orders-db", ports["postgres-exporter"])]},
    ]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.json"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        "scrape_configs": kubernetes.scrapes(ports, SERVICES) if stack.pods else by_service,
    }


async def _start(stack: Stack, command: Command, url: str) -> None:
    await stack.servers.start(command, lambda: answers(stack.http, url))


async def run(stack: Stack, command: Command) -> None:
    """Run a command to its end; LabError when that is a bad one."""
    if not await stack.servers.run(command):
        raise LabError(f"{command.name} failed:\n{stack.servers.tail(command.name)}")
