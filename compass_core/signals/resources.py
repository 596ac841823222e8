"""What a workload or its node has: CPU, memory, disk, instances."""

from __future__ import annotations

from compass_core.signals.signal import (
    APPLICATION,
    DATABASE,
    DIRECT,
    RATE,
    RATE_RATIO,
    RATIO,
    RESOURCE,
    WEAK,
    Ask,
    Scale,
    Signal,
    Where,
)

_CPU, _MEMORY, _DISK = ("cpu_exhaustion",), ("memory_pressure",), ("disk_io",)
_ANY = Scale("change", 0.5, 1.0, 3.0)  # one is one too many
# node_exporter's mixin warns at 5 % and alarms at 3 % of space left
_SPACE = Scale("level", 0.1, 0.05, 0.02)

RESOURCES = (
    Signal(
        "cpu_throttling",
        APPLICATION,
        "CPU throttling",
        "ratio",
        Scale("change", 0.1, 0.25, 0.6),  # kubernetes-mixin's CPUThrottlingHigh: a quarter of all periods
        RESOURCE,
        _CPU,
        asked=(Ask(("container_cpu_cfs_throttled_periods_total",), RATE_RATIO, over=("container_cpu_cfs_periods_total",)),),
    ),
    Signal(
        "cpu_usage",
        APPLICATION,
        "CPU used",
        "cores",
        Scale("times", 1.5, 3.0, 8.0, least=0.1),  # cores say little while nobody knows how many there are
        RESOURCE,
        _CPU,
        asked=(Ask(("container_cpu_usage_seconds_total", "process_cpu_seconds_total"), RATE),),
    ),
    Signal(
        "memory_of_limit",
        APPLICATION,
        "memory used of its limit",
        "ratio",
        Scale("level", 0.85, 0.92, 0.98),  # at the limit the kernel kills
        RESOURCE,
        _MEMORY,
        asked=(Ask(("container_memory_working_set_bytes",), RATIO, over=("container_spec_memory_limit_bytes",)),),
    ),
    Signal(
        "memory_used",
        APPLICATION,
        "memory used",
        "bytes",
        Scale("times", 1.3, 2.0, 5.0, least=32e6),
        RESOURCE,
        _MEMORY,
        asked=(Ask(("container_memory_working_set_bytes", "process_resident_memory_bytes"), aggregate="max"),),
    ),
    Signal(
        "restarts",
        APPLICATION,
        "container restarts",
        "",
        _ANY,
        DIRECT,
        ("unavailable",),
        asked=(Ask(("kube_pod_container_status_restarts_total",)),),
    ),
    Signal(
        "out_of_memory_kills",
        APPLICATION,
        "containers killed for memory",
        "",
        _ANY,
        DIRECT,
        _MEMORY,
        asked=(
            Ask(("kube_pod_container_status_last_terminated_reason",), where=Where(("reason",), "OOMKilled")),
            Ask(("container_oom_events_total",)),
        ),
    ),
    Signal(
        "up",
        APPLICATION,
        "instances that answer",
        "",
        Scale("level", 0.9, 0.5, 0.0),  # the worst instance: 1 answers, 0 does not
        DIRECT,
        ("unavailable",),
        direction="down",
        asked=(Ask(("up",), aggregate="min"),),
    ),
    Signal(
        "replicas_available",
        APPLICATION,
        "replicas available",
        "",
        Scale("times", 1.3, 2.0, 4.0, least=0.5),  # half of them missing is twice the load for the rest
        DIRECT,
        ("unavailable",),
        direction="down",
        asked=(Ask(("kube_deployment_status_replicas_available",)),),
    ),
    Signal(
        "saturation",
        APPLICATION,
        "threads, queues or connections in use",
        "",
        Scale("times", 2.0, 5.0, 20.0, least=5.0),  # without its limit only growth can be told
        WEAK,
        ("traffic_surge", "latency_in_service"),
    ),
    Signal(
        "disk_busy",
        DATABASE,
        "disk busy",
        "ratio",
        Scale("level", 0.7, 0.9, 0.98),  # iostat's %util; queues grow without bound towards 1
        RESOURCE,
        _DISK,
        asked=(Ask(("node_disk_io_time_seconds_total",), RATE, aggregate="max"),),
    ),
    Signal(
        "disk_free",
        DATABASE,
        "disk space free",
        "ratio",
        _SPACE,
        RESOURCE,
        _DISK,
        direction="down",
        asked=(Ask(("node_filesystem_avail_bytes",), RATIO, over=("node_filesystem_size_bytes",), by=("mountpoint",)),),
    ),
)
