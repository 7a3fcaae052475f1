"""The pages, and the rules for browsers that come with them."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.infra.runtime import StartupError
from randomchat.web.app import create_app
from tests.component.edge_server import connected, edge, exchange, request, upgrade

KINDS = {
    "js": ("text/javascript; charset=utf-8", "application/javascript; charset=utf-8"),
    "css": ("text/css; charset=utf-8",),
    "svg": ("image/svg+xml",),
    "png": ("image/png",),
    "webmanifest": ("application/manifest+json",),
}


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with edge(create_app()) as (port, _):
        yield port


async def script_path(port: int) -> str:
    page = await exchange(port, request())
    found = re.search(r'<script [^>]*src="(/assets/[^"]+)"', page.body.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/", "/chat"])
async def test_a_page_is_html_under_a_strict_policy(port: int, path: str) -> None:
    answer = await exchange(port, request(f"GET {path} HTTP/1.1"))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} <= {
        *policy
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert b"<script>" not in answer.body


async def test_pages_may_reach_files_that_are_elsewhere_and_no_other_place() -> None:
    async with edge(create_app("https://files.example")) as (port, _):
        answer = await exchange(port, request())
    rules = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert {name for name, sources in rules.items() if "files.example" in sources} == {"img-src", "media-src", "connect-src"}
    assert rules["connect-src"] == "'self' https://files.example"


async def test_all_that_the_page_names_is_there(port: int) -> None:
    page = await exchange(port, request())
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.body.decode())
    assert {name.rsplit(".", 1)[1] for name in named} >= {"js", "css", "svg"}
    for path in named:
        answer = await exchange(port, request(f"GET {path} HTTP/1.1"))
        assert answer.status == 200
        assert answer.headers["content-type"] in KINDS[path.rsplit(".", 1)[1]]


async def test_robots_are_told_what_to_read(port: int) -> None:
    answer = await exchange(port, request("GET /robots.txt HTTP/1.1"))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")


async def test_what_has_a_hash_in_its_name_is_kept_for_ever_and_the_page_is_not(port: int) -> None:
    script = await exchange(port, request(f"GET {await script_path(port)} HTTP/1.1"))
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await exchange(port, request())).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None), (None, None)],
)
async def test_a_script_is_sent_compressed_as_the_browser_takes_it(port: int, accepted: str | None, chosen: str | None) -> None:
    path = await script_path(port)
    plain = await exchange(port, request(f"GET {path} HTTP/1.1"))
    answer = await exchange(
        port, request(f"GET {path} HTTP/1.1", *([f"Accept-Encoding: {accepted}"] if accepted is not None else []))
    )
    assert (answer.status, answer.headers.get("content-encoding")) == (200, chosen)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert (len(answer.body) < len(plain.body)) == (chosen is not None)
    if chosen != "br":
        body = gzip.decompress(answer.body) if chosen else answer.body
        assert body == plain.body


async def test_a_server_whose_client_is_not_built_says_so_at_its_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="not built"):
        create_app(dist=tmp_path)


async def test_a_page_that_has_not_changed_is_not_sent_again(port: int) -> None:
    etag = (await exchange(port, request())).headers["etag"]
    answer = await exchange(port, request("GET / HTTP/1.1", f"If-None-Match: {etag}"))
    assert (answer.status, answer.body) == (304, b"")


async def test_head_tells_what_get_would(port: int) -> None:
    async with connected(port) as client:
        client.send(request("HEAD / HTTP/1.1"))
        head = await client.read_answer(head=True)
        client.send(request())
        page = await client.read_answer()
    assert (head.status, head.headers["content-length"]) == (200, str(len(page.body)))


@pytest.mark.parametrize(
    "path", ["/nothing", "/chat/", "/index.html", "/.stamp", "/assets/", "/assets/../index.html", "/../app.py", "/%2e%2e/app.py"]
)
async def test_there_is_nothing_else(port: int, path: str) -> None:
    answer = await exchange(port, request(f"GET {path} HTTP/1.1"))
    assert (answer.status, answer.error) == (404, "not_found")


async def test_pages_are_only_read(port: int) -> None:
    answer = await exchange(port, request("POST / HTTP/1.1", "Content-Length: 0"))
    assert (answer.status, answer.error, answer.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")
    assert (await exchange(port, upgrade("/"))).error == "not_found"
