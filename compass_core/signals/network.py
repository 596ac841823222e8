"""What lies between services: packets, names, certificates, ingress and mesh."""

from compass_core.signals.requests import FAILING, SLOWER
from compass_core.signals.signal import (
    DIRECT,
    FELT,
    NETWORK,
    PAST,
    QUANTILE,
    RATE,
    RATE_RATIO,
    RATIO,
    RESOURCE,
    WEAK,
    Ask,
    Evidence,
    Scale,
    Signal,
    Where,
)

PEERS = ("server_address", "net_peer_name", "peer_service", "server", "destination_service_name")
CALLS = ("http_client_request_duration_seconds_count",)
_RARE = Scale("change", 0.02, 0.2, 2.0)  # a healthy system has none; each is a request that failed
_PACKETS = Scale("change", 1.0, 10.0, 100.0)
_BYTES = Scale("times", 2.0, 5.0, 20.0, least=20e3)
_LOSS = ("network_loss",)


def _calls(name: str, words: str, mechanisms: tuple[str, ...], pattern: str, evidence: Evidence = DIRECT) -> Signal:
    how = Ask(CALLS, RATE_RATIO, Where(("error_type",), pattern), by=PEERS, to_peer=True)
    return Signal(name, NETWORK, words, "ratio", FAILING, evidence, mechanisms, asked=(how,))


