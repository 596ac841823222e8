"""Where a secret may stand: is what stands there one, or an ordinary word? Each is given a match and the value as it stands."""

from __future__ import annotations

import itertools
import re
from base64 import urlsafe_b64decode

Match = re.Match[str]

# what stands in a secret's place without being one: states, types, variables, and what somebody else hid
_WORD = re.compile(
    r"(?:true|false|null|none|nil|undefined|yes|no|on|off|ok|empty|missing|required|optional|invalid|incorrect|wrong|bad|expired|valid|"
    r"failed|failure|denied|rejected|revoked|unset|set|changed|reset|updated|unknown|not|is|was|for|must|should|cannot|and|or|the|an?|"
    r"string|str|char|int|bool|bytes?|object|text|varchar|default|disabled|enabled|protected|redacted|filtered|hidden|masked|removed|"
    r"sensitive|omitted|provided|present|absent|found|mismatch|accepted|succeeded|success|error|"
    r"[*x•.…?-]+|\{\}|\[\]|0x[0-9a-f]{1,16}|%[sdvq]|\$\d+|\$\{?[A-Z_]+\}?|:\w+|\{\{.{0,80}\}\}|<[a-z _-]{0,40}>|\[[a-z *]{0,40}\]|"
    r"scram-sha-\d+(?:-plus)?)",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:/[a-z0-9_.-]{1,80}){2,}/?|/[a-z]{1,12}|https?://\S+|[A-Za-z]:\\\S*|\S+@sha256:\S*")
# a name as Kubernetes has them: `db-creds`, `shop/db-creds-v2`, `default-token-x7k2p`
_NAME = re.compile(r"(?:(?:[a-z]+[0-9]{0,3}|v?[0-9]{1,4})[-./:_])+(?:[a-z]+[0-9]{0,3}|v?[0-9]{1,4}|[a-z0-9]{5})")
_DATED = re.compile(r"\d{4}-\d\d-\d\d[T ].*|v?\d+(?:\.\d+)+|\d+(?:\.\d+)?[a-z]{1,2}")
_SCHEMED = re.compile(r"[a-z]\s+\Z")
_OF_SCHEME = re.compile(r"authentication|authorization|credentials?|header|scheme|realm")
_CLAUSE_ENDS = re.compile(r"\s*(?:$|[,;)}\]\"'|\\&<]|[\w.-]+[=:])", re.MULTILINE)


def _is_word(value: str) -> bool:
    return bool(_WORD.fullmatch(value) or _PATH.fullmatch(value))


def _is_random(value: str, least: int) -> bool:
    """Letters and digits together, or case that changes all the time, in one word of at least `least` characters."""
    if len(value) < least or _is_word(value) or _DATED.fullmatch(value) or any(one.isspace() for one in value):
        return False
    letters = any(one.isalpha() for one in value)
    if any(one.isdigit() for one in value):
        return letters
    changes = sum(one.islower() != other.islower() for one, other in itertools.pairwise(value) if (one + other).isalpha())
    return letters and changes > max(3, len(value) / 4)


def _is_prose(match: Match, value: str) -> bool:
    """`password: must be long`: a word after a colon and a space, and the sentence goes on."""
    after_colon = match["bare"] is not None and re.search(r":\s", match[0][: match.start("bare") - match.start()]) is not None
    return after_colon and (value.isalpha() or value.isdecimal()) and not _CLAUSE_ENDS.match(match.string, match.end("bare"))


def is_password(match: Match, value: str) -> bool:
    """Anything but a word that speaks of a password, or, after `pass`, a count."""
    short = match["name"].lower() in {"pass", "pw"} and re.fullmatch(r"[\d./%]+", value)
    return not (short or _is_word(value) or _is_prose(match, value))


def is_key(match: Match, value: str) -> bool:
    """As a password, of four characters at least, and no count."""
    return len(value) >= 4 and is_password(match, value) and not (value.isdecimal() and len(value) < 8)  # noqa: PLR2004 - a count, not a key


