"""The journey in two real browsers, from the start page to the next stranger."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.deployment import Deployment
from tests.e2e.browser import DESK, PHONE, SMALL, Person, pair

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

sizes = pytest.mark.parametrize("size", [DESK, PHONE, SMALL], ids=["desk", "phone", "small"])


@sizes
def test_two_strangers_meet_talk_and_part(browser: Browser, server: Deployment, size: ViewportSize) -> None:
    noa = Person(browser, server.address, "Noa", size)
    noa.is_accessible()
    noa.search("jazz", "film photography")
    expect(noa.page.get_by_role("heading", name="Looking for someone…")).to_be_visible()
    expect(noa.page.get_by_text("You have waited 0:0")).to_be_visible()
    noa.is_accessible()

    mia = Person(browser, server.address, "Mia", size)
    mia.search("jazz")
    noa.is_talking_to("Mia")
    mia.is_talking_to("Noa")
    expect(noa.page).to_have_url(f"{server.address}/chat")
    expect(noa.page.locator(".chip", has_text="jazz")).to_be_visible()
    expect(noa.presence).to_have_text("Online")
    noa.is_accessible()

    noa.say("Hello there")
    mia.sees("Hello there")
    expect(noa.mark("Hello there")).to_have_accessible_name("Seen")
    mia.composer.press_sequentially("Hi", delay=20)
    expect(noa.presence).to_have_text("Typing…")
    expect(noa.page.get_by_text("Mia is typing")).to_be_attached()
    mia.composer.press("Enter")
    noa.sees("Hi")
    expect(noa.presence).to_have_text("Online")
    noa.is_accessible()

    noa.page.get_by_role("button", name="Next stranger").click()
    noa.is_accessible()
    noa.page.get_by_role("button", name="Leave and find someone new").click()
    expect(noa.page.get_by_role("heading", name="Looking for someone…")).to_be_visible()
    expect(mia.page.get_by_text("Noa has left the conversation.")).to_be_visible()
    mia.is_accessible()
    mia.page.get_by_role("button", name="Back to the start").click()
    expect(mia.page).to_have_url(f"{server.address}/")
    noa.page.get_by_role("button", name="Cancel").click()
    expect(noa.page.get_by_label("Your name")).to_have_value("Noa")
    for person in (noa, mia):
        person.has_no_complaint()
        person.context.close()


def test_a_name_that_can_not_be_is_told_before_anything_is_sent(browser: Browser, server: Deployment) -> None:
    noa = Person(browser, server.address, "x" * 16)
    noa.search()
    expect(noa.page.get_by_role("alert")).to_have_text("A name has at most 15 characters.")
    expect(noa.page.get_by_label("Your name")).to_be_focused()
    noa.is_accessible()
    noa.page.get_by_label("Your name").fill("  ")
    expect(noa.page.get_by_role("alert")).to_have_text("Please enter a name.")
    noa.has_no_complaint()
    noa.context.close()


def test_interests_become_chips_and_can_be_taken_away(browser: Browser, server: Deployment) -> None:
    noa = Person(browser, server.address, "Noa")
    field = noa.page.get_by_label("Interests")
    field.press_sequentially("Jazz, film,jazz,")
    expect(noa.page.locator(".chip")).to_have_text(["Jazz", "film"])
    field.press("Backspace")
    expect(noa.page.locator(".chip")).to_have_text(["Jazz"])
    noa.page.get_by_role("button", name="Remove Jazz").click()
    expect(noa.page.locator(".chip")).to_have_count(0)
    expect(field).to_be_focused()
    noa.context.close()


def test_text_of_every_kind_is_text_and_links_are_links(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address, PHONE) as (noa, mia):
        noa.say("see https://example.org/a?b=1 or write to me@example.org, not javascript:alert(1)")
        links = mia.page.locator("article a")
        expect(links).to_have_count(2)
        expect(links.first).to_have_attribute("href", "https://example.org/a?b=1")
        expect(links.first).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(links.last).to_have_attribute("href", "mailto:me@example.org")
        for text in ['<img src=x onerror="document.title=1">', "<b>bold</b>", "مرحبا بك", "👩‍👩‍👧‍👦", "w" * 500]:
            noa.say(text)
            mia.sees(text)
        expect(mia.page.locator("article b, article .text img")).to_have_count(0)
        expect(mia.page.locator("article p[dir=auto]").last).to_be_visible()
        assert mia.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        mia.is_accessible()
        mia.has_no_complaint()


def test_enter_sends_and_shift_enter_breaks_the_line(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address) as (noa, mia):
        noa.composer.press_sequentially("one")
        noa.composer.press("Shift+Enter")
        noa.composer.press_sequentially("two")
        noa.composer.press("Enter")
        expect(mia.page.locator("article .text")).to_have_text("one\ntwo", use_inner_text=True)
        expect(noa.composer).to_have_value("")


def test_a_text_that_is_too_long_says_so_and_stays(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address) as (noa, _):
        noa.composer.fill("ä" * 2000)
        expect(noa.page.get_by_text("96 bytes left")).to_be_visible()
        noa.composer.fill("ä" * 2049)
        expect(noa.page.get_by_text("2 bytes too long")).to_be_visible()
        expect(noa.page.get_by_role("button", name="Send")).to_be_disabled()
        noa.composer.press("Enter")
        expect(noa.composer).to_have_value("ä" * 2049)
        noa.is_accessible()
