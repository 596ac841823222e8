"""Debian's Chromium, driven by Playwright: a page as a laptop or a phone shows it, with what goes wrong in it kept."""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import Page, async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SHOTS = Path(os.environ.get("COMPASS_SHOTS", Path(__file__).parents[2] / ".ci" / "shots"))  # screenshots, for people to look at
LAPTOP, PHONE = (1280, 900), (390, 844)
expect.set_options(timeout=20_000)


@asynccontextmanager
async def opened(url: str, size: tuple[int, int] = LAPTOP, *, dark: bool = False) -> AsyncIterator[Page]:
    """A tab that shows the page; whatever it complains of fails the test."""
    wrong: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light")
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        await page.goto(url)
        yield page
        await browser.close()
    assert wrong == []


async def shot(page: Page, name: str) -> None:
    """Keep what is seen."""
    await page.screenshot(path=SHOTS / f"{name}.png")
