"""Makes the README's picture, a thread of the demo: `python -m tests.workspace.picture` (needs Chromium)."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import expect

from bot import demo
from tests.workspace.browser import opened

PICTURE = Path(__file__).with_name("thread.png")


async def taken() -> bytes:
    """The demo's thread beside its channel, as it stands when it is opened."""
    async with demo._running(0) as (workspace, _, _), opened(workspace.url, (1180, 1280)) as page:
        await page.get_by_label("Message or command").fill("/compass investigate INC-42")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="5 replies").click()
        await expect(page.locator("#replies article")).to_have_count(6)
        await page.locator("#reply input").blur()
        return await page.screenshot()


if __name__ == "__main__":
    Image.open(BytesIO(asyncio.run(taken()))).convert("RGB").quantize(160, method=Image.Quantize.FASTOCTREE).save(PICTURE, optimize=True)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes")
