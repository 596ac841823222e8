"""What secrets look like in text: one table of patterns.

Every repetition in a pattern is bounded or cannot be entered in two ways, so that no text takes long. Minimum lengths are
below the real ones: a token that was cut is still a token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compass_core.redaction.values import (
    has_random,
    is_argument,
    is_card,
    is_credential,
    is_email,
    is_key,
    is_password,
    is_session,
    is_token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Match = re.Match[str]


def _always(_match: Match, _value: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which secrets are written. Group `v` of the pattern is the secret, `kind` the word for it.

    A text without any of `marks` cannot hold it. `folded` forms are looked for in the text in lower case. `is_secret` is given
    the match and the value as it stands.
    """

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    is_secret: Callable[[Match, str], bool] = _always
    folded: bool = False


KINDS = ("password", "token", "key", "cookie", "email", "card", "custom")

# after these a word begins: a colour code, an escaped line break or character of JSON, a percent-encoded character
_START = r"(?:(?<![A-Za-z0-9])|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9a-fA-F]{4}))"
_QUOTE = r"(?:\\{0,7}[\"'`]|&quot;|&\#3[49];|%22)"
_COLOUR = r"(?:(?:\x1b|\\{1,3}(?:u001b|x1b))\[[\d;]{0,9}m){0,3}"
_IS = rf"(?:{_QUOTE}|[\])])?{_COLOUR}\s{{0,3}}(?:=>|:=|==?|:|%3[ad]|{_QUOTE}?,\s?{_QUOTE}?value{_QUOTE}?\s?[:=])\s{{0,3}}{_COLOUR}"
_BARE = (
    r"(?:[^\s\"'`&,;\\\x1b]|\\(?![nrt\"'\\]|u001b|x1b)|'(?=\w)|&(?![\w.%-]{1,60}=|quot;|\#)|"
    r"[,;](?!\s|\Z|[\"'}\])\\]|[\w.-]{1,60}[\"']?\s?[:=]))"
)
_SCHEME = r"(?:(?:bearer|basic|digest|token|apikey|negotiate|ssws)\s{1,3})?"


def _pair(names: str) -> str:
    """`name=value` in every notation: JSON (also within JSON), logfmt, YAML, Ruby, a row's `(name)=(value)`, XML."""
    quoted = rf"(?P<q>{_QUOTE}){_SCHEME}(?P<quoted>[^\n]{{0,4096}}?(?=(?<!\\)(?P=q)|\n|\Z)|[^\n]{{4096}})"
    value = rf"(?:{quoted}|{_SCHEME}(?P<bare>{_BARE}{{1,512}}))"
    return rf"(?P<name>{names})(?:{_IS}[\[(]?\s?{value}|>(?P<element>[^<>\n]{{1,4096}})</)"


def _vendor(kind: str, marks: str, rest: str, *, whole: bool = False) -> Form:
    """Tokens that begin with one of `marks` and go on as `rest`; `whole`: `rest` says all of it."""
    begins = "" if whole else f"(?:{'|'.join(map(re.escape, marks.split()))})"
    return Form(kind, tuple(marks.split()), re.compile(f"{_START}(?P<v>{begins}{rest})"))


def _form(kind: str, marks: str, pattern: str, is_secret: Callable[[Match, str], bool] = _always) -> Form:
    return Form(kind, tuple(marks.split()), re.compile(pattern), is_secret, folded=True)


_STEMS = ("password", "passwd", "passphrase", "passcode", "passwort", *(f"{word}(?<![a-z]{word})" for word in ("pwd", "pass", "pw")))
_PASSWORD = "|".join(f"{stem}(?:[_-]?(?:hash|digest|confirmation))?[0-9]{{0,2}}" for stem in (*_STEMS, "dbpass", "userpass", "dbpwd"))
_COMPOUNDS = {  # what makes of a plain word the name of a secret
    "secret": "client app api consumer shared webhook signing bot master oauth jwt",
    "key": "api access private account signing encryption master subscription auth storage hmac application app(?<![a-z]app)",
    "token": "access auth refresh bearer api id(?<![a-z]id) bot security session private personal oauth vault deploy",
}
_KEY = "|".join((
    *(rf"{word}[_.\- ]?{last}" for last, words in _COMPOUNDS.items() for word in words.split()),
    r"secret[_.\- ]?(?:access[_.\- ]?)?(?:key|token)",
    "private[_-]?key[_-]?id",
    "secret[_-]?key[_-]?base",
))  # fmt: skip
_PAGE = "".join(f"(?<!{word}token)(?<!{word}[_-]token)" for word in ("page", "continuation", "continue", "sync", "cursor", "cancellation"))
_TOKEN = rf"secret|token{_PAGE}|credentials?|authorization|auth(?<![a-z]auth)"
_SESSION = (
    r"session(?<![a-z]session)(?:[_.-]?(?:id|key|cookie))?|jsessionid|phpsessid|asp\.net_sessionid|sess_?id|"
    r"sid(?<![a-z]sid)|cookie(?<![a-z]cookie)"
)
_COOKIE = r"[\w!#$%&*+.^|~-]{1,128}=[^\s;,\"'\\]{0,4096}"
_PEM = r"[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
_CARD = (
    r"(?<!\w)(?<!\w[.\-])(?P<v>(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6(?:011|5[0-9]{2}|4[4-9][0-9]|2[0-9]{2})|35[2-8][0-9])"
    r"(?P<gap>[ -]?)[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}|3[47][0-9]{2}(?P<gap2>[ -]?)[0-9]{6}(?P=gap2)[0-9]{5}|"
    r"3(?:0[0-5]|[68][0-9])[0-9]{11})(?![\w%])(?![.-]\w)"
)

