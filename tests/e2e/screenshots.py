"""Takes the pictures of docs/screenshots anew, from a real conversation: `python -m tests.e2e.screenshots`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize

from tests.e2e.browser import DESK, PHONE, Person, chromium
from tests.reliability.server import randomchat_server, running

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
PHOTO = FOLDER.parents[1] / "frontend" / "public" / "social.png"


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, running(randomchat_server(Path(data))) as server, chromium() as browser:
        take(browser, server.address, folder, "desk", DESK, "light")
        take(browser, server.address, folder, "phone", PHONE, "dark")


def take(browser: Browser, address: str, folder: Path, device: str, size: ViewportSize, scheme: str) -> None:
    """Every screen on the way, seen by Noa."""
    noa = Person(browser, address, "Noa", size, color_scheme=scheme)
    mia = Person(browser, address, "Mia", DESK)

    def shoot(name: str) -> None:
        noa.page.wait_for_timeout(700)  # drawings come to rest
        noa.page.screenshot(path=folder / f"{name}-{device}.png")

    noa.page.get_by_label("Your name").fill("Noa")
    add_interests(noa)
    shoot("start")
    noa.page.get_by_role("button", name="Find someone").click()
    noa.page.get_by_text("You have waited 0:02").wait_for()
    shoot("search")
    mia.search("jazz", "film photography")
    noa.is_talking_to("Mia")
    mia.is_talking_to("Noa")
    talk(noa, mia)
    mia.composer.press_sequentially("Which")
    shoot("conversation")
    mia.page.get_by_role("button", name="Next stranger").click()
    mia.page.get_by_role("button", name="Leave and find someone new").click()
    noa.page.get_by_text("Mia has left").wait_for()
    shoot("left")
    noa.context.close()
    mia.context.close()


def add_interests(noa: Person) -> None:
    for interest in ("jazz", "film photography"):
        noa.page.get_by_label("Interests").fill(interest)
        noa.page.get_by_label("Interests").press("Enter")


def talk(noa: Person, mia: Person) -> None:
    mia.say("Hi Noa! 👋")
    noa.sees("Hi Noa! 👋")
    noa.say("Hello! You like film photography too? Which camera?")
    mia.sees("Hello! You like film photography too? Which camera?")
    mia.say("An old Nikon FM2. Its light meter has been dead for years, so I go by https://en.wikipedia.org/wiki/Sunny_16_rule")
    mia.say("هل تتحدث العربية أيضا؟")
    noa.page.locator("article a").wait_for()
    noa.say("قليلا فقط")
    noa.page.locator("input[type=file]").set_input_files([PHOTO])
    noa.page.get_by_role("button", name="Show social.png").wait_for()
    mia.page.get_by_role("button", name="Show social.png").wait_for()
    mia.say("😍")
    noa.say("It works more often than not.")
    mia.sees("It works more often than not.")


if __name__ == "__main__":
    main()
