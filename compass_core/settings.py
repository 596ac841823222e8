"""The settings, read once: from the environment and from an optional `compass.toml` that holds the same names.

The environment wins. Every name and value is checked before anything starts; one `SettingsError` tells of all that is wrong.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from compass_core.budget import dollars
from compass_core.errors import SettingsError
from compass_core.redaction.redact import expression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

PRICE = "must be model=input/output or model=input/output/cached, US dollars a million tokens, with commas between"
# names that a shared environment or file may hold and that are not read here: other versions' and the file's own
UNREAD = frozenset({
    "COMPASS_CONFIG", "SLACK_SIGNING_SECRET",
})  # fmt: skip
# Kubernetes puts these into every pod beside a Service named `compass` or `compass-…`
KUBERNETES = re.compile(r"COMPASS(_\w+)?_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
NO_SECRET = SecretStr("")
OPENAI = "https://api.openai.com/v1"
OWN_NAME = re.compile(r"([a-z][a-z0-9-]*|.+\.(localhost|local|internal|home\.arpa))\.?", re.IGNORECASE)  # none of these is public
EXAMPLES = {
    "SLACK_BOT_TOKEN": "xoxb-…",
    "SLACK_APP_TOKEN": "xapp-…",
    "SLACK_API_URL": "https://slack.com/api/",
    "COMPASS_BUDGET_USD": "10.00",
    "COMPASS_DATABASE_URL": "sqlite:///compass.db",
    "COMPASS_SERVICE_LABELS": "service,app,job",
    "COMPASS_REDACT": """'["customer-[0-9]{6}"]'""",
    "COMPASS_AGENT_SECONDS": "90",
    "COMPASS_INVESTIGATION_SECONDS": "290",
    "COMPASS_CONFIG": "compass.toml",
    "OPENAI_API_KEY": "sk-…",
    "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1",
    "COMPASS_MODEL": "gpt-4o-mini",
    "COMPASS_PRICES": "my-model=0.15/0.60",
    "COMPASS_MODEL_FREE": "true",
    "COMPASS_FREE_HOSTS": "models.example.com",
    "COMPASS_TOKEN_LIMIT_FIELD": "max_tokens",
    "COMPASS_MODEL_SECONDS": "45",
    "COMPASS_JSON_SCHEMA": "false",
    "URL": "https://metrics.example.com",
    "TENANT": "team-a",
    "USERNAME": "compass",
}
WHERE = {
    "SLACK_BOT_TOKEN": "is missing; find it on api.slack.com/apps under your app, Install App, Bot User OAuth Token",
    "SLACK_APP_TOKEN": "is missing; make it on api.slack.com/apps under your app, Basic Information, App-Level Tokens (connections:write)",
}


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


def _labels(value: str | tuple[str, ...]) -> tuple[str, ...]:
    names = _names(value)
    if not all(re.fullmatch(r"[a-zA-Z_]\w*", name, re.ASCII) for name in names):
        raise ValueError("must be label names with commas between them")
    return names


def _prices(value: str | Mapping[str, tuple[Decimal, ...]]) -> Mapping[str, tuple[Decimal, ...]]:
    found: dict[str, tuple[Decimal, ...]] = {}
    for each in value.split(",") if isinstance(value, str) else ():
        name, _, amounts = each.strip().rpartition("=")
        if name in found:
            raise ValueError(f"gives the price of {name} twice")
        try:
            found[name] = tuple(map(dollars, amounts.split("/")))
        except ValueError as error:
            raise ValueError(f"{PRICE}; a price {error}") from None
        if not re.fullmatch(r"[^\s=]+", name) or len(found[name]) not in {2, 3}:
            raise ValueError(PRICE)
        if not all(found[name]):
            raise ValueError("holds a price of zero; a server of your own that costs nothing is COMPASS_MODEL_FREE=true")
    return found if isinstance(value, str) else value


def _money(value: str | Decimal) -> Decimal:
    return dollars(value) if isinstance(value, str) else value


def _is_own(host: str) -> bool:
    """Loopback, private, or a name that no public server can have; a name is not looked up."""
    try:
        address = ip_address(host)
    except ValueError:
        return OWN_NAME.fullmatch(host) is not None
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def _names(value: str | tuple[str, ...]) -> tuple[str, ...]:
    given = value if not isinstance(value, str) else _list(value) if value.startswith("[") else value.split(",")
    return tuple(dict.fromkeys(name.strip() for name in given))


def _list(value: str) -> tuple[str, ...]:
    try:
        texts = json.loads(value)
    except ValueError:
        texts = None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("must be a JSON list of texts, in which a backslash is written twice")
    return tuple(texts)


def _expressions(value: str | tuple[re.Pattern[str], ...]) -> tuple[re.Pattern[str], ...]:
    if not isinstance(value, str):
        return value
    found = []
    for number, text in enumerate(_list(value), 1):
        try:
            found.append(expression(text))
        except ValueError as error:
            raise ValueError(f"expression {number} {error}") from None
    return tuple(found)


def _slack(value: SecretStr, info: ValidationInfo) -> SecretStr:
    this, other = ("xoxb-", "xapp-") if info.field_name == "slack_bot_token" else ("xapp-", "xoxb-")
    text = value.get_secret_value()
    if text.startswith(other):
        raise ValueError(f"begins with {other}: SLACK_BOT_TOKEN and SLACK_APP_TOKEN are swapped")
    if not text.startswith(this):
        raise ValueError(f"must begin with {this}")
    return _header(value)


Money = Annotated[Decimal, BeforeValidator(_money)]
Url = Annotated[str, AfterValidator(_url)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Header = Annotated[SecretStr, AfterValidator(_header)]
SlackToken = Annotated[SecretStr, AfterValidator(_slack)]


class Access(BaseModel):
    """How to reach one backend: `url` without a slash at its end; empty strings where nothing is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    url: Url
    token: Header = NO_SECRET
    tenant: Header = NO_SECRET
    username: str = ""
    password: SecretStr = NO_SECRET

    @field_validator("username")
    @classmethod
    def _is_the_only_one(cls, username: str, info: ValidationInfo) -> str:
        if username and info.data.get("token"):
            raise ValueError("set together with _TOKEN; keep one of the two ways to sign in")
        return username

    @field_validator("password")
    @classmethod
    def _is_a_pair(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        if "username" in info.data and bool(info.data["username"]) != bool(password):
            raise ValueError("_USERNAME and _PASSWORD go together; one of them is missing")
        return password


class SlackAccess(NamedTuple):
    """What `compass serve` needs of Slack; `api_url` ends with a slash."""

    bot_token: SecretStr
    app_token: SecretStr
    api_url: str


class Settings(BaseSettings):
    """Every setting. Money is in US dollars; a backend that is not configured is None."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, env_prefix="COMPASS_", env_nested_delimiter="_", env_nested_max_split=1
    )

    slack_bot_token: SlackToken | None = Field(None, validation_alias="SLACK_BOT_TOKEN")
    slack_app_token: SlackToken | None = Field(None, validation_alias="SLACK_APP_TOKEN")
    slack_api_url: Url = Field("https://slack.com/api", validation_alias="SLACK_API_URL")
    budget_usd: Money = Decimal("10.00")
    database_url: SecretStr = SecretStr("sqlite:///compass.db")
    prometheus: Access | None = None
    loki: Access | None = None
    tempo: Access | None = None
    alertmanager: Access | None = None
    grafana: Access | None = None
    redact: Annotated[tuple[re.Pattern[str], ...], NoDecode, BeforeValidator(_expressions)] = ()
    service_labels: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_labels)] = ()
    agent_seconds: Seconds = 90.0
    investigation_seconds: Seconds = 290.0
    openai_api_key: Header = Field(NO_SECRET, validation_alias="OPENAI_API_KEY")
    openai_base_url: Url | None = Field(None, validation_alias="OPENAI_BASE_URL")
    model: Annotated[str, Field(pattern=r"^[^\s,=]+$")] = "gpt-4o-mini"
    model_free: bool = False
    free_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = ()
    model_seconds: Seconds = 45.0
    json_schema: bool = True
    prices: Annotated[dict[str, tuple[Decimal, ...]], NoDecode, BeforeValidator(_prices)] = Field(default_factory=dict)
    token_limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"  # noqa: S105 - the name of a field

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: building a value reads no environment."""
        return (sources["init_settings"],)

    def for_slack(self) -> SlackAccess:
        """Both tokens of Socket Mode; raises `SettingsError` that says where the missing ones are found."""
        if self.slack_bot_token is None or self.slack_app_token is None:
            raise _refusal([(name, text) for name, text in WHERE.items() if getattr(self, name.lower()) is None])
        return SlackAccess(self.slack_bot_token, self.slack_app_token, f"{self.slack_api_url}/")

    def for_model(self) -> str:
        """Where the model's server is, '' where there is none; raises `SettingsError` when a stranger's is said to cost nothing."""
        url = self.openai_base_url or (OPENAI if self.openai_api_key else "")
        host = urlsplit(url).hostname or ""
        if url and self.model_free and not (_is_own(host) or host in map(str.lower, self.free_hosts)):
            problem = (
                f"is for a server of your own; {host} is neither loopback nor private, so list it in COMPASS_FREE_HOSTS if it is yours"
            )
            raise SettingsError("COMPASS_MODEL_FREE", problem, "false")
        return url

    def for_telemetry(self) -> None:
        """Raise `SettingsError` when no backend is configured: nothing could be observed."""
        if not any((self.prometheus, self.loki, self.tempo, self.grafana)):
            problem = "no telemetry is configured; set this, or COMPASS_GRAFANA_URL alone, or COMPASS_LOKI_URL or COMPASS_TEMPO_URL"
            raise SettingsError("COMPASS_PROMETHEUS_URL", problem, "http://prometheus:9090")


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of `environ` (the process's own when it is not given) and of the file; raises `SettingsError`.

    A variable that is set but empty counts as not set; space around a value is dropped.
    """
    environ = os.environ if environ is None else environ
    file, known = _file(environ), _known()
    named = [(name, "the environment") for name in environ if name.upper().startswith("COMPASS_") and not KUBERNETES.fullmatch(name)]
    wrong = [_unknown(name, place, known) for name, place in (*named, *((name, "the file") for name in file)) if name not in known]
    source = EnvSettingsSource(Settings)
    texts = [*file.items(), *((name, text) for name, text in environ.items() if text.strip())]
    source.env_vars = {name.lower(): text.strip() for name, text in texts if name in known}
    try:
        settings = Settings(**source())
    except ValidationError as error:
        wrong += [_wrong(each) for each in error.errors(include_url=False, include_input=False)]
    if wrong:
        raise _refusal(wrong)
    return settings


def _file(environ: Mapping[str, str]) -> dict[str, str]:
    named = environ.get("COMPASS_CONFIG", "").strip()
    path = Path(named or EXAMPLES["COMPASS_CONFIG"])
    if not named and not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=str)
    except (OSError, ValueError) as error:  # the texts of TOML's and UTF-8's errors say where, not what stands there
        raise _refusal([("COMPASS_CONFIG", f"{path} cannot be read: {error}")]) from error
    if tables := [name for name, value in values.items() if isinstance(value, dict)]:
        raise _refusal([(name, f"has a table in {path}; write one name and one value a line") for name in tables])
    return {name: json.dumps(value, default=str) if isinstance(value, list) else str(value) for name, value in values.items()}


def _known() -> set[str]:
    """Every name that may be set."""
    known = set(UNREAD)
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"COMPASS_{name.upper()}")
        known |= {f"{variable}_{part.upper()}" for part in Access.model_fields} if field.annotation == Access | None else {variable}
    return known


def _unknown(name: str, place: str, known: set[str]) -> tuple[str, str]:
    nearest = difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.0)[0]
    return nearest, f"is this what {place} means by {name}? There is no such setting"


def _wrong(error: ErrorDetails) -> tuple[str, str]:
    """The variable and what is wrong with it, never its value."""
    place = "_".join(str(part) for part in error["loc"]).upper()
    variable = place if place in EXAMPLES else f"COMPASS_{place}"
    if error["type"] == "missing":
        return variable, "is missing, while others for the same backend are set"
    reason = error.get("ctx", {}).get("error")
    return variable, str(reason) if reason else error["msg"].lower()


def _refusal(wrong: Sequence[tuple[str, str]]) -> SettingsError:
    """One error for all of them: pairs of a variable and its problem."""
    first, *more = ((name, problem, EXAMPLES.get(name) or EXAMPLES.get(name.rpartition("_")[2], "…")) for name, problem in wrong)
    return SettingsError(*first, *(SettingsError(*each) for each in more))
