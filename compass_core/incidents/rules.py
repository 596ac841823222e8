"""How much older than its alert a trouble may be, by the alert's rule in Prometheus."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from compass_core.errors import SourceError
from compass_core.sources.http import Allowance, Backend

RULES: Final = "/api/v1/rules"
_RANGE: Final = re.compile(r"\[(\d+)(s|m|h|d)[\]:]")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


async def delay(backend: Backend, labels: Mapping[str, str]) -> timedelta | None:
    """The `for:` of the rule of an alert with these labels, plus the longest range that the rule averages over.

    The longest of several such rules; None where Prometheus does not tell.
    """
    try:
        reader = backend.reader(Allowance())
        return await reader.ask(RULES, lambda answer: max(_delays(answer, labels), default=None), [("type", "alert")])
    except SourceError:
        return None


def _delays(answer: Any, labels: Mapping[str, str]) -> Iterator[timedelta]:
    for group in answer["data"]["groups"]:
        for rule in group["rules"]:
            # a label of a rule may be a template, which no alert has as it stands there
            own = {name: value for name, value in rule.get("labels", {}).items() if "{{" not in value}
            if rule["name"] == labels.get("alertname") and "duration" in rule and own.items() <= labels.items():
                ranges = [int(number) * _SECONDS[unit] for number, unit in _RANGE.findall(rule.get("query", ""))]
                yield timedelta(seconds=rule["duration"] + max(ranges, default=0))
