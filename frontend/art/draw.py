"""Draws the pictures that must be PNG from the SVG files beside this one: `python frontend/art/draw.py`."""

# ruff: noqa: INP001 - a script beside what it draws, no package
from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ART = Path(__file__).parent
PICTURES = {"social.svg": ("social.png", 1200, 630), "touch.svg": ("touch.png", 180, 180)}


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"])
        for source, (target, width, height) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto((ART / source).as_uri())
            page.screenshot(path=ART.parent / "public" / target)
        browser.close()


if __name__ == "__main__":
    main()
