"""What a workload or its node has: CPU, memory, disk, instances."""

from compass_core.signals.signal import (
    APPLICATION,
    DATABASE,
    DIRECT,
    FELT,
    INCREASE,
    RATE,
    RATE_OF,
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
PAGES_READ = ("pg_stat_database_blks_read", "pg_stat_database_blks_read_total")
_CONDITION, _TRUE = ("kube_node_status_condition",), Where(("status",), "true")
_FEWER = Scale("times", 1.3, 2.0, 4.0, least=0.5)  # half of them missing is twice the load for the rest
_ANY = Scale("change", 0.5, 1.0, 3.0)  # one is one too many
# node_exporter's mixin warns at 5 % and alarms at 3 % of space left
_SPACE = Scale("level", 0.1, 0.05, 0.02)

# fmt: off
RESOURCES = (
    # kubernetes-mixin's CPUThrottlingHigh: a quarter of all periods
    Signal("cpu_throttling", APPLICATION, "CPU throttling", "ratio", Scale("change", 0.1, 0.25, 0.6), RESOURCE, _CPU,
           asked=(Ask(("container_cpu_cfs_throttled_periods_total",), RATE_RATIO, over=("container_cpu_cfs_periods_total",)),)),
    # cores say little while nobody knows how many there are
    Signal("cpu_usage", APPLICATION, "CPU used", "cores", Scale("times", 1.5, 3.0, 8.0, least=0.1), RESOURCE, _CPU,
           asked=(Ask(("container_cpu_usage_seconds_total", "process_cpu_seconds_total"), RATE),)),
    # at the limit the kernel kills
    Signal("memory_of_limit", APPLICATION, "memory of its limit", "ratio", Scale("level", 0.85, 0.92, 0.98), RESOURCE, _MEMORY,
           asked=(Ask(("container_memory_working_set_bytes",), RATIO, over=("container_spec_memory_limit_bytes",)),
                  Ask(("container_memory_working_set_bytes",), RATIO, over=("kube_pod_container_resource_limits",),
                      over_where=Where(("resource",), "memory")))),
    Signal("memory_used", APPLICATION, "memory used", "bytes", Scale("times", 1.3, 2.0, 5.0, least=32e6), RESOURCE, _MEMORY,
           asked=(Ask(("container_memory_working_set_bytes", "process_resident_memory_bytes"), aggregate="max"),)),
    Signal("restarts", APPLICATION, "container restarts", "", _ANY, DIRECT, ("unavailable",),
           asked=(Ask(("kube_pod_container_status_restarts_total",), INCREASE),)),
    Signal("out_of_memory_kills", APPLICATION, "containers killed for memory", "", _ANY, DIRECT, _MEMORY,
           asked=(Ask(("kube_pod_container_status_last_terminated_reason",), where=Where(("reason",), "OOMKilled")),
                  Ask(("container_oom_events_total", "node_vmstat_oom_kill"), INCREASE))),
    # the worst instance: 1 answers, 0 does not
    Signal("up", APPLICATION, "instances that answer", "", Scale("level", 0.9, 0.5, 0.0), DIRECT, ("unavailable",), direction="down",
           asked=(Ask(("up",), aggregate="min"),)),
    Signal("replicas_available", APPLICATION, "replicas available", "", _FEWER, DIRECT, ("unavailable",), direction="down",
           asked=(Ask(("kube_deployment_status_replicas_available",)),)),
    Signal("instances", APPLICATION, "instances that are there and answer", "", _FEWER, DIRECT, ("unavailable",), direction="down",
           asked=(Ask(("up",)),)),
    Signal("replicas_wanted", APPLICATION, "replicas wanted", "", _FEWER, WEAK, ("config_change",), direction="down",
           asked=(Ask(("kube_deployment_spec_replicas", "kube_statefulset_replicas")),)),
    Signal("absent", APPLICATION, "metrics that end", "", _ANY, FELT, ("unavailable",)),
    # without its limit only growth can be told
    Signal("saturation", APPLICATION, "threads or files in use", "", Scale("times", 2.0, 5.0, 20.0, least=5.0), FELT,
           ("latency_in_service", "unavailable")),
    Signal("connections", APPLICATION, "connections", "", Scale("times", 2.0, 5.0, 20.0, least=20.0), WEAK,
           ("connection_exhaustion", "traffic_surge")),
    # iostat's %util; queues grow without bound towards 1
    Signal("disk_busy", DATABASE, "disk busy", "ratio", Scale("level", 0.7, 0.9, 0.98), RESOURCE, _DISK,
           asked=(Ask(("node_disk_io_time_seconds_total",), RATE, aggregate="max"),)),
    # of a machine with many cores a disk that stalls everybody keeps a few waiting
    Signal("disk_waiting", DATABASE, "time that work waits for a disk", "ratio", Scale("change", 0.05, 0.2, 0.5), RESOURCE, _DISK,
           asked=(Ask(("node_cpu_seconds_total",), RATE_RATIO, Where(("mode",), "iowait")),
                  Ask(("node_pressure_io_waiting_seconds_total",), RATE))),
    # iostat's aqu-sz
    Signal("disk_queue", DATABASE, "requests that wait for a disk", "", Scale("times", 2.0, 5.0, 20.0, least=2.0), RESOURCE, _DISK,
           asked=(Ask(("node_disk_io_time_weighted_seconds_total",), RATE, aggregate="max"),)),
    # vmstat's b
    Signal("disk_blocked", DATABASE, "processes that wait for a disk", "", Scale("change", 3.0, 10.0, 50.0), RESOURCE, _DISK,
           asked=(Ask(("node_procs_blocked",)),)),
    Signal("disk_free", DATABASE, "disk space free", "ratio", _SPACE, RESOURCE, _DISK, direction="down",
           asked=(Ask(("node_filesystem_avail_bytes",), RATIO, over=("node_filesystem_size_bytes",), by=("mountpoint",)),)),
    Signal("cpu_of_limit", APPLICATION, "CPU used", "ratio", Scale("change", 0.15, 0.35, 0.6), RESOURCE, _CPU,
           asked=(Ask(("container_cpu_usage_seconds_total",), RATE_OF, over=("kube_pod_container_resource_limits",),
                      over_where=Where(("resource",), "cpu")),)),
    # what waits for a disk needs no CPU; how long work waits for one grows as 1 ÷ what is idle (queueing theory, M/M/1)
    Signal("cpu_idle", APPLICATION, "CPU idle", "ratio", Scale("times", 2.0, 4.0, 10.0, least=0.15), RESOURCE, _CPU, direction="down",
           asked=(Ask(("node_cpu_seconds_total",), RATE_RATIO, Where(("mode",), "idle|iowait")),)),
    Signal("cpu_waiting", APPLICATION, "time that work waits for a CPU", "ratio", Scale("change", 0.1, 0.25, 0.5), RESOURCE, _CPU,
           asked=(Ask(("node_cpu_seconds_total",), RATE_RATIO, Where(("mode",), "steal")),)),
    # what waits for a disk counts like what waits for a CPU
    Signal("load", APPLICATION, "processes that run or wait", "", Scale("times", 2.0, 5.0, 20.0, least=4.0), RESOURCE,
           ("cpu_exhaustion", "disk_io")),
    Signal("memory_free", APPLICATION, "memory free", "", Scale("times", 2.0, 5.0, 20.0), RESOURCE, _MEMORY, direction="down"),
    Signal("memory_alarm", APPLICATION, "memory alarms", "", _ANY, DIRECT, _MEMORY,
           asked=(Ask(_CONDITION, where=Where(("condition",), "MemoryPressure"), also=_TRUE),)),
    Signal("memory_waiting", APPLICATION, "time that work waits for memory", "ratio", Scale("change", 0.05, 0.2, 0.5), RESOURCE,
           _MEMORY),
    Signal("credits", APPLICATION, "credits left for bursts", "", Scale("times", 2.0, 5.0, 20.0, least=5.0), RESOURCE,
           ("disk_io", "cpu_exhaustion"), direction="down"),
    Signal("gc_time", APPLICATION, "time in garbage collection", "ratio", Scale("change", 0.05, 0.2, 0.5), RESOURCE, _MEMORY),
    Signal("gc_pause", APPLICATION, "garbage collection pauses", "s", Scale("times", 2.0, 5.0, 20.0, least=0.1), RESOURCE, _MEMORY),
    Signal("event_loop_lag", APPLICATION, "event loop lag", "s", Scale("change", 0.05, 0.2, 1.0), RESOURCE,
           ("cpu_exhaustion", "latency_in_service")),
    Signal("saturation_of_limit", APPLICATION, "threads, connections or files in use", "ratio",
           Scale("level", 0.8, 0.9, 0.97), FELT, ("connection_exhaustion", "latency_in_service")),  # a slow callee fills them as well
    Signal("idle", APPLICATION, "handlers idle", "ratio", Scale("level", 0.3, 0.15, 0.03), FELT, ("latency_in_service",),
           direction="down"),
    Signal("healthy", APPLICATION, "healthy", "", Scale("times", 1.3, 2.0, 4.0, least=0.5), DIRECT, ("unavailable",), direction="down"),
    Signal("unhealthy", APPLICATION, "in a bad state", "", _ANY, DIRECT, ("unavailable",),
           asked=(Ask(_CONDITION, where=Where(("condition",), "Ready"), also=Where(("status",), "false|unknown")),
                  Ask(("kube_pod_status_phase",), where=Where(("phase",), "Pending|Failed|Unknown")))),
    # the mixin's KubeHpaMaxedOut: at its maximum
    Signal("scaled_to_limit", APPLICATION, "replicas of those that autoscaling allows", "ratio", Scale("level", 0.8, 0.95, 1.0),
           RESOURCE, ("traffic_surge", "cpu_exhaustion"),
           asked=(Ask(("kube_horizontalpodautoscaler_status_current_replicas",), RATIO,
                      over=("kube_horizontalpodautoscaler_spec_max_replicas",)),)),
    Signal("disk_left", DATABASE, "disk space left", "", Scale("times", 2.0, 5.0, 20.0), RESOURCE, _DISK, direction="down"),
    Signal("disk_used", DATABASE, "disk space used", "ratio", Scale("level", 0.85, 0.93, 0.98), RESOURCE, _DISK),
    Signal("disk_alarm", DATABASE, "disk alarms", "", _ANY, DIRECT, _DISK,
           asked=(Ask(_CONDITION, where=Where(("condition",), "DiskPressure"), also=_TRUE),)),
    Signal("disk_latency", DATABASE, "disk latency", "s", Scale("times", 2.0, 5.0, 20.0, least=0.005), RESOURCE, _DISK,
           asked=(Ask(("node_disk_read_time_seconds_total",), RATE_RATIO, over=("node_disk_reads_completed_total",)),
                  Ask(("node_disk_write_time_seconds_total",), RATE_RATIO, over=("node_disk_writes_completed_total",)),
                  Ask(("pg_stat_database_blk_read_time", "pg_stat_database_blk_read_time_total"), RATE_RATIO, over=PAGES_READ, unit="ms"))),
    Signal("disk_traffic", DATABASE, "disk traffic", "", Scale("times", 3.0, 10.0, 50.0, least=10.0), WEAK, _DISK,
           asked=(Ask(("node_disk_reads_completed_total", "node_disk_writes_completed_total"), RATE),)),
)
# fmt: on
