"""A workspace and a Compass for the bot's end-to-end tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.bot.made import START, FakeCompass
from tests.workspace.strict import Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    workspace = Workspace(clock=lambda: START)
    await workspace.start()
    yield workspace
    await workspace.stop()


@pytest.fixture
def client(workspace: Workspace) -> AsyncWebClient:
    return AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url, retry_handlers=[])


@pytest.fixture
def compass() -> FakeCompass:
    return FakeCompass()
