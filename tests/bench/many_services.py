"""Many services on one real Prometheus, one of which fails: requests, seconds, memory, and whether it is found wherever its name stands.

    python -m tests.bench.many_services --services 500 --series 400 --culprits 20 250 480

Needs `prometheus` and `promtool`. Nothing tells who calls whom, and what is asked about is another service.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTES, BAD_MINUTES, STEP = 80, 20, 60
PODS = ("6d5f8c9b7d-x7k2p", "6d5f8c9b7d-q4wzt")
BUCKETS = ("0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
CODES = (("200", 5.0, 3.0), ("404", 0.02, 0.02), ("500", 0.005, 2.0))
GAUGES = {
    "container_memory_working_set_bytes": 3e8,
    "container_spec_memory_limit_bytes": 1e9,
    "up": 1,
    "kube_pod_container_status_restarts_total": 0,
}
FILLING_SAMPLES = 3  # of a series that nobody looks at: enough to be there


class Samples:
    """Writes OpenMetrics' text, which wants the series of a family together."""

    def __init__(self, out: TextIO) -> None:
        now = int(time.time())
        self.times = range(now - MINUTES * 60, now, STEP)
        self._begin, self._out, self._random = now - BAD_MINUTES * 60, out, random.Random(4)  # noqa: S311
        self.series = 0

    def counter(self, name: str, labels: str, usual: float, then: float | None = None) -> None:
        """So much a second, and another rate in the bad minutes."""
        total, self.series = self._random.uniform(100, 5000), self.series + 1
        for t in self.times:
            total += STEP * max(0.0, (usual if then is None or t < self._begin else then) * self._random.gauss(1, 0.05))
            self._out.write(f"{name}{{{labels}}} {total:.2f} {t}\n")

    def gauge(self, name: str, labels: str, value: float, most: int = MINUTES * 60) -> None:
        """Always the same, at most so many samples."""
        self.series += 1
        self._out.writelines(f"{name}{{{labels}}} {value} {t}\n" for t in self.times[-most:])


def own(service: str, pod: str) -> str:
    """Labels of what a service says itself."""
    return f'job="{service}",service="{service}",pod="{service}-{pod}",namespace="shop",instance="10.0.0.1:8080"'


def about(service: str, pod: str) -> str:
    """Labels of what the kubelet and kube-state-metrics say of it."""
    return f'job="kubelet",instance="10.1.0.9:10250",pod="{service}-{pod}",namespace="shop",container="app"'


def fill(out: TextIO, services: int, series: int, culprit: int) -> int:
    """Write all samples; how many series there are."""
    samples = Samples(out)
    targets = [(f"svc-{number:03}", pod) for number in range(services) for pod in PODS]
    bad = f"svc-{culprit:03}"
    for service, pod in targets:
        for handler, (code, usual, then) in product(range(max(1, series // 40)), CODES):
            labels = f'{own(service, pod)},handler="/{handler}",code="{code}"'
            samples.counter("http_requests_total", labels, usual, then if service == bad else None)
    for (service, pod), (place, bound) in product(targets, enumerate(BUCKETS, 1)):
        samples.counter("http_request_duration_seconds_bucket", f'{own(service, pod)},le="{bound}"', min(5.0, place))
    for service, pod in targets:
        samples.counter("container_cpu_usage_seconds_total", about(service, pod), 0.2)
    for (name, value), (service, pod) in product(GAUGES.items(), targets):
        samples.gauge(name, own(service, pod) if name == "up" else about(service, pod), value)
    for number, (service, pod) in product(range(max(0, series - samples.series // services) // len(PODS)), targets):
        samples.gauge(f"filling_{number}_state", own(service, pod), 1, FILLING_SAMPLES)
    out.write("# EOF\n")
    return samples.series


@contextmanager
def prometheus(place: Path, samples: Path) -> Iterator[str]:
    """A server over these samples."""
    settings, store = place / "prometheus.yml", place / "data"
    settings.write_text("global: {}\n")
    promtool, server = shutil.which("promtool"), shutil.which("prometheus")
    if not promtool or not server:
        sys.exit("prometheus and promtool must be on the PATH")
    subprocess.run([promtool, "tsdb", "create-blocks-from", "openmetrics", samples, store], check=True, capture_output=True)  # noqa: S603
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{one.getsockname()[1]}"
    flags = [f"--config.file={settings}", f"--storage.tsdb.path={store}", f"--web.listen-address={address}", "--log.level=error"]
    running = subprocess.Popen([server, *flags])  # noqa: S603
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://{address}/-/ready", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait()


def asked(url: str) -> int:
    """How many requests for the API the server has answered."""
    told = urllib.request.urlopen(f"{url}/metrics").read().decode()  # noqa: S310
    return sum(int(float(n)) for n in re.findall(r'^prometheus_http_requests_total\{[^}]*handler="/api[^}]*\} (\S+)', told, re.MULTILINE))


def investigate(url: str, service: str) -> tuple[dict[str, Any], str]:
    """What Compass says, and what that took: seconds, of which its own processor time, and its largest size."""
    started = time.perf_counter()
    compass = str(Path(sys.executable).with_name("compass"))
    command = [compass, "investigate", "--service", service, "--since", f"{BAD_MINUTES}m", "--json"]
    with tempfile.TemporaryDirectory() as home, Path(home, "told").open("w+") as told:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "COMPASS_PROMETHEUS_URL": url}
        running = subprocess.Popen(command, stdout=told, cwd=home, env=environ)  # noqa: S603
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        report = json.load(told)
    own = usage.ru_utime + usage.ru_stime
    return report, f"{time.perf_counter() - started:.1f} s ({own:.1f} s of CPU), {usage.ru_maxrss / 1024:.0f} MB"


def main() -> None:
    """One line for each place of the culprit in the alphabet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--series", type=int, default=400, help="of each service")
    parser.add_argument("--culprits", type=int, nargs="+", default=[20, 250, 480])
    chosen = parser.parse_args()
    for culprit in chosen.culprits:
        with tempfile.TemporaryDirectory() as place:
            samples = Path(place) / "samples.om"
            with samples.open("w") as out:
                count = fill(out, chosen.services, chosen.series, culprit)
            with prometheus(Path(place), samples) as url:
                before = asked(url)
                report, took = investigate(url, f"svc-{chosen.services // 2 + 1:03}")
                requests = asked(url) - before
        hypotheses = report["hypotheses"]
        ranks = [one["rank"] for one in hypotheses if one["service"] == f"svc-{culprit:03}"]
        gaps = {gap["detail"] for agent in report["agents"] for gap in agent["gaps"] if "looked at" in gap["detail"]}
        print(f"svc-{culprit:03} of {chosen.services}, {count:,} series: rank {ranks[:1]}, {requests} requests, {took}")
        print("  ", "; ".join(sorted(gaps)))


if __name__ == "__main__":
    main()
