"""A WebSocket client that costs next to nothing, so that the load generator is never what is measured."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

NO_MASK = b"\0\0\0\0"
"""A mask of zeros leaves the payload as it is: allowed on the wire, and free."""
FINAL, MASKED, LENGTH_BITS = 0x80, 0x80, 0x7F
CLOSED_ABRUPTLY = 1006


class Opcode(IntEnum):
    """The kinds of frames that a server sends us."""

    TEXT = 1
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Door:
    """Where and with what a socket goes in."""

    path: str
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The upgrade was refused; the message is the status line."""


class Socket(asyncio.Protocol):
    """One connection. `on_text` gets each text message; `opened` and `closed` tell how far it is.

    Fragmented and compressed messages are not understood: the servers measured here send none.
    """

    def __init__(self, door: Door, on_text: Callable[[bytes], None]) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.on_text = on_text
        self._door = door
        self._rest = b""

    @classmethod
    async def connect(cls, port: int, door: Door, on_text: Callable[[bytes], None]) -> Socket:
        """The connection, for which no upgrade was asked yet."""
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: cls(door, on_text), "127.0.0.1", port)
        return socket

    def upgrade(self) -> None:
        headers = "".join(f"{name}: {value}\r\n" for name, value in self._door.headers)
        self._transport.write(
            f"GET {self._door.path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n".encode()
        )

    def send_text(self, text: bytes) -> None:
        self._transport.write(_frame(Opcode.TEXT, text))

    def close(self) -> None:
        self._transport.write(_frame(Opcode.CLOSE, struct.pack("!H", 1000)))

    def abort(self) -> None:
        self._transport.abort()

    # ---------------------------------------------------------------- what asyncio calls
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        start = 0 if self.opened.done() else self._end_of_handshake(data)
        self._rest = data[self._take_frames(data, start) :] if self.opened.done() else data

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionResetError("closed before the upgrade was answered"))
        if not self.closed.done():
            self.closed.set_result(CLOSED_ABRUPTLY)

    # ---------------------------------------------------------------- the wire
    def _end_of_handshake(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n") + 4
        if end >= 4:
            status = data[: data.find(b"\r\n")].decode("latin-1")
            if " 101 " in status:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(Refused(status))
                self._transport.close()
        return end

    def _take_frames(self, data: bytes, start: int) -> int:
        """Handle the complete frames, and return where the first incomplete one begins."""
        size = len(data)
        while size - start >= 2:
            length, body = data[start + 1] & LENGTH_BITS, start + 2
            if length >= 126:
                body += 2 if length == 126 else 8
                if size < body:
                    break
                length = int.from_bytes(data[start + 2 : body], "big")
            if size < body + length:
                break
            self._handle(data[start], data[body : body + length])
            start = body + length
        return start

    def _handle(self, head: int, body: bytes) -> None:
        if head == FINAL | Opcode.TEXT:
            self.on_text(body)
        elif head == FINAL | Opcode.PING:
            self._transport.write(_frame(Opcode.PONG, body))
        elif head == FINAL | Opcode.CLOSE:
            if not self.closed.done():
                self.closed.set_result(int.from_bytes(body[:2], "big"))
                self._transport.write(_frame(Opcode.CLOSE, body[:2]))
            self._transport.close()
        elif head != FINAL | Opcode.PONG:
            self._transport.abort()


def _frame(opcode: Opcode, body: bytes) -> bytes:
    size = len(body)
    if size < 126:
        return bytes((FINAL | opcode, MASKED | size)) + NO_MASK + body
    return struct.pack("!BBH", FINAL | opcode, MASKED | 126, size) + NO_MASK + body
