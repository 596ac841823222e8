"""A PostgreSQL of one's own on loopback, which is gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.lab.processes import Command, LabError, Servers, executable, free_ports, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONNECTIONS = 200


def tool(name: str) -> str:
    """A program of the newest PostgreSQL that is installed."""
    return str(Path(executable("postgres")).resolve().parent / name)


def new_folder() -> Path:
    """A folder in which PostgreSQL, which runs as a user of its own, can have its own."""
    folder = Path(tempfile.mkdtemp(prefix="compass-lab-"))
    folder.chmod(0o755)
    return folder


@dataclass(frozen=True, slots=True)
class Postgres:
    """One server of a lab, `name` there; its owner needs no password."""

    servers: Servers
    name: str
    port: int
    connections: int = CONNECTIONS

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def user(self) -> str:
        """Whom it runs as: it refuses to be root."""
        return "postgres" if os.geteuid() == 0 else ""

    async def make(self) -> None:
        """Its files, and then its start."""
        home = self.servers.folder / self.name
        home.mkdir(mode=0o700)
        if self.user:
            shutil.chown(home, self.user, self.user)
        initdb = (tool("initdb"), "-D", str(home), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        if not await self.servers.run(Command("initdb", initdb, user=self.user)):
            raise LabError(f"initdb failed\n{self.servers.tail('initdb')}")
        await self.start()

    async def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": self.connections,
            "fsync": "off",
            "max_parallel_workers_per_gather": 0,
        }
        options = (part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        argv = (tool("postgres"), "-D", str(self.servers.folder / self.name), *options)
        await self.servers.start(Command(self.name, argv, stop=signal.SIGINT, user=self.user), self._ready)

    async def end(self) -> None:
        """It ends at once, and breaks every connection."""
        await self.servers.end(self.name)

    async def _ready(self) -> bool:
        argv = (tool("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port))
        return await self.servers.run(Command("pg_isready", argv))


@asynccontextmanager
async def postgres() -> AsyncIterator[Postgres]:
    """A server with nothing in it."""
    folder = new_folder()
    try:
        async with running(folder) as servers:
            server = Postgres(servers, "postgres", *free_ports(1))
            await server.make()
            yield server
    finally:
        shutil.rmtree(folder)


def fresh(url: str) -> str:
    """The URL of a new database on the server with that URL."""
    name = f"fresh_{uuid.uuid4().hex[:12]}"
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)
