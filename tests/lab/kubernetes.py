"""The lab as kube-prometheus-stack sees a cluster: its labels, its scrapes, and a rule of the kubernetes-mixin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMESPACE = "shop"
NODE = "node-b"
CADVISOR, STATE = "/metrics/cadvisor", "/metrics/state"  # of the node's process: what the kubelet serves, and what kube-state-metrics does
BACK_OFF = "CrashLoopBackOff"

SERVED = 'http_server_request_duration_seconds_count{{service="{}"}}'

CRASH_LOOPING: Mapping[str, Any] = {
    "alert": "KubePodCrashLooping",
    "expr": f'max_over_time(kube_pod_container_status_waiting_reason{{reason="{BACK_OFF}", job="kube-state-metrics"}}[5m]) >= 1',
    "for": "5s",  # 15m in the mixin
    "labels": {"severity": "warning"},
    "annotations": {
        "description": "Pod {{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.container }}) is in waiting state "
        f'(reason: "{BACK_OFF}").',
        "summary": "Pod is crash looping.",
    },
}


def pod_of(workload: str) -> str:
    """The name of a workload's only pod, as a replica set gives it."""
    return f"{replica_set_of(workload)}-x2k4q"


def replica_set_of(workload: str) -> str:
    """The name of a workload's replica set."""
    return f"{workload}-5f6d8c7b9d"


def scrapes(ports: Mapping[str, int], services: Iterable[str]) -> list[dict[str, Any]]:
    """What the operator makes of the chart's monitors and the team's own: what an exporter says of others wins over what it is itself."""

    def monitored(service: str, port: int, pod: str, container: str) -> dict[str, Any]:
        labels = {"namespace": NAMESPACE, "service": service, "pod": pod, "container": container, "endpoint": "http"}
        return {"job_name": service, "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}

    def of_others(job: str, path: str, **labels: str) -> dict[str, Any]:
        targets = [{"targets": [f"127.0.0.1:{ports['node']}"], "labels": {"namespace": "monitoring", **labels}}]
        return {"job_name": job, "metrics_path": path, "honor_labels": True, "static_configs": targets}

    return [
        *(monitored(service, ports[service], pod_of(service), service) for service in services),
        monitored("orders-db-metrics", ports["postgres-exporter"], "orders-db-0", "metrics"),
        of_others("kubelet", CADVISOR, service="kps-kubelet", endpoint="https-metrics", metrics_path=CADVISOR, node=NODE),
        of_others("kube-state-metrics", STATE, service="kps-kube-state-metrics", endpoint="http", container="kube-state-metrics"),
    ]
