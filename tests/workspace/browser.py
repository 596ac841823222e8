"""A headless Chromium by its DevTools protocol: just enough to open a page, run a script in it, and wait for a condition."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --disable-dev-shm-usage --remote-debugging-port=0 --window-size=1100,1400"
)
# Runs in the page: resolves when the expression is true, looking again after each change of the document.
UNTIL = """new Promise((done, late) => {
  const look = () => { if (!(%s)) return; watch.disconnect(); clearTimeout(end); done(true); };
  const watch = new MutationObserver(look);
  const end = setTimeout(() => { watch.disconnect(); late(new Error(document.body.innerText)); }, 10000);
  watch.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  look();
})"""


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent = 0

    async def send(self, method: str, **params: Any) -> Any:
        self._sent += 1
        await self._socket.send_json({"id": self._sent, "method": method, "params": params})
        while True:
            answer = await self._socket.receive_json()
            if answer.get("id") == self._sent:
                return answer["result"]

    async def go(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        await self.send("Page.enable")
        await self.send("Page.navigate", url=url)
        while (await self._socket.receive_json()).get("method") != "Page.loadEventFired":
            pass

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited when it is a promise."""
        result = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]["exception"].get("description")
        return result["result"].get("value")

    async def until(self, condition: str) -> None:
        await self.run(UNTIL % condition)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Tab]:
    """A tab that shows the page; the browser ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *FLAGS.split(),
            f"--user-data-dir={profile}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(60), aiohttp.ClientSession() as http:
                port = await _port(process)
                async with http.get(f"http://127.0.0.1:{port}/json") as listing:
                    tab = next(each for each in await listing.json() if each["type"] == "page")
                async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    shown = Tab(socket)
                    await shown.go(url)
                    yield shown
        finally:
            process.kill()
            await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode():
        if "DevTools listening on" in line:
            return line.partition("127.0.0.1:")[2].partition("/")[0]
    raise AssertionError("the browser did not start")
