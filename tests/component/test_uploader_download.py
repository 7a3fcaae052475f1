"""Downloads by link, row by row of the contract."""

from __future__ import annotations

import asyncio
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.component.edge_server import Answer, connected, request
from tests.component.uploader_site import ANNA, BEN, EVE, PNG, UploaderSite, base64_of, site_on, site_on_folder

PRESIGN = "/api/uploader/download/presigned"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UploaderSite]:
    async with site_on_folder(tmp_path) as site:
        yield site


@pytest.fixture(params=["folder", "bucket"])
async def each_site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UploaderSite]:
    """For what the store has a part in: one on each."""
    async with site_on(request.param, request, tmp_path) as site:
        yield site


async def get(site: UploaderSite, url: str, *headers: str) -> Answer:
    return await site.ask("GET", url, *headers)


# The link


async def test_both_members_get_a_link_and_the_bytes(each_site: UploaderSite) -> None:
    key = await each_site.upload()
    for token in (ANNA, BEN):
        url = await each_site.link(key, token=token)
        assert not set(url) & set(" \"'<>\\")
        assert (await get(each_site, url)).body == PNG


async def test_the_key_comes_in_either_base64_padded_or_not(site: UploaderSite) -> None:
    for key in [await site.upload(ext=ext) for ext in ("png", "gif", "7z", "jpeg")]:
        for text in (b64encode(key.encode()), urlsafe_b64encode(key.encode())):
            for given in (text.decode(), text.decode().rstrip("=")):
                assert (await get_link(site, quote(given, safe=""))).status == 200


@pytest.mark.parametrize("okb64", ["", "!", "a", "%00", "Ny94=Ny94", "\u00e9", "gICA", "Ny94Ny94%20"])
async def test_what_is_not_base64_of_a_text_is_400(site: UploaderSite, okb64: str) -> None:
    answer = await get_link(site, quote(okb64, safe="%"))
    assert (answer.status, answer.error) in {(400, "bad_request"), (403, "forbidden")}, answer
    if okb64:
        assert answer.status == 400


async def test_another_channels_key_is_403(each_site: UploaderSite) -> None:
    key = await each_site.upload()
    answer = await each_site.ask("GET", f"{PRESIGN}?okb64={base64_of(key)}", token=EVE)
    assert (answer.status, answer.error) == (403, "forbidden")
    for foreign in ("8/x.png", "8/../7/x.png", "../7/x.png", "/7/x.png", "07/x.png", "x", ""):
        assert (await get_link(each_site, base64_of(foreign))).status == 403


async def test_a_key_that_was_never_uploaded_is_404(each_site: UploaderSite) -> None:
    key, _ = await each_site.presign()
    tricks = ["7/x.png", "7/", "7/..", "7/../lock", f"{key}/", f"{key}\0", f"{key}.html", key.replace(".png", ".svg")]
    for unknown in [key, *tricks]:
        answer = await get_link(each_site, base64_of(unknown))
        assert (answer.status, answer.error) == (404, "unknown_file"), unknown


async def test_a_link_outlives_its_object_only_as_a_404(each_site: UploaderSite) -> None:
    url = await each_site.link(await each_site.upload())
    await each_site.lose()
    answer = await get(each_site, url)
    assert (answer.status, answer.error) == (404, "not_found")


# How files are served


async def test_an_image_is_shown_and_can_do_nothing_else(each_site: UploaderSite) -> None:
    answer = await get(each_site, await each_site.link(await each_site.upload()))
    headers = answer.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-length"] == str(len(PNG))
    assert headers["content-disposition"].startswith("inline")
    assert_harmless(answer)


@pytest.mark.parametrize(
    ("ext", "content_type"),
    [
        ("", "application/octet-stream"),
        ("pdf", "application/pdf"),
        ("txt", "text/plain; charset=utf-8"),
        ("md", "text/plain; charset=utf-8"),
        ("zip", "application/zip"),
    ],
)
async def test_all_but_media_is_saved(each_site: UploaderSite, ext: str, content_type: str) -> None:
    answer = await get(each_site, await each_site.link(await each_site.upload(b"<html><script>", ext)))
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert_harmless(answer)


@pytest.mark.parametrize("ext", ["mp3", "ogg", "mp4", "webm", "gif", "webp", "avif"])
async def test_media_are_shown(site: UploaderSite, ext: str) -> None:
    answer = await get(site, await site.link(await site.upload(b"media", ext)))
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["content-type"].split("/")[0] in {"image", "audio", "video"}
    assert_harmless(answer)


async def test_a_file_is_saved_under_the_name_that_was_asked_for(each_site: UploaderSite) -> None:
    key = await each_site.upload(b"text", "txt")
    name = 'a "b"; filename=evil.exe ä\'\u05d0.txt'
    answer = await get(each_site, await each_site.link(key, more=f"&name={quote(name, safe='')}"))
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name, safe='')}"


