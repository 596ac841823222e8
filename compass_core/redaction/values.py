"""Where a secret may stand: is what stands there one, or an ordinary word? Each is given a match and the value as it stands."""

from __future__ import annotations

import itertools
import re
from base64 import urlsafe_b64decode

from compass_core.redaction.names import KEY, OTHER_TOKENS

Match = re.Match[str]

# what stands in a secret's place without being one: states, types, variables, and what somebody else hid
_WORD = re.compile(
    r"(?:true|false|null|none|nil|undefined|yes|no|on|off|ok|empty|missing|required|optional|invalid|incorrect|wrong|bad|expired|valid|"
    r"failed|failure|denied|rejected|revoked|unset|set|changed|reset|updated|unknown|not|is|was|for|must|should|cannot|and|or|the|an?|"
    r"string|str|char|int|bool|bytes?|object|text|varchar|default|disabled|enabled|protected|redacted|filtered|hidden|masked|removed|"
    r"sensitive|omitted|provided|present|absent|found|mismatch|accepted|succeeded|success|error|rotated|created|deleted|refreshed|"
    r"validated|verified|checked|loaded|generated|received|sent|used|ignored|skipped|cached|cache|hit|miss|retry|retrying|timeout|"
    r"from|with|by|to|of|in|at|as|be|are|has|have|had|does|did|do|can|could|will|would|may|too|only|all|any|some|this|that|it|its|"
    r"when|while|after|before|because|please|field|value|length|least|most|characters?|policy|user|username|login|account|service|"
    r"authentication|authorization|check|strong|weak|short|long|age|count|type|name|id|"
    r"[*x•.…?-]+|\{\}|\[\]|0x[0-9a-f]{1,16}|%[sdvq]|\$\d+|\$\{?[A-Z_]+\}?|:\w+|\{\{.{0,80}\}\}|<[a-z _-]{0,40}>|\[[a-z *]{0,40}\]|"
    r"scram-sha-\d+(?:-plus)?|s-1-\d+(?:-\d+){1,15})",  # the last: an account of Windows
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:/[a-z0-9_.-]{1,80}){2,}/?|/[a-z]{1,12}|https?://\S+|[A-Za-z]:\\\S*|\S+@sha256:\S*")
# a name as Kubernetes and metrics have them: `db-creds`, `shop/db-creds-v2`, `default-token-x7k2p`, `checkout-7c9b6d5f8c-k4jxs`
_NAME = re.compile(
    r"(?:(?:[a-z]+[0-9]{0,3}|v?[0-9]{1,4}|[0-9bcdf-hj-np-tv-z]{8,10}(?=-[0-9bcdf-hj-np-tv-z]{5}\Z))[-./:_])+"
    r"(?:[a-z]+[0-9]{0,3}|v?[0-9]{1,4}|[a-z0-9]{5})"
)
_KEY_ID = re.compile(r"(?:kid|key-?id)[-_:/].*", re.IGNORECASE)
_DATED = re.compile(r"\d{4}-\d\d-\d\d[T ].*|v?\d+(?:\.\d+)+|\d+(?:\.\d+)?[a-z]{1,2}")
_COUNT = re.compile(r"[\d./%]+[a-z]{0,2}")
_SCHEMES = re.compile(
    r"bearer|basic|digest|token|api-?key|negotiate|ntlm|kerberos|ssws|splunk|oauth|hawk|sharedkey(?:lite)?|aws\S*|mac|signature|vapid|hmac\S*"
)
# after these a word begins: a colour code, an escaped line break or character of JSON, a percent-encoded character
_BEGINS = re.compile(r"(?<![A-Za-z0-9])|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9a-fA-F]{4})")
_KEY = re.compile(KEY)
_OTHER_TOKENS = re.compile(OTHER_TOKENS)
_CALLED = re.compile(r"\(\w{1,40}:\Z")
_CLAUSE_ENDS = re.compile(r"\s*(?:$|[,;)}\]\"'|\\&<]|[\w.-]+[=:])", re.MULTILINE)


def is_word(value: str) -> bool:
    """It speaks of a secret, or of where one is."""
    return bool(_WORD.fullmatch(value) or _PATH.fullmatch(value))


def _is_random(value: str, least: int) -> bool:
    """Letters and digits together, or case that changes all the time, in one word of at least `least` characters."""
    if len(value) < least or is_word(value) or _DATED.fullmatch(value) or any(one.isspace() for one in value):
        return False
    letters = any(one.isalpha() for one in value)
    if any(one.isdigit() for one in value):
        return letters
    changes = sum(one.islower() != other.islower() for one, other in itertools.pairwise(value) if (one + other).isalpha())
    return letters and changes > max(3, len(value) / 4)


