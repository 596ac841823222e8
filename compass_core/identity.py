"""Which thing a series, an alert, a span or a log line is about, and where it runs: the one room that knows labels.

A thing is a service, a database, a queue, a batch job, a volume, a node or a host. What a workload is called wins over what measured
it; who measures others (`ABOUT`, `EXPORTER`) is never the thing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from compass_core.domain import Environment
    from compass_core.readings import Span

_EXPORTED = ("exported_service", "exported_pod", "exported_job", "exported_container")
_DESTINATION = (
    "destination_workload",
    "destination_canonical_service",
    "destination_service_name",
    "destination_service",
    "dst_deployment",
)
_OF_WORKLOADS = (
    "k8s_deployment_name", "k8s_statefulset_name", "k8s_daemonset_name", "deployment", "statefulset", "daemonset", "cronjob", "workload",
    "rollout", "job_name", "horizontalpodautoscaler", "created_by_name", "owner_name", "replicaset",
)  # fmt: skip
_PODS = ("pod", "pod_name", "k8s_pod_name", "kubernetes_pod_name")
_OF_CLOUDS = (
    "dimension_DBInstanceIdentifier", "dimension_DBClusterIdentifier", "dimension_CacheClusterId", "dimension_QueueName",
    "dimension_FunctionName", "dimension_TableName", "dimension_LoadBalancer", "dbinstance_identifier", "queue_name", "function_name",
)  # fmt: skip
_VOLUMES = ("persistentvolumeclaim",)
_NODES = ("node", "nodename", "kubernetes_node", "k8s_node_name")
_DATABASES = ("server", "target", "exported_instance")
_COMPOSE = "container_label_com_docker_compose_service"
LABELS: Final = (
    *_EXPORTED, *_DESTINATION, "service_name", "sloth_service", *_OF_WORKLOADS, *_OF_CLOUDS, "server", "target", "consumergroup",
    *_VOLUMES, *_PODS, _COMPOSE, "app", "app_kubernetes_io_name", "container", "service", "job", *_NODES, "hostname", "host",
    "exported_instance", "instance",
)  # fmt: skip
"""Labels that name a thing, best first."""

ABOUT: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("probe_.*", (*_DATABASES, "instance")),
    ("(node|kube_node|windows|machine)_.*", (*_NODES, "exported_instance", "instance")),
    ("(kubelet_volume|kube_persistentvolumeclaim)_.*", _VOLUMES),
    ("kube_.*", ("exported_pod", *_OF_WORKLOADS, *_PODS, *_VOLUMES, *_NODES)),
    ("container_.*", ("exported_pod", *_PODS, _COMPOSE, "name")),
    ("(nginx_ingress_controller|traefik_(service|router))_.*", ("exported_service", "service", "ingress")),
    ("haproxy_(backend|server)_.*", ("proxy", "backend")),
    ("istio_.*", _DESTINATION),
    ("aws_.*", (*_OF_CLOUDS, "name")),
    ("rabbitmq_(detailed_)?queue_.*", ("queue",)),
    ("kafka_consumergroup_.*", ("consumergroup",)),
)
"""Families that one exporter measures of many others, and the only labels that say of whom."""

OF_STREAMS: Final = (
    "service", "service_name", "app", "app_kubernetes_io_name", "deployment", "workload", "container", "job", "pod", "instance", "host",
)  # fmt: skip
"""Labels that name who wrote a stream of log lines: those of which there are few come first."""

ENVIRONMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "cluster": ("cluster", "k8s_cluster_name", "cluster_name"),
    "namespace": ("exported_namespace", "k8s_namespace_name", "kubernetes_namespace", "namespace"),
    "environment": ("environment", "env", "deployment_environment_name", "deployment_environment", "stage"),
    "region": ("region", "cloud_region"),
    "tenant": ("tenant", "tenant_id"),
    "customer": ("customer", "customer_id"),
}
"""Labels that say where something runs; those of one row mean the same, the most telling first."""

ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "cluster": ("k8s.cluster.name",),
    "namespace": ("k8s.namespace.name", "service.namespace"),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "region": ("cloud.region",),
}
"""The same of a span's resource."""

_MESH_NAMESPACES = ("destination_service_namespace", "destination_workload_namespace")
PLACING: Final = (*(name for names in ENVIRONMENTS.values() for name in names), *_MESH_NAMESPACES)
"""Every label that may say where something runs."""

NAMING: Final = tuple(dict.fromkeys((*LABELS, *(label for _, labels in ABOUT for label in labels))))
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

