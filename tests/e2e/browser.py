"""A person at a real Chromium: one context, one page, and whatever the browser had to complain about."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).resolve().parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SMALL: ViewportSize = {"width": 320, "height": 568}

# a policy that was broken is no console message of its own in every case
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error("policy violated:", event.violatedDirective, event.blockedURI, event.sample, event.sourceFile));"""

# what Chromium itself writes about a network that is away: the disturbance, not a fault of the page
NETWORK = re.compile(r"WebSocket connection to|net::ERR_|Failed to load resource: the server responded with a status of 50[234]")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; skips, loudly, where this machine has none."""
    if CHROMIUM is None:
        pytest.skip("MISSING: chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Person:
    """Somebody with a browser of their own, and what they do with it."""

    def __init__(self, browser: Browser, address: str, name: str, size: ViewportSize = DESK, **options: Any) -> None:
        self.name, self.address = name, address
        self.complaints: list[str] = []
        is_phone = size["width"] < 600
        self.context: BrowserContext = browser.new_context(
            viewport=size, has_touch=is_phone, is_mobile=is_phone, locale="en-GB", reduced_motion="reduce", **options
        )
        self.context.add_init_script(REPORT_VIOLATIONS)
        self.context.set_default_timeout(15_000)
        self.page = self.open_tab()

    def open_tab(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"{self.name}: {error}"))
        page.goto(self.address + path)
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.name}: {message.type}: {message.text} {message.location}")

    # the way into a conversation

    def search(self, *interests: str) -> None:
        self.page.get_by_label("Your name").fill(self.name)
        for interest in interests:
            field = self.page.get_by_label("Interests")
            field.fill(interest)
            field.press("Enter")
        self.page.get_by_role("button", name="Find someone").click()

    def is_talking_to(self, name: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name, timeout=15_000)
        expect(self.composer).to_be_editable()

    # the conversation

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def presence(self) -> Locator:
        return self.page.locator("header").get_by_role("status")

    def say(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def message(self, text: str) -> Locator:
        """The message with exactly this text."""
        return self.page.get_by_role("article").filter(has=self.page.get_by_text(text, exact=True))

    def sees(self, text: str) -> None:
        expect(self.message(text)).to_have_count(1, timeout=25_000)

    def mark(self, text: str) -> Locator:
        """pending, sent, seen or failed: what an own message wears."""
        return self.message(text).get_by_role("img")

    def texts(self) -> list[str]:
        """The conversation as it stands on the screen."""
        return self.page.locator("article .text").all_text_contents()

    def leave_for(self, choice: str) -> None:
        self.page.get_by_role("button", name="Leave", exact=True).click()
        self.page.get_by_role("dialog").get_by_role("button", name=choice, exact=True).click()

    # what must hold on every screen

    def hide(self) -> None:
        """As if another tab were in front: headless Chromium never hides a page by itself."""
        self._set_visibility("hidden")

    def show(self) -> None:
        self._set_visibility("visible")

    def _set_visibility(self, state: str) -> None:
        self.page.evaluate(
            """(state) => {
              Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
              Object.defineProperty(document, "hidden", { configurable: true, get: () => state === "hidden" });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    def is_accessible(self) -> None:
        """Axe finds nothing, and nothing is wider than the screen."""
        if not AXE.is_file():
            pytest.skip("MISSING: axe-core (`make client` with the development packages)")
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate(
            "async () => (await axe.run()).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`)"
        )
        assert found == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def has_no_complaint(self, *, disturbed: bool = False) -> None:
        assert [line for line in self.complaints if not (disturbed and NETWORK.search(line))] == []


@contextmanager
def pair(
    browser: Browser, address: str, size: ViewportSize = DESK, names: tuple[str, str] = ("Noa", "Mia")
) -> Generator[tuple[Person, Person]]:
    """Two people who have just been matched."""
    one, other = Person(browser, address, names[0], size), Person(browser, address, names[1], size)
    try:
        one.search("jazz")
        other.search("jazz")
        one.is_talking_to(names[1])
        other.is_talking_to(names[0])
        yield one, other
    finally:
        one.context.close()
        other.context.close()
