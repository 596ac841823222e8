"""Real servers on loopback: started in their own process groups, ended by pid, whatever happens."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

START_SECONDS = 30.0
STOP_SECONDS = 8.0
POSTGRES_FOLDERS = Path("/usr/lib/postgresql")


class LabError(Exception):
    """A server of the lab did not do what it was started for; the text ends with its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """One server to run: `stop` is the signal that it shuts down on at once, `user` whom it runs as (root's own lab only)."""

    name: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    stop: signal.Signals = signal.SIGTERM
    user: str = ""


def executable(*names: str) -> str:
    """The first of these programs that is installed; Debian keeps PostgreSQL's own outside the search path. '' where none is."""
    folders = sorted(POSTGRES_FOLDERS.glob("*/bin"), reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, folders)])
    return next((found for name in names if (found := shutil.which(name, path=places))), "")


def free_ports(count: int) -> tuple[int, ...]:
    """Loopback ports that nobody listens on, below those that systems give to outgoing connections."""
    held: list[socket.socket] = []
    for port in random.sample(range(20_000, 32_000), 20 * count):
        with suppress(OSError):
            held.append(socket.create_server(("127.0.0.1", port)))
        if len(held) == count:
            break
    ports = tuple(int(each.getsockname()[1]) for each in held)
    for each in held:
        each.close()
    return ports


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
    """Returns when the condition holds; LabError with `what` was awaited when it does not within these seconds."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - other processes cannot set our events
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise LabError(f"not within {seconds:.0f} s: {what}") from error


async def answers(http: httpx.AsyncClient, url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return (await http.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


class Servers:
    """The processes of one lab; `running` makes it, and whatever it started has ended when that ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, tuple[Process, Command]] = {}

    async def _spawn(self, command: Command) -> Process:
        with (self.folder / f"{command.name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *guarded(command),
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), **dict(command.env)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes[command.name] = (process, command)
        return process

    async def start(self, command: Command, ready: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Start it and wait until it is ready, where there is a way to tell."""
        process = await self._spawn(command)

        async def up() -> bool:
            return process.returncode is not None or ready is None or await ready()

        try:
            await until(up, f"{command.name} is ready", START_SECONDS)
        except LabError as error:
            raise LabError(f"{error}\n{self.tail(command.name)}") from error
        if process.returncode is not None:
            raise LabError(f"{command.name} ended with {process.returncode}\n{self.tail(command.name)}")

    async def run(self, command: Command) -> bool:
        """Run it to its end; whether it ended well."""
        process = await self._spawn(command)
        async with asyncio.timeout(START_SECONDS):
            return await process.wait() == 0

    def signal(self, name: str, what: signal.Signals) -> None:
        """Tell a server something that its command line cannot."""
        self._processes[name][0].send_signal(what)

    async def end(self, name: str) -> None:
        """End one server and everything that it started."""
        process, command = self._processes.pop(name)
        if process.returncode is None:
            _signal_group(process.pid, command.stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()

    async def end_all(self) -> None:
        """End every server, the last started first."""
        for name in reversed(tuple(self._processes)):
            await self.end(name)

    def tail(self, name: str) -> str:
        """The end of a server's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-1500:]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Servers]:
    """An empty lab in this folder."""
    async with AsyncExitStack() as stack:
        servers = Servers(folder)
        stack.push_async_callback(servers.end_all)
        yield servers


def guarded(command: Command) -> Sequence[str]:
    """What to run: with setpriv, which also ends the server should this process be killed, and changes the user where that is asked."""
    setpriv = executable("setpriv")
    if not setpriv:
        return command.argv
    user = (f"--reuid={command.user}", f"--regid={command.user}", "--clear-groups") if command.user else ()
    return (setpriv, *user, "--pdeathsig", command.stop.name.removeprefix("SIG"), "--", *command.argv)


def _signal_group(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, what)
