"""What secrets look like in text: one table of patterns. What vendors give out is `vendors.tsv`, names of secrets are `names.py`.

Every repetition in a pattern is bounded or cannot be entered in two ways, so that no text takes long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from compass_core.redaction import names, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Match = re.Match[str]


def _always(_match: Match, _value: str) -> bool:
    return True


@dataclass(frozen=True)
class Form:
    """One way in which secrets are written. Group `v` of the pattern is the secret, `kind` the word for it.

    A text without any of `marks` cannot hold it (`=curl`: as a whole word, `=akia*`: as the beginning of a long one). `folded`
    forms are looked for in the text in lower case. `is_secret` is given the match and the value as it stands.
    """

    kind: str
    marks: tuple[str, ...]
    text: str
    is_secret: Callable[[Match, str], bool] = _always
    folded: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Made when a text may hold one: most are never needed."""
        return re.compile(self.text)


def _exact(kind: str, marks: str, pattern: str, is_secret: Callable[[Match, str], bool] = _always) -> Form:
    """Its marks are parted by two spaces."""
    return Form(kind, tuple(marks.split("  ")), pattern, is_secret)


def _form(kind: str, marks: str, pattern: str, is_secret: Callable[[Match, str], bool] = _always) -> Form:
    return Form(kind, tuple(marks.split()), pattern, is_secret, folded=True)


KINDS = ("password", "token", "key", "cookie", "email", "card", "custom")

_Q, _IS, _PASS = names.QUOTE, names.IS, names.MARKS
_WORD = rf"{_Q}?(?P<v>[^\s\"'`;|&<>]{{3,256}})"  # of a command line
_COOKIE = r"[\w!#$%&*+.^|~-]{1,128}=[^\s;,\"'\\]{0,4096}"
_PEM = r"[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
_BODY = r"[A-Za-z0-9+/=]{16,76}"
_BREAK = r"(?:\s|\\{1,4}[nr]|[|>]){1,40}"
_HOST = r"(?=(?:[\w.-]{1,255}|\[[\da-f:]{2,45}\])(?::\d{1,5})?(?:[/?#,;\s\"'`)>\]}\\]|\Z))(?!sha256:)"
_USER = r"://(?!<)[^\s/?#:\"'<>@\[]{0,128}:(?!\d{1,5}(?:[/?#\s\"'`),;>\]}\\]|\Z))(?!<)"
_QUERY = r"[?&](?:code|key|jwt|samlresponse|samlrequest|ticket|hmac|assertion|otp|magic|invite|reset)(?:=|%3d)(?P<v>[^\s&\"'<>]{10,2048})"
_SIGNATURE = (
    r"(?:sig|mac|x-(?:amz|goog|oss|cos|ms)-credential)(?:nature)?[\w-]{0,12}(?:=|%3d|:\s?)"
    r"(?:t=\d{1,16},)?(?:sha\d{1,3}=|v\d=)?\\{0,3}[\"']?(?P<v>[\w%+/=.~-]{12,2048})"
)
_AWS = r"A[KS]IA[A-Z0-9]{16}(?:[^A-Za-z0-9/+]{1,4}\w{1,30}){0,4}?[^A-Za-z0-9/+]{1,4}(?P<v>[A-Za-z0-9/+]{40})(?![\w/+])"
_JWT = r"(?P<v>eyJ[\w-]{8,}\.(?:eyJ[\w-]*(?:\.[\w-]*)?|[\w-]*\.[\w-]+(?:\.[\w-]*){0,2}))"
_CARD = (  # the first digit stands alone, for it says where to look
    r"(?P<v>[2-6](?<!\w.)(?<!\w[.\-].)(?:(?:(?<=4)[0-9]{3}|(?<=5)[1-5][0-9]{2}|(?<=2)[2-7][0-9]{2}|"
    r"(?<=6)(?:011|5[0-9]{2}|4[4-9][0-9]|2[0-9]{2})|(?<=3)5[2-8][0-9])"
    r"(?P<gap>[ -]?)[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}|(?<=3)[47][0-9]{2}(?P<gap2>[ -]?)[0-9]{6}(?P=gap2)[0-9]{5}|"
    r"(?<=3)(?:0[0-5]|[68][0-9])[0-9]{11}))(?![\w%])(?![.-]\w)"
)