_AT_THE_THING = re.compile(".*(exporter|kubelet|cadvisor|blackbox).*")  # its `instance` is the address of what it measures
_NOBODY = frozenset({"", "unknown", "none", "localhost", "127.0.0.1", "::1", "PassthroughCluster", "BlackHoleCluster"})
_GENERIC = frozenset({
    "POD", "app", "application", "main", "server", "service", "web", "api", "worker", "container", "default", "metrics", "exporter",
    "sidecar", "proxy", "istio-proxy", "linkerd-proxy", "kube-rbac-proxy", "envoy", "php", "php-fpm", "node", "java",
})  # fmt: skip
"""Names of containers that say nothing."""

_WEAK = frozenset({"service", "exported_service", "destination_service_name", "app", "ingress", "service_name"})
"""Labels that hold names which were chosen elsewhere, as of a Service: they may call a workload a little otherwise."""

_ENDING: Final = "([-_]?(svc|service|headless|hl|metrics|exporter|primary|replica|rw|ro))"
PEER_ATTRIBUTES: Final = ("peer.service", "server.address", "net.peer.name")  # what a pool or a database is called is no service

_OWNED = (
    re.compile(r"(.+)-\d{5,10}(-[0-9a-z]{5})?"),  # a cron job's run, and its pod
    re.compile(r"(.+)-(?=[^-]*\d|[^-]+-)[0-9b-df-hj-np-tv-z]{6,10}(-[0-9a-z]{5})?"),  # a replica set, and its pod
)
_RUNNING = (
    *_OWNED,
    re.compile(r"(.+)-\d{1,4}"),  # a stateful set's pod
    re.compile("(.+)-[bcdfghjklmnpqrstvwxz2-9]{5}"),  # a daemon set's: Kubernetes' suffixes have no vowels, so that they spell no word
)
_CLAIM = re.compile(r"(?:(?:[a-z]+-)?(?:data|datadir|pgdata|storage|volume|vol|db)-)?(.+?)(?:-\d{1,4})?")
_ROUTE = re.compile("(.+?)(-[0-9]+|-https?)?@[a-z]+")  # Traefik: `shop-checkout-8080@kubernetes`
_INSIDE = re.compile(r".*\.(svc|local|localdomain|internal|lan|intra|corp)|.*\.svc\..*|[^.]+\.(?!(?:com|net|org|io|[a-z]{2})$)[^.]+")
_MANAGED = re.compile(r".*\.(amazonaws\.com(\.cn)?|windows\.net|azure\.com|mongodb\.net|aivencloud\.com)")


class Thing(NamedTuple):
    """What something is about: its name, and the label and value that say so."""

    label: str
    value: str
    name: str


def thing(labels: Mapping[str, str], family: str = "", configured: Sequence[str] = ()) -> Thing | None:
    """The thing that these labels are about, None where they name none. `family` is the metric's, '' for an alert's labels.

    The first of the `configured` labels that is there wins over everything.
    """
    only = next((names for pattern, names in ABOUT if re.fullmatch(pattern, family)), ())
    outside = bool(OF_DATABASES.fullmatch(family))
    order = only or ((*_DATABASES, "instance", *LABELS) if outside else LABELS)
    named = [each for each in _named(labels, (*configured, *order)) if not (outside and each.label == "instance" and _is_ip(each.name))]
    if named and (named[0].label in configured or OF_ITSELF.fullmatch(family or labels.get("alertname", ""))):
        return named[0]
    measuring = {each.name for each in _named(labels, ("job", "service")) if EXPORTER.fullmatch(each.name)}
    about = [each for each in named if not _measures(each, measuring)] or (named if family and not only else [])
    return _lasting(about) if about else None


def name_of(value: str, label: str) -> str:
    """The thing that a label's value names, or '': `orders-db.shop.svc:5432` → `orders-db`, `shop/checkout` in `job` → `checkout`.

    A pod's name loses what Kubernetes added: `checkout-7c9b6d8f5b-k4jxs` → `checkout`, `orders-db-0` → `orders-db`.
    """
    if value in _NOBODY or (label.endswith("container") and value in _GENERIC):
        return ""
    name = _values(label).read(value)
    return "" if name in _NOBODY else name


def around(label: str) -> tuple[str, str]:
    """What may stand before and after the names of things in values of this label, as regular expressions (RE2)."""
    values = _values(label)
    return values.before, values.after


