"""What spans tell; which of their attributes name a database."""

from compass_core.readings import Span
from compass_core.signals.requests import FAILING, SLOWER
from compass_core.signals.signal import APPLICATION, DATABASE, DIRECT, FELT, NETWORK, Scale, Signal

DELAY = "delay"
_WAYS = Scale("change", 1.0, 10.0, 100.0)  # spans

SPANS = (
    Signal("self_time", APPLICATION, "its own time", "ms", SLOWER, FELT, ("latency_in_service",)),
    Signal("slow_throughout", APPLICATION, "operations that take longer", "", _WAYS, FELT, ("cpu_exhaustion",)),
    Signal("failing_spans", APPLICATION, "requests that fail there first", "ratio", FAILING, FELT, ("exception_in_code",)),
    Signal("detour", APPLICATION, "requests that run otherwise", "", _WAYS, FELT, ("wrong_return_value", "exception_in_code")),
    Signal("gap", NETWORK, "time between two services", "ms", SLOWER, DIRECT, ("network_delay",)),
    Signal(DELAY, NETWORK, "time between two services, of every request", "ms", SLOWER, DIRECT, ("network_delay",)),
    Signal("database_time", DATABASE, "time in calls to it", "ms", SLOWER, FELT, ("slow_queries",)),
)

DATABASE_ATTRIBUTES = ("db.system.name", "db.system")
_TOO_MANY = (("http.response.status_code", "429"), ("http.status_code", "429"), ("rpc.grpc.status_code", "8"))


def database_system(span: Span) -> str:
    """`postgresql`, `redis`, … for a call to a database, else ''."""
    return next((span.attributes[name] for name in DATABASE_ATTRIBUTES if span.attributes.get(name)), "")


def is_limited(span: Span) -> bool:
    """Whether it was refused since too many came: HTTP's 429, gRPC's 8."""
    return any(span.attributes.get(name) == code for name, code in _TOO_MANY)
