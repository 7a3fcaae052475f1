"""Requests that no page of ours sends: from other sites, under other names, smuggled, for other ports, and without end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from randomchat.infra import http_app, http_protocol
from randomchat.infra.http_protocol import ANSWERED_SURPLUS
from tests.component.edge_server import Answer, EchoApp, connected, edge, exchange, frame, request, socket_at, upgrade
from tests.security.conftest import Product

SAFE = {"GET", "HEAD", "OPTIONS"}
SOCKETS = ("/api/match", "/api/chat")
NEW_ACCOUNT = b'{"name":"Eve"}'


def routes_of(product: Product) -> list[tuple[str, str]]:
    """Every method and path that the product serves; what stands in braces is filled in."""
    apis = [product.services.user.api, product.services.match.rest, product.services.chat.rest, product.services.uploader]
    assert all(isinstance(api, FastAPI) for api in apis)
    routes = [route for api in apis for route in api.routes if isinstance(route, APIRoute)]
    return [
        (method, route.path.format(channel="1", file="abc.png"))
        for route in routes
        for method in sorted(route.methods or set())
        if method != "CONNECT"  # never gets as far as that
    ]


async def ask(product: Product, method: str, path: str, *headers: str, host: str = "localhost", body: bytes = b"") -> Answer:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    async with connected(product.port) as client:
        client.send(head + body)
        return await client.read_answer(head=method == "HEAD")


# ---------------------------------------------------------------- from other sites (CSRF, sockets of other sites)
FOREIGN = {
    "another site's page": ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"],
    "a page of another site in an old browser": ["Origin: https://evil.example"],
    "a form of another site that is sent as text": ["Origin: https://evil.example", "Content-Type: text/plain"],
    "a page without an origin": ["Origin: null"],
    "a browser that tells no origin": ["Sec-Fetch-Site: cross-site"],
    "our origin beside another": ["Origin: http://localhost", "Origin: https://evil.example"],
    "our name as a user": ["Origin: http://localhost@evil.example"],
    "our name as a part": ["Origin: http://localhost.evil.example"],
    "another program on this machine": ["Origin: http://localhost:1"],
    "another scheme": ["Origin: chrome-extension://localhost"],
}


async def test_nothing_is_changed_for_another_site(product: Product) -> None:
    ada, _ = await product.pair()
    credentials = [f"Cookie: sid={ada.cookie}", f"Authorization: Bearer {ada.token}"]
    changing = [route for route in routes_of(product) if route[0] not in SAFE]
    for (sender, foreign), (method, path) in itertools.product(FOREIGN.items(), changing):
        answer = await ask(product, method, path, *credentials, *foreign, body=NEW_ACCOUNT)
        assert (answer.status, answer.error) == (403, "origin_not_allowed"), (sender, method, path)
    for (sender, foreign), path in itertools.product(FOREIGN.items(), SOCKETS):
        query = f"?uid={ada.id}&access_token={ada.token}"
        answer = await exchange(product.port, upgrade(path + query, *credentials, *foreign))
        assert answer.status == (400 if len(foreign) > 1 and "Origin" in foreign[1] else 403), (sender, path)
    assert (await ada.ask("GET", "/api/user/me")).status == 200
    assert (await ada.ask("GET", "/api/chat/users")).status == 200


async def test_no_page_of_another_site_may_read_an_answer(product: Product) -> None:
    ada = await product.newcomer("Ada")
    headers = [f"Cookie: sid={ada.cookie}", "Origin: https://evil.example"]
    for method, path in routes_of(product):
        preflight = await ask(product, "OPTIONS", path, *headers, f"Access-Control-Request-Method: {method}")
        answer = await ask(product, method, path, *headers)
        for one in (preflight, answer):
            assert not [name for name in one.headers if name.startswith("access-control-")], (method, path)


# ---------------------------------------------------------------- under other names (DNS rebinding)
HOSTS = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example, localhost",
    "",
]


async def test_nothing_is_served_under_another_name(product: Product) -> None:
    routes = [*routes_of(product), ("GET", "/"), ("GET", "/chat"), ("GET", "/nothing")]
    for host, (method, path) in itertools.product(HOSTS, routes):
        origin = f"Origin: http://{host}:{product.port}"
        answer = await ask(product, method, path, origin, host=f"{host}:{product.port}" if host else "")
        assert answer.status == 403, (host, method, path)
    for host, path in itertools.product(HOSTS, SOCKETS):
        origin = f"Origin: http://{host}"
        data = upgrade(path, origin).replace(b"Host: localhost", f"Host: {host}".encode())
        answer = await exchange(product.port, data)
        assert (answer.status, answer.error) == (403, "host_not_allowed"), (host, path)


async def test_the_address_in_the_request_line_is_no_way_round_the_host(product: Product) -> None:
    answer = await ask(product, "GET", "http://localhost/", host="evil.example")
    assert (answer.status, answer.error) == (403, "host_not_allowed")


# ---------------------------------------------------------------- smuggled behind another request
CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = {
    "two hosts": (403, request("GET / HTTP/1.1", "Host: localhost")),
    "a space before the colon": (400, request("POST / HTTP/1.1", "Transfer-Encoding : chunked", body=b"0\r\n\r\n")),
    "another coding": (400, request("POST / HTTP/1.1", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    "a coding after chunks": (400, request("POST / HTTP/1.1", "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n")),
    "chunks twice": (400, request("POST / HTTP/1.1", CHUNKED, CHUNKED, body=b"0\r\n\r\n")),
    "chunks and a length": (400, request("POST / HTTP/1.1", CHUNKED, "Content-Length: 5", body=b"0\r\n\r\n")),
    "a length and chunks": (400, request("POST / HTTP/1.1", "Content-Length: 5", CHUNKED, body=b"0\r\n\r\n")),
    "the same length twice": (400, request("POST / HTTP/1.1", "Content-Length: 2", "Content-Length: 2", body=b"{}")),
    "a list of lengths": (400, request("POST / HTTP/1.1", "Content-Length: 2, 2", body=b"{}")),
    "a length with a sign": (400, request("POST / HTTP/1.1", "Content-Length: +2", body=b"{}")),
    "a length in hexadecimal": (400, request("POST / HTTP/1.1", "Content-Length: 0x2", body=b"{}")),
    "a length over 64 bits": (400, request("POST / HTTP/1.1", "Content-Length: 99999999999999999999", body=b"{}")),
    "a bare CR": (400, request("GET / HTTP/1.1", "X: a\rb")),
    "a bare LF": (400, b"GET / HTTP/1.1\r\nHost: localhost\nX: a\r\n\r\n"),
    "a bare LF after a chunk's size": (400, request("POST / HTTP/1.1", CHUNKED, body=b"2\n{}\n0\n\n")),
    "a bare LF in a chunk's extension": (400, request("POST / HTTP/1.1", CHUNKED, body=b"2;a\n{}\r\n0\r\n\r\n")),
    "a NUL in a name": (400, request("GET / HTTP/1.1", "X\0: a")),
    "a method in lower case": (400, request("get / HTTP/1.1")),
}


@pytest.mark.parametrize(("status", "data"), SMUGGLED.values(), ids=SMUGGLED)
async def test_no_request_is_smuggled_behind_one_that_can_be_read_in_two_ways(status: int, data: bytes) -> None:
    async with edge(EchoApp()) as (port, _), connected(port) as client:
        client.send(data + (request("GET /smuggled HTTP/1.1", "Connection: close") if status == 400 else b""))
        assert (await client.read_answer()).status == status
        if status == 400:
            assert await client.read_end() == b""


# ---------------------------------------------------------------- for other ports
PATHS = [
    "/metrics",
    "/livez",
    "/readyz",
    "//metrics",
    "/%6detrics",
    "/metrics/",
    "/metrics%00",
    "/metrics;x",
    "/./metrics",
    "/api/user/../../metrics",
    "/api/user/%2e%2e/%2e%2e/metrics",
    "/api/user/..%2f..%2fmetrics",
    "http://127.0.0.1:9/metrics",
    "/docs",
    "/openapi.json",
    "/assets/../../../../../etc/passwd",
    "/assets/%2e%2e/%2e%2e/config.py",
    "/..%5c..%5cconfig.py",
    "/%ff%fe",
]


async def test_no_path_leads_to_the_admin_port_or_to_other_files(product: Product) -> None:
    for path in PATHS:
        answer = await ask(product, "GET", path, "X-Original-URL: /metrics", "X-Rewrite-URL: /metrics")
        assert (answer.status, answer.error) == (404, "not_found"), path


# ---------------------------------------------------------------- without end (slow loris)
@pytest.mark.parametrize("data", [request("GET / HTTP/1.1", "X: " + "a" * 500), upgrade("/", "X: " + "a" * 500)])
async def test_a_head_that_comes_byte_by_byte_is_cut_off(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.3)
    async with edge(EchoApp()) as (port, _), connected(port) as client:
        for byte in data[:40]:
            client.send(bytes([byte]))
            await asyncio.sleep(0.01)
        assert (await client.read_answer()).status == 400


async def test_a_json_body_that_comes_byte_by_byte_is_given_up(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_app, "BODY_TIMEOUT_S", 0.3)
    async with connected(product.port) as client:
        client.send(request("POST /api/user HTTP/1.1", "Content-Length: 1000"))
        trickle = asyncio.create_task(send_for_ever(client.writer))
        answer = await client.read_answer()
        trickle.cancel()
    assert (answer.status, answer.error) == (400, "bad_request")


async def test_a_frame_that_does_not_come_to_its_end_is_cut_off() -> None:
    async with edge(EchoApp(), chat={"beat_every_s": 0.2}) as (port, _), socket_at(port) as client:
        client.send(frame(b"x" * 100)[:50])
        trickle = asyncio.create_task(send_for_ever(client.writer, every_s=0.02))
        assert (await client.read_frame())[0] == 9
        assert await client.read_end() == b""
        trickle.cancel()


async def send_for_ever(writer: asyncio.StreamWriter, every_s: float = 0.05) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b" ")
            await asyncio.sleep(every_s)


# ---------------------------------------------------------------- too many
async def test_connections_over_the_limit_are_refused_before_any_work_and_cost_nobody_a_place() -> None:
    app = EchoApp()
    async with edge(app, limits={"connections": 5}) as (port, _), contextlib.AsyncExitStack() as stack:
        inside = [await stack.enter_async_context(socket_at(port)) for _ in range(5)]
        surplus = [await stack.enter_async_context(connected(port)) for _ in range(ANSWERED_SURPLUS + 40)]
        answers = []
        for number, client in enumerate(surplus):
            client.send(request() if number % 2 else upgrade())
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                answers.append(await client.read_answer())
        assert len(answers) == ANSWERED_SURPLUS
        assert {(answer.status, answer.error, "retry-after" in answer.headers) for answer in answers} == {
            (503, "overloaded", True)
        }
        for client in inside:
            client.send(frame(b"still here"))
            assert await client.read_frame() == (1, b"still here")
        assert len(app.sockets) == 5
