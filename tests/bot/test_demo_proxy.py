"""The demo on a machine whose environment names a proxy: nothing of it goes there."""

from __future__ import annotations

import io
import os

import pytest

from bot import demo

NAMES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")


@pytest.mark.parametrize("names", [NAMES[:1], NAMES])
async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
    nobody = "http://127.0.0.1:9"
    for name in names:
        monkeypatch.setenv(name, nobody)
    out = io.StringIO()
    await demo.once(out, as_json=False)
    assert "INC-42: finished" in out.getvalue()
    assert [os.environ.get(name) for name in names] == [nobody] * len(names)