_BY_THEIR_PLACE: tuple[Form, ...] = (
    _exact("key", "-----BEGIN", rf"(?P<v>-----BEGIN {_PEM}(?:[\s\S]{{0,20000}}?-----END {_PEM}|[\w+/=\s\\:,|-]*))"),
    _exact("key", "-----END", rf"(?P<v>(?:{_BODY}{_BREAK}){{1,400}}-----END {_PEM})"),
    _exact("key", "\n  \\n", rf"(?<![\w+/=])(?P<v>(?:[A-Za-z0-9+/]{{64}}{_BREAK}){{2,400}}(?:{_BODY})?)", values.is_base64),
    _form("password", "://", rf"{_USER}(?P<v>[^\s?\"'<>]{{1,256}})@{_HOST}"),
    _form("password", "://", rf"{_USER}(?P<v>[^\n<>]{{1,128}}?)@{_HOST}"),
    _form("password", "@", r":(?P<v>[^\s/@:\"']{1,256})@(?:tcp|unix)\("),
    _form("password", "@", r":(?P<v>[^\s/@:\"']{6,256})@(?=[\w-]+(?:\.[\w-]+|:\d))(?!sha256:)", values.is_said_beside),
    _form("password", "=thin", r"thin:[\w$#]{1,64}/(?P<v>[^\s@\"']{1,128})@"),
    _form("token", "://", r"://(?P<v>[^\s/:@\"'<>]{20,256})@(?!sha256:)", values.has_random),
    _form("cookie", "cookie", rf"cookie2?{_IS}\[?{_Q}?(?P<v>{_COOKIE}(?:;\s?{_COOKIE}|;\s?[\w-]{{1,40}}(?!\w*[=:]))*)"),
    _form("token", "auth", names.AUTHORIZATION, values.is_credential),
    _exact("key", "=akia*  =asia*", _AWS),
    _exact("key", "8Q~", r"(?P<v>[\w~.-]{3,5}8Q~[\w~.-]{20,})"),
    _form("token", "? &", _QUERY, values.is_long_random),
    _form("key", "sig mac= mac%3d credential", _SIGNATURE, values.is_signature),
    _form("token", "=hooks", r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<v>[\w/+-]{10,})"),
    _form("token", "=webhooks", r"discord(?:app)?\.com/api/webhooks/[0-9]+/(?P<v>[^\s\"'<>]{20,})"),
    _form("token", "=webhookb2", r"webhook\.office\.com/webhookb2/(?P<v>[^\s\"'<>]{20,})"),
    _exact("key", "-us", r"(?<![a-zA-Z0-9])(?P<v>[0-9a-f]{32}-us[0-9]{1,2})(?!\w)"),
    _exact("token", "=atlasv1", r"(?P<v>[A-Za-z0-9]{14}\.atlasv1\.[\w-]{20,})"),
    _exact("token", ":AA", r"(?P<v>[0-9]{8,10}:AA[\w-]{32,})"),
    _exact("token", "eyJ", _JWT, values.begins),
)
_BY_THEIR_NAME: tuple[Form, ...] = (
    _form("password", _PASS, names.block(names.PASSWORD)),
    _form("password", _PASS, names.pair(names.PASSWORD, words=True), values.is_password),
    *(_form("key", mark, names.pair(name), values.is_key) for mark, name in names.KEYS.items()),
    *(_form("token", mark, names.pair(name), values.is_token) for mark, name in names.TOKENS.items()),
    _form("token", "sess sid cookie", names.pair(names.SESSION), values.is_session),
    _form("token", "=bearer =basic", r"(?P<scheme>bearer|basic)(?:\s|%20){1,3}(?P<v>[\w.~+/-]{6,}={0,2})(?![\w=:])", values.is_credential),
    _form("password", f"{_PASS} =masterauth", names.beside(f"{names.PASSWORD}|requirepass|masterauth"), values.is_said_beside),
    *(_form("token", mark, names.beside(name), values.is_random_beside) for mark, name in (names.TOKENS | {"key": "key"}).items()),
    _form("password", "pass", r"password(?:\s{1,3}|\s{0,3}[=(]\s{0,3})[ne]?(?P<q>['\"])(?P<v>[^\n'\"]{1,256})(?P=q)", values.is_argument),
    Form(
        "key",
        ("=kind: secret", '=kind":"secret', '=kind": "secret', '=kind\\":\\"secret'),
        r"(?P<name>[\w.-]{1,128})[\"']?:\s{0,40}[\"']?(?P<v>[a-z0-9+/]{8,4096}={0,2})(?![\w+/])",
        values.is_in_kubernetes_secret,
        folded=True,
    ),
)
_IN_COMMANDS: tuple[Form, ...] = (
    _exact(
        "password",
        "=mysql  =mysqldump  =mysqladmin  =mysqlimport  =mariadb  =mycli  =7z  =sshpass",
        rf"(?:mysql\w*|mariadb\S*|mycli|7z|sshpass)\b[^\n|;]{{0,300}}?\s-p{_WORD}",
        values.is_flag,
    ),
    _exact("password", "=sshpass", rf"sshpass\s+(?:-v\s+)?-p\s*{_WORD}", values.is_flag),
    _exact("password", ' -p  "-p"', rf"(?:-u|--user(?:name)?|login)\b[^\n|;]{{0,200}}?[\s\"']-p[\"',= ]{{1,5}}{_WORD}", values.is_flag),
    _exact(
        "password",
        '=curl  =wget  =smbclient   -u  -u"  --user   -U',
        r"[\s\"'](?:-[a-zA-Z]{0,4}[uU]|--(?:proxy-)?user(?:name)?)[\s=\"',]{0,5}[^\s:\"'%]{1,64}[:%](?P<v>[^\s\"'`]{3,256})",
        values.is_of_user,
    ),
    _exact(
        "password",
        "=redis  =ldapsearch  =ldapmodify  =ldapadd  =ldapwhoami  =ldappasswd  =sqlcmd  =bcp  =isql  =zip  =unzip  =ipmitool  =openssl",
        r"(?:redis-cli\b[^\n|;]{0,200}?\s-a|ldap\w*\b[^\n|;]{0,300}?\s-w|(?:sqlcmd|bcp|isql|zip|unzip|ipmitool)\b[^\n|;]{0,200}?\s-P|"
        rf"openssl\b[^\n|;]{{0,200}}?\s(?:-k|-pass(?:in|out)?\s+pass:))\s{{0,3}}{_WORD}",
        values.is_flag,
    ),
    _form(
        "password",
        "=htpasswd =rabbitmqctl =login",
        r"(?:htpasswd\s+-\w*b\w*\s+\S{1,200}\s+\S{1,64}\s+|rabbitmqctl\s+(?:add_user|change_password)\s+\S{1,64}\s+|"
        rf"echo\s+(?=[^\n|]{{1,256}}\|\s*\S+\s+login)){_WORD}",
    ),
    _form(
        "password",
        "-- -pass",
        rf"(?<!\w)--?[\w-]{{0,40}}(?:pass(?:word|wd|phrase)?|pwd|token|secret|api-?key|credentials?)[\"',]{{0,3}}\s{{1,3}}{_WORD}",
        values.is_flag,
    ),
    _form("password", "=setuser", r"setuser\s[^\n]{0,300}?\s[>#](?P<v>[^\s\"']{1,256})"),
    _exact(
        "password",
        "=auth",
        r"(?:AUTH(?<![\w-]AUTH)|auth(?<=[\"']auth))[\"']?\s+(?:[\"']?[\w.-]{1,64}[\"']?\s+)??"
        r"[\"']?(?P<v>(?=[^\s\"']{0,99}[\d!@#$%^&*])[^\s\"']{6,256})",
        values.is_said_beside,
    ),
    _form(
        "password",
        "=identified",
        r"identified\s+(?:with\s+\S{1,60}\s+)?(?:by|as)\s+(?:(?P<q>[\"'])(?=[^\n\"']{1,256}(?P=q))|(?=\S{0,255}\d))" + _WORD,
        values.is_argument,
    ),
    _form("password", "=machine", rf"machine\s+\S{{1,255}}\s+login\s+\S{{1,255}}\s+password\s+{_WORD}"),
)
_PEOPLE: tuple[Form, ...] = (
    _form(
        "email", "@ %40", r"(?<![\w.+-])(?<!://)(?P<v>[\w.+-]{1,64}(?:@|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w-])", values.is_email
    ),
)


