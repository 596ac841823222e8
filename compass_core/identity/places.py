"""Where things run: the labels and attributes of clusters, namespaces, environments, and what is in one of them."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from compass_core.domain import Environment
from compass_core.identity.labels import NODES, OF_CLOUDS
from compass_core.identity.things import Thing
from compass_core.identity.values import HOSTS

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


def environment(labels: Mapping[str, str], about: Thing | None) -> Environment:
    """Where the thing that these labels are about runs, as pairs of label and value; an exporter's own namespace is not the thing's."""
    found, own = [], about.label if about else ""  # what names the thing does not say where it is
    for kind, names in ENVIRONMENTS.items():
        telling = _namespaces(own) if kind == "namespace" else names
        found += [(name, labels[name]) for name in telling if labels.get(name) and name != own][:1]
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


def _namespaces(label: str) -> tuple[str, ...]:
    """The labels with the namespace of a thing that this label names."""
    if label.startswith("destination_"):
        return _MESH_NAMESPACES
    if label in {"exported_service", "exported_pod", "exported_job", "exported_container"}:
        return ("exported_namespace",)
    if label in HOSTS.labels or label in NODES or label in OF_CLOUDS or label in {"queue", "consumergroup", "cluster"}:
        return ()
    return ENVIRONMENTS["namespace"]


def _kind(label: str) -> str:
    """What kind of environment a label speaks of; itself where it is not in the table."""
    return next((kind for kind, names in ENVIRONMENTS.items() if label in names or (kind == "namespace" and "namespace" in label)), label)