# fmt: off
NETWORKS = (
    # TCP's throughput falls with the root of its loss: at 2 % to a fraction (Mathis et al.)
    Signal("tcp_retransmits", NETWORK, "TCP segments sent again", "ratio", Scale("change", 0.005, 0.02, 0.1), RESOURCE, _LOSS,
           asked=(Ask(("node_netstat_Tcp_RetransSegs",), RATE_RATIO, over=("node_netstat_Tcp_OutSegs",)),)),
    Signal("tcp_resets", NETWORK, "TCP connections reset", "/s", _PACKETS, WEAK, ("network_loss", "connection_refused"),
           asked=(Ask(("node_netstat_Tcp_EstabResets", "node_netstat_Tcp_OutRsts"), RATE),)),
    Signal("tcp_failed_attempts", NETWORK, "TCP connection attempts failed", "/s", _PACKETS, WEAK, ("connection_refused",),
           asked=(Ask(("node_netstat_Tcp_AttemptFails",), RATE),)),
    Signal("packet_drops", NETWORK, "packets dropped", "/s", _PACKETS, RESOURCE, _LOSS,
           asked=(Ask(("node_network_receive_drop_total", "node_network_transmit_drop_total"), RATE),
                  Ask(("container_network_receive_packets_dropped_total", "container_network_transmit_packets_dropped_total"), RATE))),
    Signal("packet_errors", NETWORK, "packet errors", "/s", _PACKETS, RESOURCE, _LOSS,
           asked=(Ask(("node_network_receive_errs_total", "node_network_transmit_errs_total"), RATE),)),
    Signal("bytes_in", NETWORK, "bytes received", "B/s", _BYTES, WEAK, ("traffic_surge",), direction="both",
           asked=(Ask(("container_network_receive_bytes_total", "node_network_receive_bytes_total"), RATE),)),
    Signal("bytes_in_drop", NETWORK, "bytes received", "B/s", _BYTES, WEAK, ("network_loss", "unavailable"), direction="down"),
    Signal("bytes_out", NETWORK, "bytes sent", "B/s", _BYTES, WEAK, ("traffic_surge",), direction="both",
           asked=(Ask(("container_network_transmit_bytes_total", "node_network_transmit_bytes_total"), RATE),)),
    Signal("bytes_out_drop", NETWORK, "bytes sent", "B/s", _BYTES, WEAK, ("network_loss", "unavailable"), direction="down"),
    # node_exporter's mixin warns at 75 %; at 100 % packets are dropped
    Signal("conntrack_of_limit", NETWORK, "connection table in use", "ratio", Scale("level", 0.75, 0.9, 0.98), RESOURCE,
           ("connection_exhaustion",),
           asked=(Ask(("node_nf_conntrack_entries",), RATIO, over=("node_nf_conntrack_entries_limit",)),)),
    Signal("dns_failures", NETWORK, "DNS answers that are failures", "ratio", FAILING, DIRECT, ("dns_failure",),
           asked=(Ask(("coredns_dns_responses_total",), RATE_RATIO, Where(("rcode",), "SERVFAIL|REFUSED|NXDOMAIN"), by=("zone",)),)),
    Signal("dns_p95", NETWORK, "DNS latency p95", "s", SLOWER, FELT, ("dns_failure",),
           asked=(Ask(("coredns_dns_request_duration_seconds",), QUANTILE, quantile=0.95),)),
    Signal("call_p95", NETWORK, "calls p95", "s", SLOWER, FELT, ("network_delay", "latency_in_service"),
           asked=(Ask(("http_client_request_duration_seconds", "http_client_duration_milliseconds", "rpc_client_duration_milliseconds"),
                      QUANTILE, quantile=0.95, by=PEERS, to_peer=True),)),
    _calls("refused_calls", "calls refused", ("connection_refused",), r"(?i).*(refused|\.ConnectException|HostConnectException).*"),
    _calls("unresolved_calls", "calls to a name that is not found", ("dns_failure",),
           r"(?i).*(resol|nxdomain|dns|no.such.host|unknown.?host|gaierror|enotfound|eai_again).*"),
    _calls("tls_calls", "calls failing in TLS", ("tls_failure",), r"(?i).*(tls|ssl|certificate|x509|secure_connection).*"),
    _calls("broken_calls", "calls reset or timed out", ("network_loss", "unavailable"),
           r"(?i).*(reset|broken.?pipe|time.?d?.?out|unreachable|disconnected|eof|deadline).*", FELT),  # who waits for others is late
    Signal("client_latency", NETWORK, "latency of what it calls", "s", SLOWER, WEAK, ("network_delay", "latency_in_service")),
    Signal("upstream_errors", NETWORK, "failing upstream requests", "ratio", FAILING, FELT, ("exception_in_code", "unavailable"),
           asked=(Ask(("nginx_ingress_controller_requests",), RATE_RATIO, Where(("status",), r"5\d\d")),
                  Ask(("envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq"), RATE_RATIO,
                      Where(("envoy_response_code_class", "envoy_response_code"), r"5|5\d\d"), by=("envoy_cluster_name",), to_peer=True))),
    Signal("upstream_connect_failures", NETWORK, "failed upstream connections", "/s", _RARE, DIRECT,
           ("connection_refused", "unavailable"),
           asked=(Ask(("envoy_cluster_upstream_cx_connect_fail",), RATE, by=("envoy_cluster_name",), to_peer=True),)),
    Signal("tls_errors", NETWORK, "TLS errors", "/s", _RARE, DIRECT, ("tls_failure",),
           asked=(Ask(("envoy_listener_ssl_connection_error", "envoy_listener_ssl_fail_verify_error", "envoy_cluster_ssl_connection_error"),
                      RATE),)),
    Signal("probe_failures", NETWORK, "probes that succeed", "", Scale("level", 0.9, 0.5, 0.0), FELT, ("unavailable",),
           direction="down",
           asked=(Ask(("probe_success",), aggregate="min"),)),
    Signal("network_rtt", NETWORK, "round trips", "s", Scale("times", 2.0, 10.0, 100.0, least=0.002), RESOURCE, ("network_delay",)),
    Signal("certificate_expired", NETWORK, "certificates that have expired", "", Scale("change", 0.5, 1.0, 1.0), DIRECT,
           ("tls_failure",),
           asked=(Ask(("probe_ssl_earliest_cert_expiry", "x509_cert_not_after", "certmanager_certificate_expiration_timestamp_seconds"),
                      PAST, aggregate="max"),)),
    Signal("tcp_resent", NETWORK, "TCP segments sent again", "/s", Scale("times", 3.0, 10.0, 50.0, least=1.0), RESOURCE, _LOSS),
    Signal("dns_errors", NETWORK, "DNS failures", "/s", _RARE, DIRECT, ("dns_failure",)),
    # what a call takes beyond its callee's own time for it: see `analysis/ways.py`
    Signal("way", NETWORK, "network latency", "s", SLOWER, FELT, ("network_delay",)),
    Signal("call_mean", NETWORK, "calls take on average", "s", SLOWER, FELT, ("network_delay", "latency_in_service"),
           asked=(Ask(("http_client_request_duration_seconds_sum",), RATE_RATIO, over=("http_client_request_duration_seconds_count",),
                      by=PEERS, to_peer=True),)),
)
# fmt: on
