"""Kills, cuts, tunnels, reloads and standstills: each ends right without anyone reloading a page by hand."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.e2e.browser import ARGUMENTS, CHROMIUM, Person, pair
from tests.reliability.server import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

STANDSTILL_S = float(os.environ.get("STANDSTILL_S", "20"))
"""For how long a browser is stopped: longer than the grace of a broken socket."""


def show_the_same(noa: Person, mia: Person, texts: list[str]) -> None:
    """Both have these messages, each once, in this order."""
    for person in (noa, mia):
        for text in texts:
            person.sees(text)
        assert person.texts() == texts
        person.has_no_complaint(disturbed=True)


def test_a_server_that_is_killed_and_started_again_loses_nothing(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        noa.say("before")
        mia.sees("before")
        embedded.kill()
        noa.say("into the dark")
        expect(noa.mark("into the dark")).to_have_accessible_name("Sending")
        expect(noa.page.get_by_text("Connection lost")).to_be_visible()
        noa.is_accessible()
        embedded.start()
        embedded.wait_until_ready()
        mia.sees("into the dark")
        expect(noa.mark("into the dark")).to_have_accessible_name("Seen")
        expect(noa.page.get_by_text("Connection lost")).to_be_hidden()
        mia.say("there again")
        show_the_same(noa, mia, ["before", "into the dark", "there again"])


def test_who_was_offline_catches_up(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        mia.context.set_offline(True)
        mia.say("from the tunnel")
        expect(mia.page.get_by_text("You are offline.")).to_be_visible(timeout=15_000)
        mia.is_accessible()
        noa.say("are you in the tunnel?")
        expect(noa.mark("are you in the tunnel?")).to_have_accessible_name("Sent")
        mia.context.set_offline(False)
        mia.sees("are you in the tunnel?")
        noa.sees("from the tunnel")
        expect(mia.page.get_by_text("You are offline.")).to_be_hidden()
        assert sorted(noa.texts()) == sorted(mia.texts()) == ["are you in the tunnel?", "from the tunnel"]
        assert noa.texts() == mia.texts()


def test_a_socket_that_is_cut_comes_back(browser: Browser, embedded: ServerProcess) -> None:
    sockets: list[WebSocketRoute] = []

    def pass_on(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    with pair(browser, embedded.address) as (noa, mia):
        mia.page.route_web_socket("**/api/chat**", pass_on)
        mia.page.reload()
        mia.is_talking_to("Noa")
        noa.say("before the cut")
        mia.sees("before the cut")
        sockets[-1].close(code=1011)
        mia.say("after the cut")
        noa.sees("after the cut")
        show_the_same(noa, mia, ["before the cut", "after the cut"])


def test_a_reload_in_mid_send_sends_once(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        texts = [f"quick {number}" for number in range(12)]
        for text in texts:
            noa.say(text)
        noa.page.reload()
        noa.is_talking_to("Mia")
        show_the_same(noa, mia, texts)


def test_two_tabs_show_the_same(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        noa.say("in the first tab")
        second = duplicate(noa)
        expect(second.get_by_role("article")).to_have_count(1)
        mia.say("to both")
        expect(second.get_by_text("to both", exact=True)).to_be_visible()
        noa.sees("to both")
        second.get_by_role("textbox", name="Message").fill("from the second")
        second.keyboard.press("Enter")
        show_the_same(noa, mia, ["in the first tab", "to both", "from the second"])
        second.close()
        noa.say("the first goes on")
        mia.sees("the first goes on")
        expect(mia.presence).to_have_text("Online")


def duplicate(person: Person) -> Page:
    """A second tab with a copy of the first one's storage, as the browser's own "duplicate" makes it."""
    with person.context.expect_page() as opened:
        person.page.evaluate("window.open(location.href)")
    return opened.value


def test_a_browser_that_stood_still_catches_up(browser: Browser, embedded: ServerProcess) -> None:
    with another_chromium(browser) as (sleepy, processes):
        noa, mia = Person(browser, embedded.address, "Noa"), Person(sleepy, embedded.address, "Mia")
        noa.search()
        mia.search()
        noa.is_talking_to("Mia")
        mia.is_talking_to("Noa")
        mia.say("good night")
        noa.sees("good night")
        send(signal.SIGSTOP, processes)
        try:
            noa.say("sleep well")
            time.sleep(STANDSTILL_S)
            expect(noa.mark("sleep well")).to_have_accessible_name("Sent")
        finally:
            send(signal.SIGCONT, processes)
        mia.sees("sleep well")
        mia.say("good morning")
        show_the_same(noa, mia, ["good night", "sleep well", "good morning"])
        noa.context.close()


@contextmanager
def another_chromium(browser: Browser) -> Iterator[tuple[Browser, list[psutil.Process]]]:
    """A second browser, and all its processes once its pages are open."""
    before = set(psutil.Process().children(recursive=True))
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    own = [process for process in psutil.Process().children(recursive=True) if process not in before]
    roots = [process for process in own if process.parent() not in own]
    yield other, roots
    other.close()


def send(number: signal.Signals, roots: list[psutil.Process]) -> None:
    """The signal to these processes and to all that they have started."""
    for root in roots:
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