def joined(name: str, known: Collection[str]) -> str:
    """Which of the known names means the same thing, else the name itself. Two that are known are never one.

    `checkout-svc`, `checkoutservice`, `checkout.prod.example.com` are `checkout` where that is known and they are not.
    """
    if not name or name in known:
        return name
    plain = _plain(name)
    return next((one for one in sorted(known) if one and _plain(one) == plain), name)


def environment(labels: Mapping[str, str], about: Thing | None) -> Environment:
    """Where the thing that these labels are about runs, as pairs of label and value; an exporter's own namespace is not the thing's."""
    found = []
    for kind, names in ENVIRONMENTS.items():
        telling = _namespaces(about.label if about else "") if kind == "namespace" else names
        found += [(name, labels[name]) for name in telling if labels.get(name)][:1]
    return tuple(found)


def carried(labels: Mapping[str, str], about: Thing, bound: Environment) -> Environment | None:
    """By which of their own labels these are in the bound environment; none of them is everywhere. None where they are in another."""
    own = {_kind(label): (label, value) for label, value in environment(labels, about)}
    own |= {label: (label, labels[label]) for label, _ in bound if label in labels and _kind(label) not in ENVIRONMENTS}
    both = [(own[_kind(label)], value) for label, value in bound if _kind(label) in own]
    return tuple(pair for pair, _ in both) if all(pair[1] == value for pair, value in both) else None


def spellings(bound: Environment, *, namespaces: bool = False) -> Environment:
    """Every label that may say where something is, with the value that it then has; namespaces only on demand: exporters have some, too."""
    kinds = ((_kind(label), label, value) for label, value in bound)
    return tuple(
        (name, value) for kind, label, value in kinds if namespaces or kind != "namespace" for name in ENVIRONMENTS.get(kind, (label,))
    )


def anywhere(bound: Environment) -> Environment:
    """The same without a namespace: what is called from one may run in another."""
    return tuple((label, value) for label, value in bound if _kind(label) != "namespace")


def several(places: Collection[tuple[str, str]], bound: Environment = ()) -> tuple[str, ...]:
    """The environments that these are of one kind, as `namespace=shop`, where they are more than one: what is in them is not one thing.

    A tenant or a region is no other thing: one workload serves many.
    """
    known = {_kind(label) for label, _ in bound}
    for kind in ("cluster", "environment", "namespace"):
        found = sorted(f"{label}={value}" for label, value in places if _kind(label) == kind)
        if kind not in known and len({each.partition("=")[2] for each in found}) > 1:
            return tuple(found)
    return ()


def attributes(bound: Environment) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each value that a span's resource must have, with the attributes that may hold it."""
    plain = ((label, value) for label, value in bound if re.fullmatch(r"[A-Za-z_][\w.]*", label, re.ASCII))
    return tuple((value, ATTRIBUTES.get(_kind(label), (label,))) for label, value in plain)


def known_as(about: Thing, wanted: Collection[str], listed: Collection[tuple[str, str]]) -> str:
    """Under which of the wanted names a thing goes, else its own; `listed` are the pairs of label and name that there are.

    Two values of one label are two things, and a workload keeps its name: what is joined to it is an address.
    """
    if about.name in wanted or about.label not in _WEAK | _JOBS.labels | _HOSTS.labels:
        return about.name
    name = joined(about.name, wanted)
    return about.name if (about.label, name) in listed else name


def peer(span: Span) -> str:
    """The thing that a span says it talks to, or ''; a server's own address is not one."""
    if span.kind in {"server", "consumer"}:
        return ""
    return next((name for key in PEER_ATTRIBUTES if (name := name_of(span.attributes.get(key, ""), key))), "")


def _named(labels: Mapping[str, str], order: Iterable[str]) -> Iterator[Thing]:
    for label in order:
        if name := name_of(labels.get(label, ""), label):
            yield Thing(label, labels[label], name)


def _lasting(about: Sequence[Thing]) -> Thing:
    """The best name, by a label that says the same and does not change with every pod, if there is one."""
    first = about[0]
    same = (each for each in about if each.label in {"service", "app", "job"} and _plain(each.name) == _plain(first.name))
    return first if first.label not in _PODS else next((each._replace(name=first.name) for each in same), first)


