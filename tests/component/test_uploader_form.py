"""The deprecated upload of forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.config import UploaderSettings
from tests.component.edge_server import Answer
from tests.component.uploader_site import ANNA, PNG, UploaderSite, json_of, site_on, site_on_folder

MAX_BYTES = 1 << 20
KIND = "Content-Type: multipart/form-data; boundary=XX"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UploaderSite]:
    async with site_on_folder(tmp_path, uploader=UploaderSettings(max_bytes=MAX_BYTES)) as site:
        yield site


@pytest.fixture(params=["folder", "bucket"])
async def each_site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UploaderSite]:
    """For what the store has a part in: one on each."""
    async with site_on(request.param, request, tmp_path, uploader=UploaderSettings(max_bytes=MAX_BYTES)) as site:
        yield site


def part(name: str, body: bytes, mime: str = "") -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
    return head.encode() + (f"Content-Type: {mime}\r\n" if mime else "").encode() + b"\r\n" + body + b"\r\n"


async def post(site: UploaderSite, *parts: bytes, kind: str = KIND) -> Answer:
    return await site.ask("POST", "/api/uploader/upload/files", kind, body=b"".join(parts) + b"--XX--\r\n", token=ANNA)


async def test_each_file_is_taken_and_answered_with_a_link(each_site: UploaderSite) -> None:
    files = {"a.png": PNG, "ä b.TXT": b"<text>", "LICENSE": b"", "big.zip": bytes(MAX_BYTES)}
    answer = await post(each_site, *(part(name, body) for name, body in files.items()))
    assert answer.status == 201
    uploaded = json_of(answer)["uploaded_files"]
    assert [file["name"] for file in uploaded] == list(files)
    for file, body in zip(uploaded, files.values(), strict=True):
        assert file.keys() == {"name", "url"}
        assert (await each_site.ask("GET", file["url"])).body == body


async def test_the_links_are_over_after_five_minutes(site: UploaderSite) -> None:
    url = json_of(await post(site, part("a.png", PNG)))["uploaded_files"][0]["url"]
    site.clock.advance(300)
    assert (await site.ask("GET", url)).status == 403


async def test_a_link_of_a_form_saves_the_file_under_its_name(site: UploaderSite) -> None:
    url = json_of(await post(site, part("a b.txt", b"x")))["uploaded_files"][0]["url"]
    assert (await site.ask("GET", url)).headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b.txt"


@pytest.mark.parametrize(
    ("name", "mime", "body"),
    [
        ("a.svg", "", b"x"),
        ("a.html", "", b"x"),
        ("a.png.html", "", b"x"),
        ("a.HTM", "image/png", b"x"),
        ("a.png", "image/svg+xml", b"x"),
        ("a.png", "text/html", PNG),
        ("LICENSE", "text/html", b"x"),
        ("a.png", "image/png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ],
)
async def test_a_type_that_is_not_taken_is_415(each_site: UploaderSite, name: str, mime: str, body: bytes) -> None:
    answer = await post(each_site, part(name, body, mime))
    assert (answer.status, answer.error) == (415, "type_not_allowed")
    assert await each_site.traces() == []


@pytest.mark.parametrize("mime", ["image/png", "application/octet-stream", ""])
async def test_a_type_that_fits_or_says_nothing_is_taken(site: UploaderSite, mime: str) -> None:
    assert (await post(site, part("a.png", PNG, mime))).status == 201


async def test_a_file_over_the_limit_is_413_and_leaves_nothing(each_site: UploaderSite) -> None:
    answer = await post(each_site, part("a.zip", bytes(MAX_BYTES + 1)))
    assert (answer.status, answer.error) == (413, "too_large")
    assert await each_site.traces() == []


@pytest.mark.parametrize("body", [b"", b"--XX\r\n", part("a.png", PNG)[:-10], b"nonsense"])
async def test_a_broken_form_is_400_and_leaves_nothing(each_site: UploaderSite, body: bytes) -> None:
    answer = await each_site.ask("POST", "/api/uploader/upload/files", KIND, body=body, token=ANNA)
    assert (answer.status, answer.error) == (400, "bad_request")
    assert await each_site.traces() == []


async def test_a_form_without_files_and_a_body_that_is_no_form_are_400(site: UploaderSite) -> None:
    assert (await post(site)).status == 400
    assert (await post(site, part("a.png", PNG), kind="Content-Type: application/json")).status == 400
    assert (await post(site, part("a.png", PNG).replace(b'"files"', b'"other"'))).status == 400


async def test_each_file_counts_as_an_upload(site: UploaderSite) -> None:
    answer = await post(site, *[part("a.png", PNG)] * 31)
    assert (answer.status, answer.error) == (429, "rate_limited")
    site.clock.advance(60)
    assert (await post(site, *[part("a.png", PNG)] * 30)).status == 201


@pytest.mark.parametrize("name", ["../../lock.png", "..\\lock.png", "/etc/passwd", "%2e%2e%2flock.png", ".."])
async def test_a_name_is_never_a_path(site: UploaderSite, name: str) -> None:
    answer = await post(site, part(name, PNG))
    assert answer.status == 201
    assert {trace.partition("/")[0] for trace in await site.traces()} == {"staged"}
