"""A node of a cluster: `python -m tests.lab.node NAME=PORT …` runs every service as the only container of a pod, with a limit of memory.

What passes its limit is killed, and started again after a pause that doubles. SIGUSR1 is a new setting of `prices`: the process that
runs begins to leak memory, and each that is started from then on does. The node tells of its containers what the kubelet tells, by what
/proc says of them, and what kube-state-metrics does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from tests.lab.exposition import Exposition
from tests.lab.kubernetes import BACK_OFF, CADVISOR, NAMESPACE, NODE, STATE, pod_of, replica_set_of
from tests.lab.processes import Command, guarded
from tests.lab.stack import SERVICES
from tests.lab.work import KEEPING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Iterable

LIMIT = 256 * 1024 * 1024  # bytes of memory
LOOK_SECONDS = 0.1
PAUSE_SECONDS, LONGEST_PAUSE = 3.0, 12.0  # 10 seconds and 5 minutes in a cluster
LEAKING = "prices"


@dataclass(slots=True)
class Container:
    """A workload's container, under the workload's name. `ended` is why the last process of it ended, '' where none has."""

    name: str
    peers: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    process: Process | None = None
    started: float = 0.0
    restarts: int = 0
    ended: str = ""
    cpu_of_ended: float = 0.0

    async def live(self) -> None:
        """Run it, again and again."""
        command = Command(self.name, (sys.executable, "-m", "tests.lab.system", self.name, *self.peers), stop=signal.SIGKILL)
        pause = PAUSE_SECONDS
        while True:
            self.process, self.started = await asyncio.create_subprocess_exec(*guarded(command), env=os.environ | self.env), time.time()
            while self.process.returncode is None and self.memory < LIMIT:  # noqa: ASYNC110 - another process cannot set our events
                await asyncio.sleep(LOOK_SECONDS)
            self.cpu_of_ended += self.cpu
            self.ended = "Error"
            with suppress(ProcessLookupError):
                self.process.kill()
                self.ended = "OOMKilled"
            await self.process.wait()
            self.process = None
            await asyncio.sleep(pause)
            self.restarts, pause = self.restarts + 1, min(2 * pause, LONGEST_PAUSE)

    @property
    def memory(self) -> int:
        """Bytes that are resident; 0 where nothing runs."""
        pages = self._proc("statm").split()
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the process which runs has used."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def _proc(self, name: str) -> str:
        with suppress(OSError):
            return Path(f"/proc/{self.process.pid}/{name}").read_text() if self.process else ""
        return ""

    def leak(self) -> None:
        """It keeps every answer from now on."""
        self.env[KEEPING] = "yes"
        if self.process:
            self.process.send_signal(signal.SIGUSR2)


def kubelet(containers: Iterable[Container]) -> str:
    """What cAdvisor in the kubelet tells of what runs: of each container, and of its pod as a whole. A new container is a new series."""
    page = Exposition()
    for one in containers:
        if not one.process:
            continue
        pod = {"namespace": NAMESPACE, "pod": pod_of(one.name), "id": f"/kubepods.slice/kubepods-burstable.slice/pod-{one.name}.slice"}
        scope = f"{pod['id']}/cri-containerd-{one.name}-{one.restarts}.scope"
        inside = {**pod, "id": scope, "container": one.name, "image": f"shop/{one.name}:1.8.3", "name": f"{one.name}-{one.restarts}"}
        for labels, cpu in ((inside, one.cpu), (pod, one.cpu_of_ended + one.cpu)):
            page.value("container_memory_working_set_bytes", one.memory, **labels)
            page.value("container_memory_rss", one.memory, **labels)
            page.value("container_spec_memory_limit_bytes", LIMIT, **labels)
            page.count("container_cpu_usage_seconds_total", cpu, cpu="total", **labels)
        page.value("container_start_time_seconds", one.started, **inside)
        page.count("container_oom_events_total", 0, **inside)  # of the container's own control group, which ends with it
    return page.text()


def state(containers: Iterable[Container]) -> str:
    """What kube-state-metrics tells: what the cluster's server knows. A reason is told while it holds."""
    page = Exposition()
    for one in containers:
        pod = {"namespace": NAMESPACE, "pod": pod_of(one.name), "uid": f"0b6b3c1e-{one.name}"}
        inside, owned = {**pod, "container": one.name}, {"namespace": NAMESPACE, "deployment": one.name}
        runs = one.process is not None
        page.value("kube_pod_info", 1, node=NODE, created_by_kind="ReplicaSet", created_by_name=replica_set_of(one.name), **pod)
        page.value("kube_pod_owner", 1, owner_kind="ReplicaSet", owner_name=replica_set_of(one.name), owner_is_controller="true", **pod)
        for phase in ("Pending", "Succeeded", "Failed", "Unknown", "Running"):
            page.value("kube_pod_status_phase", float(phase == "Running"), phase=phase, **pod)
        page.value("kube_pod_container_info", 1, image=f"shop/{one.name}:1.8.3", **inside)
        page.value("kube_pod_container_resource_limits", LIMIT, node=NODE, resource="memory", unit="byte", **inside)
        page.value("kube_pod_container_status_ready", float(runs), **inside)
        page.value("kube_pod_container_status_running", float(runs), **inside)
        page.count("kube_pod_container_status_restarts_total", one.restarts, **inside)
        if one.ended:
            page.value("kube_pod_container_status_last_terminated_reason", 1, reason=one.ended, **inside)
        if not runs:
            page.value("kube_pod_container_status_waiting_reason", 1, reason=BACK_OFF if one.ended else "ContainerCreating", **inside)
        page.value(
            "kube_replicaset_owner",
            1,
            owner_kind="Deployment",
            owner_name=one.name,
            namespace=NAMESPACE,
            replicaset=replica_set_of(one.name),
        )
        page.value("kube_deployment_spec_replicas", 1, **owned)
        page.value("kube_deployment_status_replicas_available", float(runs), **owned)
    return page.text()


async def node(peers: tuple[str, ...]) -> web.Application:
    """The containers, and the two pages about them."""
    containers = {name: Container(name, peers) for name in SERVICES}

    async def living(_app: web.Application) -> AsyncIterator[None]:
        lives = [asyncio.create_task(one.live()) for one in containers.values()]
        yield
        for life in lives:
            life.cancel()

    async def of_kubelet(_request: web.Request) -> web.Response:
        return web.Response(text=kubelet(containers.values()))

    async def of_state(_request: web.Request) -> web.Response:
        return web.Response(text=state(containers.values()))

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, containers[LEAKING].leak)
    app = web.Application()
    app.cleanup_ctx.append(living)
    app.router.add_get(CADVISOR, of_kubelet)
    app.router.add_get(STATE, of_state)
    return app


def main(*peers: str) -> None:
    """Run the node until a signal ends it."""
    ports = {name: int(port) for name, _, port in (peer.partition("=") for peer in peers)}
    web.run_app(node(peers), host="127.0.0.1", port=ports["node"], access_log=None, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
