"""Requests: how many, how many fail, how long they take. Whoever serves them, whatever counts them."""

from compass_core.signals.signal import APPLICATION, DIRECT, FELT, QUANTILE, RATE, RATE_RATIO, WEAK, Ask, Scale, Signal, Where

_STATUS = ("http_response_status_code", "http_status_code", "status_code", "status", "code")
_FAILED = r"5\d\d|5xx|STATUS_CODE_ERROR"
_GRPC_STATUS = ("grpc_code", "rpc_grpc_status_code")
_GRPC_FAILED = "(?i)unknown|deadline_?exceeded|internal|unavailable|data_?loss|2|4|13|14|15"
_GRPC = ("rpc_server_duration_milliseconds_count", "grpc_server_handled_total")
_HTTP = (
    "http_server_request_duration_seconds_count",
    "http_server_duration_milliseconds_count",
    "http_server_requests_seconds_count",
    "http_request_duration_seconds_count",
    "http_requests_total",
    "traces_spanmetrics_calls_total",
    "traces_span_metrics_calls_total",
)
_LATENCY = (
    "http_server_request_duration_seconds",
    "http_server_duration_milliseconds",
    "http_server_requests_seconds",
    "http_request_duration_seconds",
    "traces_spanmetrics_latency",
    "traces_spanmetrics_duration_seconds",
    "traces_span_metrics_duration_seconds",
    "traces_span_metrics_duration_milliseconds",
    "rpc_server_duration_milliseconds",
)
# Google's SRE workbook pages at 14.4 times a budget of 0.1 %: 1.4 %; a quarter of all requests is an outage to anybody
FAILING = Scale("change", 0.01, 0.05, 0.25)
# below 100 ms people take an answer for immediate, above 1 s they notice that they wait (Nielsen); what triples is another system
SLOWER = Scale("times", 1.5, 3.0, 10.0, least=0.02)
LOAD = Scale("times", 1.5, 3.0, 10.0, least=1.0)  # capacity is commonly planned for twice the usual peak
_SLOW = ("latency_in_service",)

# fmt: off
REQUESTS = (
    Signal("request_rate", APPLICATION, "requests", "/s", LOAD, WEAK, ("traffic_surge",), direction="both",
           asked=(Ask((*_HTTP, *_GRPC), RATE),)),
    Signal("request_rate_drop", APPLICATION, "requests", "/s", LOAD, WEAK, ("unavailable",), direction="down"),
    Signal("traffic_stopped", APPLICATION, "requests", "/s", LOAD, FELT, ("unavailable",), direction="down"),
    Signal("surge", APPLICATION, "requests everywhere", "", LOAD, DIRECT, ("traffic_surge",)),
    Signal("error_ratio", APPLICATION, "failing requests", "ratio", FAILING, FELT, ("exception_in_code", "unavailable"),
           asked=(Ask(_HTTP, RATE_RATIO, Where(_STATUS, _FAILED)), Ask(_GRPC, RATE_RATIO, Where(_GRPC_STATUS, _GRPC_FAILED)))),
    Signal("rate_limited", APPLICATION, "requests refused for their rate", "ratio", FAILING, DIRECT, ("rate_limited",),
           asked=(Ask(_HTTP, RATE_RATIO, Where(_STATUS, "429")),
                  Ask(_GRPC, RATE_RATIO, Where(_GRPC_STATUS, "(?i)resource_?exhausted|8")))),
    Signal("latency_p50", APPLICATION, "latency p50", "s", SLOWER, FELT, _SLOW, asked=(Ask(_LATENCY, QUANTILE, quantile=0.5),)),
    Signal("latency_p95", APPLICATION, "latency p95", "s", SLOWER, FELT, _SLOW, asked=(Ask(_LATENCY, QUANTILE, quantile=0.95),)),
    Signal("latency_p99", APPLICATION, "latency p99", "s", SLOWER, FELT, _SLOW, asked=(Ask(_LATENCY, QUANTILE, quantile=0.99),)),
    # Little's law: it grows as load × latency
    Signal("requests_in_flight", APPLICATION, "requests in flight", "", Scale("times", 2.0, 5.0, 20.0, least=5.0), WEAK,
           ("traffic_surge", "latency_in_service"),
           asked=(Ask(("http_server_active_requests",)),)),
    Signal("availability", APPLICATION, "requests that succeed", "ratio", FAILING, FELT, ("unavailable", "exception_in_code"),
           direction="down"),
    Signal("latency_mean", APPLICATION, "mean latency", "s", SLOWER, FELT, _SLOW),
    Signal("errors", APPLICATION, "errors", "/s", Scale("change", 0.05, 0.5, 5.0), FELT, ("exception_in_code", "unavailable")),
    Signal("client_errors", APPLICATION, "requests refused as wrong", "ratio", FAILING, FELT,
           ("wrong_return_value", "exception_in_code"),
           asked=(Ask(_HTTP, RATE_RATIO, Where(_STATUS, r"4\d[0-8]|4xx")),)),
    Signal("rejected", APPLICATION, "requests turned away", "/s", Scale("change", 0.05, 0.5, 5.0), DIRECT,
           ("rate_limited", "unavailable")),
    Signal("retries", APPLICATION, "attempts repeated", "/s", Scale("times", 3.0, 10.0, 50.0, least=0.2), WEAK, ("unavailable",)),
    Signal("wait_time", APPLICATION, "waiting for a connection", "s", SLOWER, FELT, ("connection_exhaustion", "latency_in_service")),
    Signal("queue_time", APPLICATION, "waiting in a queue", "s", SLOWER, FELT, ("latency_in_service", "unavailable")),
    # a queue that is not served grows without bound
    Signal("queue_length", APPLICATION, "waiting in a queue", "", Scale("times", 3.0, 10.0, 50.0, least=10.0), FELT,
           ("latency_in_service", "unavailable")),
    Signal("consumer_lag", APPLICATION, "messages that consumers are behind", "", Scale("times", 3.0, 10.0, 50.0, least=100.0), FELT,
           ("latency_in_service", "unavailable")),
)
# fmt: on