FORMS: tuple[Form, ...] = (
    Form("key", ("-----BEGIN",), re.compile(rf"(?P<v>-----BEGIN {_PEM}(?:[\s\S]{{0,20000}}?-----END {_PEM}|[A-Za-z0-9+/=\s\\]*))")),
    _form("password", "://", r"://[^\s/?#:\"'<>]{0,128}:(?P<v>[^\s/\"']{1,256})@(?!sha256:)"),
    _form("password", "@", r"[\w.-]{1,64}:(?P<v>[^\s/@\"']{1,256})@(?:tcp|unix)\("),
    _form("token", "://", r"://(?P<v>[^\s/:@\"'<>]{20,256})@(?!sha256:)", has_random),
    _form("token", "ticket=", r"wss?://[^\s\"']{0,512}[?&]ticket=(?P<v>[^&\s\"']+)"),
    _form("cookie", "cookie", rf"cookie2?{_IS}\[?{_QUOTE}?(?P<v>{_COOKIE}(?:;\s?{_COOKIE}|;\s?[\w-]{{1,40}}(?!\w*[=:]))*)"),
    # what vendors give out, by the beginnings that they chose so that it can be found
    Form(
        "key",
        ("KIA", "SIA"),
        re.compile(r"A[KS]IA[A-Z0-9]{16}(?:[^A-Za-z0-9/+]{1,4}\w{1,30}){0,4}?[^A-Za-z0-9/+]{1,4}(?P<v>[A-Za-z0-9/+]{40})(?![\w/+])"),
    ),
    _vendor("key", "KIA SIA", "A[KS]IA(?!PACIFIC)[A-Z0-9]{16}", whole=True),
    _vendor("key", "AIza", r"[\w-]{20,}"),
    _vendor("token", "ya29. GOCSPX-", r"[\w-]{16,}"),
    _vendor("token", "1//0", r"[\w-]{24,}"),
    Form("key", ("8Q~",), re.compile(r"(?P<v>[\w~.-]{3,5}8Q~[\w~.-]{20,})")),
    _form("key", "sig=", r"[?&;\s\"']sig=(?P<v>[\w%+/=-]{16,})"),
    _form("key", "x-amz- x-goog-", r"x-(?:amz|goog)-(?:signature|credential|security-token)=(?P<v>[^\s&\"']{8,})"),
    _vendor("token", "ghp_ gho_ ghu_ ghs_ ghr_ _pat_", r"(?:gh[opusr]_[A-Za-z0-9]{16,}|(?:github|dckr)_pat_[\w-]{16,})", whole=True),
    _vendor("token", "gl GR13489", r"(?:gl[a-z]{2,5}-[\w.-]{16,}|GR1348941[\w-]{16,})", whole=True),
    _form("token", "xox xapp- xwfp-", r"(?P<v>(?:xox[a-z]|xapp|xwfp)-[\w.%-]+)"),
    _form("token", "hook", r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<v>[\w/+-]{10,})"),
    _form("token", "hook", r"(?:discord(?:app)?\.com/api/webhooks/[0-9]+/|webhook\.office\.com/webhookb2/)(?P<v>[^\s\"'<>]{20,})"),
    _vendor("key", "k_live_ k_test_", "[sr]k_(?:live|test)_[A-Za-z0-9]{10,}", whole=True),
    _vendor("key", "whsec_", r"[\w+/=]{16,}"),
    _vendor("key", "sk-", r"sk-(?=[a-zA-Z_-]*[0-9])[\w-]{20,}", whole=True),
    _vendor("token", "hf_ gsk_ pplx- npm_ rubygems_", "[A-Za-z0-9]{20,}"),
    _vendor("token", "pypi-", r"(?:AgE[\w-]{8,}|[\w-]{40,})"),
    Form("key", ("SK", "AC"), re.compile(r"(?P<v>(?:SK|AC)(?<![A-Za-z0-9]..)[0-9a-f]{32})(?![A-Za-z0-9])")),
    _vendor("key", "SG.", r"[\w-]{10,}\.[\w-]{10,}"),
    _vendor("key", "key-", r"[0-9a-f]{32}(?!\w)"),
    _vendor("key", "-us", r"[0-9a-f]{32}-us[0-9]{1,2}(?!\w)", whole=True),
    _vendor("key", "NR", r"NR(?:AK|JS|II|RA|SP)-[\w-]{16,}", whole=True),
    _vendor("token", "gl", r"(?:sa|c)_[\w+/=]{20,}"),
    _vendor("token", "eyJ", r"rIjoi[\w+/=-]{20,}"),
    _vendor("token", "sntry", r"[su]_[\w+/=.-]{20,}"),
    _vendor("token", "hv", r"[sbr]\.[\w-]{16,}"),
    _vendor("token", "atlasv1", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,}", whole=True),
    _vendor("token", "_v1_", "do[oprt]_v1_[0-9a-f]{20,}", whole=True),
    _vendor("token", "TT3 AKCp", r"(?:AT[AC]TT3|AKCp)[\w=-]{20,}", whole=True),
    _vendor("key", "LTAI", "[A-Za-z0-9]{12,}"),
    _vendor("token", "shp dapi sbp_", "(?:shp(?:at|ca|pa|ss)_|dapi|sbp_)[0-9a-fA-F]{32,}", whole=True),
    _vendor("token", "lin_api_ figd_ PMAK- pscale_", r"[\w.-]{20,}"),
    _vendor("token", ":AA", r"[0-9]{8,10}:AA[\w-]{32,}", whole=True),
    _vendor("key", "AGE-SECRET-KEY-1", "[A-Z0-9]{20,}"),
    _vendor("token", "eyJ", r"eyJ[\w-]{8,}\.(?:eyJ[\w-]*(?:\.[\w-]*)?|[\w-]*\.[\w-]+(?:\.[\w-]*){0,2})", whole=True),
    # what its name or its place says
    _form("password", "pass pwd pw", _pair(_PASSWORD), is_password),
    _form("key", "secret key token", _pair(_KEY), is_key),
    _form("token", "secret token credential auth", _pair(_TOKEN), is_token),
    _form("token", "sess sid cookie", _pair(_SESSION), is_session),
    _form("token", "bearer basic", r"(?P<scheme>bearer|basic)\s{1,3}(?P<v>[\w.~+/-]{6,}={0,2})(?![\w=:])", is_credential),
    _form("password", "pass identified", r"(?:password|identified\s+by)\s+(?P<q>['\"])(?P<v>[^\s'\"]{1,256})(?P=q)", is_argument),
    _form(
        "password", "--", rf"--[\w-]{{0,40}}(?:password|passwd|token|secret|api-?key)\s{{1,3}}{_QUOTE}?(?P<v>[^\s\"']{{3,}})", is_argument
    ),
    _form("email", "@ %40", r"(?<![\w.+-])(?<!://)(?P<v>[\w.+-]{1,64}(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w-])", is_email),
    Form("card", (), re.compile(_CARD), is_card),
)


def folded(text: str) -> str:
    """The text in lower case, character by character: `İ` alone would become two."""
    return text.replace("İ", "I").lower()


def possible(text: str) -> list[Form]:
    """The forms that may be in a text, in their order: none for most lines, at a fraction of what looking for each costs."""
    lower = folded(text)
    marks = [*[mark for mark in _EXACT if mark in text], *[mark for mark in _FOLDED if mark in lower]]
    found = {at for mark in marks for at in _PLACES[mark]}
    if _DIGITS.search(text):
        found.add(len(FORMS) - 1)
    return [FORMS[at] for at in sorted(found)]


_EXACT = tuple({mark for form in FORMS if not form.folded for mark in form.marks})
_FOLDED = tuple({mark for form in FORMS if form.folded for mark in form.marks})
_PLACES = {mark: [at for at, form in enumerate(FORMS) if mark in form.marks] for mark in (*_EXACT, *_FOLDED)}
_DIGITS = re.compile(r"[2-6][0-9]{3}[ -]?[0-9]{4}[0-9 -]{0,3}[0-9]{4}")  # what a card number, the last form, has for a mark
