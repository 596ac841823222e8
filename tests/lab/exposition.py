"""Counters, gauges and histograms in Prometheus's text format, as small as the lab's system needs them."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # those that OpenTelemetry advises

Labels = tuple[tuple[str, str], ...]


class Exposition:
    """The numbers of one process. An empty label value means that the label is absent."""

    def __init__(self) -> None:
        self._counters: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._histograms: dict[str, dict[Labels, tuple[list[int], list[float]]]] = defaultdict(dict)
        self._gauges: list[tuple[str, Labels, Callable[[], float]]] = []

    def count(self, name: str, by: float = 1, /, **labels: str) -> None:
        """Add to a counter; 0 makes it known before anything happened."""
        self._counters[name][_key(labels)] += by

    def gauge(self, name: str, read: Callable[[], float], /, **labels: str) -> None:
        """A value that is read at each scrape."""
        self._gauges.append((name, _key(labels), read))

    def value(self, name: str, value: float, /, **labels: str) -> None:
        """A gauge that stays as it is."""
        self.gauge(name, lambda: value, **labels)

    def observe(self, name: str, seconds: float, /, **labels: str) -> None:
        """One more observation of a histogram."""
        counts, total = self._histograms[name].setdefault(_key(labels), ([0] * (len(BOUNDS) + 1), [0.0]))
        counts[bisect_left(BOUNDS, seconds)] += 1
        total[0] += seconds

    def text(self) -> str:
        """Everything, as a scrape receives it."""
        memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        lines = ["# TYPE process_cpu_seconds_total counter", f"process_cpu_seconds_total {time.process_time()}"]
        lines += ["# TYPE process_resident_memory_bytes gauge", f"process_resident_memory_bytes {memory}"]
        for name, values in self._counters.items():
            lines += [f"# TYPE {name} counter", *(f"{name}{_braces(key)} {value}" for key, value in values.items())]
        for name in dict.fromkeys(name for name, _, _ in self._gauges):
            lines += [f"# TYPE {name} gauge", *(f"{name}{_braces(key)} {read()}" for other, key, read in self._gauges if other == name)]
        for name, histograms in self._histograms.items():
            lines += [f"# TYPE {name} histogram"]
            for key, (counts, total) in histograms.items():
                lines += _histogram(name, key, counts, total[0])
        return "\n".join(lines) + "\n"


def _histogram(name: str, key: Labels, counts: list[int], total: float) -> list[str]:
    lines, running = [], 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        running += count
        lines.append(f"{name}_bucket{_braces((*key, ('le', bound)))} {running}")
    return [*lines, f"{name}_sum{_braces(key)} {total}", f"{name}_count{_braces(key)} {running}"]


def _key(labels: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def _braces(key: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in key) + "}" if key else ""
