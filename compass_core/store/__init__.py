"""Incidents that people declared, investigations, their posts, what was spent on them and what people say of them, in one database.

What holds at every moment, also with several processes on one file:
1. One investigation runs per incident and channel: a unique index over those that have not ended says so, not code.
2. An investigation ends once: the first conclusion stays.
3. One post per investigation and step: the first stays.
4. An id is never given twice (`INC-7` stays `INC-7`).
5. An investigation holds its whole incident, so that it can be run again when the alert is gone.
6. The attempts of an investigation, and of a workspace's day, take no more than their caps when one is written: checked and
   written in one transaction, one transaction at a time. An attempt that a killed process left open stays there and counts as the
   most that it may cost.
"""

from compass_core.store.rows import exists
from compass_core.store.store import Store

__all__ = ["Store", "exists"]
