"""Which thing a series, an alert, a span or a log line is about, and where it runs: the one room that knows labels.

A thing is a service, a database, a queue, a batch job, a volume, a node or a host.
"""

from compass_core.identity.labels import NAMING, OF_STREAMS, TOTALS
from compass_core.identity.places import ATTRIBUTES, PLACING, anywhere, attributes, carried, environment, several, spellings
from compass_core.identity.things import Thing, joined, known_as, peer, thing
from compass_core.identity.values import around, name_of

__all__ = [
    "ATTRIBUTES", "NAMING", "OF_STREAMS", "PLACING", "TOTALS", "Thing", "anywhere", "around", "attributes", "carried", "environment",
    "joined", "known_as", "name_of", "peer", "several", "spellings", "thing",
]  # fmt: skip
