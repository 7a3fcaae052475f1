"""A small application behind the real edge, and a client that speaks bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from randomchat.config import Settings
from randomchat.errors import NotFound, RandomchatError
from randomchat.infra.http_errors import error_response
from randomchat.infra.http_guard import HttpGuard, ServiceRouter
from randomchat.infra.http_server import HttpServer, public_server
from randomchat.infra.runtime import bind
from randomchat.infra.websocket import Incoming, SocketTransport, accept, refuse_upgrade, transport_of


@dataclass
class EchoApp:
    """Answers a request with what it was, a WebSocket message with the same, and notes how each socket ended.

    A socket at `/refused` is not let in; one at `/silent` reads nothing; one at `/crash` or `/return` leaves when it is told to.
    """

    sockets: list[SocketTransport] = field(default_factory=list)
    codes: asyncio.Queue[int | None] = field(default_factory=asyncio.Queue)
    received: list[str | bytes] = field(default_factory=list)
    joined: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._talk(scope, receive, send)
        elif scope["path"] == "/crash":
            raise RuntimeError("crash")
        elif scope["path"] == "/unread":
            await error_response(NotFound())(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body, more = body + event["body"], event["more_body"]
        answer = {"method": scope["method"], "path": scope["path"], "client": scope["client"][0], "scheme": scope["scheme"]}
        names = [name.decode() for name, _ in scope["headers"]]
        await JSONResponse({**answer, "body": len(body), "headers": names})(scope, receive, send)

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/refused":
            await refuse_upgrade(scope, receive, send, RandomchatError(code="unavailable"))
            return
        await accept(receive, send, "randomchat.v1" if "randomchat.v1" in scope["subprotocols"] else None)
        transport = transport_of(scope)
        self.sockets.append(transport)
        self.joined.set()
        incoming = Incoming(receive)
        if path == "/silent":
            await asyncio.Event().wait()
        async for message in incoming:
            self.received.append(message)
            if path == "/crash":
                raise RuntimeError("crash")
            if path == "/return":
                return
            transport.send_text(message.encode() if isinstance(message, str) else message)
        self.codes.put_nowait(incoming.close_code)


@contextlib.asynccontextmanager
async def edge(app: Any, **settings: Any) -> AsyncIterator[tuple[int, HttpServer]]:
    """Serve an application on a free port: `(port, server)`."""
    all_settings = Settings(**settings)
    listener = bind("127.0.0.1", 0)
    server = public_server(HttpGuard(ServiceRouter({"/": app}), all_settings), all_settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.ready.wait()
    try:
        yield listener.getsockname()[1], server
    finally:
        server.stop()
        await task
        server.abort_connections()


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The code of a refusal, whose body must be complete."""
        body = json.loads(self.body)
        assert set(body) == {"msg", "code", "retryable"}
        return str(body["code"])


class Client:
    """A connection whose bytes are all ours. Whatever it awaits must come within `patience_s`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float = 5.0) -> None:
        self.reader, self.writer, self.patience_s = reader, writer, patience_s

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_answer(self, *, head: bool = False) -> Answer:
        async with asyncio.timeout(self.patience_s):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:-2])}
            size = 0 if head else int(headers.get("content-length", 0))
            return Answer(int(lines[0].split()[1]), headers, await self.reader.readexactly(size))

    async def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        async with asyncio.timeout(self.patience_s):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 15, await self.reader.readexactly(size)

    async def read_close(self) -> int:
        """The code of the close frame; frames before it are skipped."""
        opcode, payload = await self.read_frame()
        while opcode != 8:
            opcode, payload = await self.read_frame()
        return int.from_bytes(payload[:2], "big") if payload else 1005

    async def read_end(self) -> bytes:
        """What comes until the server closes; a reset connection is an end too."""
        async with asyncio.timeout(self.patience_s):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read()
            return b""


@contextlib.asynccontextmanager
async def connected(port: int, patience_s: float = 5.0) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer, patience_s)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def exchange(port: int, request: bytes, patience_s: float = 5.0) -> Answer:
    """Send bytes on a new connection, and read one answer."""
    async with connected(port, patience_s) as client:
        client.send(request)
        return await client.read_answer()


def request(line: str = "GET / HTTP/1.1", *headers: str, body: bytes = b"") -> bytes:
    """A request to localhost with more headers."""
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode("latin-1") + body


def upgrade(path: str = "/", *headers: str) -> bytes:
    """A good WebSocket handshake with more headers."""
    handshake = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: " + "A" * 22 + "==",
    ]
    return request(f"GET {path} HTTP/1.1", *handshake, *headers)


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """A client's frame; the mask is zero, which leaves the payload readable."""
    first = bytes([0x80 * fin | opcode])
    if len(payload) < 126:
        return first + bytes([0x80 | len(payload)]) + bytes(4) + payload
    if len(payload) < 65536:
        return first + b"\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload
    return first + b"\xff" + len(payload).to_bytes(8, "big") + bytes(4) + payload


@contextlib.asynccontextmanager
async def socket_at(port: int, path: str = "/", *headers: str) -> AsyncIterator[Client]:
    """An open WebSocket."""
    async with connected(port) as client:
        client.send(upgrade(path, *headers))
        answer = await client.read_answer()
        assert answer.status == 101, answer
        yield client