async def test_media_are_saved_where_that_was_asked_for(site: UploaderSite) -> None:
    answer = await get(site, await site.link(await site.upload(), more="&save=true&name=a.png"))
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a.png"


@pytest.mark.parametrize("name", ["a%0D%0AX-Evil:1", "a%00", "%E2%80%AEgpj.exe", "x" * 256])
async def test_a_name_that_deceives_is_400(site: UploaderSite, name: str) -> None:
    answer = await site.ask("GET", f"{PRESIGN}?okb64={base64_of(await site.upload())}&name={name}", token=ANNA)
    assert (answer.status, answer.error) == (400, "bad_request")


async def test_what_was_sent_may_be_kept_by_the_browser_and_what_may_change_may_not(site: UploaderSite) -> None:
    key = await site.upload()
    assert (await get(site, await site.link(key))).headers["cache-control"] == "private, no-cache"
    await site.send(key)
    assert (await get(site, await site.link(key))).headers["cache-control"] == "private, max-age=300, immutable"


async def test_head_is_get_without_the_bytes(each_site: UploaderSite) -> None:
    url = await each_site.link(await each_site.upload())
    whole = await get(each_site, url)
    async with connected(each_site.port) as client:
        client.send(request(f"HEAD {url} HTTP/1.1", "Range: bytes=0-1"))
        answer = await client.read_answer(head=True)
        client.send(request(f"GET {url} HTTP/1.1"))
        assert (await client.read_answer()).body == PNG, "nothing follows the head"
    assert answer.status == 200
    assert drop_date(answer) == drop_date(whole)


# Parts and conditions


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("0-0", 0, 1), ("1-4", 1, 5), ("260-", 260, 264), ("-4", 260, 264), ("-999", 0, 264)]
)
async def test_a_part_is_206(each_site: UploaderSite, asked: str, start: int, stop: int) -> None:
    answer = await get(each_site, await each_site.link(await each_site.upload()), f"Range: bytes={asked}")
    assert (answer.status, answer.body) == (206, PNG[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(PNG)}"
    assert answer.headers["content-type"] == "image/png"
    assert_harmless(answer)


@pytest.mark.parametrize("asked", ["264-", "999-1000", "-0"])
async def test_a_part_outside_is_416(each_site: UploaderSite, asked: str) -> None:
    answer = await get(each_site, await each_site.link(await each_site.upload()), f"Range: bytes={asked}")
    assert (answer.status, answer.error) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(PNG)}"


@pytest.mark.parametrize("asked", ["x", "bytes=5-1", "bytes=0-0,2-3", "lines=1-2"])
async def test_a_range_that_is_not_understood_is_the_whole(site: UploaderSite, asked: str) -> None:
    answer = await get(site, await site.link(await site.upload()), f"Range: {asked}")
    assert (answer.status, answer.body) == (200, PNG)


async def test_a_client_that_has_the_file_is_told_so(each_site: UploaderSite) -> None:
    url = await each_site.link(await each_site.upload())
    etag = (await get(each_site, url)).headers["etag"]
    answer = await get(each_site, url, f"If-None-Match: {etag}")
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert (await get(each_site, url, 'If-None-Match: "other"')).body == PNG


async def test_a_part_of_another_version_is_the_whole(each_site: UploaderSite) -> None:
    url = await each_site.link(await each_site.upload())
    etag = (await get(each_site, url)).headers["etag"]
    assert (await get(each_site, url, "Range: bytes=0-1", f"If-Range: {etag}")).status == 206
    assert (await get(each_site, url, "Range: bytes=0-1", 'If-Range: "other"')).body == PNG


async def test_a_reader_that_goes_away_does_not_keep_the_file_open(site: UploaderSite, tmp_path: Path) -> None:
    key = await site.upload(bytes(20 << 20), "zip")
    async with connected(site.port) as client:
        client.send(request(f"GET {await site.link(key)} HTTP/1.1"))
        await client.reader.readexactly(1 << 20)
        assert open_files(tmp_path)
    for _ in range(500):
        if not open_files(tmp_path):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the file stays open")


def open_files(folder: Path) -> list[str]:
    return [file.path for file in psutil.Process().open_files() if file.path.startswith(str(folder))]


async def get_link(site: UploaderSite, okb64: str) -> Answer:
    return await site.ask("GET", f"{PRESIGN}?okb64={okb64}", token=ANNA)


def assert_harmless(answer: Answer) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert "allow" not in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["accept-ranges"] == "bytes"
    assert "html" not in answer.headers["content-type"]
    assert "svg" not in answer.headers["content-type"]


def drop_date(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}
