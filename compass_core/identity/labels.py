"""Tables: the labels and attributes that name things, best first, and who measures others."""

import re
from typing import Final

_EXPORTED = ("exported_service", "exported_pod", "exported_job", "exported_container")

_DESTINATION = (
    "destination_workload", "destination_canonical_service", "destination_service_name", "destination_service", "dst_deployment",
)  # fmt: skip

_OF_WORKLOADS = (
    "k8s_deployment_name", "k8s_statefulset_name", "k8s_daemonset_name", "deployment", "statefulset", "daemonset", "cronjob", "workload",
    "rollout", "job_name", "horizontalpodautoscaler", "hpa", "poddisruptionbudget", "created_by_name", "owner_name", "replicaset",
)  # fmt: skip

PODS = ("pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name")

OF_CLOUDS = (
    "dimension_DBInstanceIdentifier", "dimension_DBClusterIdentifier", "dimension_CacheClusterId", "dimension_QueueName",
    "dimension_FunctionName", "dimension_TableName", "dimension_LoadBalancer", "dbinstance_identifier", "queue_name", "function_name",
)  # fmt: skip

VOLUMES = ("persistentvolumeclaim",)

NODES = ("node", "nodename", "kubernetes_node", "k8s_node_name")

DATABASES = ("server", "target", "exported_instance")

_COMPOSE = "container_label_com_docker_compose_service"

LABELS: Final = (
    *_EXPORTED, *_DESTINATION, "service_name", "sloth_service", *_OF_WORKLOADS, *OF_CLOUDS, "server", "target", "consumergroup",
    *VOLUMES, *PODS, _COMPOSE, "application", "app", "k8s_app", "app_kubernetes_io_name", "container", "service", "kubernetes_name", "job",
    *NODES, "hostname", "host", "ingress",
    "exported_instance", "instance",
)  # fmt: skip
"""Labels that name a thing, best first."""

ABOUT: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("probe_.*", (*DATABASES, "instance")),
    ("(node|kube_node|windows|machine)_[^:]*", (*NODES, "exported_instance", "instance")),
    ("(kubelet_volume|kube_persistentvolumeclaim)_.*", VOLUMES),
    ("kube_.*", ("exported_pod", *_OF_WORKLOADS, *PODS, *VOLUMES, *NODES)),
    ("container_.*", ("exported_pod", *PODS, _COMPOSE, "name")),
    ("(nginx_ingress_controller|traefik_(service|router))_.*", ("exported_service", "service", "ingress")),
    ("haproxy_(backend|server)_.*", ("proxy", "backend")),
    ("istio_.*", _DESTINATION),
    ("aws_.*", (*OF_CLOUDS, "name")),
    ("rabbitmq_(detailed_)?queue_.*", ("queue",)),
    ("kafka_consumergroup_.*", ("consumergroup",)),
)
"""Families that one exporter measures of many others, and the only labels that say of whom. A recorded rule's name holds a colon."""

OF_ALERTS: Final = ("queue",)
"""Labels that name a thing on an alert alone: on an application's series they say what it worked on."""

OF_STREAMS: Final = (
    "service", "service_name", "app", "app_kubernetes_io_name", "deployment", "workload", "container", "job", "pod", "instance", "host",
)  # fmt: skip
"""Labels that name who wrote a stream of log lines: those of which there are few come first."""

OF_CLUSTERS: Final = re.compile("(?i)(elasticsearch|opensearch|cassandra|mcac|scylla|ceph|cnpg).*")
"""Families and names of alerts in which `cluster` is what the cluster of databases is called, and not where it runs."""

NAMING: Final = tuple(dict.fromkeys((*LABELS, "cluster", *(label for _, labels in ABOUT for label in labels))))
"""Every label that may name a thing."""

OF_DATABASES: Final = re.compile("(pg|mysql|redis|mongodb)_.*")
"""What is measured from outside: of the database in `server`, or at the address that the exporter was given."""

OF_ITSELF: Final = re.compile("up|(scrape|process|go|promhttp)_.*|(?i:.*(target|scrape|kubelet|statemetrics|exporter).*)")
"""What every target says of itself, an exporter too: families, and names of alerts."""

EXPORTER: Final = re.compile(
    r"(.*[-_])?(kube-state-metrics|kubelet|cadvisor|[a-z]*exporter|blackbox|yace|cloudwatch|ingress-nginx|nginx-ingress|traefik|haproxy"
    r"|otel|collector|alloy|grafana-agent|pushgateway|prometheus)([-_](agent|collector|controller|metrics|exporter|server|operator))*"
)
"""Names of those that measure others."""

TOTALS: Final = ("container_.*", "container", ("", "POD"))
"""Families, a label of theirs, and the values by which a series is the total of others: a pod's control group holds its containers'."""

AT_THE_THING = re.compile(".*(exporter|kubelet|cadvisor|blackbox).*")  # its `instance` is the address of what it measures

PEER_ATTRIBUTES: Final = ("peer.service", "server.address", "net.peer.name")  # what a pool or a database is called is no service
