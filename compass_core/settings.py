"""The settings, read once: from the environment and from an optional `compass.toml` that holds the same names.

The environment wins. Every name and value is checked before anything starts; one `SettingsError` tells of all that is wrong.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from compass_core.errors import SettingsError
from compass_core.settings_values import Expressions, Header, Labels, Money, Names, Prices, Seconds, SlackToken, Url, is_own

# names that a shared environment or file may hold and that are not read here: other versions' and the file's own
UNREAD = frozenset({"COMPASS_CONFIG", "SLACK_SIGNING_SECRET"})
# Kubernetes puts these into every pod beside a Service named `compass` or `compass-…`
KUBERNETES = re.compile(r"COMPASS(_\w+)?_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)")
NO_SECRET = SecretStr("")
OPENAI = "https://api.openai.com/v1"
EXAMPLES = {
    "SLACK_BOT_TOKEN": "xoxb-…",
    "SLACK_APP_TOKEN": "xapp-…",
    "SLACK_API_URL": "https://slack.com/api/",
    "COMPASS_BUDGET_USD": "10.00",
    "COMPASS_DAILY_USD": "50.00",
    "COMPASS_ADMINS": "U012AB3CD,U045EF6GH",
    "COMPASS_MOST_RUNNING": "20",
    "COMPASS_MOST_EVERYWHERE": "100",
    "COMPASS_KEEP_DAYS": "90",
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


@dataclass(frozen=True, slots=True)
class SlackAccess:
    """What `compass serve` needs of Slack; the tokens stay out of its repr, `api_url` ends with a slash."""

    bot_token: str = field(repr=False)
    app_token: str = field(repr=False)
    api_url: str


class Settings(BaseSettings):
    """Every setting. Money is in US dollars; a backend that is not configured is None."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,
        env_prefix="COMPASS_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
    )

    slack_bot_token: SlackToken | None = Field(None, validation_alias="SLACK_BOT_TOKEN")
    slack_app_token: SlackToken | None = Field(None, validation_alias="SLACK_APP_TOKEN")
    slack_api_url: Url = Field("https://slack.com/api", validation_alias="SLACK_API_URL")
    budget_usd: Money = Decimal("10.00")
    daily_usd: Money = Decimal("50.00")
    admins: Names = ()
    most_running: Annotated[int, Field(ge=1)] = 20
    most_everywhere: Annotated[int, Field(ge=1)] = 100
    keep_days: Annotated[float, Field(gt=0)] = 90.0
    database_url: SecretStr = SecretStr("sqlite:///compass.db")
    prometheus: Access | None = None
    loki: Access | None = None
    tempo: Access | None = None
    alertmanager: Access | None = None
    grafana: Access | None = None
    redact: Expressions = ()
    service_labels: Labels = ()
    agent_seconds: Seconds = 90.0
    investigation_seconds: Seconds = 290.0
    openai_api_key: Header = Field(NO_SECRET, validation_alias="OPENAI_API_KEY")
    openai_base_url: Url | None = Field(None, validation_alias="OPENAI_BASE_URL")
    model: Annotated[str, Field(pattern=r"^[^\s,=]+$")] = "gpt-4o-mini"
    model_free: bool = False
    free_hosts: Names = ()
    model_seconds: Seconds = 45.0
    json_schema: bool = True
    prices: Prices = Field(default_factory=dict)
    token_limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"  # noqa: S105 - the name of a field

    @classmethod
    def settings_customise_sources(cls, *_: Any, **sources: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: building a value reads no environment."""
        return (sources["init_settings"],)

    def for_slack(self) -> SlackAccess:
        """Both tokens of Socket Mode; raises `SettingsError` that says where the missing ones are found."""
        if self.slack_bot_token is None or self.slack_app_token is None:
            raise _refusal([(name, text) for name, text in WHERE.items() if getattr(self, name.lower()) is None])
        return SlackAccess(self.slack_bot_token.get_secret_value(), self.slack_app_token.get_secret_value(), f"{self.slack_api_url}/")

    def for_model(self) -> str:
        """Where the model's server is, '' where there is none; raises `SettingsError` when a stranger's is said to cost nothing."""
        url = self.openai_base_url or (OPENAI if self.openai_api_key else "")
        host = urlsplit(url).hostname or ""
        if url and self.model_free and not (is_own(host) or host in map(str.lower, self.free_hosts)):
            yours = f"{host} is neither loopback nor private, so list it in COMPASS_FREE_HOSTS if it is yours"
            raise SettingsError("COMPASS_MODEL_FREE", f"is for a server of your own; {yours}", "false")
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
    for name, one in Settings.model_fields.items():
        variable = str(one.validation_alias or f"COMPASS_{name.upper()}")
        known |= {f"{variable}_{part.upper()}" for part in Access.model_fields} if one.annotation == Access | None else {variable}
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
