"""The lab's servers, wired: the system under load, PostgreSQL with its exporter, Prometheus with one rule, Alertmanager."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.lab.processes import Command, LabError, Servers, answers, executable, free_ports, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ROOT = Path(__file__).parents[2]
SERVICES = ("stock", "prices", "orders", "storefront")
SERVERS = ("orders-db", "postgres-exporter", "prometheus", "alertmanager")
ENTRY = "storefront"
MAX_CONNECTIONS = 50

FAILING = f'sum by (service_name) (rate(http_server_request_duration_seconds_count{{service_name="{ENTRY}",http_response_status_code=~"5.."}}[15s]))'
ALL = f'sum by (service_name) (rate(http_server_request_duration_seconds_count{{service_name="{ENTRY}"}}[15s]))'
RULE = {
    "alert": "RequestsFail",
    "expr": f"{FAILING} / {ALL} > 0.1",
    "for": "5s",
    "labels": {"severity": "page"},
    "annotations": {"summary": "More than 10 % of the requests to {{ $labels.service_name }} fail"},
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

    def url(self, name: str) -> str:
        """The base URL of a server or service."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def role(self, role: str) -> Command:
        """How one process of the system is run."""
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        peers = (f"{name}={port}" for name, port in self.ports.items())
        return Command(role, (sys.executable, "-m", "tests.lab.system", role, *peers), env=(("PYTHONPATH", path),))

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """The instant vector that Prometheus answers."""
        answer = await self.http.get(f"{self.url('prometheus')}/api/v1/query", params={"query": query})
        return list(answer.raise_for_status().json()["data"]["result"])


@asynccontextmanager
async def up() -> AsyncIterator[Stack]:
    """The whole lab, under load; when it ends nothing is left of it, except its logs where it failed."""
    folder = _new_folder()
    names = (*SERVICES, *SERVERS)
    async with httpx.AsyncClient(trust_env=False) as http, running(folder) as servers:
        stack = Stack(servers, dict(zip(names, free_ports(len(names)), strict=True)), http)
        await _start_database(stack)
        for service in SERVICES:
            await _start(stack, stack.role(service), f"{stack.url(service)}/metrics")
        await _start_monitoring(stack)
        await servers.start(stack.role("load"))
        yield stack
    shutil.rmtree(folder)


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="compass-lab-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own and has its folder inside
    return folder


def _tool(name: str) -> str:
    return str(Path(executable("postgres")).resolve().parent / name)


async def _start_database(stack: Stack) -> None:
    port = str(stack.ports["orders-db"])
    home = stack.servers.folder / "orders-db"
    home.mkdir(mode=0o700)
    user = "postgres" if os.geteuid() == 0 else ""
    if user:
        shutil.chown(home, user, user)
    initdb = (_tool("initdb"), "-D", str(home), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": MAX_CONNECTIONS,
        "fsync": "off",
    }
    options = (part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    client = ("-h", "127.0.0.1", "-p", port, "-U", "postgres")
    sql = ("-c", "CREATE ROLE shop LOGIN", "-c", "CREATE DATABASE shop OWNER shop")

    async def ready() -> bool:
        return await stack.servers.run(Command("pg_isready", (_tool("pg_isready"), *client)))

    await _run(stack, Command("initdb", initdb, user=user))
    await stack.servers.start(Command("orders-db", (_tool("postgres"), "-D", str(home), *options), stop=signal.SIGINT, user=user), ready)
    await _run(stack, Command("psql", (_tool("psql"), "-X", *client, "-v", "ON_ERROR_STOP=1", *sql)))


async def _start_monitoring(stack: Stack) -> None:
    folder, ports = stack.servers.folder, stack.ports
    database = f"postgresql://postgres@127.0.0.1:{ports['orders-db']}/shop?sslmode=disable"
    (folder / "alertmanager.json").write_text(json.dumps(_routes()))
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "lab", "rules": [RULE]}]}))
    (folder / "prometheus.json").write_text(json.dumps(_scrapes(ports)))
    started = (
        ("postgres-exporter", "/metrics", (), (("DATA_SOURCE_NAME", database),)),
        ("alertmanager", "/-/ready", ("--config.file=alertmanager.json", "--storage.path=alertmanager", "--cluster.listen-address="), ()),
        ("prometheus", "/-/ready", ("--config.file=prometheus.json", "--storage.tsdb.path=prometheus"), ()),
    )
    for name, page, options, env in started:
        argv = (executable(*PROGRAMS[name]), f"--web.listen-address=127.0.0.1:{ports[name]}", "--log.level=warn", *options)
        await _start(stack, Command(name, argv, env=env), f"{stack.url(name)}{page}")


def _routes() -> dict[str, Any]:
    return {"route": {"receiver": "nobody", "group_wait": "1s", "group_interval": "1s"}, "receivers": [{"name": "nobody"}]}


def _scrapes(ports: Mapping[str, int]) -> dict[str, Any]:
    def target(service: str, port: int) -> dict[str, Any]:
        return {"targets": [f"127.0.0.1:{port}"], "labels": {"service_name": service}}

    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.json"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        "scrape_configs": [
            {"job_name": "shop", "static_configs": [target(service, ports[service]) for service in SERVICES]},
            {"job_name": "postgres", "static_configs": [target("orders-db", ports["postgres-exporter"])]},
        ],
    }


async def _start(stack: Stack, command: Command, url: str) -> None:
    await stack.servers.start(command, lambda: answers(stack.http, url))


async def _run(stack: Stack, command: Command) -> None:
    if not await stack.servers.run(command):
        raise LabError(f"{command.name} failed:\n{stack.servers.tail(command.name)}")
