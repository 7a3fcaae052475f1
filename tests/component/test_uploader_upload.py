"""Uploads by link, row by row of the contract."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.config import LimitSettings, UploaderSettings
from tests.component.edge_server import connected, request
from tests.component.uploader_site import ANNA, BEN, EVE, PNG, UploaderSite, site_on, site_on_folder

MAX_BYTES = 1 << 20
PRESIGN = "/api/uploader/upload/presigned"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[UploaderSite]:
    async with site_on_folder(tmp_path, uploader=UploaderSettings(max_bytes=MAX_BYTES)) as site:
        yield site


@pytest.fixture(params=["folder", "bucket"])
async def each_site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UploaderSite]:
    """For what the store has a part in: one on each."""
    async with site_on(request.param, request, tmp_path, uploader=UploaderSettings(max_bytes=MAX_BYTES)) as site:
        yield site


def sized(body: bytes, mime: str = "image/png") -> str:
    return f"ext=png&size={len(body)}&type={mime}"


# The link


async def test_a_link_comes_with_a_key_of_the_own_channel(site: UploaderSite) -> None:
    key, url = await site.presign()
    assert re.fullmatch(r"7/[0-9a-f]{43}\.png", key)
    assert url.startswith("/api/uploader/")
    assert not set(url) & set(" \"'<>\\")


async def test_keys_are_never_the_same(site: UploaderSite) -> None:
    assert len({(await site.presign())[0] for _ in range(20)}) == 20


async def test_an_empty_extension_makes_a_key_without_one(site: UploaderSite) -> None:
    key, url = await site.presign("ext=")
    assert re.fullmatch(r"7/[0-9a-f]{43}", key)
    assert (await site.ask("PUT", url, body=b"anything")).status == 200


async def test_the_extension_is_taken_in_any_case(site: UploaderSite) -> None:
    key, _ = await site.presign("ext=PNG")
    assert key.endswith(".png")


@pytest.mark.parametrize(
    "ext", ["svg", "SVG", "html", "htm", "xhtml", "js", "exe", "png.html", ".png", "png%00", "..%2Fpng", "%20"]
)
async def test_an_extension_that_is_not_taken_is_415(site: UploaderSite, ext: str) -> None:
    answer = await site.ask("GET", f"{PRESIGN}?ext={ext}", token=ANNA)
    assert (answer.status, answer.error) == (415, "type_not_allowed")


@pytest.mark.parametrize(
    "query",
    [
        "ext=png&type=image/svg%2Bxml",
        "ext=png&type=text/html",
        "ext=jpg&type=image/png",
        "ext=txt&type=text/html",
        "ext=&type=text/html",
        "ext=&type=image/svg%2Bxml",
        "ext=png&type=x",
    ],
)
async def test_a_type_that_contradicts_the_extension_is_415(site: UploaderSite, query: str) -> None:
    answer = await site.ask("GET", f"{PRESIGN}?{query}", token=ANNA)
    assert (answer.status, answer.error) == (415, "type_not_allowed")


@pytest.mark.parametrize("query", ["", "ext=png&size=-1", "ext=png&size=x", "ext=png&size=1.5", "ext=png&size="])
async def test_bad_input_is_400_and_names_the_field(site: UploaderSite, query: str) -> None:
    answer = await site.ask("GET", f"{PRESIGN}?{query}", token=ANNA)
    assert (answer.status, answer.error) == (400, "bad_request")


async def test_a_size_over_the_limit_is_413(site: UploaderSite) -> None:
    assert (await site.ask("GET", f"{PRESIGN}?ext=png&size={MAX_BYTES}", token=ANNA)).status == 200
    answer = await site.ask("GET", f"{PRESIGN}?ext=png&size={MAX_BYTES + 1}", token=ANNA)
    assert (answer.status, answer.error) == (413, "too_large")


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nobody", "Basic anna", "anna"])
async def test_without_a_good_token_it_is_401(site: UploaderSite, authorization: str | None) -> None:
    headers = [] if authorization is None else [f"Authorization: {authorization}"]
    for target in (f"{PRESIGN}?ext=png", "/api/uploader/download/presigned?okb64=Ny94"):
        answer = await site.ask("GET", target, *headers)
        assert (answer.status, answer.error) == (401, "unauthorized")
    answer = await site.ask("POST", "/api/uploader/upload/files", *headers)
    assert (answer.status, answer.error) == (401, "unauthorized")


async def test_where_the_chat_is_away_it_is_503(site: UploaderSite) -> None:
    site.chat.away = True
    answer = await site.ask("GET", f"{PRESIGN}?ext=png", token=ANNA)
    assert (answer.status, answer.error) == (503, "unavailable")
    assert answer.headers["retry-after"]


async def test_the_thirty_first_link_in_a_minute_is_429_and_refused_ones_do_not_count(site: UploaderSite) -> None:
    for _ in range(30):
        await site.presign()
        assert (await site.ask("GET", f"{PRESIGN}?ext=svg", token=ANNA)).status == 415
    answer = await site.ask("GET", f"{PRESIGN}?ext=png", token=ANNA)
    assert (answer.status, answer.error, answer.headers["retry-after"]) == (429, "rate_limited", "60")
    await site.presign(token=BEN)
    site.clock.advance(60)
    await site.presign()


async def test_links_are_not_counted_where_limits_are_off(tmp_path: Path) -> None:
    async with site_on_folder(tmp_path, limits=LimitSettings(enabled=False)) as site:
        for _ in range(40):
            await site.presign()


# The bytes


async def test_what_was_put_can_be_read(each_site: UploaderSite) -> None:
    assert await each_site.download(await each_site.upload()) == PNG


async def test_a_key_without_its_bytes_is_not_there(each_site: UploaderSite) -> None:
    key, _ = await each_site.presign()
    assert not await each_site.is_stored(key)


@pytest.mark.parametrize("content_type", [None, "image/png", "application/x-www-form-urlencoded", "text/html", "?"])
async def test_without_a_signed_type_the_header_does_not_matter(each_site: UploaderSite, content_type: str | None) -> None:
    key, url = await each_site.presign()
    headers = [] if content_type is None else [f"Content-Type: {content_type}"]
    assert (await each_site.ask("PUT", url, *headers, body=PNG)).status == 200
    served = await each_site.ask("GET", await each_site.link(key))
    assert served.headers["content-type"] == "image/png"


async def test_size_and_type_of_the_link_are_those_of_the_upload(site: UploaderSite) -> None:
    key, url = await site.presign(sized(PNG))
    assert (await site.ask("PUT", url, "Content-Type: image/png", body=PNG)).status == 200
    assert await site.download(key) == PNG


@pytest.mark.parametrize("content_type", ["image/jpeg", "text/html", "image/svg+xml", "application/octet-stream"])
async def test_another_type_than_signed_is_415(site: UploaderSite, content_type: str) -> None:
    key, url = await site.presign(sized(PNG))
    answer = await site.ask("PUT", url, f"Content-Type: {content_type}", body=PNG)
    assert (answer.status, answer.error) == (415, "type_not_allowed")
    assert not await site.is_stored(key)


@pytest.mark.parametrize("body", [PNG[:-1], PNG + b"x", b""])
async def test_another_size_than_signed_is_400(site: UploaderSite, body: bytes) -> None:
    key, url = await site.presign(sized(PNG))
    answer = await site.ask("PUT", url, "Content-Type: image/png", body=body)
    assert (answer.status, answer.error) == (400, "bad_request")
    assert not await site.is_stored(key)
    assert await site.traces() == []


@pytest.mark.parametrize("body", [PNG[:-1], PNG + b"x", PNG * 2])
async def test_another_size_than_signed_is_400_also_in_chunks(site: UploaderSite, body: bytes) -> None:
    key, url = await site.presign(sized(PNG))
    answer = await site.ask("PUT", url, "Transfer-Encoding: chunked", body=chunked(body))
    assert (answer.status, answer.error) == (400, "bad_request")
    assert not await site.is_stored(key)
    assert (await site.ask("PUT", url, "Transfer-Encoding: chunked", body=chunked(PNG))).status == 200
    assert await site.download(key) == PNG


async def test_more_than_the_limit_is_413_before_it_comes(each_site: UploaderSite) -> None:
    _, url = await each_site.presign()
    answer = await each_site.ask("PUT", url, f"Content-Length: {MAX_BYTES + 1}")
    assert (answer.status, answer.error) == (413, "too_large")


async def test_more_than_the_limit_is_413_also_in_chunks(each_site: UploaderSite) -> None:
    key, url = await each_site.presign()
    answer = await each_site.ask("PUT", url, "Transfer-Encoding: chunked", body=chunked(bytes(MAX_BYTES + 1)))
    assert (answer.status, answer.error) == (413, "too_large")
    assert not await each_site.is_stored(key)
    assert await each_site.traces() == []


async def test_as_much_as_the_limit_is_taken(each_site: UploaderSite) -> None:
    assert await each_site.download(await each_site.upload(bytes(MAX_BYTES))) == bytes(MAX_BYTES)


@pytest.mark.parametrize("ext", ["png", "jpg", "gif", "webp", "mp4"])
@pytest.mark.parametrize("body", [SVG, b"<!doctype html><script>alert(1)</script>", b"\xef\xbb\xbf \n" + SVG])
async def test_markup_under_another_name_is_415(each_site: UploaderSite, ext: str, body: bytes) -> None:
    key, url = await each_site.presign(f"ext={ext}")
    answer = await each_site.ask("PUT", url, body=body)
    assert (answer.status, answer.error) == (415, "type_not_allowed")
    assert not await each_site.is_stored(key)


async def test_another_put_takes_the_place_of_the_first_until_the_file_is_sent(each_site: UploaderSite) -> None:
    key, url = await each_site.presign()
    for body in (PNG, PNG + b"better"):
        assert (await each_site.ask("PUT", url, body=body)).status == 200
    await each_site.send(key)
    for body in (PNG, PNG + b"changed", b""):
        await each_site.ask("PUT", url, body=body)
        assert await each_site.download(key) == PNG + b"better"


# The end of a link, and what it does not open


async def test_a_link_is_over_after_five_minutes(each_site: UploaderSite) -> None:
    key, url = await each_site.presign()
    each_site.clock.advance(299)
    assert (await each_site.ask("PUT", url, body=PNG)).status == 200
    download = await each_site.link(key)
    each_site.clock.advance(1)
    answer = await each_site.ask("PUT", url, body=PNG + b"late")
    assert (answer.status, answer.error) == (403, "forbidden")
    each_site.clock.advance(298)
    assert (await each_site.ask("GET", download)).body == PNG
    each_site.clock.advance(1)
    assert (await each_site.ask("GET", download)).status == 403


async def test_a_link_is_for_its_own_key_verb_size_and_type(site: UploaderSite) -> None:
    key, url = await site.presign(sized(PNG))
    other, _ = await site.presign()
    for bad in (
        url.replace(key, other),
        url.replace(key, key.replace("7/", "8/", 1)),
        url.replace("size=264", "size=265"),
        url.replace("type=image%2Fpng", "type=text%2Fhtml"),
        url.replace(".png", ".svg"),
        url + "&size=1",
        url[:-1],
        url.partition("?")[0],
        url.partition("?")[0].replace(key, f"{key.split('/')[0]}/..%2Flock"),
    ):
        assert (await site.ask("PUT", bad, body=PNG)).status in {403, 404}, bad
    assert (await site.ask("GET", url)).status == 403
    assert (await site.ask("PUT", await site.link(await site.upload()), body=PNG)).status == 403


@pytest.mark.parametrize(
    "path", ["../lock", "..%2f..%2flock", "7/../../lock", "7%2f..%2flock", "%00", "7/%00", "/etc/passwd", "7/.."]
)
async def test_no_path_leads_out_of_the_store(site: UploaderSite, path: str) -> None:
    _, url = await site.presign()
    query = url.partition("?")[2]
    for method in ("PUT", "GET"):
        answer = await site.ask(method, f"/api/uploader/objects/{path}?{query}", body=b"x" if method == "PUT" else b"")
        assert answer.status in {403, 404, 405}, answer
        assert answer.error
    assert await site.traces() == []


async def test_pages_of_other_sites_can_put_nothing(each_site: UploaderSite) -> None:
    key, url = await each_site.presign()
    for header in ("Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"):
        assert (await each_site.ask("PUT", url, header, body=PNG)).status == 403
    assert not await each_site.is_stored(key)
    assert (await each_site.ask("PUT", url, "Origin: http://localhost", body=PNG)).status == 200


# Broken connections


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(site: UploaderSite) -> None:
    key, url = await site.presign()
    async with connected(site.port) as client:
        client.send(request(f"PUT {url} HTTP/1.1", f"Content-Length: {MAX_BYTES}", body=bytes(MAX_BYTES // 2)))
        await wait_for(site, something=True)
        assert not await site.is_stored(key)
    await wait_for(site, something=False)
    assert not await site.is_stored(key)
    assert (await site.ask("PUT", url, body=PNG)).status == 200


async def test_a_body_that_is_shorter_than_it_says_is_not_taken(each_site: UploaderSite) -> None:
    key, url = await each_site.presign()
    async with connected(each_site.port) as client:
        client.send(request(f"PUT {url} HTTP/1.1", f"Content-Length: {len(PNG) + 1}", body=PNG))
        client.writer.write_eof()
        await client.read_end()
    await wait_for(each_site, something=False)
    assert not await each_site.is_stored(key)


async def test_whoever_trickles_is_given_up(tmp_path: Path) -> None:
    async with site_on_folder(tmp_path, uploader=UploaderSettings(least_bytes_per_second=1000, slow_s=0.2)) as site:
        key, url = await site.presign()
        form = "Content-Type: multipart/form-data; boundary=X"
        for line in (f"PUT {url} HTTP/1.1", "POST /api/uploader/upload/files HTTP/1.1"):
            async with connected(site.port) as client:
                client.send(request(line, f"Authorization: Bearer {ANNA}", form, "Content-Length: 5000", body=b"--X\r\n"))
                answer = await client.read_answer()
            assert (answer.status, answer.error) == (503, "unavailable")
            assert b"slowly" in answer.body
        assert not await site.is_stored(key)
        await wait_for(site, something=False)


async def test_what_follows_a_body_is_not_part_of_it(site: UploaderSite) -> None:
    key, url = await site.presign()
    async with connected(site.port) as client:
        client.send(request(f"PUT {url} HTTP/1.1", f"Content-Length: {len(PNG)}", body=PNG + b"more"))
        assert (await client.read_answer()).status == 200
    assert await site.download(key) == PNG


async def test_uploads_of_one_key_at_once_leave_one_of_them_whole(each_site: UploaderSite) -> None:
    key, url = await each_site.presign()
    bodies = [bytes([number]) * 300_000 for number in range(1, 6)]
    answers = await asyncio.gather(*(each_site.ask("PUT", url, body=body) for body in bodies))
    assert {answer.status for answer in answers} == {200}
    assert await each_site.download(key) in bodies


async def test_a_stranger_gets_a_key_of_the_own_channel_and_no_file_without_a_link(site: UploaderSite) -> None:
    eve_key, _ = await site.presign(token=EVE)
    assert eve_key.startswith("8/")
    answer = await site.ask("GET", f"/api/uploader/objects/{await site.upload()}", token=EVE)
    assert (answer.status, answer.error) == (403, "forbidden")


def chunked(body: bytes, size: int = 70_000) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def wait_for(site: UploaderSite, *, something: bool) -> None:
    """Wait until there is something in the store, or nothing."""
    for _ in range(500):
        if bool(await site.traces()) == something:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")
