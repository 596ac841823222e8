"""The app's manifest: as little as the bot needs, and valid by Slack's own schemas where these are at hand."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.workspace import SCOPES

ROOT = Path(__file__).parents[1]
SCHEMAS = os.environ.get("SLACK_MANIFEST_SCHEMAS", "")

# what needs each scope: calls of the Web API, events, and what a person types or chooses; any one of a row is enough
NEEDED_BY = {
    "commands": ("slash_commands", "shortcuts"),
    "chat:write": ("chat_postMessage", "chat_postEphemeral", "chat_update", "chat_delete"),
    "app_mentions:read": ("app_mention",),
    "files:write": ("files_upload_v2",),
    "channels:history": ("conversations_history", "conversations_replies"),
    "groups:history": ("conversations_history", "conversations_replies"),
    "channels:read": ("users_conversations", "conversations_info"),
    "groups:read": ("users_conversations",),
    "users:read": ("users_info",),
}
# what needs no scope of the bot's
FREE = {"auth_test", "chat_getPermalink", "views_open", "views_update", "views_publish", "app_home_opened"}


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text("utf-8"))
    return read


def calls() -> set[str]:
    """Every method of the Web API, and every event, that the bot's code names."""
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "bot").glob("*.py"))
    named = re.findall(r"client\.((?:chat|views|conversations|files|users|auth|reactions|pins|bots|team)_\w+)", source)
    return {*named, *re.findall(r"app\.event\(\"(\w+)\"\)", source)}


def test_the_scopes_are_those_that_the_workspace_grants(manifest: dict[str, Any]) -> None:
    assert manifest["oauth_config"] == {"scopes": {"bot": list(SCOPES)}}


def test_something_needs_each_scope_and_everything_has_its_scope(manifest: dict[str, Any]) -> None:
    used = calls() | set(manifest["features"])
    granted = manifest["oauth_config"]["scopes"]["bot"]
    assert [scope for scope in granted if not used & set(NEEDED_BY[scope])] == [], "nothing uses these"
    covered = FREE.union(*(NEEDED_BY[scope] for scope in granted))
    assert calls() - covered == set(), "these have no scope"


def test_each_scope_and_event_says_why(manifest: dict[str, Any]) -> None:
    asked = [*manifest["oauth_config"]["scopes"]["bot"], *manifest["settings"]["event_subscriptions"]["bot_events"]]
    lines = (ROOT / "manifest.yml").read_text("utf-8").splitlines()
    assert [one for one in asked if not any(re.match(rf"\s+- {one} +# \S", line) for line in lines)] == []


def test_the_bot_hears_of_what_it_listens_to_alone(manifest: dict[str, Any]) -> None:
    events = {name for name in calls() if name in manifest["settings"]["event_subscriptions"]["bot_events"]}
    assert events == set(manifest["settings"]["event_subscriptions"]["bot_events"])


def test_everything_comes_over_socket_mode(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert "request_url" not in settings["event_subscriptions"]
    assert manifest["features"]["app_home"]["home_tab_enabled"] is True
    assert settings["org_deploy_enabled"] is False


def test_there_is_one_command_and_a_bot_user(manifest: dict[str, Any]) -> None:
    (command,) = manifest["features"]["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/compass", False)
    assert command["usage_hint"].startswith("investigate")
    assert manifest["features"]["bot_user"]["display_name"] == manifest["display_information"]["name"] == "Compass"


@pytest.mark.skipif(not SCHEMAS, reason="SLACK_MANIFEST_SCHEMAS names no folder with Slack's manifest schemas")
@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_slacks_schema_accepts_it(manifest: dict[str, Any], version: str) -> None:
    schema = json.loads((Path(SCHEMAS) / f"manifest.schema.{version}.json").read_text("utf-8"))
    jsonschema.Draft7Validator(schema).validate(manifest)
    wrong = manifest | {"features": {"slash_commands": [{"command": "compass"}]}}
    assert not jsonschema.Draft7Validator(schema).is_valid(wrong)
