"""Files, from one real browser to another."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.deployment import Deployment
from tests.e2e.browser import pair

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

GIVE_FILE = """(element, [kind, name]) => {
  const transfer = new DataTransfer();
  const type = { png: "image/png", mp3: "audio/mpeg", txt: "text/plain" }[name.split(".")[1]];
  transfer.items.add(new File(["content"], name, { type }));
  const init = { bubbles: true, cancelable: true, clipboardData: transfer, dataTransfer: transfer };
  element.dispatchEvent(kind === "paste" ? new ClipboardEvent("paste", init) : new DragEvent("drop", init));
}"""


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "", "buffer": content}


def test_files_travel_and_are_shown_for_what_they_are(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address) as (noa, mia):
        picture = noa.page.screenshot()
        noa.page.locator("input[type=file]").set_input_files([file("view.png", picture), file("<b>notes</b>.txt", b"some notes")])
        show = mia.page.get_by_role("button", name="Show view.png")
        expect(show).to_be_enabled()
        show.click()
        viewer = mia.page.get_by_role("dialog", name="view.png")
        expect(viewer.get_by_role("img")).to_be_visible()
        mia.is_accessible()
        mia.page.keyboard.press("Escape")
        expect(viewer).to_have_count(0)
        expect(show).to_be_focused()
        with mia.page.expect_download() as download:
            mia.page.get_by_role("button", name="Download <b>notes</b>.txt").click()
        assert Path(download.value.path()).read_bytes() == b"some notes"
        mia.is_accessible()
        noa.has_no_complaint()
        mia.has_no_complaint()


def test_pasted_and_dropped_files_are_sent(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address) as (noa, mia):
        noa.composer.evaluate(GIVE_FILE, ["paste", "pasted.png"])
        expect(mia.page.get_by_role("button", name="pasted.png")).to_be_visible()
        noa.page.get_by_role("log").evaluate(GIVE_FILE, ["drop", "dropped.txt"])
        expect(mia.page.get_by_role("button", name="Download dropped.txt")).to_be_visible()


def test_what_a_browser_could_play_is_saved_where_that_is_asked_for(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address) as (noa, mia):
        with noa.page.expect_request(lambda request: request.method == "PUT") as put:
            noa.composer.evaluate(GIVE_FILE, ["paste", "song.mp3"])
        button = mia.page.get_by_role("button", name="Download song.mp3")
        expect(button).to_be_visible()
        with mia.page.expect_download() as download:
            button.click()
        assert Path(download.value.path()).read_bytes() == b"content"
        assert download.value.suggested_filename == "song.mp3"
        assert put.value.url.startswith(server.address) == download.value.url.startswith(server.address)
        noa.has_no_complaint()


def test_a_file_that_can_not_be_sent_says_why_and_goes_away(browser: Browser, server: Deployment) -> None:
    with pair(browser, server.address) as (noa, _):
        noa.page.locator("input[type=file]").set_input_files(file("page.svg", b"<svg/>"))
        expect(noa.page.get_by_role("alert")).to_have_text("Files of this type can't be sent.")
        noa.is_accessible()
        noa.page.get_by_role("button", name="Remove page.svg").click()
        expect(noa.page.get_by_role("list", name="Files on their way")).to_have_count(0)
