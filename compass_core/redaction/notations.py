"""The notations in which a name has a value, and the parts that patterns of `forms.tsv` share."""

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


def pair(name: str, *, words: bool) -> str:
    """`name=value` in every notation: JSON (also within JSON), logfmt, YAML, TOML, Ruby, PHP, a table, a row's `(name)=(value)`, XML."""
    quoted = rf"(?P<q>{QUOTE}){_SCHEME}(?P<quoted>[^\n]{{0,4096}}?(?=(?<!\\)(?P=q)|\n|\Z)|[^\n]{{4096}})"
    value = rf"{_WRAP}(?:{quoted}|{_SCHEME}(?P<bare>{_BARE}{{1,512}}){_WORDS if words else ''})"
    element = rf"{QUOTE}?(?:\s[^<>\n]{{0,120}}?)?(?:>|&gt;)(?P<element>[^<>&\n]{{1,4096}})(?:</|&lt;/)"
    return rf"(?P<name>{name})(?:(?:{IS}|{_LOOSE}){value}|{element})"


def block(name: str) -> str:
    """A block of YAML: `name: |`, and lines that are set in."""
    lines = r"(?P<v>(?:[ \t]{1,80}[^\n\\]{1,4096}(?:\n|\\n|\Z)){1,60})"
    return rf"(?:{name})[\"']?:[ \t]{{0,8}}[|>][-+0-9]{{0,3}}[ \t]{{0,8}}(?:\n|\\n){lines}"


def beside(name: str) -> str:
    """`the password Xy12z is wrong`, `API key provided: …`: what stands beside a name, and has a digit."""
    between = r"(?:\s(?:provided|supplied|given|value|used|is|was|of|for|\d{1,2})){0,2}:?"
    return rf"(?:{name}){between}\s{{1,3}}{QUOTE}?(?P<v>(?!\w{{1,40}}[=:])(?=[^\s\"'`]{{0,255}}\d)[^\s\"'`,;]{{6,512}})"


PARTS = {  # of patterns of `forms.tsv`
    "QUOTE": QUOTE,
    "IS": IS,
    "WORD": rf"{QUOTE}?(?P<v>[^\s\"'`;|&<>]{{3,256}})",  # of a command line
    "ARGS": r"[^\n|;]{0,300}?",
    "COOKIE": r"[\w!#$%&*+.^|~-]{1,128}=[^\s;,\"'\\]{0,4096}",
    "PEM": r"[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----",
    "BODY": r"[A-Za-z0-9+/=]{16,76}",
    "BREAK": r"(?:\s|\\{1,4}[nr]|[|>]){1,40}",
    "HOST": r"(?=(?:[\w.-]{1,255}|\[[\da-f:]{2,45}\])(?::\d{1,5})?(?:[/?#,;\s\"'`)>\]}\\]|\Z))(?!sha256:)",
    "USER": r"://(?!<)[^\s/?#:\"'<>@\[]{0,128}:(?!\d{1,5}(?:[/?#\s\"'`),;>\]}\\]|\Z))(?!<)",
    # of an `Authorization`: `keyId="x"`
    "LISTED": rf"(?:[\w-]{{1,40}}\s?=\s?(?:{QUOTE}[^\n\"']{{0,2048}}{QUOTE}|[^\s,\"']{{1,2048}}))",
}
