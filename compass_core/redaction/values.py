"""Where a secret may stand: is what stands there one, or an ordinary word? Each is given a match and the value as it stands."""

import itertools
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable

from compass_core.redaction.words import pattern

Match = re.Match[str]
Judge = Callable[[Match, str], bool]

# a name as Kubernetes and metrics have them: `db-creds`, `shop/db-creds-v2`, `default-token-x7k2p`, `checkout-7c9b6d5f8c-k4jxs`
_NAME = re.compile(
    r"(?:(?:[a-z]+[0-9]{0,3}|v?[0-9]{1,4}|[0-9bcdf-hj-np-tv-z]{8,10}(?=-[0-9bcdf-hj-np-tv-z]{5}\Z))[-./:_])+"
    r"(?:[a-z]+[0-9]{0,3}|v?[0-9]{1,4}|[a-z0-9]{5})"
)
_KEY_ID = re.compile(r"(?:kid|key-?id)[-_:/].*", re.IGNORECASE)
_DATED = re.compile(r"\d{4}-\d\d-\d\d[T ].*|v?\d+(?:\.\d+)+|\d+(?:\.\d+)?[a-z]{1,2}")
_COUNT = re.compile(r"[\d./%]+[a-z]{0,2}")
# after these a word begins: a colour code, an escaped line break or character of JSON, a percent-encoded character
_BEGINS = re.compile(r"(?<![A-Za-z0-9])|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9a-fA-F]{4})")
_CALLED = re.compile(r"\(\w{1,40}:\Z")
_CLAUSE_ENDS = re.compile(r"\s*(?:$|[,;)}\]\"'|\\&<]|[\w.-]+[=:])", re.MULTILINE)


def judge(name: str) -> Judge:
    """What decides, by the name that the lists give it: `is_` before it; without a name everything is a secret."""
    judged: Judge = globals()[f"is_{name}"] if name else lambda _match, _value: True
    return judged


def is_word(value: str) -> bool:
    """It speaks of a secret, or of where one is."""
    return bool(pattern("no secret").fullmatch(value) or pattern("path").fullmatch(value))


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
    return odd and not (_NAME.fullmatch(value) or is_word(value))


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


def is_named(match: Match, value: str) -> bool:
    """Of a compound (`api_key`) as a password, but no count; of a plain name what is random. A key alone may be a cache's."""
    if _is_compound(match, match.end("name")):
        is_counted = len(value) < 4 or (value.isdecimal() and len(value) < 8)  # noqa: PLR2004 - a count, not a key
        is_name = match["name"] == "key" and ((value.isalpha() and value.islower()) or _NAME.fullmatch(value))
        if not (is_counted or is_name or _KEY_ID.fullmatch(value) or is_word(value) or _is_prose(match, value) or _is_loose(match, value)):
            return True
    least = {"s": 6, "t": 6, "c": 8, "a": 12}.get(match["name"][0])
    is_other = least is None or _NAME.fullmatch(value) or _is_loose(match, value) or _is_other_token(match)
    return not is_other and _is_random(value, least or 0)


def _is_compound(match: Match, end: int) -> bool:
    return pattern("compound").search(match.string[max(0, end - 40) : end]) is not None


def _is_other_token(match: Match) -> bool:
    """`next_token` and the like."""
    return pattern("other token").search(match.string[max(0, match.start() - 16) : match.start()]) is not None


def is_random_beside(match: Match, value: str) -> bool:
    """As `is_long_random`, beside a name."""
    name = match.start() + 3
    return is_long_random(match, value) and not _is_other_token(match) and (not match[0].startswith("key") or _is_compound(match, name))


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
    if is_word(value) or pattern("said of a scheme").fullmatch(value) or _NAME.fullmatch(value):
        return False
    return _is_random(value, 8) or bool(pattern("scheme").fullmatch(scheme))


def _is_basic(value: str) -> bool:
    try:
        return b":" in urlsafe_b64decode(value.rstrip("=").replace("+", "-").replace("/", "_") + "==="[: -len(value.rstrip("=")) % 4])
    except ValueError:
        return False


def _is_listed(value: str) -> bool:
    """`keyId="x", signature="…"`: a list with something random in it."""
    return any(_is_random(part.strip("\\\"' "), 8) for part in re.split(r"[=,]", value))


def is_long(_match: Match, value: str) -> bool:
    """Random, and as long as tokens are that stand alone in an address."""
    return _is_random(value, 20)


def is_long_random(_match: Match, value: str) -> bool:
    """Random, of twelve characters, and no name, path or id of an object."""
    return _is_random(value, 12) and not _NAME.fullmatch(value) and "/" not in re.sub(r"^\d/", "", value)[:-1]


def is_signature(match: Match, value: str) -> bool:
    """As `is_long_random`, of a word that is `sig`, `mac` or longer, and no end of another."""
    return not match.string[max(0, match.start() - 1) : match.start()].isalpha() and is_long_random(match, value)


def is_start(match: Match, _value: str) -> bool:
    """The value is no end of a longer word."""
    return _BEGINS.match(match.string, match.start("v")) is not None


def is_given_out(match: Match, value: str) -> bool:
    """By a vendor: not the name of a service that begins alike."""
    return is_start(match, value) and not _NAME.fullmatch(value) and (any(map(str.isdigit, value)) or _is_random(value, 16))


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
    fetches = pattern("fetches").search(before) is not None
    return not re.fullmatch(r"[\d:.]+", value) and (is_argument(match, value) if fetches else _is_odd(value))


def is_said_beside(_match: Match, value: str) -> bool:
    """What a person would take for a password."""
    return _is_odd(value) and not _DATED.fullmatch(value)


_KIND_IS_SECRET = re.compile(r"kind[\"']?:\s{0,8}[\"']?secret\b")


def is_in_kubernetes_secret(match: Match, _value: str) -> bool:
    """A value under `data` of an object of the kind Secret."""
    in_data = match.string.rfind("data", 0, match.start()) >= 0 and not match["name"].endswith("data")
    return in_data and not pattern("of an object").fullmatch(match["name"]) and _KIND_IS_SECRET.search(match.string) is not None


def is_email(match: Match, value: str) -> bool:
    """An address of a person, and not of a repository, a unit, a service, a machine or a file."""
    local, _, host = value.replace("%40", "@").lower().rpartition("@")
    *names, top = host.split(".")
    is_machine = any(map(pattern("machine").fullmatch, names)) or re.match(r":\d{2,5}\b", match.string[match.end() : match.end() + 7])
    return not (local == "git" or pattern("no domain").fullmatch(top) or is_machine)


_NAME_BEFORE = re.compile(r"([\w.-]{1,40})\\{0,3}[\"']?(\s?[:=#]\s?\\{0,3}[\"'\[(]?|\s)\Z")


def is_card(match: Match, value: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B): from the right, the digits of every second one doubled; the sum ends in 0.

    One id in ten passes it: digits in one piece that are a part of a path, the value of a name, or follow one for ids, are none.
    """
    digits = [int(one) for one in value if one.isdigit()]
    if (sum(digits[-1::-2]) + sum(sum(divmod(2 * one, 10)) for one in digits[-2::-2])) % 10:
        return False
    before = match.string[max(0, match.start() - 48) : match.start()]
    name = _NAME_BEFORE.search(before)
    if not value.isdigit() or (name and pattern("of a card").search(name[1])):
        return True
    in_path = before.endswith("/") and not pattern("of a card").search(before[-24:])
    is_value = name is not None and name[2].strip() != "" and not name[2].endswith(" ")
    return not (in_path or is_value or (name and pattern("of an id").fullmatch(name[1])))
