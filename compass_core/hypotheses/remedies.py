"""What an engineer does about each mechanism: the first look that proves or disproves it, and what usually helps."""

from __future__ import annotations

from collections.abc import Mapping

# fmt: off
REMEDIES: Mapping[str, tuple[str, str]] = {
    "connection_exhaustion": ("list the sessions of {service} by client and state",
                              "end idle ones, roll back the client that holds most"),
    "lock_contention": ("find the session of {service} that blocks the others, and what it runs",
                        "end that session, then shorten its transaction"),
    "slow_queries": ("compare the plans of the slowest queries on {service} with before",
                     "restore the index, refresh statistics, or stop the query"),
    "replication_lag": ("look at what writes to {service} and how its replicas apply it",
                        "send reads to the primary, slow down the bulk write"),
    "cpu_exhaustion": ("profile {service}: which code or client uses the CPU",
                       "scale it out, or undo what began to use it"),
    "memory_pressure": ("look at the memory of {service} since its start, and at kills",
                        "restart it for now, raise the limit, find the leak"),
    "disk_io": ("look at free space and queue of the disk of {service}",
                "free or add space, move or stop what writes most"),
    "network_delay": ("measure the round trip to {service} from a caller's node",
                      "move it off that node or path, undo the network change"),
    "network_loss": ("count retransmits between {service} and its callers, by node",
                     "drain the node or link that loses packets"),
    "connection_refused": ("see whether {service} listens on the port that its callers use",
                           "restart it, or correct the port or network policy"),
    "dns_failure": ("resolve the name of {service} from a caller's pod",
                    "restart or scale the DNS server, undo the record's change"),
    "tls_failure": ("look at the end date and chain of the certificate of {service}",
                    "renew it, or undo the change of ciphers or authority"),
    "exception_in_code": ("read the first new exception in the logs of {service}",
                          "roll back what was deployed last, or turn the feature off"),
    "wrong_return_value": ("compare an answer of {service} with one from before",
                           "roll back what was deployed last"),
    "bad_deploy": ("compare errors of the new version of {service} with the old one's",
                   "roll {service} back"),
    "config_change": ("read what was changed in the configuration of {service}",
                      "undo that change"),
    "traffic_surge": ("find who sends the additional requests to {service}",
                      "limit that client, scale out"),
    "rate_limited": ("find which limit of {service} is reached, and by whom",
                     "raise the limit, or slow that caller down"),
    "latency_in_service": ("look at where a slow trace of {service} spends its time",
                           "undo the last change, or scale it out"),
    "unavailable": ("see whether {service} runs and why its last instance ended",
                    "restart it, or move it to another node"),
}
# fmt: on
