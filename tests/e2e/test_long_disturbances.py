"""A browser that stands still for a minute and a half, and a server that does for twelve seconds.

Both must be waited for in earnest. The clocks that decide are those of a kernel, of a real Chromium and of a real server: for how
long its pings may stay unanswered, when it calls somebody away, from when on it takes itself to have stood still. No test can
move them without putting something else in the place of what it tests.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from playwright.sync_api import Browser, WebSocket, expect

from tests.e2e.browser import ARGUMENTS, CHROMIUM, Person, pair
from tests.reliability.server import ServerProcess

pytestmark = [pytest.mark.cluster, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

BROWSER_STOPS_S = 90
"""Longer than two pings and the grace after them: by then the server has given the socket up, and the person is away."""
SERVER_STOPS_S = 12
"""Longer than the 10 s after which a node trusts nothing that it knew, so that it closes all its sockets."""


def test_a_browser_that_slept_catches_up_by_itself(browser: Browser, embedded: ServerProcess) -> None:
    with another_chromium(browser) as (sleepy, group):
        noa, mia = Person(browser, embedded.address, "Noa"), Person(sleepy, embedded.address, "Mia")
        for person in (noa, mia):
            person.search()
        noa.is_talking_to("Mia")
        mia.is_talking_to("Noa")
        mia.say("good night")
        noa.sees("good night")
        mark_page(mia)
        with stopped(group):
            texts = [f"sheep {number}" for number in range(1, 10)]
            for text in texts:
                noa.say(text)
                noa.page.wait_for_timeout(BROWSER_STOPS_S * 1000 / len(texts))
            expect(noa.presence).to_have_text("Away")
            for text in texts:
                expect(noa.mark(text)).to_have_accessible_name("Sent")
        mia.sees(texts[-1])
        expect(noa.mark(texts[-1])).to_have_accessible_name("Seen", timeout=25_000)
        expect(noa.presence).to_have_text("Online")
        mia.say("good morning")
        noa.sees("good morning")
        for person in (noa, mia):
            assert person.texts() == ["good night", *texts, "good morning"]
            person.has_no_complaint(disturbed=True)
        assert is_marked(mia)
        noa.context.close()


def test_after_a_servers_standstill_the_sockets_come_back_by_themselves(browser: Browser, embedded: ServerProcess) -> None:
    with pair(browser, embedded.address) as (noa, mia):
        noa.say("before")
        mia.sees("before")
        opened = {person.name: note_sockets(person) for person in (noa, mia)}
        for person in (noa, mia):
            mark_page(person)
        with stopped(embedded.pid):
            noa.say("into the silence")
            mia.page.wait_for_timeout(SERVER_STOPS_S * 1000)
            expect(noa.mark("into the silence")).to_have_accessible_name("Sending")
        mia.sees("into the silence")
        mia.say("after")
        noa.sees("after")
        expect(noa.mark("into the silence")).to_have_accessible_name("Seen", timeout=25_000)
        for person in (noa, mia):
            assert person.texts() == ["before", "into the silence", "after"]
            assert opened[person.name], "the old sockets outlived the standstill"
            assert not opened[person.name][-1].is_closed()
            assert is_marked(person)
            person.has_no_complaint(disturbed=True)


def note_sockets(person: Person) -> list[WebSocket]:
    """Those that the page opens from now on."""
    sockets: list[WebSocket] = []
    person.page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - Playwright takes no built-in method
    return sockets


def mark_page(person: Person) -> None:
    """A mark that a reload would wipe out."""
    person.page.evaluate("document.body.dataset.marked = 'yes'")


def is_marked(person: Person) -> bool:
    return bool(person.page.evaluate("document.body.dataset.marked === 'yes'"))


@contextmanager
def another_chromium(browser: Browser) -> Iterator[tuple[Browser, int]]:
    """A second browser, and the process group that all of its processes are in."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    groups = {os.getpgid(child.pid) for child in psutil.Process().children(recursive=True) if child.pid not in before}
    assert len(groups) == 1
    yield other, groups.pop()
    other.close()


@contextmanager
def stopped(group: int) -> Iterator[None]:
    """All processes of the group stand still."""
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
