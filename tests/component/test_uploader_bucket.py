"""Files where they are in a bucket: browsers exchange bytes with the store itself, by links that open nothing else."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from urllib.parse import quote, urlsplit

import psutil
import pytest

from cluster.engines.seaweedfs import SeaweedEngine
from randomchat.errors import RandomchatError, Unavailable
from randomchat.ids import ChannelId
from randomchat.infra.file_types import examine
from randomchat.infra.object_store import ObjectKey, StoredObject
from randomchat.infra.object_store_s3 import PART_BYTES, S3ObjectStore
from tests.buckets import ORIGIN, fresh_s3
from tests.component.edge_server import Answer, connected, request
from tests.component.uploader_site import ANNA, BEN, EVE, PNG, UploaderSite, base64_of, site_on_bucket

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture
async def site(s3_engine: SeaweedEngine) -> AsyncIterator[UploaderSite]:
    async with site_on_bucket(s3_engine.settings) as site:
        yield site


def sized(body: bytes, mime: str = "image/png", ext: str = "png") -> str:
    return f"ext={ext}&size={len(body)}&type={mime}"


async def put(site: UploaderSite, url: str, *headers: str, body: bytes = PNG, mime: str = "image/png") -> Answer:
    return await site.ask("PUT", url, f"Content-Type: {mime}", *headers, body=body)


async def send_file(site: UploaderSite, body: bytes = PNG, mime: str = "image/png", ext: str = "png") -> str:
    """The key of a file that was uploaded past the server and sent."""
    key, url = await site.presign(sized(body, mime, ext))
    assert (await put(site, url, body=body, mime=mime)).status == 200
    await site.send(key)
    return key


def parsed(key: str) -> ObjectKey:
    found = ObjectKey.parse(key)
    assert found is not None
    return found


# Which links lead where


async def test_with_size_and_type_a_link_leads_to_the_store(site: UploaderSite) -> None:
    _, url = await site.presign(sized(PNG))
    assert url.startswith("http://127.0.0.1:")
    assert not set(url) & set(" \"'<>\\")


@pytest.mark.parametrize("query", ["ext=png", "ext=png&size=10", "ext=png&type=image/png"])
async def test_a_link_that_does_not_fix_both_leads_to_the_uploader(site: UploaderSite, query: str) -> None:
    key, url = await site.presign(query)
    assert url.startswith("/api/uploader/")
    assert (await put(site, url, body=PNG[:10])).status == 200
    assert await site.download(key) == PNG[:10]


async def test_what_was_uploaded_past_the_server_goes_to_both_members(site: UploaderSite) -> None:
    key = await send_file(site)
    for token in (ANNA, BEN):
        url = await site.link(key, token=token)
        assert url.startswith("http://")
        assert not set(url) & set(" \"'<>\\")
        assert (await site.ask("GET", url)).body == PNG
    assert (await site.ask("GET", f"/api/uploader/download/presigned?okb64={base64_of(key)}", token=EVE)).status == 403


async def test_what_is_not_sent_yet_is_served_by_the_uploader_alone(site: UploaderSite) -> None:
    key, url = await site.presign(sized(PNG))
    assert not await site.is_stored(key)
    assert (await put(site, url)).status == 200
    link = await site.link(key)
    answer = await site.ask("GET", link)
    assert (link.startswith("/api/uploader/"), answer.body) == (True, PNG)
    assert answer.headers["content-security-policy"].startswith("sandbox")


# What a link to upload opens


@pytest.mark.parametrize("body", [PNG[:-1], PNG + b"x", b""])
async def test_another_length_is_refused(site: UploaderSite, body: bytes) -> None:
    key, url = await site.presign(sized(PNG))
    assert (await put(site, url, body=body)).status == 403
    assert not await site.is_stored(key)


@pytest.mark.parametrize("mime", ["image/jpeg", "text/html", "image/svg+xml", "application/octet-stream"])
async def test_another_type_is_refused(site: UploaderSite, mime: str) -> None:
    key, url = await site.presign(sized(PNG))
    assert (await put(site, url, mime=mime)).status == 403
    assert not await site.is_stored(key)


async def test_a_link_without_its_signature_another_key_or_another_verb_is_refused(site: UploaderSite) -> None:
    key, url = await site.presign(sized(PNG))
    other, _ = await site.presign(sized(PNG))
    for bad in (
        url.replace(key, other),
        url.replace(key, key.replace("7/", "8/", 1)),
        url.replace("/staged/", "/kept/"),
        url.replace("X-Amz-Expires=300", "X-Amz-Expires=600"),
        url.replace("content-length%3B", ""),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0] + "?",
    ):
        assert bad != url
        assert (await put(site, bad)).status == 403, bad
    for verb in ("GET", "DELETE"):
        assert (await site.ask(verb, url)).status == 403
    assert await site.traces() == []


async def test_nothing_can_be_read_or_written_without_a_link(site: UploaderSite) -> None:
    key = await send_file(site)
    store = urlsplit(await site.link(key))
    bucket = store.path.split("/")[1]
    for path in (f"/{bucket}/kept/{key}", f"/{bucket}/staged/{key}", f"/{bucket}?list-type=2"):
        for verb in ("GET", "HEAD", "PUT", "DELETE"):
            async with connected(store.port or 80) as client:
                client.send(request(f"{verb} {path} HTTP/1.1", "Content-Length: 0"))
                assert (await client.read_answer(head=verb == "HEAD")).status == 403, (verb, path)


async def test_a_header_that_would_open_the_object_is_refused(site: UploaderSite) -> None:
    _, url = await site.presign(sized(PNG))
    for header in ("x-amz-acl: public-read", "x-amz-website-redirect-location: https://evil.example", "x-amz-tagging: a=b"):
        assert (await put(site, url, header)).status == 403
    assert await site.traces() == []


async def test_a_link_runs_out(s3_engine: SeaweedEngine) -> None:
    async with fresh_s3(s3_engine.settings) as s3, site_on_bucket(s3_engine.settings) as site:
        url = await s3.sign("get_object", ttl_s=1, Key="kept/nothing")
        assert (await site.ask("GET", url)).status == 404
        async with asyncio.timeout(5):
            while (await site.ask("GET", url)).status != 403:  # noqa: ASYNC110 - only asking shows it
                await asyncio.sleep(0.1)


# The moment of sending


async def test_putting_again_after_the_file_was_sent_changes_nothing(site: UploaderSite) -> None:
    better = PNG[:-1] + b"!"
    key, url = await site.presign(sized(PNG))
    for body in (PNG, better):
        assert (await put(site, url, body=body)).status == 200
    await site.send(key)
    assert (await put(site, url, body=PNG)).status == 200
    assert (await site.ask("GET", await site.link(key))).body == better
    await site.send(key)
    assert (await site.ask("GET", await site.link(key))).body == better


async def test_what_the_store_let_in_is_examined_when_it_is_sent(site: UploaderSite) -> None:
    key, url = await site.presign(sized(SVG))
    assert (await put(site, url, body=SVG)).status == 200
    for most in (len(SVG), len(SVG) - 1):
        with pytest.raises(RandomchatError) as refusal:
            await site.objects.promote(parsed(key), lambda found, head, most=most: examine(found, head, max_bytes=most))  # type: ignore[misc]
        assert refusal.value.code == ("type_not_allowed" if most == len(SVG) else "too_large")
    assert (await site.link(key)).startswith("/api/uploader/")


async def test_what_a_sender_says_of_the_bytes_is_not_served(site: UploaderSite) -> None:
    key, url = await site.presign(sized(PNG))
    assert (
        await put(site, url, "Content-Encoding: gzip", "Content-Language: x", "Expires: Thu, 01 Jan 2026 00:00:00 GMT")
    ).status == 200
    await site.send(key)
    headers = (await site.ask("GET", await site.link(key))).headers
    assert not {"content-encoding", "content-language", "expires"} & headers.keys()


async def test_promotions_from_two_processes_are_one(s3_engine: SeaweedEngine) -> None:
    async with fresh_s3(s3_engine.settings) as s3:
        nodes = [S3ObjectStore(s3) for _ in range(4)]
        for number in range(10):
            key = ObjectKey.new(ChannelId(7), "png", number)

            async def change(key: ObjectKey = key) -> None:
                for at in range(20):
                    await s3.call("put_object", Key=f"staged/{key}", Body=b"%03d" % at)

            await s3.call("put_object", Key=f"staged/{key}", Body=b"999")
            promotions = (node.promote(key, lambda _, __: None) for node in nodes)
            *promoted, _ = await asyncio.gather(*promotions, change(), return_exceptions=True)
            fixed = {info.etag for info in promoted if isinstance(info, StoredObject)}
            assert all(isinstance(outcome, StoredObject | Unavailable) for outcome in promoted)
            assert fixed == {(await nodes[0].stat(key)).etag} or not fixed


# How the store serves


@pytest.mark.parametrize(
    ("ext", "mime", "served", "disposition"),
    [
        ("png", "image/png", "image/png", "inline"),
        ("mp4", "video/mp4", "video/mp4", "inline"),
        ("mp3", "audio/mp3", "audio/mpeg", "inline"),
        ("pdf", "application/pdf", "application/pdf", "attachment"),
        ("md", "text/markdown", "text/plain; charset=utf-8", "attachment"),
        ("", "application/zip", "application/octet-stream", "attachment"),
    ],
)
async def test_type_and_disposition_are_those_of_the_key(
    site: UploaderSite, ext: str, mime: str, served: str, disposition: str
) -> None:
    key = await send_file(site, b"bytes", mime, ext)
    headers = (await site.ask("GET", await site.link(key))).headers
    assert headers["content-type"] == served
    assert headers["content-disposition"].startswith(f"{disposition}; filename*=UTF-8''")
    assert headers["cache-control"] == "private, max-age=300, immutable"


async def test_a_file_is_saved_under_the_name_that_was_asked_for(site: UploaderSite) -> None:
    key, name = await send_file(site), 'a "b"; filename=evil.exe ä\'\u05d0.png'
    url = await site.link(key, more=f"&save=true&name={quote(name, safe='')}")
    assert not set(url) & set(" \"'<>\\")
    assert (await site.ask("GET", url)).headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name, safe='')}"


async def test_type_and_name_of_a_link_can_not_be_changed(site: UploaderSite) -> None:
    url = await site.link(await send_file(site))
    for bad in (url.replace("image%2Fpng", "text%2Fhtml"), url.replace("inline", "attachment"), url + "&response-expires=0"):
        assert bad != url
        assert (await site.ask("GET", bad)).status == 403


async def test_the_store_serves_parts(site: UploaderSite) -> None:
    url = await site.link(await send_file(site))
    answer = await site.ask("GET", url, "Range: bytes=1-4")
    assert (answer.status, answer.body, answer.headers["content-range"]) == (206, PNG[1:5], f"bytes 1-4/{len(PNG)}")


# Browsers


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
async def test_a_page_of_ours_may_ask_the_store(site: UploaderSite, method: str) -> None:
    _, url = await site.presign(sized(PNG))
    asked = ["Access-Control-Request-Headers: content-type"] if method == "PUT" else []
    answer = await preflight(site, url, ORIGIN, method, *asked)
    assert answer.status in {200, 204}
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert method in answer.headers["access-control-allow-methods"]
    assert not asked or "content-type" in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    answer = await put(site, url, f"Origin: {ORIGIN}", "Sec-Fetch-Site: cross-site")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [("https://evil.example", "PUT", "content-type"), (ORIGIN, "DELETE", "content-type"), (ORIGIN, "PUT", "x-amz-acl")],
)
async def test_others_may_not(site: UploaderSite, origin: str, method: str, headers: str) -> None:
    _, url = await site.presign(sized(PNG))
    answer = await preflight(site, url, origin, method, f"Access-Control-Request-Headers: {headers}")
    allowed = answer.headers.get("access-control-allow-origin") == origin
    assert not (allowed and method in answer.headers.get("access-control-allow-methods", "") and headers in str(answer.headers))


async def preflight(site: UploaderSite, url: str, origin: str, method: str, *headers: str) -> Answer:
    return await site.ask("OPTIONS", url, f"Origin: {origin}", f"Access-Control-Request-Method: {method}", *headers)


# Through the uploader


async def test_memory_stays_flat_while_a_large_file_streams_through(s3_engine: SeaweedEngine) -> None:
    size, process, most = 64 << 20, psutil.Process(), 0
    async with site_on_bucket(s3_engine.settings) as site:
        await site.upload(bytes(2 * PART_BYTES), "zip")
        key, url = await site.presign("ext=zip")
        before = process.memory_info().rss
        async with connected(site.port, patience_s=60) as client:
            client.send(request(f"PUT {url} HTTP/1.1", f"Content-Length: {size}"))
            for number in range(size >> 20):
                client.send(bytes([number]) * (1 << 20))
                await client.writer.drain()
                most = max(most, process.memory_info().rss)
            assert (await client.read_answer()).status == 200
        found = await site.objects.stat(parsed(key))
        assert (found.size, most - before < 40 << 20) == (size, True), f"{(most - before) >> 20} MiB more"
        async with site.objects.open(found.key) as opened:
            last = b"".join([piece async for piece in opened.read(size - 3, size)])
        assert last == bytes([63]) * 3


async def test_a_large_upload_that_breaks_off_leaves_nothing(site: UploaderSite) -> None:
    key, url = await site.presign("ext=zip")
    async with connected(site.port) as client:
        client.send(request(f"PUT {url} HTTP/1.1", f"Content-Length: {3 * PART_BYTES}", body=bytes(PART_BYTES + 1)))
        await wait_for(site, something=True)
        assert not await site.is_stored(key)
    await wait_for(site, something=False)


async def wait_for(site: UploaderSite, *, something: bool) -> None:
    async with asyncio.timeout(10):
        while bool(await site.traces()) != something:  # noqa: ASYNC110 - only looking shows it
            await asyncio.sleep(0.02)


async def test_the_links_of_a_form_lead_to_the_uploader_until_the_file_is_sent(site: UploaderSite) -> None:
    body = b'--X\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + PNG + b"\r\n--X--\r\n"
    form = "Content-Type: multipart/form-data; boundary=X"
    answer = await site.ask("POST", "/api/uploader/upload/files", form, body=body, token=ANNA)
    assert answer.status == 201
    (name,) = await site.traces()
    await site.send(name.removeprefix("staged/"))
    okb64 = b64encode(name.removeprefix("staged/").encode()).decode()
    link = await site.ask("GET", f"/api/uploader/download/presigned?okb64={okb64}", token=BEN)
    assert b'"url":"http' in link.body
