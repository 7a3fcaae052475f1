"""Whatever bytes come in over HTTP, they are answered with our body, or the connection ends soon."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from randomchat.infra import http_protocol
from tests.component.edge_server import EchoApp, connected, edge, exchange, request, upgrade


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with edge(EchoApp()) as (port, _):
        yield port


MALFORMED = {
    "bytes that are no HTTP": b"\x00\x01\x02\r\n\r\n",
    "a TLS greeting": bytes.fromhex("16030100c8010000c40303") + bytes(190),
    "an unknown version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an address that is no ASCII": request("GET /\xff HTTP/1.1"),
    "a space in the address": request("GET /a b HTTP/1.1"),
    "lines that end with a bare LF": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a folded header": request("GET / HTTP/1.1", "X: a\r\n b"),
    "a control character in a header": request("GET / HTTP/1.1", "X: a\x01b"),
    "a chunk without a size": request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\n\r\n"),
    "a chunk of enormous size": request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"f" * 19 + b"\r\n"),
    "a length and chunks": request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 3", body=b"0\r\n\r\n"),
    "a length that is no number": request("POST / HTTP/1.1", "Content-Length: abc"),
    "two lengths": request("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 3", body=b"abc"),
    "an upgrade without a key": upgrade().replace(b"Sec-WebSocket-Key", b"X-Key"),
    "an upgrade with a short key": upgrade().replace(b"AAAA==", b"AA=="),
    "an upgrade with two keys": upgrade("/", "Sec-WebSocket-Key: " + "B" * 22 + "=="),
    "an upgrade to another version": upgrade().replace(b"Version: 13", b"Version: 8"),
    "an upgrade without a version": upgrade().replace(b"Sec-WebSocket-Version", b"X-Version"),
    "an upgrade with a broken subprotocol": upgrade("/", "Sec-WebSocket-Protocol: (((,"),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_request_is_answered_with_400(port: int, data: bytes) -> None:
    async with connected(port) as client:
        client.send(data)
        answer = await client.read_answer()
        assert (answer.status, answer.error) == (400, "bad_request")
        assert await client.read_end() == b""


TOO_LONG = {
    "a request line": (414, "uri_too_long", request(f"GET /{'a' * 9000} HTTP/1.1")),
    "a request line without an end": (414, "uri_too_long", b"GET /" + b"a" * 500_000),
    "a header": (431, "headers_too_large", request("GET / HTTP/1.1", f"X: {'a' * 40_000}")),
    "a header without an end": (431, "headers_too_large", b"GET / HTTP/1.1\r\nX: " + b"a" * 500_000),
    "a list of headers": (431, "headers_too_large", request("GET / HTTP/1.1", *["X: a"] * 101)),
    "an upgrade's line": (414, "uri_too_long", upgrade("/" + "a" * 9000)),
    "an upgrade's header": (431, "headers_too_large", upgrade("/", f"Cookie: {'a' * 9000}")),
    "an upgrade's list of headers": (431, "headers_too_large", upgrade("/", *["X: a"] * 120)),
    "blank lines": (431, "headers_too_large", b"\r\n" * 30_000),
}


@pytest.mark.parametrize(("status", "code", "data"), TOO_LONG.values(), ids=TOO_LONG)
async def test_what_is_too_long_is_refused(port: int, status: int, code: str, data: bytes) -> None:
    answer = await exchange(port, data)
    assert (answer.status, answer.error) == (status, code)


async def test_a_long_address_is_refused_while_it_comes_in(port: int) -> None:
    async with connected(port) as client:
        client.send(b"GET /")
        for _ in range(9):
            client.send(b"a" * 1000)
            await client.writer.drain()
        assert (await client.read_answer()).status == 414


NO_WEBSOCKET = {
    "HTTP/1.0": upgrade().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "POST": upgrade().replace(b"GET", b"POST"),
    "POST with a body": upgrade("/", "Content-Length: 5").replace(b"GET", b"POST") + b"hello",
    "GET with a body": upgrade("/", "Content-Length: 5") + b"hello",
    "HTTP/2": request("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"),
    "HTTP/2 with a body": request("POST / HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", body=b"hello"),
    "two protocols": upgrade().replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
}


@pytest.mark.parametrize("data", NO_WEBSOCKET.values(), ids=NO_WEBSOCKET)
async def test_an_upgrade_to_something_else_is_an_ordinary_request(port: int, data: bytes) -> None:
    async with connected(port) as client:
        client.send(data)
        answer = await client.read_answer()
        assert answer.status == 200
        seen = json.loads(answer.body)
        assert seen["body"] == (5 if b"hello" in data else 0)
        assert "upgrade" not in seen["headers"]
        if not data.startswith(b"GET / HTTP/1.0"):
            client.send(request("GET /next HTTP/1.1"))
            assert json.loads((await client.read_answer()).body)["path"] == "/next"


async def test_an_unread_body_that_never_comes_holds_nothing_up(port: int) -> None:
    answer = await exchange(port, request("POST /unread HTTP/1.1", "Content-Length: 50", body=b"hello"))
    assert answer.error == "not_found"


async def test_trailers_do_not_become_headers(port: int) -> None:
    body = b"1\r\na\r\n0\r\nOrigin: http://localhost\r\n\r\n"
    answer = await exchange(port, request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body))
    assert json.loads(answer.body)["headers"] == ["host", "transfer-encoding"]


async def test_requests_of_one_connection_are_answered_in_order(port: int) -> None:
    async with connected(port) as client:
        client.send(b"".join(request(f"GET /{number} HTTP/1.1") for number in range(5)))
        paths = [json.loads((await client.read_answer()).body)["path"] for _ in range(5)]
    assert paths == ["/0", "/1", "/2", "/3", "/4"]


async def test_more_requests_at_once_than_anyone_waits_for_end_the_connection(port: int) -> None:
    async with connected(port) as client:
        client.send(request("GET /first HTTP/1.1") * 500)
        answered = 0
        with contextlib.suppress(EOFError, ConnectionError, asyncio.IncompleteReadError):
            while (await client.read_answer()).status == 200:
                answered += 1
    assert answered < 500


async def test_nonsense_behind_a_good_request_does_not_replace_its_answer(port: int) -> None:
    async with connected(port) as client:
        client.send(request() + b"\x00\x00\r\n\r\n")
        assert (await client.read_answer()).status == 200
        assert await client.read_end() == b""


async def test_an_upgrade_behind_another_request_is_not_mixed_up_with_its_answer(port: int) -> None:
    async with connected(port) as client:
        client.send(request() + upgrade())
        assert (await client.read_answer()).status == 200
        assert await client.read_end() == b""


async def test_a_refused_upgrade_carries_the_error_body(port: int) -> None:
    answer = await exchange(port, upgrade("/refused"))
    assert (answer.status, answer.error) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(http_protocol, "SILENCE_TIMEOUT_S", 0.3)


@pytest.mark.usefixtures("quick")
async def test_a_head_that_trickles_in_is_cut_off(port: int) -> None:
    async with connected(port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: local")
        answer = await client.read_answer()
        assert (answer.status, answer.error) == (400, "bad_request")


@pytest.mark.usefixtures("quick")
async def test_a_second_head_that_trickles_in_is_cut_off(port: int) -> None:
    async with connected(port) as client:
        client.send(request())
        assert (await client.read_answer()).status == 200
        client.send(b"GET / HT")
        assert (await client.read_answer()).status == 400


@pytest.mark.usefixtures("quick")
async def test_a_body_that_stops_is_cut_off(port: int) -> None:
    async with connected(port) as client:
        client.send(request("POST / HTTP/1.1", "Content-Length: 50", body=b"hello"))
        assert (await client.read_answer()).status == 400


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("data", [b"", b"\r\n"])
async def test_a_connection_that_asks_nothing_is_closed(port: int, data: bytes) -> None:
    async with connected(port) as client:
        client.send(data)
        assert await client.read_end() == b""


async def test_a_slow_body_is_taken_as_long_as_it_comes(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.1)
    monkeypatch.setattr(http_protocol, "SILENCE_TIMEOUT_S", 0.5)
    async with connected(port) as client:
        client.send(request("POST / HTTP/1.1", "Content-Length: 12"))
        for _ in range(12):
            await asyncio.sleep(0.06)
            client.send(b"x")
        assert json.loads((await client.read_answer()).body)["body"] == 12


async def test_one_connection_too_many_is_refused_whatever_it_asks() -> None:
    async with edge(EchoApp(), limits={"connections": 2}) as (port, _), contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            client = await stack.enter_async_context(connected(port))
            client.send(request())
            assert (await client.read_answer()).status == 200
        for data in (request(), upgrade()):
            answer = await exchange(port, data)
            assert (answer.status, answer.error, answer.headers["retry-after"]) == (503, "overloaded", "1")


async def test_a_place_is_free_again_when_a_connection_has_ended() -> None:
    async with edge(EchoApp(), limits={"connections": 1}) as (port, server):
        for _ in range(3):
            assert (await exchange(port, request())).status == 200
            while server.server_state.connections:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)