def _vendors() -> Iterable[Form]:
    """What vendors give out: noticed by the word that it begins with, or by its first letters where it is one word."""
    for line in Path(__file__).with_name("vendors.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, begins, rest, _ = line.split("\t")
            is_parted = rest.startswith("[\\w")  # base64 for addresses may have a sign early
            marks = (f"={begin}" if not begin.isalnum() else begin if is_parted else f"={begin}*" for begin in begins.split())
            either = "|".join(map(re.escape, begins.split()))
            yield Form(kind, tuple(marks), f"(?P<v>(?:{either}){rest})(?!\\w)", values.is_given_out)


def folded(text: str) -> str:
    """The text in lower case, character by character: `İ` alone would become two."""
    return text.replace("İ", "I").lower()


class Table:
    """The forms in their order, and by what each is noticed: looking for a mark costs a fraction of looking for a form."""

    def __init__(self) -> None:
        self.forms = (*_BY_THEIR_PLACE, *_vendors(), *_BY_THEIR_NAME, *_IN_COMMANDS, *_PEOPLE, Form("card", (), _CARD, values.is_card))
        self._words: dict[str, list[tuple[int, str]]] = {}
        self._parts: dict[tuple[bool, bool], dict[str, list[int]]] = {}
        for at, form in enumerate(self.forms):
            for mark in form.marks:
                if mark.startswith("="):
                    lower = mark[1:].lower().rstrip("*")
                    word = lower[:4] if mark.endswith("*") else re.split(r"[^a-z0-9]", lower)[0]
                    self._words.setdefault(word, []).append((at, lower))
                else:
                    self._parts.setdefault((form.folded, mark.isascii()), {}).setdefault(mark, []).append(at)

    def possible(self, text: str) -> list[Form]:
        """The forms that may be in a text, in their order."""
        lower = folded(text)
        words = (_ESCAPED.sub(" ", lower) if "\\" in lower or "%" in lower or "\x1b" in lower else lower).translate(_APART).split()
        begins = {*words, *[word[:length] for word in words if len(word) > SHORT for length in (2, 3, 4)]}
        found = {at for word in self._words.keys() & begins for at, mark in self._words[word] if mark in lower}
        for (is_folded, is_ascii), parts in self._parts.items():
            if is_ascii or not text.isascii():
                within = lower if is_folded else text
                found.update([at for mark in parts if mark in within for at in parts[mark]])
        if _DIGITS.search(text):
            found.add(len(self.forms) - 1)
        return [self.forms[at] for at in sorted(found)]


@cache
def table() -> Table:
    """Every form, read once."""
    return Table()


SHORT = 13  # characters: the first letters of what a vendor gives out are followed by more
_APART = {at: " " for at in range(128) if not chr(at).isalnum()}
_ESCAPED = re.compile(r"\\(?:u[0-9a-f]{4}|[nrt])|%[0-9a-f]{2}|\[[0-9;]{1,9}m")
_DIGITS = re.compile(
    r"[2-6](?<!\w.)(?<!\w[.\-].)[0-9]{3}[ -]?[0-9]{4}[0-9 -]{0,3}[0-9]{4}"
)  # what a card number, the last form, has for a mark
