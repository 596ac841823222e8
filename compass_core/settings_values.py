"""What the value of a setting may be: each kind is checked, and read, once. A text of an error never repeats the value."""

import json
import re
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import NoDecode

from compass_core.budget import dollars
from compass_core.redaction.redact import expression

PRICE = "must be model=input/output or model=input/output/cached, US dollars a million tokens, with commas between"
OWN_NAME = re.compile(r"([a-z][a-z0-9-]*|.+\.(localhost|local|internal|home\.arpa))\.?", re.IGNORECASE)  # none of these is public


def _url(value: str) -> str:
    """An http(s) URL without its last slash; the texts do not quote it, since it may hold a password."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://")
    if not parts.hostname or port == 0 or not value.isprintable() or " " in value:
        raise ValueError("names no host, or one that cannot be")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; take it out and set _USERNAME and _PASSWORD")
    if "?" in value or "#" in value:
        raise ValueError("holds a query; only scheme, host, port and path belong here")
    return value.rstrip("/")


def _header(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("holds a space, a line break or a character outside ASCII; was it copied whole?")
    return value


def _labels(value: str) -> tuple[str, ...]:
    names = _names(value)
    if not all(re.fullmatch(r"[a-zA-Z_]\w*", name, re.ASCII) for name in names):
        raise ValueError("must be label names with commas between them")
    return names


def _prices(value: str) -> dict[str, tuple[Decimal, ...]]:
    prices: dict[str, tuple[Decimal, ...]] = {}
    for each in value.split(","):
        name, _, amounts = each.strip().rpartition("=")
        if name in prices:
            raise ValueError(f"gives the price of {name} twice")
        try:
            prices[name] = tuple(map(dollars, amounts.split("/")))
        except ValueError as error:
            raise ValueError(f"{PRICE}; a price {error}") from None
        if not re.fullmatch(r"[^\s=]+", name) or len(prices[name]) not in {2, 3}:
            raise ValueError(PRICE)
        if not all(prices[name]):
            raise ValueError("holds a price of zero; a server of your own that costs nothing is COMPASS_MODEL_FREE=true")
    return prices


def is_own(host: str) -> bool:
    """Loopback, private, or a name that no public server can have; a name is not looked up."""
    try:
        address = ip_address(host)
    except ValueError:
        return OWN_NAME.fullmatch(host) is not None
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def _names(value: str) -> tuple[str, ...]:
    given = _list(value) if value.startswith("[") else value.split(",")
    return tuple(dict.fromkeys(name.strip() for name in given))


def _list(value: str) -> tuple[str, ...]:
    try:
        texts = json.loads(value)
    except ValueError:
        texts = None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("must be a JSON list of texts, in which a backslash is written twice")
    return tuple(texts)


def _expressions(value: str) -> tuple[re.Pattern[str], ...]:
    expressions = []
    for number, text in enumerate(_list(value), 1):
        try:
            expressions.append(expression(text))
        except ValueError as error:
            raise ValueError(f"expression {number} {error}") from None
    return tuple(expressions)


def _slack(value: SecretStr, info: ValidationInfo) -> SecretStr:
    this, other = ("xoxb-", "xapp-") if info.field_name == "slack_bot_token" else ("xapp-", "xoxb-")
    text = value.get_secret_value()
    if text.startswith(other):
        raise ValueError(f"begins with {other}: SLACK_BOT_TOKEN and SLACK_APP_TOKEN are swapped")
    if not text.startswith(this):
        raise ValueError(f"must begin with {this}")
    return _header(value)


Money = Annotated[Decimal, BeforeValidator(dollars)]
Url = Annotated[str, AfterValidator(_url)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Header = Annotated[SecretStr, AfterValidator(_header)]
SlackToken = Annotated[SecretStr, AfterValidator(_slack)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
Labels = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_labels)]
Expressions = Annotated[tuple[re.Pattern[str], ...], NoDecode, BeforeValidator(_expressions)]
Prices = Annotated[dict[str, tuple[Decimal, ...]], NoDecode, BeforeValidator(_prices)]
