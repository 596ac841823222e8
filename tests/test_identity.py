"""Which thing labels are about, and where it runs, by labels as stock charts, exporters and rules make them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.identity import NAMING, Thing, around, carried, environment, joined, known_as, name_of, thing

STATE = {"job": "kube-state-metrics", "service": "mon-kube-state-metrics", "endpoint": "http", "instance": "10.8.0.3:8080"}
NODES = {"job": "node-exporter", "service": "mon-node-exporter", "namespace": "monitoring", "pod": "mon-node-exporter-w6x2c"}
KUBELET = {"job": "kubelet", "service": "mon-kubelet", "instance": "10.1.0.9:10250", "node": "node-b", "namespace": "store"}
WORDS = st.text("abcdst", min_size=2, max_size=6)


def name(family: str, labels: dict[str, str], *configured: str) -> str:
    found = thing(labels, family, configured)
    return found.name if found else ""


@pytest.mark.parametrize(
    ("label", "value", "service"),
    [
        ("service", "shop/checkout:80", "shop/checkout:80"),
        ("service", "shop-cart-8080@kubernetes", "shop-cart"),
        ("job", "shop/checkout", "checkout"),
        ("job", "checkout", "checkout"),
        ("job", "serviceMonitor/shop/cart/0", "cart"),
        ("server", "orders-db.shop.svc:5432", "orders-db"),
        ("server", "orders-db-0.orders-db.shop.svc.cluster.local:5432", "orders-db"),
        ("server", "localhost:5432", ""),
        ("instance", "orders-db:5432", "orders-db"),
        ("instance", "10.0.0.7:9187", "10.0.0.7"),
        ("instance", "10.0.0.7", "10.0.0.7"),
        ("instance", "[2001:db8::7]:9187", "2001:db8::7"),
        ("instance", "2001:db8::7", "2001:db8::7"),
        ("instance", "https://shop.example/health", "shop"),
        ("instance", "https://api.shop.example.com/health", "api.shop.example.com"),
        ("instance", "redis://user:secret@cache:6379/0", "cache"),
        ("server_address", "token@cache", "cache"),
        ("server_address", "orders.c1x2.eu-west-1.rds.amazonaws.com", "orders"),
        ("server", "dns://:53", ""),
        ("net_peer_name", "orders", "orders"),
        ("envoy_cluster_name", "outbound|8080||orders.shop.svc.cluster.local", "orders"),
        ("pod", "checkout-7c9b6d-k4jxs", "checkout"),
        ("pod", "cart-api-bcdfghjkzx-xzvqw", "cart-api"),
        ("pod", "shard-1-6d5f8c9b7d-x7k2p", "shard-1"),
        ("pod", "log-agent-x7k2p", "log-agent"),
        ("pod", "nightly-28391420-x7k2p", "nightly"),
        ("pod", "shop-frontend-proxy", "shop-frontend-proxy"),
        ("k8s_pod_name", "orders-db-0", "orders-db"),
        ("pod", "checkout", "checkout"),
        ("pod", "-7", "-7"),
        ("job_name", "nightly-28391420", "nightly"),
        ("created_by_name", "checkout-6d5f8c9b7d", "checkout"),
        ("created_by_name", "shard-1", "shard-1"),
        ("persistentvolumeclaim", "data-orders-db-0", "orders-db"),
        ("persistentvolumeclaim", "uploads", "uploads"),
        ("container", "main", ""),
        ("horizontalpodautoscaler", "checkout-hpa", "checkout"),
        ("name", "shop-checkout-1", "shop-checkout"),
        ("name", "arn:aws:rds:eu-west-1:123456789012:db:orders", "orders"),
        ("destination_workload", "unknown", ""),
    ],
)
def test_the_thing_that_a_value_names(label: str, value: str, service: str) -> None:
    assert name_of(value, label) == service


@pytest.mark.parametrize(
    ("family", "labels", "about"),
    [
        # an application's own series: the workload, whatever its Service and its container are called
        ("http_requests_total", {"pod": "cart-6d5f8c9b7d-x7k2p", "container": "app", "service": "cart-svc", "job": "pods"}, "cart"),
        ("http_requests_total", {"job": "shop/cart", "instance": "10.8.1.4:9090"}, "cart"),
        ("http_requests_total", {"container": "cart", "job": "pods", "instance": "10.8.1.4:9090"}, "cart"),
        ("http_requests_total", {"exported_job": "shop/cart", "job": "otel-collector", "instance": "10.8.0.7:8889"}, "cart"),
        ("up", {**NODES, "instance": "10.1.0.9:9100"}, "mon-node-exporter"),
        ("process_cpu_seconds_total", {**STATE, "pod": "mon-kube-state-metrics-6d5f8c9b7d-x7k2p"}, "mon-kube-state-metrics"),
        ("jvm_memory_used_bytes", {"application": "cart", "job": "apps", "instance": "10.8.1.4:8080"}, "cart"),
        ("tasks_total", {"job": "cart", "queue": "mails"}, "cart"),
        ("node_namespace_pod_container:cpu:sum", {"node": "node-b", "pod": "cart-6d5f8c9b7d-x7k2p", "container": "app"}, "cart"),
        # what exporters measure of others
        ("kube_pod_container_status_restarts_total", {**STATE, "pod": "cart-6d5f8c9b7d-x7k2p", "container": "app"}, "cart"),
        ("kube_pod_status_phase", {**STATE, "pod": "mon-kube-state-metrics-6d5f8c9b7d-x7k2p", "exported_pod": "cart-0"}, "cart"),
        ("kube_deployment_status_replicas_available", {**STATE, "deployment": "cart"}, "cart"),
        ("kube_pod_info", {**STATE, "pod": "x", "created_by_kind": "ReplicaSet", "created_by_name": "cart-6d5f8c9b7d"}, "cart"),
        ("kube_cronjob_next_schedule_time", {**STATE, "cronjob": "nightly"}, "nightly"),
        ("kube_job_status_failed", {**STATE, "job_name": "nightly-28391420"}, "nightly"),
        ("kube_node_status_condition", {**STATE, "node": "node-b", "condition": "Ready"}, "node-b"),
        ("kube_namespace_status_phase", {**STATE, "namespace": "shop"}, ""),
        ("kubelet_volume_stats_available_bytes", {**KUBELET, "persistentvolumeclaim": "data-orders-db-0"}, "orders-db"),
        ("container_cpu_usage_seconds_total", {**KUBELET, "pod": "cart-6d5f8c9b7d-x7k2p", "container": "app"}, "cart"),
        ("container_cpu_usage_seconds_total", {**KUBELET, "id": "/"}, ""),
        ("node_load1", {**NODES, "instance": "10.1.0.9:9100"}, "10.1.0.9"),
        ("node_load1", {**NODES, "instance": "10.1.0.9:9100", "node": "node-b"}, "node-b"),
        ("probe_success", {"job": "blackbox", "instance": "http://cart.shop.svc/health", "pod": "blackbox-6d5f8c9b7d-x7k2p"}, "cart"),
        (
            "nginx_ingress_controller_requests",
            {"exported_service": "cart", "service": "nginx-ingress-metrics", "pod": "nginx-x7k2p"},
            "cart",
        ),
        ("traefik_service_requests_total", {"job": "traefik", "exported_service": "shop-cart-80@kubernetes"}, "shop-cart"),
        ("istio_requests_total", {"app": "web", "pod": "web-0", "source_workload": "web", "destination_workload": "cart"}, "cart"),
        ("istio_requests_total", {"pod": "web-0", "destination_workload": "unknown", "destination_service_name": "cart"}, "cart"),
        ("aws_rds_cpuutilization_average", {"job": "yace", "dimension_DBInstanceIdentifier": "orders"}, "orders"),
        ("aws_sqs_approximate_age", {"job": "yace", "name": "arn:aws:sqs:eu-west-1:123456789012:mails"}, "mails"),
        ("rabbitmq_queue_messages_ready", {"job": "rabbitmq", "pod": "rabbitmq-0", "queue": "mails"}, "mails"),
        ("kafka_consumergroup_lag", {"job": "kafka-exporter", "consumergroup": "mailer", "topic": "orders"}, "mailer"),
        # a database's exporter: the database, by what it says or by the address that it was given
        ("pg_up", {"job": "postgres-exporter", "instance": "10.8.1.4:9187", "server": "orders-db.shop.svc:5432"}, "orders-db"),
        ("pg_up", {"job": "postgres-exporter", "instance": "10.8.1.4:9187", "server": "localhost:5432", "pod": "orders-db-0"}, "orders-db"),
        ("redis_up", {"job": "redis-exporter", "instance": "redis://orders-cache:6379"}, "orders-cache"),
        ("mysql_up", {"job": "orders-db", "instance": "10.8.1.4:9104"}, "orders-db"),
        # a cluster of databases: what it is called
        ("elasticsearch_jvm_memory_used_bytes", {"job": "es-exporter", "cluster": "search", "name": "es-data-0"}, "search"),
        ("elasticsearch_os_load1", {"job": "search", "instance": "10.8.1.4:9114"}, "search"),
    ],
)
def test_the_thing_that_a_series_is_about(family: str, labels: dict[str, str], about: str) -> None:
    assert name(family, labels) == about


@pytest.mark.parametrize(
    ("labels", "about", "where"),
    [
        ({**STATE, "namespace": "shop", "pod": "cart-6d5f8c9b7d-x7k2p", "container": "app"}, "cart", {"namespace": "shop"}),
        ({**STATE, "namespace": "shop", "statefulset": "orders-db", "cluster": "eu"}, "orders-db", {"namespace": "shop", "cluster": "eu"}),
        ({**STATE, "namespace": "shop", "horizontalpodautoscaler": "cart"}, "cart", {"namespace": "shop"}),
        ({**STATE, "namespace": "shop", "resourcequota": "small"}, "", {"namespace": "shop"}),
        ({**STATE, "namespace": "monitoring", "pod": "mon-node-exporter-w6x2c"}, "mon-node-exporter", {"namespace": "monitoring"}),
        ({**NODES, "instance": "10.1.0.9:9100", "mountpoint": "/"}, "10.1.0.9", {}),
        ({**NODES, "instance": "10.1.0.9:9100", "nodename": "node-b"}, "node-b", {}),
        ({"alertname": "TargetDown", "job": "kube-state-metrics", "namespace": "monitoring"}, "kube-state-metrics", {"namespace": "monitoring"}),
        ({"job": "ingress-nginx", "namespace": "ingress", "exported_namespace": "shop", "exported_service": "cart"}, "cart", {"exported_namespace": "shop"}),
        ({"job": "redis-exporter", "instance": "orders-cache:6379", "namespace": "monitoring"}, "orders-cache", {}),
        ({"job": "cart", "env": "prod", "region": "eu", "tenant": "t1"}, "cart", {"environment": "", "env": "prod", "region": "eu", "tenant": "t1"}),
        ({"job": "rabbitmq", "instance": "10.8.1.4:15692", "queue": "mails"}, "mails", {}),
        ({**STATE, "namespace": "shop", "poddisruptionbudget": "cart-pdb"}, "cart", {"namespace": "shop"}),
        ({"alertname": "ElasticsearchClusterRed", "job": "es-exporter", "namespace": "mon", "cluster": "search"}, "search", {}),
        ({"job": "cart", "cluster": "eu"}, "cart", {"cluster": "eu"}),
        ({"alertname": "DeadMansSwitch", "severity": "none"}, "", {}),
        ({"job": "prometheus", "severity": "page"}, "", {}),
    ],
)  # fmt: skip
def test_what_an_alert_is_about_and_where(labels: dict[str, str], about: str, where: dict[str, str]) -> None:
    found = thing({"alertname": "Trouble", **labels})
    assert (found.name if found else "") == about
    assert dict(environment(labels, found)) == {label: value for label, value in where.items() if value}


def test_a_configured_label_wins_over_everything() -> None:
    labels = {**STATE, "deployment": "cart-v2", "team_component": "cart"}
    assert name("kube_deployment_spec_replicas", labels, "other", "team_component") == "cart"
    assert name("kube_deployment_spec_replicas", labels) == "cart-v2"


@pytest.mark.parametrize(
    ("called", "known", "is_"),
    [
        ("cart-svc", {"cart", "web"}, "cart"),
        ("cartservice", {"cart", "web"}, "cart"),
        ("cart", {"cart-service", "web"}, "cart-service"),
        ("shop/cart", {"cart"}, "cart"),
        ("AddressService", {"address-service", "web"}, "address-service"),
        ("address_book", {"AddressBook"}, "AddressBook"),
        ("cart.prod.example.com", {"cart"}, "cart"),
        ("cart-svc", {"cart", "cart-svc"}, "cart-svc"),
        ("cart-api", {"cart"}, "cart-api"),
        ("carts", {"cart"}, "carts"),
        ("", {"cart", ""}, ""),
    ],
)
def test_names_that_mean_one_thing(called: str, known: set[str], is_: str) -> None:
    assert joined(called, known) == is_


@given(st.sets(WORDS, min_size=2))
def test_two_that_are_known_are_never_one(known: set[str]) -> None:
    assert {joined(each, known) for each in known} == known


@given(st.sets(WORDS, min_size=2), st.sampled_from(("deployment", "statefulset", "pod", "service", "job", "app")))
def test_two_workloads_are_never_joined(names: set[str], label: str) -> None:
    """Whatever is asked for, and however alike they are called: two values of one label are two things."""
    suffix = "-6d5f8c9b7d-x7k2p" if label == "pod" else ""
    things = [thing({label: each + suffix}, "http_requests_total") for each in sorted(names | {f"{min(names)}-svc"})]
    listed = {(each.label, each.name) for each in things if each}
    for wanted in names:
        told = [known_as(each, {wanted}, listed) for each in things if each]
        assert len(set(told)) == len(told)


def test_a_service_of_another_name_is_its_workload() -> None:
    address = Thing("job", "cart-svc", "cart-svc")
    assert known_as(address, {"cart"}, {("pod", "cart"), ("job", "cart-svc")}) == "cart"
    assert known_as(Thing("deployment", "cart-svc", "cart-svc"), {"cart"}, set()) == "cart-svc"


@given(st.text() | st.text(alphabet="a1-.:/[]@|", max_size=12), st.sampled_from(NAMING))
def test_no_label_is_too_odd(value: str, label: str) -> None:
    found = name_of(value, label)
    assert found in value


@given(
    st.from_regex(r"[a-z]+(-[0-9a-f]+)?(-[a-z0-9]{5})?(\.shop)?(\.svc)?(:[0-9]+)?(@kubernetes)?", fullmatch=True), st.sampled_from(NAMING)
)
def test_what_may_stand_around_a_name_holds_every_value_that_names_it(value: str, label: str) -> None:
    before, after = around(label)
    if found := name_of(value, label):
        assert re.fullmatch(f"{before}({re.escape(found)}){after}", value)


BOUND = (("namespace", "shop"), ("cluster", "eu"))


@pytest.mark.parametrize(
    ("labels", "carries"),
    [
        ({"pod": "cart-0", "namespace": "shop", "cluster": "eu"}, (("namespace", "shop"), ("cluster", "eu"))),
        ({"pod": "cart-0", "namespace": "shop"}, (("namespace", "shop"),)),
        ({"pod": "cart-0", "k8s_namespace_name": "shop"}, (("k8s_namespace_name", "shop"),)),
        ({"pod": "cart-0"}, ()),
        ({"pod": "cart-0", "namespace": "staging"}, None),
        ({"pod": "cart-0", "namespace": "shop", "cluster": "us"}, None),
        ({"exported_pod": "cart-0", "namespace": "monitoring", "exported_namespace": "shop"}, (("exported_namespace", "shop"),)),
        ({"server": "cart:5432", "namespace": "monitoring"}, ()),
        ({"node": "node-b", "namespace": "monitoring", "cluster": "eu"}, (("cluster", "eu"),)),
    ],
)
def test_where_a_series_is(labels: dict[str, str], carries: tuple[tuple[str, str], ...] | None) -> None:
    about = thing(labels, "some_family")
    assert about
    assert carried(labels, about, BOUND) == carries


def test_a_cluster_of_databases_is_in_every_cluster() -> None:
    labels = {"cluster": "search", "namespace": "monitoring"}
    about = thing(labels, "elasticsearch_cluster_health_status")
    assert about
    assert carried(labels, about, BOUND) == ()


def test_a_label_of_ones_own_binds_as_well() -> None:
    about = Thing("pod", "cart-0", "cart")
    assert carried({"pod": "cart-0", "cell": "7"}, about, (("cell", "7"),)) == (("cell", "7"),)
    assert carried({"pod": "cart-0", "cell": "8"}, about, (("cell", "7"),)) is None
    assert carried({"pod": "cart-0"}, about, (("cell", "7"),)) == ()
