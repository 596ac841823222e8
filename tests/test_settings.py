"""Settings: defaults, the file, every mistake named, no secret told."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.errors import SettingsError
from compass_core.settings import Access, Settings, load

SECRET = "hunter2-very-secret"
SLACK = {"SLACK_BOT_TOKEN": "xoxb-1-bot", "SLACK_APP_TOKEN": "xapp-1-app"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(**environ: str) -> str:
    with pytest.raises(SettingsError) as wrong:
        load(environ)
    return str(wrong.value)


def test_nothing_set_gives_the_defaults() -> None:
    settings = load({})
    assert settings.budget_usd == Decimal("10.00")
    assert settings.database_url.get_secret_value() == "sqlite:///compass.db"
    assert (settings.agent_seconds, settings.investigation_seconds) == (90, 290)
    assert settings.service_labels == ()
    assert {settings.prometheus, settings.loki, settings.tempo, settings.alertmanager, settings.grafana} == {None}
    assert settings.slack_bot_token is None


def test_the_readme_names_every_setting() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    backends = {name for name, field in Settings.model_fields.items() if field.annotation == Access | None}
    own = {
        str(field.validation_alias or f"COMPASS_{name.upper()}") for name, field in Settings.model_fields.items() if name not in backends
    }
    of_backends = {f"`COMPASS_{name.upper()}_URL`" for name in backends} | {f"_{part.upper()}`" for part in Access.model_fields}
    assert [name for name in sorted(own | of_backends) if name not in readme] == []


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPASS_BUDGET_USD", "3")
    assert load({}).budget_usd == Decimal("10.00")
    assert Settings().budget_usd == Decimal("10.00")
    assert load().budget_usd == Decimal(3)


def test_each_backend_has_its_own_access() -> None:
    for name in ("prometheus", "loki", "tempo", "alertmanager", "grafana"):
        prefix = f"COMPASS_{name.upper()}"
        bearer = load({f"{prefix}_URL": "https://a.example.com:9/x/", f"{prefix}_TOKEN": SECRET, f"{prefix}_TENANT": "team-a"})
        access: Access = getattr(bearer, name)
        assert access.url == "https://a.example.com:9/x"
        assert (access.token.get_secret_value(), access.tenant.get_secret_value(), access.username) == (SECRET, "team-a", "")
        basic = load({f"{prefix}_URL": "http://[::1]:9", f"{prefix}_USERNAME": "me", f"{prefix}_PASSWORD": f" {SECRET}\n"})
        access = getattr(basic, name)
        assert (access.username, access.password.get_secret_value()) == ("me", SECRET)
        assert SECRET not in f"{bearer!r}{basic!r}{bearer}"


def test_values_are_trimmed_and_empty_ones_count_as_not_set() -> None:
    settings = load(
        {"COMPASS_BUDGET_USD": " 2.50\n", "COMPASS_LOKI_URL": "", "COMPASS_TEMPO_TOKEN": " ", "COMPASS_SERVICE_LABELS": "a, b,a"}
    )
    assert (settings.budget_usd, settings.loki, settings.tempo, settings.service_labels) == (Decimal("2.50"), None, None, ("a", "b"))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("COMPASS_BUDGET_USD", "$5", "US dollars in digits"),
        *(("COMPASS_BUDGET_USD", wrong, "US dollars in digits") for wrong in ("-1", "-0", "1e999", "1_000", "\u0665", "+5", "5.", "1,5")),
        ("COMPASS_BUDGET_USD", "nan", "US dollars in digits"),
        ("COMPASS_BUDGET_USD", "Infinity", "US dollars in digits"),
        ("COMPASS_AGENT_SECONDS", "0", "greater than 0"),
        ("COMPASS_INVESTIGATION_SECONDS", "soon", "valid number"),
        ("COMPASS_INVESTIGATION_SECONDS", "inf", "finite"),
        ("COMPASS_SERVICE_LABELS", "service,,app", "label names"),
        ("COMPASS_SERVICE_LABELS", "ser vice", "label names"),
        ("COMPASS_PROMETHEUS_URL", "prometheus:9090", "begin with http"),
        ("COMPASS_PROMETHEUS_URL", "ftp://prometheus", "begin with http"),
        ("COMPASS_PROMETHEUS_URL", "http://", "no host"),
        ("COMPASS_PROMETHEUS_URL", "http://a b", "no host"),
        ("COMPASS_PROMETHEUS_URL", "http://[::1", "not a URL"),
        ("COMPASS_PROMETHEUS_URL", "http://a:99999", "not a URL"),
        ("COMPASS_LOKI_URL", "http://loki:3100/?", "holds a query"),
        ("COMPASS_LOKI_URL", "http://loki:3100/#top", "holds a query"),
        ("COMPASS_GRAFANA_URL", f"http://me:{SECRET}@grafana", "_USERNAME and _PASSWORD"),
        ("COMPASS_GRAFANA_URL", f"http://me:{SECRET}", "not a URL"),
        ("COMPASS_GRAFANA_TOKEN", SECRET, "COMPASS_GRAFANA_URL: is missing"),
        ("SLACK_API_URL", f"{SECRET}", "begin with http"),
        ("SLACK_BOT_TOKEN", f"xapp-{SECRET}", "are swapped"),
        ("SLACK_APP_TOKEN", f"xoxb-{SECRET}", "are swapped"),
        ("SLACK_BOT_TOKEN", f"xoxp-{SECRET}", "must begin with xoxb-"),
        ("SLACK_APP_TOKEN", f"xapp-{SECRET}\nmore", "copied whole"),
        ("OPENAI_API_KEY", f"{SECRET} {SECRET}", "copied whole"),
        ("OPENAI_BASE_URL", "localhost:8080", "begin with http"),
        ("OPENAI_BASE_URL", f"https://me:{SECRET}@models", "_USERNAME and _PASSWORD"),
        ("COMPASS_MODEL", "gpt 4o", "match pattern"),
        ("COMPASS_MODEL_FREE", "perhaps", "valid boolean"),
        ("COMPASS_MODEL_SECONDS", "0", "greater than 0"),
        ("COMPASS_TOKEN_LIMIT_FIELD", "tokens", "max_completion_tokens"),
        *(
            ("COMPASS_PRICES", wrong, "must be model=input/output")
            for wrong in (
                "0.15/0.60",
                "m=1",
                "m=1/2/3/4",
                "m=-1/2",
                "m=1/2;n=1/2",
                "m=1e3/2",
                "m=one/two",
                "m=1/2,",
                "m=\u0665/2",
                "m=1_0/2",
                "=1/2",
            )
        ),
        *(("COMPASS_PRICES", wrong, "a price of zero") for wrong in ("m=0/0", "m=0.00/1", "m=1/2/0", "n=1/2,m=1/0")),
        ("COMPASS_PRICES", "m=1/2, n=1/2,m=3/4", "the price of m twice"),
    ],
)
def test_a_wrong_value_is_named_with_an_example_and_not_repeated(name: str, value: str, problem: str) -> None:
    text = refused(**{name: value})
    assert problem in text
    assert f"Example: {name.replace('TOKEN', 'URL') if 'GRAFANA' in name else name}=" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"TOKEN": SECRET, "USERNAME": "me", "PASSWORD": SECRET}, "COMPASS_TEMPO_USERNAME: set together with _TOKEN"),
        ({"USERNAME": "me"}, "COMPASS_TEMPO_PASSWORD: _USERNAME and _PASSWORD go together"),
        ({"PASSWORD": SECRET}, "COMPASS_TEMPO_PASSWORD: _USERNAME and _PASSWORD go together"),
        ({"TOKEN": f"{SECRET}\r\nX-Evil: 1"}, "COMPASS_TEMPO_TOKEN: holds a space, a line break"),
        ({"TOKEN": f"{SECRET}é"}, "COMPASS_TEMPO_TOKEN: holds a space, a line break"),
        ({"TENANT": "a b"}, "COMPASS_TEMPO_TENANT: holds a space, a line break"),
    ],
)
def test_what_does_not_go_together_is_named(given: dict[str, str], problem: str) -> None:
    text = refused(COMPASS_TEMPO_URL="http://tempo:3200", **{f"COMPASS_TEMPO_{key}": value for key, value in given.items()})
    assert problem in text
    assert SECRET not in text


def test_several_mistakes_are_told_at_once() -> None:
    text = refused(COMPASS_BUDGET_USD="x", COMPASS_LOKI_URL="loki", COMPASS_PROMETEUS_URL="http://p", SLACK_BOT_TOKEN="nothing")
    lines = text.splitlines()
    assert len(lines) == 4
    assert {line.partition(":")[0] for line in lines} == {
        "COMPASS_BUDGET_USD",
        "COMPASS_LOKI_URL",
        "COMPASS_PROMETHEUS_URL",
        "SLACK_BOT_TOKEN",
    }
    assert all("Example: " in line for line in lines)


@pytest.mark.parametrize("name", ["COMPASS_PROMETEUS_URL", "COMPASS_PROMETHEUS_URLS", "compass_prometheus_url", "COMPASS_PROMETHEUSURL"])
def test_an_unknown_name_is_told_with_the_nearest(name: str) -> None:
    text = refused(**{name: f"http://{SECRET}"})
    assert text.startswith("COMPASS_PROMETHEUS_URL: ")
    assert name in text
    assert SECRET not in text


def test_names_of_other_versions_and_of_kubernetes_are_let_through() -> None:
    others = ("SLACK_SIGNING_SECRET", "OTEL_TRACES_EXPORTER", "PATH")
    injected = (
        "COMPASS_PORT",
        "COMPASS_PORT_8080_TCP",
        "COMPASS_PORT_8080_TCP_ADDR",
        "COMPASS_SERVICE_HOST",
        "COMPASS_DB_SERVICE_PORT_HTTP",
    )
    assert load(dict.fromkeys(others + injected, "x")) == load({})


def test_the_model_is_set_by_name_key_server_and_price() -> None:
    assert (load({}).model, load({}).openai_base_url, load({}).model_seconds) == ("gpt-4o-mini", None, 45)
    settings = load(
        {
            "OPENAI_API_KEY": f" {SECRET}\n",
            "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1/",
            "COMPASS_MODEL": "qwen3:8b",
            "COMPASS_PRICES": "qwen3:8b=0.1/0.2, org/other=1/2/0.5",
            "COMPASS_MODEL_FREE": "true",
            "COMPASS_TOKEN_LIMIT_FIELD": "max_tokens",
        }
    )
    assert settings.openai_api_key.get_secret_value() == SECRET
    assert (settings.openai_base_url, settings.model, settings.model_free) == ("http://127.0.0.1:11434/v1", "qwen3:8b", True)
    assert settings.token_limit_field == "max_tokens"
    assert settings.prices == {"qwen3:8b": (Decimal("0.1"), Decimal("0.2")), "org/other": (1, 2, Decimal("0.5"))}
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        *((f"http://{host}/v1", True) for host in ("127.0.0.1:8080", "[::1]", "10.2.3.4", "192.168.1.9", "100.64.0.7", "[fd00::5]")),
        *(
            (f"http://{host}/v1", True)
            for host in ("localhost:11434", "ollama", "gpu-1.lan.internal", "ollama.ml.svc.cluster.local", "MODELS.example.com")
        ),
        *(
            (f"http://{host}/v1", False)
            for host in ("8.8.8.8", "[::ffff:8.8.8.8]", "[2606:4700::1]", "134744072", "0x8080808", "8.8.8", "api.openai.com")
        ),
        *(
            (f"http://{host}/v1", False)
            for host in ("localhost.example.com", "evil.models.example.com", "local.example", "127.0.0.1.example.net")
        ),
    ],
)
def test_only_a_server_of_ones_own_may_cost_nothing(url: str, *, own: bool) -> None:
    free = {"OPENAI_BASE_URL": url, "COMPASS_MODEL_FREE": "true", "COMPASS_FREE_HOSTS": "other.example, models.example.com"}
    if own:
        assert load(free).for_model() == url
        return
    with pytest.raises(SettingsError, match=r"COMPASS_MODEL_FREE: is for a server of your own.*COMPASS_FREE_HOSTS"):
        load(free).for_model()
    assert load({**free, "COMPASS_MODEL_FREE": "false"}).for_model() == url


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "compass.toml").write_text(
        'COMPASS_BUDGET_USD = 2.10\nCOMPASS_AGENT_SECONDS = 30\nCOMPASS_SERVICE_LABELS = ["app", "job"]\nCOMPASS_LOKI_URL = "http://file:3100"\n'
    )
    settings = load({"COMPASS_LOKI_URL": "http://environment:3100", "COMPASS_AGENT_SECONDS": ""})
    assert (str(settings.budget_usd), settings.agent_seconds, settings.service_labels) == ("2.10", 30, ("app", "job"))
    assert settings.loki == Access(url="http://environment:3100")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'COMPASS_BUDGET = "1"', "COMPASS_BUDGET_USD: is this what the file means by COMPASS_BUDGET?"),
        (b'budget_usd = "1"', "COMPASS_BUDGET_USD: is this what the file means by budget_usd?"),
        (b'[prometheus]\nurl = "http://p"', "prometheus: has a table"),
        (b'COMPASS_BUDGET_USD = "1', "COMPASS_CONFIG: mine.toml cannot be read"),
        (b'COMPASS_BUDGET_USD = "\xff"', "COMPASS_CONFIG: mine.toml cannot be read"),
        (b'COMPASS_LOKI_TOKEN = "' + SECRET.encode(), "COMPASS_CONFIG: mine.toml cannot be read"),
        (b'SLACK_BOT_TOKEN = "' + SECRET.encode() + b'"', "SLACK_BOT_TOKEN: must begin with"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    text = refused(COMPASS_CONFIG="mine.toml")
    assert problem in text
    assert SECRET not in text


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    assert "COMPASS_CONFIG: mine.toml cannot be read" in refused(COMPASS_CONFIG="mine.toml")
    (tmp_path / "folder").mkdir()
    assert "COMPASS_CONFIG: folder cannot be read" in refused(COMPASS_CONFIG="folder")


def test_slack_needs_both_tokens() -> None:
    slack = load(SLACK).for_slack()
    assert (slack.bot_token, slack.app_token) == ("xoxb-1-bot", "xapp-1-app")
    assert slack.api_url == "https://slack.com/api/"
    assert load({**SLACK, "SLACK_API_URL": "http://127.0.0.1:1/api/"}).for_slack().api_url == "http://127.0.0.1:1/api/"
    assert "xoxb-1" not in repr(slack)
    for missing in SLACK:
        with pytest.raises(SettingsError, match=r"api\.slack\.com/apps") as wrong:
            load({name: token for name, token in SLACK.items() if name != missing}).for_slack()
        assert str(wrong.value).startswith(f"{missing}: ")
    with pytest.raises(SettingsError, match=r"SLACK_BOT_TOKEN: (.|\n)*SLACK_APP_TOKEN: "):
        load({}).for_slack()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (SECRET, "must be a JSON list of texts, in which a backslash is written twice"),
        (f'["{SECRET}\\d"]', "must be a JSON list"),
        (f'{{"{SECRET}": 1}}', "must be a JSON list"),
        ("[1]", "must be a JSON list"),
        (f'["ok", "{SECRET}("]', "expression 2 is not a regular expression"),
        (f'["({SECRET})?"]', "expression 1 matches the empty text"),
        (f'["({SECRET}+)+"]', "expression 1 repeats a group that itself varies"),
    ],
)
def test_a_wrong_expression_to_redact_is_told(value: str, problem: str) -> None:
    text = refused(COMPASS_REDACT=value)
    assert text.startswith("COMPASS_REDACT: ")
    assert problem in text
    assert """Example: COMPASS_REDACT='["customer-[0-9]{6}"]'""" in text
    assert SECRET not in text


def test_expressions_to_redact_are_a_list(tmp_path: Path) -> None:
    assert [one.pattern for one in load({"COMPASS_REDACT": r'["customer-\\d{6}", "a,b"]'}).redact] == [r"customer-\d{6}", "a,b"]
    (tmp_path / "compass.toml").write_text(r"COMPASS_REDACT = ['customer-\d{6}', 'a,b']")
    assert [one.pattern for one in load({}).redact] == [r"customer-\d{6}", "a,b"]
    assert Settings().redact == ()


@given(
    value=st.text(min_size=1),
    name=st.sampled_from(
        ["COMPASS_BUDGET_USD", "COMPASS_TEMPO_URL", "COMPASS_AGENT_SECONDS", "COMPASS_SERVICE_LABELS", "SLACK_BOT_TOKEN", "COMPASS_REDACT"]
    ),
)
def test_any_text_is_taken_or_refused_as_ours(name: str, value: str) -> None:
    with suppress(SettingsError):
        load({name: value})
