"""What an alert that somebody posted in Slack is about: service, place, time and link, out of texts, blocks and attachments; pure."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

from bot.command import typed
from bot.since import LONGEST_SINCE, parse_since
from bot.words import shown
from compass_core.domain import Incident
from compass_core.errors import RefusalError
from compass_core.identity import environment, thing

MOST, LONGEST, DEEPEST = 20_000, 2_000, 12  # characters of a message and of a line, and levels, that are read
_SERVICE = re.compile(
    r"((affected|impacted)_)?(service|application|app|component|entity|workload|deployment)(_?name|s)?|job|db_?instance_?identifier"
)
_PAIR = re.compile(r"([A-Za-z][\w.-]*)\s*[:=]\s*[\"'`]?([\w./-]*\w)(?![\w./-]*\s*[:=]\s*\w)")  # `env=prod`
_LINE = re.compile(r"\W*([A-Za-z][\w .-]{0,30}?)\W{0,3}\s*[:=]\s*\W{0,3}([^\n]+)")  # `*Affected service:* Checkout API`
_LINK = re.compile(r"https?://[^\s|>\"]*(?:alert|g0\.expr)[^\s|>\"]*")
_ID = re.compile(r"\bINC-[0-9]{1,9}\b", re.IGNORECASE)
_EPOCH = re.compile(r"<!date\^([0-9]{9,11})\^")
_WHEN = re.compile(
    r"(?i)(?:start|since|trigger|creat|fired|occur|began|open|time|date)\w*[^\n\d]{0,30}?"
    r"(?:(?P<day>\d{4}-\d\d-\d\d|\d{1,2} [a-z]{3,9},? \d{4}|[a-z]{3,9} \d{1,2},? \d{4})[T,]? ?)?"
    r"(?P<time>\d\d:\d\d(:\d\d)?)(?:\.\d+)? ?(?P<zone>[+-]\d\d:?\d\d)?"
)


class Alert(NamedTuple):
    """What was read: the incident, whose services may not be known, and a link or an id that may lead to it, '' for none."""

    incident: Incident
    reference: str


def read(message: dict[str, Any], now: datetime) -> Alert:
    """What a message is about, as far as it says; raises nothing. Where it says no time it is that of the message."""
    raw = "\n".join(dict.fromkeys(_texts(message)))[:MOST]
    lines = [typed(line[:LONGEST]) for line in raw.split("\n")]
    pairs = [match.groups() for line in lines for match in _PAIR.finditer(line)]
    wide = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
    said: dict[str, str] = {}
    for name, value in (*(each for each in wide if not _PAIR.search(each[1])), *pairs, *wide):
        key = re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())).lower()
        if re.search("[A-Za-z]", value):
            said.setdefault(key, value.strip(" *_`~\"'.,;"))
    labels = {name: value for name, value in said.items() if re.fullmatch(r"[\w.-]{1,100}", value)}
    named = next((value for name, value in said.items() if _SERVICE.fullmatch(name)), "")
    about = thing({"service": re.sub(r"[^\w./:-]+", "-", named).strip("-")[:200].lower()}) or thing(labels)
    services = (about.name,) if about else ()
    started_at, noted = _when(message, "\n".join(lines), raw, now)
    incident = Incident(
        id=shown(said.get("alertname") or said.get("alarm_name") or f"alert:{', '.join(services) or 'unknown'}", 100),
        title=shown(next((line for line in lines if re.search(r"\w{3}", line)), "An alert"), 300),
        services=services,
        environment=environment(labels, about),
        started_at=started_at,
        severity=shown(said.get("severity", said.get("priority", ""))),
        origin="message",
        noted=noted,
    )
    return Alert(incident, next(chain(_LINK.findall(raw), _ID.findall(raw)), ""))


def _texts(node: Any, depth: int = 0) -> Iterator[str]:
    """Every text that the message shows; what a field is called stands before its value."""
    if isinstance(node, str):
        yield from node.replace(":*\n", ": ").split("\n")
    elif isinstance(node, list) and depth < DEEPEST:
        for each in node:
            yield from _texts(each, depth + 1)
    elif isinstance(node, dict) and depth < DEEPEST:
        if {"title", "value"} <= set(node):
            yield f"{node['title']}: {node['value']}"
        elif node.get("type") == "rich_text_section":
            parts = [one for one in node.get("elements") or () if isinstance(one, dict)]
            yield from "".join(str(one.get("text") or one.get("url") or "") for one in parts).split("\n")
        else:
            for key in ("pretext", "title", "title_link", "text", "fields", "elements", "blocks", "attachments", "footer", "fallback"):
                yield from _texts(node.get(key), depth + 1)


def _when(message: dict[str, Any], text: str, raw: str, now: datetime) -> tuple[datetime, str]:
    """When it began: as it says, else as Slack does; then also which time it says that is none, long gone or to come."""
    noted = ""
    for match in _WHEN.finditer(text):
        day, time, zone = _day(match["day"] or ""), match["time"], match["zone"] or "Z"
        with suppress(RefusalError):
            return now - parse_since(f"{day}T{time}{zone}" if day else time, now), ""
        said = f"{day} {time}".strip()
        noted = noted or f"its text says {said}, no time of the last {LONGEST_SINCE.days} days: looked at from when it was posted"
    attached = message.get("attachments")
    stamps = [one.get("ts") for one in attached if isinstance(one, dict)] if isinstance(attached, list) else []
    for stamp in filter(None, (*_EPOCH.findall(raw), *stamps, message.get("ts"))):
        with suppress(ValueError, TypeError, OverflowError, OSError):
            return min(datetime.fromtimestamp(float(stamp), UTC), now), noted
    return now, noted


def _day(said: str) -> str:
    """`5 January 2026` and `Jan 5, 2026` as `2026-01-05`; what is no day as it is."""
    short = re.sub(r"([A-Za-z]{3})[A-Za-z]*", r"\1", said.replace(",", ""))
    for form in ("%d %b %Y", "%b %d %Y"):
        with suppress(ValueError):
            return f"{datetime.strptime(short, form):%Y-%m-%d}"  # noqa: DTZ007 - a day without a time has no zone
    return said
