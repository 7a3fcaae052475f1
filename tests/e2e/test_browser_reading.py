"""What counts as seen, where the list stands, and the ways between the pages, in real browsers."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import Person, pair
from tests.reliability.server import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_nothing_is_seen_while_the_page_is_hidden(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        noa.say("before")
        expect(noa.mark("before")).to_have_accessible_name("Seen")
        mia.hide()
        for number in range(40):
            noa.say(f"news {number}")
        expect(mia.page).to_have_title("(40) Noa · randomchat", timeout=20_000)
        expect(noa.mark("news 39")).to_have_accessible_name("Sent")
        assert mia.page.locator("link[rel=icon]").get_attribute("href", timeout=1000) != "/icon.svg"
        mia.show()
        expect(mia.page.get_by_text("New", exact=True)).to_be_in_viewport()
        expect(mia.message("news 0")).to_be_in_viewport()
        expect(mia.message("news 39")).not_to_be_in_viewport()
        expect(noa.mark("news 39")).to_have_accessible_name("Sent")
        mia.page.get_by_role("button", name="new message").click()
        expect(mia.message("news 39")).to_be_in_viewport()
        expect(noa.mark("news 39")).to_have_accessible_name("Seen")
        expect(mia.page).to_have_title("Noa · randomchat")
        mia.has_no_complaint()


def test_who_reads_back_is_not_pulled_down(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        for number in range(40):
            noa.say(f"line {number}")
        mia.sees("line 39")
        expect(mia.message("line 39")).to_be_in_viewport()
        mia.page.get_by_role("log").hover()
        mia.page.mouse.wheel(0, -900)
        expect(mia.message("line 39")).not_to_be_in_viewport()
        noa.say("one more")
        expect(mia.page.get_by_role("button", name="1 new message")).to_be_visible()
        mia.is_accessible()
        expect(noa.mark("one more")).to_have_accessible_name("Sent")
        mia.page.get_by_role("button", name="1 new message").click()
        expect(mia.message("one more")).to_be_in_viewport()
        expect(noa.mark("one more")).to_have_accessible_name("Seen")


def test_a_reload_keeps_the_conversation_and_the_draft(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        noa.say("before the reload")
        mia.sees("before the reload")
        mia.composer.fill("half a thou")
        mia.page.reload()
        mia.is_talking_to("Noa")
        mia.sees("before the reload")
        expect(mia.composer).to_have_value("half a thou")
        mia.say("after it")
        noa.sees("after it")
        mia.has_no_complaint()


def test_the_back_button_leaves_the_conversation_open(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        mia.page.go_back()
        expect(mia.page.get_by_role("heading", name="Your conversation is still open")).to_be_visible()
        mia.is_accessible()
        noa.say("are you there?")
        expect(noa.mark("are you there?")).to_have_accessible_name("Sent")
        mia.page.get_by_role("button", name="Go back to it").click()
        mia.sees("are you there?")
        expect(noa.mark("are you there?")).to_have_accessible_name("Seen")
        mia.has_no_complaint()


def test_chat_without_a_conversation_is_the_start(browser: Browser, embedded: ServerProcess) -> None:
    noa = Person(browser, embedded.address, "Noa")
    noa.page.goto(f"{embedded.address}/chat")
    expect(noa.page.get_by_label("Your name")).to_be_visible()
    expect(noa.page).to_have_url(f"{embedded.address}/")
    noa.has_no_complaint()
    noa.context.close()


def test_older_messages_come_with_scrolling(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        for number in range(90):
            noa.say(f"line {number}")
        expect(noa.mark("line 89")).to_have_accessible_name("Seen")  # else the list would begin where the unseen ones do
        mia.page.reload()
        mia.sees("line 89")
        assert mia.page.get_by_role("article").count() < 60
        log = mia.page.get_by_role("log")
        log.hover()
        deadline = time.monotonic() + 60
        while mia.message("line 0").count() == 0 and time.monotonic() < deadline:
            mia.page.mouse.wheel(0, -1500)
            mia.page.wait_for_timeout(100)
        expect(mia.message("line 0")).to_be_visible()
        mia.has_no_complaint()