def _is_odd(value: str, least: int = 6) -> bool:
    """Random, or a word with a sign that words do not have: a person would take it for a password."""
    odd = _is_random(value, least) or (len(value) >= least and any(one in "!@#$%^&*+?~" for one in value) and any(map(str.isalpha, value)))
    return odd and not (_NAME.fullmatch(value) or _PATH.fullmatch(value) or is_word(value))


def _is_loose(match: Match, value: str) -> bool:
    """In a notation in which ordinary words stand as often, and with a value as ordinary."""
    return match["loose"] is not None and not _is_odd(value)


def _is_prose(match: Match, value: str) -> bool:
    """`password: must be long`, `pam_unix(passwd:chauthtok)`: a word after a colon, and the sentence goes on, or it is one in a call."""
    if match["bare"] is None or not (value.isalpha() or value.isdecimal()):
        return False
    begins = match.start("bare")
    spaced = re.search(r":\s", match[0][: begins - match.start()]) is not None
    called = _CALLED.search(match.string, max(0, begins - 48), begins) is not None
    return called or (spaced and "words" not in match.re.groupindex and not _CLAUSE_ENDS.match(match.string, match.end("bare")))


def is_password(match: Match, value: str) -> bool:
    """Anything but a word that speaks of a password, or, after `pass`, a count."""
    first = value.split(maxsplit=1)[0] if match["bare"] is not None else value
    short = match["name"].lower() in {"pass", "pw"} and _COUNT.fullmatch(first)
    return not (short or is_word(first) or _is_prose(match, value) or _is_loose(match, value))


def is_key(match: Match, value: str) -> bool:
    """As a password, of four characters at least, and no count; a key is no single word, and no name."""
    if not _is_compound(match, match.end("name")):
        return False
    if len(value) < 4 or (value.isdecimal() and len(value) < 8) or _KEY_ID.fullmatch(value):  # noqa: PLR2004 - a count, not a key
        return False
    is_name = match["name"] == "key" and ((value.isalpha() and value.islower()) or _NAME.fullmatch(value))
    return not (is_name or is_word(value) or _is_prose(match, value) or _is_loose(match, value))


def _is_compound(match: Match, end: int) -> bool:
    """`api_key` and the like: a key alone may be that of a cache."""
    return _KEY.search(match.string[max(0, end - 40) : end]) is not None


def _is_other_token(match: Match) -> bool:
    """`next_token` and the like."""
    return _OTHER_TOKENS.search(match.string[max(0, match.start() - 16) : match.start()]) is not None


def is_random_beside(match: Match, value: str) -> bool:
    """As `is_long_random`, beside a name."""
    name = match.start() + 3
    return is_long_random(match, value) and not _is_other_token(match) and (not match[0].startswith("key") or _is_compound(match, name))


def is_token(match: Match, value: str) -> bool:
    """Random, and no name."""
    name = match["name"].lower()
    if _NAME.fullmatch(value) or _is_loose(match, value) or _is_other_token(match):
        return False
    return _is_random(value, 6 if name in {"secret", "token"} else 8 if name.startswith("credential") else 12)


def is_session(match: Match, value: str) -> bool:
    """Random, and long: short ones count sessions."""
    return _is_random(value, 16) and not _is_loose(match, value) and not _NAME.fullmatch(value)


def is_credential(match: Match, value: str) -> bool:
    """After `Bearer`: anything random or long; after `Basic`: what base64 turns into `user:password`; after others what is no word."""
    scheme, is_header = (match["scheme"] or "").lower(), match[0].startswith("authorization")
    if scheme == "basic" and not is_header:
        return _is_basic(value)
    if scheme == "bearer" and not is_header:
        return _is_random(value, 8) or (len(value) >= 24 and not _NAME.fullmatch(value.lower()))  # noqa: PLR2004 - longer than words are
    if "=" in value.rstrip("="):
        return scheme != "" and _is_listed(value)
    if is_word(value) or _OF_SCHEME.fullmatch(value.lower()) or _NAME.fullmatch(value):
        return False
    return _is_random(value, 8) or bool(_SCHEMES.fullmatch(scheme))


_OF_SCHEME = re.compile(r"authentication|authorization|credentials?|header|scheme|realm")


def _is_basic(value: str) -> bool:
    try:
        return b":" in urlsafe_b64decode(value.rstrip("=").replace("+", "-").replace("/", "_") + "==="[: -len(value.rstrip("=")) % 4])
    except ValueError:
        return False


