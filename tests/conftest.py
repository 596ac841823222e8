"""For every test: nothing of the environment that sends calls to loopback through a proxy, or lets a model cost money."""

from __future__ import annotations

import pytest
from hypothesis import settings

# the same examples each time, so that a run fails for what was changed and not by chance; `.ci/run` tries more of them
settings.register_profile("few", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("few")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
