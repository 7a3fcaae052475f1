"""The pages, and the rules for browsers that come with them."""

from collections.abc import AsyncIterator

import pytest

from randomchat.web.app import create_app
from tests.component.edge_server import connected, edge, exchange, request, upgrade


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with edge(create_app()) as (port, _):
        yield port


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


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/client.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
async def test_all_that_the_page_names_is_there(port: int, path: str, kind: str) -> None:
    page = await exchange(port, request())
    assert f'"{path}"'.encode() in page.body
    answer = await exchange(port, request(f"GET {path} HTTP/1.1"))
    assert (answer.status, answer.headers["content-type"]) == (200, kind)


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


@pytest.mark.parametrize("path", ["/nothing", "/chat/", "/index.html", "/static/client.js", "/../app.py", "/%2e%2e/app.py"])
async def test_there_is_nothing_else(port: int, path: str) -> None:
    answer = await exchange(port, request(f"GET {path} HTTP/1.1"))
    assert (answer.status, answer.error) == (404, "not_found")


async def test_pages_are_only_read(port: int) -> None:
    answer = await exchange(port, request("POST / HTTP/1.1", "Content-Length: 0"))
    assert (answer.status, answer.error, answer.headers["allow"]) == (405, "method_not_allowed", "GET, HEAD")
    assert (await exchange(port, upgrade("/"))).error == "not_found"
