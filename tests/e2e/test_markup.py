"""Whatever a stranger sends is text, wherever it is shown: several hundred ways to plant markup, in a real browser."""

from __future__ import annotations

import io
import re
import wave
from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import cycle, pairwise
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from randomchat.chat.domain import Event
from tests.e2e.browser import Person
from tests.e2e.intruder import Intruder, file_payload, intruder_at
from tests.e2e.markup_seeds import SEEDS
from tests.e2e.markup_vectors import file_name_vectors, message_vectors, name_vectors
from tests.e2e.page_watch import Watch
from tests.reliability.server import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

TALL: ViewportSize = {"width": 1280, "height": 5_000}
"""A screen on which the list draws a whole chunk at once; few pixels a point keep that cheap."""
CHUNK, CHUNK_CHARACTERS = 40, 5_000
LINK, END = "https://example.org/plain", "This is the end."


@pytest.fixture
def intruder(embedded: ServerProcess) -> Iterator[Intruder]:
    with intruder_at(embedded.address) as intruder:
        yield intruder


@pytest.fixture
def mia(browser: Browser, embedded: ServerProcess) -> Iterator[Person]:
    person = Person(browser, embedded.address, "Mia", TALL, device_scale_factor=0.2)
    yield person
    person.context.close()


def chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """In order, so many at once as surely fit the screen."""
    chunk: list[str] = []
    for text in texts:
        if len(chunk) == CHUNK or sum(map(len, [*chunk, text])) > CHUNK_CHARACTERS:
            yield chunk
            chunk = []
        chunk.append(text)
    yield chunk


def begin(mia: Person, intruder: Intruder, name: str = "Noa") -> None:
    mia.search()
    intruder.meet(name)
    mia.is_talking_to(name)


def hold_links(articles: list[dict[str, Any]]) -> None:
    """Nothing was made of a text but links, of three schemes, which give no power over this page."""
    for link in (link for article in articles for link in article["made"]):
        assert link["tag"] == "a", link
        assert {*link["attributes"]} - {"class"} == {"href", "rel", "target"}, link
        assert urlsplit(link["href"]).scheme in {"http", "https", "mailto"}, link
        assert "noopener" in link["rel"].split(), link
        assert link["target"] == "_blank", link


def test_messages_are_text(mia: Person, intruder: Intruder) -> None:
    begin(mia, intruder)
    intruder.send(Event.TEXT, LINK)  # with it the page fetches what finds links
    expect(mia.page.locator("article a")).to_have_attribute("href", LINK)
    watch = Watch(mia)
    plain = watch.look()
    skeleton = plain["articles"][0]["skeleton"]
    vectors = message_vectors()
    assert len(vectors) >= 600
    for number, chunk in enumerate(chunks(vectors)):
        fence = f"chunk {number} is out"
        intruder.send(Event.TEXT, *chunk, fence)
        mia.sees(fence)
        look = watch.look()
        assert [article["text"] for article in look["articles"][-len(chunk) - 1 :]] == [*chunk, fence]
        assert {article["skeleton"] for article in look["articles"]} == {skeleton}
        assert look["around"] == plain["around"]
        assert {*look["rows"]} <= {*plain["rows"]}
        hold_links(look["articles"])
        expect(mia.page.locator(".unseen[aria-live]")).to_have_text(f"Noa: {fence}")
    intruder.send(Event.TEXT, END)
    mia.sees(END)
    hold_history(mia, vectors, skeleton)


def hold_history(mia: Person, vectors: list[str], skeleton: str) -> None:
    """The same after a reload: back to the start page by page, and down again past every message."""
    mia.page.reload()
    mia.is_talking_to("Noa")
    watch, shown = Watch(mia), dict[str, None]()
    mia.page.get_by_role("log").hover()
    for seek, step in ((LINK, -20_000), (END, 2_500)):
        shown.clear()
        while seek not in shown:
            look = watch.look()
            assert {article["skeleton"] for article in look["articles"]} <= {skeleton}
            hold_links(look["articles"])
            shown |= dict.fromkeys(article["text"] for article in look["articles"])
            mia.page.mouse.wheel(0, step)
            mia.page.wait_for_timeout(100)  # the list draws; should it never come there, the test runs into its time limit
    assert [text for text in shown if text in {*vectors}] == vectors


def test_names_are_text(browser: Browser, embedded: ServerProcess, intruder: Intruder) -> None:
    mia = Person(browser, embedded.address, "Mia")
    begin(mia, intruder)
    intruder.send(Event.TEXT, "Noa", LINK)
    expect(mia.page.locator("article a")).to_have_attribute("href", LINK)
    watch = Watch(mia)
    plain, sentences = watch.look(), sentences_with_name(mia)
    assert all("Noa" in sentence for sentence in sentences)
    names = ["Noa", *name_vectors()]
    for before, name in pairwise(names):
        intruder.leave()
        expect(mia.page.locator("main section [role=status]")).to_have_text(f"{before} has left the conversation.")
        mia.page.get_by_role("button", name="Find someone new").click()
        intruder.meet(name)
        mia.is_talking_to(name)
        intruder.send(Event.TEXT, name, LINK)
        expect(mia.page.locator("article a").last).to_have_attribute("href", LINK)
        look = watch.look()
        assert [article["text"] for article in look["articles"]] == [name, LINK]
        assert {article["sender"] for article in look["articles"]} == {f"{name}:"}
        assert [article["skeleton"] for article in look["articles"]] == [article["skeleton"] for article in plain["articles"]]
        assert (look["around"], look["rows"]) == (plain["around"], plain["rows"])
        assert sentences_with_name(mia) == [sentence.replace("Noa", name) for sentence in sentences]
    mia.context.close()