def is_token(match: Match, value: str) -> bool:
    """Random, and after `secret` no name of one; after `Authorization: Bearer` almost anything."""
    name = match["name"].lower()
    if name == "authorization" and _SCHEMED.search(match.string, match.end("name"), max(match.start("quoted"), match.start("bare"))):
        return len(value) >= 6 and not _is_word(value) and not _OF_SCHEME.fullmatch(value.lower())  # noqa: PLR2004 - as `denied` is
    if name.startswith(("secret", "credential")) and _NAME.fullmatch(value):
        return False
    return _is_random(value, 6 if name in {"secret", "token"} else 12)


def is_session(_match: Match, value: str) -> bool:
    """Random, and long: short ones count sessions."""
    return _is_random(value, 16)


def is_credential(match: Match, value: str) -> bool:
    """After `Bearer`: anything random or long; after `Basic`: what base64 turns into `user:password`."""
    if match["scheme"].lower() == "bearer":
        return _is_random(value, 8) or (len(value) >= 24 and not _NAME.fullmatch(value.lower()))  # noqa: PLR2004 - longer than words are
    try:
        return b":" in urlsafe_b64decode(value.rstrip("=").replace("+", "-").replace("/", "_") + "==="[: -len(value.rstrip("=")) % 4])
    except ValueError:
        return False


def has_random(_match: Match, value: str) -> bool:
    """Random, and as long as tokens are that stand alone in an address."""
    return _is_random(value, 20)


def is_argument(_match: Match, value: str) -> bool:
    """Anything but a word that speaks of a password, or the next option."""
    return not (_is_word(value) or value.startswith("-"))


# after the last dot of what is no address: units of systemd, names within a cluster, files
_NO_TOP_LEVEL = re.compile(
    "service|socket|timer|slice|scope|mount|target|device|local|internal|localdomain|svc|cluster|"
    "png|jpe?g|gif|webp|svg|ico|m?js|css|map|json|xml|html?|tsx?|jsx|woff2?|ttf|java|go|rb|txt|ya?ml"
)


def is_email(_match: Match, value: str) -> bool:
    """An address, and not of a repository, a unit, a service or a file."""
    local, _, host = value.replace("%40", "@").rpartition("@")
    return local != "git" and not _NO_TOP_LEVEL.fullmatch(host.rpartition(".")[2].lower())


_NAME_BEFORE = re.compile(r"([\w.-]{1,40})\\{0,3}[\"']?(\s?[:=#]\s?\\{0,3}[\"'\[(]?|\s)\Z")
_OF_CARD = re.compile(r"card|pan\b|_pan|cc|visa|master|amex|acc|pay|number|instrument|credit|debit", re.IGNORECASE)
_OF_ID = re.compile(
    r"(?:.*id|trace|span|offset|seq\w*|lsn|bytes|size|count|total|ns|nanos|time|ts|timestamp|order|ref|no|key|event|user|version)",
    re.IGNORECASE,
)


def is_card(match: Match, value: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B): from the right, the digits of every second one doubled; the sum ends in 0.

    One id in ten passes it: digits in one piece that are a part of a path, the value of a name, or follow one for ids, are none.
    """
    digits = [int(one) for one in value if one.isdigit()]
    if (sum(digits[-1::-2]) + sum(sum(divmod(2 * one, 10)) for one in digits[-2::-2])) % 10:
        return False
    before = match.string[max(0, match.start() - 48) : match.start()]
    name = _NAME_BEFORE.search(before)
    if not value.isdigit() or (name and _OF_CARD.search(name[1])):
        return True
    in_path = before.endswith("/") and not _OF_CARD.search(before[-24:])
    is_value = name is not None and name[2].strip() != "" and not name[2].endswith(" ")
    return not (in_path or is_value or (name and _OF_ID.fullmatch(name[1])))
