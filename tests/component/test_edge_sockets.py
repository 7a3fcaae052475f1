"""WebSockets through the real edge: how they end, and what a peer can not do to the server."""

import asyncio
import contextlib
import io
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from randomchat.config import LogSettings
from randomchat.infra.telemetry import configure_logging
from randomchat.infra.websocket import SocketTransport
from tests.component.edge_server import EchoApp, edge, exchange, frame, request, socket_at, upgrade

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture
def app() -> EchoApp:
    return EchoApp()


@pytest.fixture
async def port(app: EchoApp) -> AsyncIterator[int]:
    async with edge(app) as (port, _):
        yield port


async def transport_of_first(app: EchoApp) -> SocketTransport:
    await app.joined.wait()
    return app.sockets[0]


async def code_of_first(app: EchoApp) -> int | None:
    async with asyncio.timeout(5):
        return await app.codes.get()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
async def test_a_message_of_any_size_goes_both_ways(port: int, size: int) -> None:
    async with socket_at(port) as client:
        client.send(frame(b"x" * size))
        assert await client.read_frame() == (TEXT, b"x" * size)


async def test_a_message_in_pieces_arrives_whole(port: int) -> None:
    async with socket_at(port) as client:
        client.send(frame(b"one ", fin=False) + frame(b"", 0, fin=False) * 1000 + frame(b"two", 0))
        assert await client.read_frame() == (TEXT, b"one two")


async def test_messages_that_come_at_once_are_answered_in_order(port: int) -> None:
    async with socket_at(port) as client:
        client.send(b"".join(frame(b"%d" % number) for number in range(1000)))
        assert [int((await client.read_frame())[1]) for _ in range(1000)] == list(range(1000))


async def test_the_chosen_subprotocol_alone_is_named(port: int) -> None:
    answer = await exchange(port, upgrade("/", "Sec-WebSocket-Protocol: randomchat.v1, token"))
    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "randomchat.v1"


async def test_a_ping_is_answered(port: int) -> None:
    async with socket_at(port) as client:
        client.send(frame(b"beat", PING))
        assert await client.read_frame() == (PONG, b"beat")


async def test_the_server_closes_with_a_code_and_the_peer_answers(app: EchoApp, port: int) -> None:
    async with socket_at(port) as client:
        transport = await transport_of_first(app)
        transport.send_text(b"last")
        transport.close(4503, "channel closed")
        assert transport.closed
        assert await client.read_frame() == (TEXT, b"last")
        assert await client.read_frame() == (CLOSE, (4503).to_bytes(2, "big") + b"channel closed")
        client.send(frame((4503).to_bytes(2, "big"), CLOSE))
        assert await client.read_end() == b""
    assert await code_of_first(app) == 4503


@pytest.mark.parametrize(("payload", "code"), [(b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"", 1005)])
async def test_a_close_frame_is_answered_and_its_code_told(app: EchoApp, port: int, payload: bytes, code: int) -> None:
    async with socket_at(port) as client:
        client.send(frame(payload, CLOSE))
        assert await client.read_frame() == (CLOSE, payload)
        assert await client.read_end() == b""
    assert await code_of_first(app) == code


@pytest.mark.parametrize("reset", [True, False])
async def test_a_broken_connection_is_told_from_a_closed_one(app: EchoApp, port: int, reset: bool) -> None:  # noqa: FBT001
    async with socket_at(port) as client:
        await app.joined.wait()
        if reset:
            client.writer.transport.abort()
        else:
            client.writer.write_eof()
        assert await code_of_first(app) == 1006


async def test_after_the_end_every_call_is_without_effect(app: EchoApp, port: int) -> None:
    async with socket_at(port):
        transport = await transport_of_first(app)
    await code_of_first(app)
    transport.send_text(b"late")
    transport.close(1000)
    transport.abort()
    await transport.drained()
    assert transport.closed
    assert transport.queued_bytes == 0


BROKEN = {
    "a text that is no UTF-8": (1007, frame(b"\xff\xfe")),
    "half a character": (1007, frame("é".encode()[:1])),
    "a message over 64 KiB": (1009, frame(b"x" * 65_537)),
    "pieces over 64 KiB": (1009, frame(b"x" * 40_000, fin=False) + frame(b"x" * 40_000, 0)),
    "a huge length": (1009, b"\x81\xff" + (1 << 60).to_bytes(8, "big") + bytes(100_000)),
    "an unmasked frame": (1002, b"\x81\x02hi"),
    "an unknown opcode": (1002, frame(b"", 3)),
    "a reserved bit": (1002, b"\xc1\x80" + bytes(4)),
    "a piece of nothing": (1002, frame(b"x", 0)),
    "a long ping": (1002, frame(b"x" * 126, PING)),
    "a close frame with half a code": (1002, frame(b"\x03", CLOSE)),
    "a close frame with a forbidden code": (1002, frame(b"\x03\xed", CLOSE)),
}