def _measures(one: Thing, measuring: Collection[str]) -> bool:
    """Whether this names who measured: the job or Service itself, its pod or container, or its address where it measures from afar."""
    if one.label in {"instance", "exported_instance"} and _is_ip(one.name):
        return bool(measuring) and not any(_AT_THE_THING.fullmatch(name) for name in measuring)
    if not EXPORTER.fullmatch(one.name) or one.label not in {"job", "service", "app", "container", "instance", *_PODS}:
        return False
    return one.label in {"job", "service"} or not measuring or any(name in one.name or one.name in name for name in measuring)


def _namespaces(label: str) -> tuple[str, ...]:
    """The labels with the namespace of a thing that this label names."""
    if label.startswith("destination_"):
        return _MESH_NAMESPACES
    if label in {"exported_service", "exported_pod", "exported_job", "exported_container"}:
        return ("exported_namespace",)
    if label in _HOSTS.labels or label in _NODES or label in _OF_CLOUDS or label in {"queue", "consumergroup"}:
        return ()
    return ENVIRONMENTS["namespace"]


def _kind(label: str) -> str:
    """What kind of environment a label speaks of; itself where it is not in the table."""
    return next((kind for kind, names in ENVIRONMENTS.items() if label in names or (kind == "namespace" and "namespace" in label)), label)


def _plain(name: str) -> str:
    """A name without what an address adds to it."""
    return re.sub(f"{_ENDING}$", "", name.rpartition("/")[2].partition(":")[0].partition(".")[0]) or name


def _without(pod: str, suffixes: Sequence[re.Pattern[str]]) -> str:
    return next((named[1] for suffix in suffixes if (named := suffix.fullmatch(pod))), pod)


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _host(value: str) -> str:
    """The host of an address; of one inside a cluster or of a managed database its name alone, as `orders-db` in `orders-db.shop.svc`.

    A mesh writes `outbound|8080||orders.shop.svc`.
    """
    host = value.rpartition("|")[2].rpartition("://")[2].partition("/")[0].rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0].lstrip("[")
    if host.count(":") > 1:  # an IPv6 address without brackets
        return host
    host = host.partition(":")[0]
    if host.replace(".", "").isdigit() or not (_INSIDE.fullmatch(host) or _MANAGED.fullmatch(host)):
        return host
    first, _, rest = host.partition(".")
    return _without(first, _RUNNING[2:3]) if rest.startswith(_without(first, _RUNNING[2:3]) + ".") else first


def _job(value: str) -> str:
    kind, *names = value.split("/")  # an operator's: `serviceMonitor/shop/checkout/0`
    return names[1] if kind in {"serviceMonitor", "podMonitor"} and len(names) > 1 else [kind, *names][-1]


def _claim(value: str) -> str:
    claim = _CLAIM.fullmatch(value)
    return claim[1] if claim else value


def _weak(value: str) -> str:
    route = _ROUTE.fullmatch(value)
    return route[1] if route else _other(value)


def _other(value: str) -> str:
    if value.startswith("arn:"):
        return re.split("[:/]", value)[-1]
    return _host(value) if ".svc" in value or "://" in value else value


class _Values(NamedTuple):
    """How the values of these labels are read, and what may stand around the name in them."""

    labels: frozenset[str]
    read: Callable[[str], str]
    before: str
    after: str


_JOBS = _Values(frozenset({"job", "exported_job"}), _job, "(.*/)?", f"{_ENDING}?(/[0-9]+)?")
_HOSTS = _Values(
    frozenset({
        *_DATABASES, "instance", "server_address", "server.address", "net_peer_name", "net.peer.name", "destination_service", "hostname",
        "envoy_cluster_name",
    }),
    _host,
    r"(.*[/@|])?\[*",
    rf"(-[0-9]+)?{_ENDING}?([\]./:].*)?",
)  # fmt: skip
_OTHERS = _Values(frozenset(), _other, "(arn:.*[:/]|.*(://|@))?", "([.:/].*)?")
_VALUES = (
    _JOBS,
    _HOSTS,
    _Values(frozenset({"created_by_name", "owner_name", "replicaset", "job_name"}), lambda value: _without(value, _OWNED), "", "(-.*)?"),
    _Values(frozenset({*_PODS, "exported_pod"}), lambda value: _without(value, _RUNNING), "", "(-.*)?"),
    _Values(frozenset(_VOLUMES), _claim, "([a-z]+-)*", "(-[0-9]+)?"),
    _Values(_WEAK, _weak, "(.*://)?", f"{_ENDING}?([.:/].*|(-[0-9]+|-https?)?@.*)?"),
)


def _values(label: str) -> _Values:
    return next((each for each in _VALUES if label in each.labels), _OTHERS)