def _is_listed(value: str) -> bool:
    """`keyId="x", signature="…"`: a list with something random in it."""
    return any(_is_random(part.strip("\\\"' "), 8) for part in re.split(r"[=,]", value))


def has_random(_match: Match, value: str) -> bool:
    """Random, and as long as tokens are that stand alone in an address."""
    return _is_random(value, 20)


def is_long_random(_match: Match, value: str) -> bool:
    """Random, of twelve characters, and no name, path or id of an object."""
    return _is_random(value, 12) and not _NAME.fullmatch(value) and "/" not in re.sub(r"^\d/", "", value)[:-1]


def is_signature(match: Match, value: str) -> bool:
    """As `is_long_random`, of a word that is `sig`, `mac` or longer, and no end of another."""
    return not match.string[max(0, match.start() - 1) : match.start()].isalpha() and is_long_random(match, value)


def begins(match: Match, _value: str) -> bool:
    """The value is no end of a longer word."""
    return _BEGINS.match(match.string, match.start("v")) is not None


def is_given_out(match: Match, value: str) -> bool:
    """By a vendor: not the name of a service that begins alike."""
    return begins(match, value) and not _NAME.fullmatch(value) and (any(map(str.isdigit, value)) or _is_random(value, 16))


def is_base64(_match: Match, value: str) -> bool:
    """Of all kinds of letters; a sum in hexadecimal digits is none."""
    return any(map(str.islower, value)) and any(map(str.isupper, value)) and any(map(str.isdigit, value))


def is_argument(_match: Match, value: str) -> bool:
    """Anything but a word that speaks of a password, or the next option."""
    return not (is_word(value) or value.startswith("-"))


def is_flag(_match: Match, value: str) -> bool:
    """As an argument, and no port or path."""
    return not (is_word(value) or value.startswith(("-", "/", "$(")) or re.fullmatch(r"[\d:.]+", value))


def is_of_user(match: Match, value: str) -> bool:
    """What `-u user:…` gives: of programs that fetch anything, of others what a person would take for a password."""
    before = match.string[max(0, match.start() - 300) : match.start()]
    fetches = re.search(r"\b(?:curl|wget|http|https|xh|aria2c|smbclient)\b(?!:)", before) is not None
    return not re.fullmatch(r"[\d:.]+", value) and (is_argument(match, value) if fetches else _is_odd(value))


def is_said_beside(_match: Match, value: str) -> bool:
    """What a person would take for a password."""
    return _is_odd(value) and not _DATED.fullmatch(value)


_KIND_IS_SECRET = re.compile(r"kind[\"']?:\s{0,8}[\"']?secret\b")
_OF_OBJECTS = re.compile(r"kind|name|namespace|type|uid|apiversion|resourceversion|creationtimestamp|manager|operation|time|generation")


def is_in_kubernetes_secret(match: Match, _value: str) -> bool:
    """A value under `data` of an object of the kind Secret."""
    in_data = match.string.rfind("data", 0, match.start()) >= 0 and not match["name"].endswith("data")
    return in_data and not _OF_OBJECTS.fullmatch(match["name"]) and _KIND_IS_SECRET.search(match.string) is not None


# after the last dot of what is no address: units of systemd, names within a cluster, files
_NO_TOP_LEVEL = re.compile(
    "service|socket|timer|slice|scope|mount|target|device|local|internal|localdomain|svc|cluster|"
    "png|jpe?g|gif|webp|svg|ico|m?js|css|map|json|xml|html?|tsx?|jsx|woff2?|ttf|java|go|rb|txt|ya?ml"
)
# a part of the name of a machine, which no domain of people has
_MACHINE = re.compile(
    r"(?:[a-z]+-)?(?:db|rds|sql|cluster|node|host|pod|cache|redis|valkey|kafka|mongo|mongodb|postgres|pg|mysql|maria|mariadb|oracle|"
    r"cassandra|rabbit|rabbitmq|svc|internal|compute|ec2|amazonaws|database|documents|prod|staging|primary|replica|worker|build)-?\d{0,5}"
)


def is_email(match: Match, value: str) -> bool:
    """An address of a person, and not of a repository, a unit, a service, a machine or a file."""
    local, _, host = value.replace("%40", "@").lower().rpartition("@")
    *names, top = host.split(".")
    is_machine = any(map(_MACHINE.fullmatch, names)) or re.match(r":\d{2,5}\b", match.string[match.end() : match.end() + 7])
    return not (local == "git" or _NO_TOP_LEVEL.fullmatch(top) or is_machine)


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