def sentences_with_name(mia: Person) -> list[str]:
    """Everywhere in the conversation that a name is shown or said."""
    mia.page.get_by_role("button", name="Leave", exact=True).click()
    sentences: list[str] = mia.page.evaluate(
        """() => [
          document.title,
          document.querySelector("main").getAttribute("aria-label"),
          ...["h1", "[role=log] h2", "dialog p", ".unseen[aria-live]"].map((one) => document.querySelector(one).textContent),
        ]"""
    )
    mia.page.keyboard.press("Escape")
    expect(mia.page.get_by_role("dialog")).to_have_count(0)
    return sentences


def test_interests_are_text(browser: Browser, embedded: ServerProcess) -> None:
    interest = SEEDS[1]
    noa, mia = (Person(browser, embedded.address, name) for name in ("Noa", "Mia"))
    watch = Watch(mia)
    mia.search(interest)
    expect(mia.page.locator(".chip bdi")).to_have_text([interest])
    noa.search(interest)
    mia.is_talking_to("Noa")
    expect(mia.page.locator(".chip bdi")).to_have_text([interest])
    watch.look()
    for person in (noa, mia):
        person.context.close()


def test_file_names_are_text(mia: Person, intruder: Intruder) -> None:
    begin(mia, intruder)
    contents = {"png": mia.page.screenshot(clip={"x": 0, "y": 0, "width": 8, "height": 8}), "wav": silence(), "txt": b"<b>x</b>"}
    watch = Watch(mia)
    for number, chunk in enumerate(chunks([*contents, *file_name_vectors()])):
        files = [(name, ext, intruder.upload(contents[ext], ext)) for name, ext in zip(chunk, cycle(contents), strict=False)]
        intruder.send(Event.FILE, *(file_payload(name, key) for name, _, key in files))
        intruder.send(Event.TEXT, f"chunk {number} is out")
        mia.sees(f"chunk {number} is out")
        look = look_at_rest(mia, watch, f"chunk {number} is out")
        shown = [(article["text"], article["labels"]) for article in look["articles"][-len(files) - 1 : -1]]
        assert shown == [expected(name, ext) for name, ext, _ in files]
        assert len({article["skeleton"] for article in look["articles"]}) == len(["text", *contents])
        for name, ext, key in files:
            hold_download(intruder, name, ext, key)
    use_files(mia, watch, chunk)


def look_at_rest(mia: Person, watch: Watch, last: str) -> dict[str, Any]:
    """The page, once its pictures are there and the list has followed to its end."""
    for _ in range(600):  # half a minute: pictures load slowly on a busy machine
        look = watch.look()
        labels = [label for article in look["articles"] for label in article["labels"]]
        if look["articles"][-1]["text"] == last and not any(label.startswith("Loading ") for label in labels):
            return look
        mia.page.wait_for_timeout(50)
    raise AssertionError("the list does not come to rest at its end")


def expected(name: str, ext: str) -> tuple[str, list[str]]:
    """What is shown of a file, and what is said of it."""
    if ext == "png":
        return "", [f"Show {name}"]
    return name, [f"Download {name}", *([name] if ext == "wav" else [])]


def hold_download(intruder: Intruder, name: str, ext: str, key: str) -> None:
    """Whoever saves a file gets it under its name, from an answer in which that name is nothing but a name."""
    query = urlencode({"okb64": b64encode(key.encode()).decode(), "name": name})
    answer = intruder.get(intruder.get(f"/api/uploader/download/presigned?{query}").json()["url"])
    assert answer.status == 200
    disposition = re.fullmatch(
        r"(inline|attachment); filename\*=UTF-8''([\w.~%-]+)", answer.headers["Content-Disposition"], re.ASCII
    )
    assert disposition is not None, answer.headers["Content-Disposition"]
    assert unquote(disposition[2]) == f"{name}.{ext}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers.get_all("Set-Cookie") is None


def use_files(mia: Person, watch: Watch, names: list[str]) -> None:
    """Looking at a picture and saving a file does no more than that."""
    mia.page.locator("article button[aria-label^=Show]").last.click()
    picture = mia.page.get_by_role("dialog").get_by_role("img")
    expect(picture).to_be_visible()
    name = picture.get_attribute("alt")
    assert name in names
    expect(mia.page.get_by_role("dialog")).to_have_accessible_name(str(name))
    expect(mia.page.get_by_role("dialog").locator("bdi")).to_have_text(str(name))
    mia.page.keyboard.press("Escape")
    with mia.page.expect_download() as download:
        mia.page.locator("article button[aria-label^=Download]").last.click()
    assert download.value.path().exists()
    watch.look()


def silence() -> bytes:
    """A short sound that a browser can play."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 1, 8000, 800, "NONE", ""))
        sound.writeframes(b"\x80" * 800)
    return file.getvalue()
