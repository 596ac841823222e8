"""For every test: nothing of the environment that sends calls to loopback through a proxy, or lets a model cost money."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import settings

from tests.lab.postgres import Postgres, fresh, postgres
from tests.lab.processes import executable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# the same examples each time, so that a run fails for what was changed and not by chance; `.ci/run` tries more of them
settings.register_profile("few", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("few")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server() -> AsyncIterator[Postgres]:
    """One for all tests that want a database on it."""
    if not executable("postgres") and os.environ.get("CI") != "true":
        pytest.skip("not installed here: postgres")
    async with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.lab)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/compass.db"
    return fresh(request.getfixturevalue("postgres_server").url)
