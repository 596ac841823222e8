"""Since when, as people write it: `20 m`, `2 hours`, `1h30m`, `03:00`, an ISO time with or without a zone; pure."""

import re
from datetime import UTC, datetime, timedelta

from bot.words import shown
from compass_core.errors import RefusalError

LONGEST_SINCE = timedelta(days=7)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AROUND = re.compile(r"(?:now\s*-|(?:since|last|the|past|about|around|from|pt|~|-)(?=[\s0-9-]))\s*|\bago$")
_WORDS = (
    (re.compile(r"\bhalf an? hour\b"), "30m"),
    (re.compile(r"\b(?:last|past) (?=(?:hour|minute|day|week)\b)"), "1 "),
    (re.compile(r"\b(?:an?|one) (?=[a-z])"), "1 "),
    (re.compile(r"h\s*([0-9]{1,2})$"), r"h\1m"),
)
_PART = re.compile(
    r"([0-9]{1,5}(?:[.,][0-9]{1,3})?)\s*(s|m|h|d|w)(?:ecs?|econds?|ins?|inutes?|rs?|ours?|ays?|ks?|eeks?)?(?![a-z])\s*(?:(?:,|and)\s*)?"
)
_CLOCK = re.compile(r"(yesterday |today )?([0-9]{1,2})(?::([0-9]{2}))?(?::[0-9]{2})?\s*(am|pm)?\s*(z|utc|gmt|[+-][0-9]{2}:?[0-9]{2})?")
_EPOCH = re.compile(r"@?([0-9]{10})(?:[0-9]{3})?")


def parse_since(text: str, now: datetime) -> timedelta:
    """How long before `now` that was: more than nothing and at most seven days; else `RefusalError`.

    A time of day is the last one before `now`; a time without a zone is in UTC.
    """
    said = " ".join(text.lower().split())
    ago = _span(said)
    try:
        ago = ago or now - _time(said, now)
    except (ValueError, OverflowError):
        ago = timedelta(0)
    if not timedelta(0) < ago <= LONGEST_SINCE:
        raise RefusalError(
            f"--since cannot be {shown(text)!r}: write how long ago, such as --since 45m or --since 1h30m, or a time that has passed, "
            "such as --since 03:00 or --since 2026-01-05T14:03Z (UTC where no zone is given), at most 7d back."
        )
    return ago


def _span(said: str) -> timedelta | None:
    """`1h30m`; None where it is no span of time."""
    for words, number in _WORDS:
        said = words.sub(number, said)
    said = _AROUND.sub("", said).strip()
    parts, at = timedelta(0), 0
    while at < len(said):
        part = _PART.match(said, at)
        if part is None:
            return None
        parts += timedelta(**{_UNITS[part[2]]: float(part[1].replace(",", "."))})
        at = part.end()
    return parts


def _time(said: str, now: datetime) -> datetime:
    """`03:00` or an ISO time; raises `ValueError` or `OverflowError` where it is none."""
    said = re.sub(r"^(?:since|at|from) ", "", said)
    if epoch := _EPOCH.fullmatch(said):
        return datetime.fromtimestamp(int(epoch[1]), UTC)
    clock = _CLOCK.fullmatch(said)
    if clock and (clock[3] or clock[4]):
        return _of_day(clock, now)
    iso = re.sub(r"\s*(?:z|utc|gmt)$", "+00:00", said.replace("/", "-"))
    at = datetime.fromisoformat(re.sub(r"\s+(?=[+-])", "", iso).upper())
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _of_day(clock: re.Match[str], now: datetime) -> datetime:
    day, hour, minute, half, zone = clock.groups()
    if half:
        hour = str(int(hour) % 12 + (12 if half == "pm" else 0))
    offset = zone if zone and zone[0] in "+-" else "+00:00"
    today = now.astimezone(datetime.strptime(offset, "%z").tzinfo)
    at = today.replace(hour=int(hour), minute=int(minute or 0), second=0, microsecond=0)
    return at - timedelta(days=1) if day == "yesterday " or at >= today else at