@pytest.mark.parametrize(("code", "data"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_frame_closes_with_its_code_and_no_log(
    app: EchoApp, port: int, code: int, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with socket_at(port) as client:
        client.send(data)
        assert await client.read_close() == code
        assert await code_of_first(app) == code
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def test_a_crash_of_the_service_closes_with_1011(port: int) -> None:
    async with socket_at(port, "/crash") as client:
        client.send(frame(b"x"))
        assert await client.read_close() == 1011


async def test_a_service_that_returns_closes_with_1000(port: int) -> None:
    async with socket_at(port, "/return") as client:
        client.send(frame(b"x"))
        assert await client.read_close() == 1000


@contextlib.asynccontextmanager
async def deaf_client(port: int, path: str = "/silent") -> AsyncIterator[socket.socket]:
    """A WebSocket that reads nothing after its handshake, and takes little into its own buffer."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, upgrade(path))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(connection, 1)
        yield connection


async def test_the_kernel_takes_little_for_a_peer_that_does_not_read(app: EchoApp, port: int) -> None:
    async with deaf_client(port):
        transport = await transport_of_first(app)
        for _ in range(1000):
            transport.send_text(b"x" * 996)
        for _ in range(20):
            await asyncio.sleep(0)
        assert transport.queued_bytes > 1_000_000 - 400_000
        transport.abort()


async def test_a_peer_that_does_not_read_is_cut_off_2_s_after_the_close(app: EchoApp, port: int) -> None:
    async with deaf_client(port):
        transport = await transport_of_first(app)
        for _ in range(1000):
            transport.send_text(b"x" * 1000)
        started = asyncio.get_running_loop().time()
        transport.close(4008, "too slow")
        transport.send_text(b"never sent")
        async with asyncio.timeout(5):
            await transport.drained()
        assert 1.8 < asyncio.get_running_loop().time() - started < 3
        assert transport.queued_bytes == 0


async def test_a_peer_that_reads_slowly_gets_everything_before_the_close(app: EchoApp, port: int) -> None:
    async with socket_at(port, "/silent") as client:
        transport = await transport_of_first(app)
        for number in range(2000):
            transport.send_text(b"%04d" % number + b"x" * 500)
        transport.close(4008)
        for number in range(2000):
            assert (await client.read_frame())[1].startswith(b"%04d" % number)
        assert await client.read_close() == 4008


async def test_a_peer_that_goes_half_and_does_not_read_is_cut_off(app: EchoApp, port: int) -> None:
    async with deaf_client(port) as connection:
        transport = await transport_of_first(app)
        for _ in range(1000):
            transport.send_text(b"x" * 1000)
        connection.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(5):
            await transport.drained()
        assert transport.queued_bytes == 0


async def test_pings_of_a_peer_that_does_not_read_fill_no_buffer(app: EchoApp, port: int) -> None:
    loop = asyncio.get_running_loop()
    async with deaf_client(port) as connection:
        transport = await transport_of_first(app)
        pings = frame(b"x" * 100, PING) * 1000
        for _ in range(50):
            await loop.sock_sendall(connection, pings)
        assert transport.queued_bytes < 300_000
        transport.abort()


async def test_a_service_that_does_not_read_holds_few_messages(app: EchoApp, port: int) -> None:
    loop = asyncio.get_running_loop()
    async with deaf_client(port) as connection:
        await app.joined.wait()
        message = frame(b"x" * 60_000)

        async def send_24_mb() -> None:
            for _ in range(400):
                await loop.sock_sendall(connection, message)

        with pytest.raises(TimeoutError):  # the kernel's buffers are full, because nobody reads
            await asyncio.wait_for(send_24_mb(), 1)


async def test_a_peer_that_answers_no_ping_is_cut_off(app: EchoApp) -> None:
    async with edge(app, chat={"beat_every_s": 0.2}) as (port, _), socket_at(port) as client:
        opcode, payload = await client.read_frame()
        assert opcode == PING
        client.send(frame(payload, PONG))
        assert (await client.read_frame())[0] == PING
        assert await client.read_end() == b""
        assert await code_of_first(app) == 1006


async def test_sockets_that_are_left_at_the_end_are_closed_with_1012(app: EchoApp) -> None:
    async with edge(app) as (port, server), socket_at(port) as client:
        await app.joined.wait()
        server.stop()
        assert await client.read_close() == 1012


async def test_no_more_connections_are_taken_while_the_old_ones_go_on(app: EchoApp) -> None:
    async with edge(app) as (port, server), socket_at(port) as client:
        server.stop_listening()
        await refused(port)
        client.send(frame(b"still here"))
        assert await client.read_frame() == (TEXT, b"still here")


async def refused(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the process logs, at its most talkative."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(LogSettings(level="debug"), stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = before
    logging.getLogger("randomchat").setLevel(logging.NOTSET)


async def test_no_token_and_no_cookie_is_logged(app: EchoApp, log: io.StringIO) -> None:
    async with edge(app) as (port, _):
        headers = ("Cookie: sid=SECRET1", "Sec-WebSocket-Protocol: randomchat.v1, SECRET2")
        async with socket_at(port, "/crash?access_token=SECRET3", *headers) as client:
            client.send(frame(b"SECRET4"))
            assert await client.read_close() == 1011
        await exchange(port, upgrade("/refused?access_token=SECRET5", *headers))
        await exchange(port, request("GET /crash?access_token=SECRET6 HTTP/1.1", *headers))
    assert log.getvalue().count("RuntimeError: crash") == 2
    assert "SECRET" not in log.getvalue()
