"""What a label's value says: how pods, hosts, jobs and volumes are read, and how one name may be written otherwise."""

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

from compass_core.identity.labels import DATABASES, PODS, VOLUMES

_NOBODY = frozenset({"", "unknown", "none", "localhost", "127.0.0.1", "::1", "PassthroughCluster", "BlackHoleCluster"})

_GENERIC = frozenset({
    "POD", "app", "application", "main", "server", "service", "web", "api", "worker", "container", "default", "metrics", "exporter",
    "sidecar", "proxy", "istio-proxy", "linkerd-proxy", "kube-rbac-proxy", "envoy", "php", "php-fpm", "node", "java",
})  # fmt: skip
"""Names of containers that say nothing."""

WEAK = frozenset({"service", "exported_service", "destination_service_name", "app", "ingress", "service_name"})
"""Labels that hold names which were chosen elsewhere, as of a Service: they may call a workload a little otherwise."""

_ENDING: Final = "([-_]?(svc|service|headless|hl|metrics|exporter|primary|replica|rw|ro))"

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

_CAMEL = re.compile("(?<=[a-z0-9])(?=[A-Z])")

_ROUTE = re.compile("(.+?)(-[0-9]+|-https?)?@[a-z]+")  # Traefik: `shop-checkout-8080@kubernetes`

_INSIDE = re.compile(r".*\.(svc|local|localdomain|internal|lan|intra|corp)|.*\.svc\..*|[^.]+\.(?!(?:com|net|org|io|[a-z]{2})$)[^.]+")

_MANAGED = re.compile(r".*\.(amazonaws\.com(\.cn)?|windows\.net|azure\.com|mongodb\.net|aivencloud\.com)")


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


def is_ip(host: str) -> bool:
    """Whether this is an address and no name."""
    return ":" in host or host.replace(".", "").isdigit()


def _without(pod: str, suffixes: Sequence[re.Pattern[str]]) -> str:
    return next((named[1] for suffix in suffixes if (named := suffix.fullmatch(pod))), pod)


def _job(value: str) -> str:
    kind, *names = value.split("/")  # an operator's: `serviceMonitor/shop/checkout/0`
    return names[1] if kind in {"serviceMonitor", "podMonitor"} and len(names) > 1 else [kind, *names][-1]


def _claim(value: str) -> str:
    claim = _CLAIM.fullmatch(value)
    return claim[1] if claim else value


def _policy(value: str) -> str:
    return value.removesuffix("-hpa").removesuffix("-pdb")


def _container(value: str) -> str:
    return re.sub("[-_][0-9]{1,3}$", "", _other(value))  # Compose numbers them: `shop-cart-1`


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


JOBS = _Values(frozenset({"job", "exported_job"}), _job, "(.*/)?", f"{_ENDING}?(/[0-9]+)?")

HOSTS = _Values(
    frozenset({
        *DATABASES, "instance", "server_address", "server.address", "net_peer_name", "net.peer.name", "destination_service", "hostname",
        "envoy_cluster_name",
    }),
    _host,
    r"(.*[/@|])?\[*",
    rf"(-[0-9]+)?{_ENDING}?([\]./:].*)?",
)  # fmt: skip

_OTHERS = _Values(frozenset(), _other, "(arn:.*[:/]|.*(://|@))?", "([.:/].*)?")

_VALUES = (
    JOBS,
    HOSTS,
    _Values(frozenset({"created_by_name", "owner_name", "replicaset", "job_name"}), lambda value: _without(value, _OWNED), "", "(-.*)?"),
    _Values(frozenset({*PODS, "exported_pod"}), lambda value: _without(value, _RUNNING), "", "(-.*)?"),
    _Values(frozenset({"horizontalpodautoscaler", "hpa", "poddisruptionbudget"}), _policy, "", "(-hpa|-pdb)?"),
    _Values(frozenset({"name"}), _container, "(arn:.*[:/]|.*(://|@))?", "([-_.:/].*)?"),
    _Values(frozenset(VOLUMES), _claim, "([a-z]+-)*", "(-[0-9]+)?"),
    _Values(WEAK, _weak, "(.*://)?", f"{_ENDING}?([.:/].*|(-[0-9]+|-https?)?@.*)?"),
)


@cache
def _values(label: str) -> _Values:
    return next((each for each in _VALUES if label in each.labels), _OTHERS)


@lru_cache(100_000)  # the same few labels stand at thousands of series
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


@lru_cache(10_000)
def plain(name: str) -> str:
    """A name without what an address adds to it, as addresses write it: `AddressService` → `address`."""
    host = _CAMEL.sub("-", name.rpartition("/")[2].partition(":")[0].partition(".")[0]).lower().replace("_", "-")
    return re.sub(f"{_ENDING}$", "", host) or name
