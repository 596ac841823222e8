"""The story that the demo incident tells, and the notebook into which it is recorded."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from string import Template
from typing import Any

ALERT = datetime(2026, 3, 14, 19, 0, tzinfo=UTC).timestamp()
FIRST, LAST, TICK = -62 * 60, 12 * 60, 15


def ramp(minute: float, begin: float, end: float) -> float:
    """0 before `begin`, 1 after `end`, both in minutes from the alert."""
    return min(1.0, max(0.0, (minute - begin) / (end - begin)))


def held(minute: float) -> float:
    """How full of forgotten transactions the database is."""
    return ramp(minute, -3.2, -0.4)


def failing(minute: float, lag: float = 0.0) -> float:
    """How far the failure has come, `lag` minutes up the chain of callers."""
    return ramp(minute - lag, -0.4, 1.8)


def version(service: str, minute: float) -> str:
    deployed = {"bookings": (-3.5, "4.6.2", "4.7.0"), "pricing": (-55.0, "1.18.3", "1.19.0")}
    fixed = {
        "edge": "2.9.1",
        "web-shop": "7.31.0",
        "seatmap": "3.4.4",
        "events-catalog": "5.0.7",
        "payments": "2.22.1",
        "notifications": "0.14.2",
    }
    if service in fixed:
        return fixed[service]
    at, before, after = deployed[service]
    return before if minute < at else after


def pods(service: str, minute: float) -> tuple[str, ...]:
    """Pods by name; a deploy makes new ones."""
    count = {"edge": 2, "web-shop": 2, "bookings": 3}.get(service, 1)
    seed = random.Random(f"{service} {version(service, minute)}")  # noqa: S311 - names, not secrets
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    hashed = "".join(seed.choices(alphabet, k=7)) + "4d"
    return tuple(f"{service}-{hashed}-{''.join(seed.choices(alphabet, k=5))}" for _ in range(count))


@dataclass
class Story:
    """What is being recorded, tick by tick."""

    rng: random.Random
    seconds: int = FIRST
    version: Callable[[str, float], str] = version
    alert: float = ALERT
    metrics: dict[tuple[str, str, tuple[tuple[str, str], ...]], dict[int, float]] = field(default_factory=dict)
    totals: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    logs: list[dict[str, Any]] = field(default_factory=list)
    spans: list[dict[str, Any]] = field(default_factory=list)

    @property
    def minute(self) -> float:
        """From the alert."""
        return self.seconds / 60

    @property
    def at(self) -> float:
        """Now, in unix seconds."""
        return self.alert + self.seconds

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self._keep(name, "gauge", tuple(sorted(labels.items())), value)

    def count(self, name: str, increase: float, **labels: str) -> None:
        """A counter: what is there when the recording begins has been counting for a day and a half, what comes later starts at zero."""
        key = (name, tuple(sorted(labels.items())))
        begun = increase * 8640 if self.seconds == FIRST else 0.0
        self.totals[key] = self.totals.get(key, begun) + increase
        self._keep(name, "counter", key[1], self.totals[key])

    def restart(self, service: str) -> None:
        """Its counters of containers and requests begin again."""
        for key in self.totals:
            if ("service", service) in key[1] and not key[0].startswith("kube_"):
                self.totals[key] = 0.0

    def _keep(self, name: str, kind: str, labels: tuple[tuple[str, str], ...], value: float) -> None:
        rounded = round(value, 3) if abs(value) < 1e6 else round(value)
        self.metrics.setdefault((name, kind, labels), {})[int(self.at)] = rounded

    def near(self, value: float, spread: float = 0.05) -> float:
        return max(0.0, self.rng.gauss(value, spread * value))

    def events(self, expected: float) -> int:
        """How many of something rare happen: Poisson's, roughly."""
        if expected < 4:
            return sum(self.rng.random() < expected / 16 for _ in range(16))
        return max(0, round(self.rng.gauss(expected, math.sqrt(expected))))

    def log(self, service: str, line: str, level: str = "", trace: str = "") -> None:
        at = round(self.at - self.rng.random() * TICK, 3)
        row = {"t": at, "service": service, "line": Template(line).substitute(self._words(at)), "level": level, "trace_id": trace}
        self.logs.append({name: value for name, value in row.items() if value != ""})

    def _words(self, at: float) -> dict[str, object]:
        moment = datetime.fromtimestamp(at, UTC)
        rng = self.rng
        return {
            "iso": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "pg": moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03} UTC [{rng.randrange(2000, 9000)}]",
            "id": f"{rng.getrandbits(32):08x}",
            "event": rng.randrange(100, 180),
            "seat": f"{rng.choice('ABCDEFGHK')}{rng.randrange(1, 40)}",
            "ms": rng.randrange(9, 240),
            "slow": rng.randrange(4900, 10100),
            "waiting": rng.randrange(20, 60),
            "user": rng.randrange(20_000, 99_000),
        }
