"""What secrets are called, and the notations in which a name has a value."""

from __future__ import annotations

QUOTE = r"(?:\"\"\"\n?|'''\n?|\\{0,7}[\"'`]|&quot;|&\#3[49];|%22|\\{1,6}u002[27]|[“”])"
_COLOUR = r"(?:(?:\x1b|\\{1,3}(?:u001b|x1b))\[[\d;]{0,9}m){0,3}"
_GAP = r"[ \t]{0,20}"
# `env name: X, value: Y` in one line, over two, and in XML
_VALUE = rf"{QUOTE}?(?:,\s{{0,40}}|\s{{1,40}}(?:-\s)?){QUOTE}?value{QUOTE}?\s?[:=]"
_PHP = rf"{QUOTE};s:\d{{1,6}}:|{QUOTE}\]=>\s{{0,3}}string\(\d{{1,6}}\)"
IS = rf"(?:{QUOTE}|[\])])?{_COLOUR}{_GAP}(?:=>|:=|==?|:|[\uff1a\uff1d]|%3[ad]|{_VALUE}|{_PHP})\s{{0,3}}{_COLOUR}"
# here ordinary words stand as often: what follows must look like a secret
_LOOSE = rf"(?:{QUOTE}|[\])])?(?P<loose>{_GAP}(?:-{{1,2}}>|→|⇒|\||│|┃|\t){_GAP}|,\s?(?={QUOTE})|(?:\(|\[)(?=[\"'\w])|\s(?:is|was|eq)\s)"
_BARE = (
    r"(?:[^\s\"'`&,;\\\x1b|│]|\|(?=\S)|\\(?![nrt\"'\\]|u00|x1b)|'(?=\w)|&(?![\w.%-]{1,60}=|quot;|lt;|\#)|"
    r"[,;](?!\s|\Z|[\"'}\])\\]|[\w.-]{1,60}[\"']?\s?[:=]))"
)
_WORDS = r"(?P<words>(?:[ \t]{1,2}[^\s\"'`=:;,|&<>()\[\]{}\\]{1,40}(?![=:\w])){0,8})"
_SCHEME = r"(?:(?:bearer|basic|digest|token|apikey|negotiate|ssws)\s{1,3})?"
_WRAP = r"(?:(?:some|just|optional|secretstr|string)[(\[]|[bneur](?=['\"])|[\[(])?\s?"  # `Some("x")`, `N'x'`


def pair(names: str, *, words: bool = False) -> str:
    """`name=value` in every notation: JSON (also within JSON), logfmt, YAML, TOML, Ruby, PHP, a table, a row's `(name)=(value)`, XML."""
    quoted = rf"(?P<q>{QUOTE}){_SCHEME}(?P<quoted>[^\n]{{0,4096}}?(?=(?<!\\)(?P=q)|\n|\Z)|[^\n]{{4096}})"
    value = rf"{_WRAP}(?:{quoted}|{_SCHEME}(?P<bare>{_BARE}{{1,512}}){_WORDS if words else ''})"
    element = rf"{QUOTE}?(?:\s[^<>\n]{{0,120}}?)?(?:>|&gt;)(?P<element>[^<>&\n]{{1,4096}})(?:</|&lt;/)"
    return rf"(?P<name>{names})(?:(?:{IS}|{_LOOSE}){value}|{element})"


def block(names: str) -> str:
    """A block of YAML: `name: |`, and lines that are set in."""
    lines = r"(?P<v>(?:[ \t]{1,80}[^\n\\]{1,4096}(?:\n|\\n|\Z)){1,60})"
    return rf"(?:{names})[\"']?:[ \t]{{0,8}}[|>][-+0-9]{{0,3}}[ \t]{{0,8}}(?:\n|\\n){lines}"


def beside(names: str) -> str:
    """`the password Xy12z is wrong`, `API key provided: …`: what stands beside a name, and has a digit."""
    between = r"(?:\s(?:provided|supplied|given|value|used|is|was|of|for|\d{1,2})){0,2}:?"
    return rf"(?:{names}){between}\s{{1,3}}{QUOTE}?(?P<v>(?!\w{{1,40}}[=:])(?=[^\s\"'`]{{0,255}}\d)[^\s\"'`,;]{{6,512}})"


_STEMS = (
    *("password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "wachtwoord", "senha", "contrase[nñ]a", "mot de passe"),
    *("密码", "口令", "パスワード", "пароль", "비밀번호", "hasło", "şifre"),
    *(f"{word}(?<![a-z]{word})" for word in ("pwd", "pass", "pw", "psk")),
    *("dbpass", "userpass", "dbpwd", "bindpw", "rootpw", "sslpass", "secretstring", "pre-?shared-?key"),
)
PASSWORD = "(?:" + "|".join(f"{stem}(?:[_-]?(?:hash|digest|confirmation))?[0-9]{{0,2}}" for stem in _STEMS) + ")"
MARKS = (  # without one of these no text holds a password by its name
    "pass pw psk =kennwort =wachtwoord =senha =contrasena contraseñ 密码 口令 パスワード пароль 비밀번호 hasło şifre =secretstring =shared"
)
_COMPOUNDS = {  # what makes of a plain word the name of a secret
    "secret": "client app api consumer shared webhook signing bot master oauth jwt otp totp hmac cookie session",
    "key": "api access private account signing encryption decryption master subscription auth storage hmac aes fernet application license "
    "licence instrumentation functions shared admin root deploy write ingest integration service host unseal recovery app(?<![a-z]app)",
    "token": "access auth refresh bearer api id(?<![a-z]id) bot security session private personal oauth vault deploy root job device",
}
KEY = "(?:" + "|".join((
    *(rf"{word}[_.\- ]?{last}" for last, words in _COMPOUNDS.items() for word in words.split()),
    "client[_-]?key[_-]?data",
    r"secret[_.\- ]?(?:access[_.\- ]?)?(?:key|token)",
)) + r")\Z"  # fmt: skip
# of these no token is a secret: they count, or are words of a language
OTHER_TOKENS = r"(?:page|continuation|continue|sync|cursor|cancellation|next|start|resume|pagination|unexpected|lexer|parser)[_ -]?\Z"
# each by its mark, with which the pattern begins: so it is looked for quickly
KEYS = {"key": "key(?:[_-]?data)?", "secret": "secret", "token": "token"}
TOKENS = {"secret": "secret", "token": "token", "credential": "credentials?", "auth": "auth(?:orization|(?<![a-z]auth))"}
SESSION = (
    r"(?:session(?<![a-z]session)(?:[_.-]?(?:id|key|cookie))?|jsessionid|phpsessid|asp\.net_sessionid|sess_?id|"
    r"sid(?<![a-z]sid)|cookie(?<![a-z]cookie))"
)
# a scheme and what proves who asks: a word, or a list of which a part is secret
_LISTED = rf"(?:[\w-]{{1,40}}\s?=\s?(?:{QUOTE}[^\n\"']{{0,2048}}{QUOTE}|[^\s,\"']{{1,2048}}))"
AUTHORIZATION = (
    rf"authorization(?:{IS}|,\s|{QUOTE},\s?)[\[(]?{QUOTE}?(?:(?P<scheme>[a-z][\w-]{{1,30}})(?:\s|%20){{1,3}})?"
    rf"(?P<v>{_LISTED}(?:\s?,\s?{_LISTED}){{0,20}}|[^\s\"',;\\\])>}}]{{6,4096}})"
)
