"""The app's manifest: as little as the bot needs, and valid by Slack's own schemas where these are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.workspace import SCOPES

SCHEMAS = os.environ.get("SLACK_MANIFEST_SCHEMAS", "")


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "manifest.yml").read_text("utf-8"))
    return read


def test_the_scopes_are_those_that_the_workspace_grants(manifest: dict[str, Any]) -> None:
    assert manifest["oauth_config"] == {"scopes": {"bot": list(SCOPES)}}
    assert SCOPES == ("commands", "chat:write", "files:write", "channels:history", "groups:history")


def test_everything_comes_over_socket_mode(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert "event_subscriptions" not in settings
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
