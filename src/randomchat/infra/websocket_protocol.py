"""How WebSockets come in: uvicorn's protocol, as a `SocketTransport` that bounds what a peer can make the server hold."""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport
from typing import Any, cast

import structlog
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import OPEN

from randomchat.errors import Close, InvalidInput, Overloaded, RandomchatError
from randomchat.infra.http_errors import raw_error_response
from randomchat.infra.token_bucket import TokenBucket
from randomchat.infra.websocket import CLOSED_ABRUPTLY, TRANSPORT_EXTENSION
from randomchat.infra.websocket_handshake import Handshake

CLOSE_TIMEOUT_S = 2.0
KERNEL_SEND_BYTES = 64 * 1024
"""Linux doubles it: so much leaves our hands for a peer that does not read."""
WRITE_HIGH_BYTES = 64 * 1024
WRITE_LOW_BYTES = 16 * 1024
UNREAD_MAX_MESSAGES = 32
"""How many messages are taken from the kernel before the service has asked for them."""
REASON_MAX_BYTES = 120
PIECE_BYTES = 4 * 1024
"""How much of what has come in is taken apart at a time: it may be thousands of tiny frames, and everybody else waits."""
FRAMES_PER_SECOND, FRAMES_BURST = 2000.0, 10_000.0
"""Frames of any kind that are read of one peer, pings and empty pieces too; a service sees and counts messages alone."""

_TEXT = 0x81
_SHORT_HEADERS = [bytes((_TEXT, size)) for size in range(126)]

_log = structlog.get_logger()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket: `SocketTransport` for the service, an asyncio protocol for the server."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = Handshake(max_size=config.ws_max_size, logger=self.logger)
        self._ended = self._said_last = False
        self._budget = TokenBucket(FRAMES_PER_SECOND, FRAMES_BURST, self.loop.time())
        self._rest_timer: asyncio.TimerHandle | None = None
        self._unparsed = b""

    # For the service: SocketTransport

    @property
    def closed(self) -> bool:
        return self._ended

    @property
    def queued_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def send_text(self, data: bytes) -> None:
        if self._ended or not self.handshake_complete:
            return
        size = len(data)
        if size < 126:
            header = _SHORT_HEADERS[size]
        elif size < 65536:
            header = b"\x81\x7e" + size.to_bytes(2, "big")
        else:
            header = b"\x81\x7f" + size.to_bytes(8, "big")
        self.transport.write(header + data)

    def close(self, code: int, reason: str = "") -> None:
        if self._ended:
            return
        self._end(code)
        if self.conn.state is OPEN:
            self.conn.send_close(code, reason.encode()[:REASON_MAX_BYTES].decode(errors="ignore"))
        self._write_pending()
        self._abort_later()

    def abort(self) -> None:
        self._end(CLOSED_ABRUPTLY)
        self.transport.abort()

    async def drained(self) -> None:
        await self.writable.wait()

    # For the transport: asyncio.Protocol

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(WRITE_HIGH_BYTES, WRITE_LOW_BYTES)
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_SEND_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._end(CLOSED_ABRUPTLY)
        self.connections.discard(self)
        self.handshake_complete = self.disconnected = True
        self.writable.set()
        for timer in (self.close_timer, self._rest_timer):
            if timer is not None:
                timer.cancel()
        self.close_timer = self._rest_timer = None
        self._unparsed = b""

    def eof_received(self) -> None:
        """The transport closes itself now; it would wait for ever until a peer that reads no more has read everything."""
        self._end(CLOSED_ABRUPTLY)
        self._abort_later()

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            if self.read_paused or self._rest_timer is not None:
                self._unparsed = data[start:]
                return
            self._parse(data[start : start + PIECE_BYTES])

    def _parse(self, data: bytes) -> None:
        self.conn.receive_data(data)
        rest_s = self._budget.spend(len(self.conn.events), self.loop.time())
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
        elif self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse(InvalidInput("This is not a valid WebSocket handshake."))
        else:
            self.handle_events()
        if rest_s and not self.disconnected:
            self._rest_timer = self.loop.call_later(rest_s, self._end_rest)
            if not self.read_paused:
                self.transport.pause_reading()

    def _end_rest(self) -> None:
        self._rest_timer = None
        self._read_on()

    def _read_on(self) -> None:
        """Go on where reading has stopped, unless there is still a reason not to."""
        if self.read_paused or self._rest_timer is not None:
            return
        data, self._unparsed = self._unparsed, b""
        self.data_received(data)
        if not (self.read_paused or self._rest_timer is not None or self.disconnected):
            self.transport.resume_reading()

    def shutdown(self) -> None:
        if self.handshake_complete:
            self.close(Close.GOING_AWAY)
        else:
            self._refuse(Overloaded("The server is going away."))

    # For the wire: frames and handshakes

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[TRANSPORT_EXTENSION] = self
        else:
            self._end(CLOSED_ABRUPTLY)
            self._abort_later()

    def handle_cont(self, event: Frame) -> None:
        """One buffer: in a list of pieces each byte could cost fifty."""
        if not isinstance(self.frames[0], bytearray):
            self.frames = [cast(bytes, bytearray(self.frames[0]))]
        self.frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():  # a peer that pings and does not read gets no answer, and fills no buffer
            self.transport.write(pong)

    def handle_close(self, event: Frame) -> None:  # noqa: ARG002
        assert self.conn.close_rcvd is not None
        self._end(self.conn.close_rcvd.code)
        self._write_pending()
        self.transport.close()
        self._abort_later()

    def handle_parser_exception(self) -> None:
        self._end(self.conn.close_sent.code if self.conn.close_sent else CLOSED_ABRUPTLY)
        self._write_pending()
        self._abort_later()

    def send_receive_event_to_app(self) -> None:
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self._ended:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": bytes(data)})
        else:
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                self.close(Close.NOT_UTF8, "not UTF-8")
                return
        if not self.read_paused and self.queue.qsize() >= UNREAD_MAX_MESSAGES:
            self.read_paused = True
            self.transport.pause_reading()

    def keepalive_timeout(self) -> None:
        self.abort()

    # For uvicorn: ASGI

    async def run_asgi(self) -> None:
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception:  # noqa: BLE001 - one socket's failure is no other's
            _log.exception("a WebSocket failed", path=self.scope["path"])
            self._give_up(Close.INTERNAL)
        except asyncio.CancelledError:
            self.abort()
            raise
        else:
            self._give_up(Close.DONE)

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.loop.call_soon(self._read_on)
        return message

    async def send(self, message: ASGISendEvent) -> None:
        if self._ended:
            raise ClientDisconnected
        if message["type"] == "websocket.close" and self.handshake_complete:
            self.close(message.get("code", Close.DONE), message.get("reason") or "")
            return
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._forget_request()
        if self.close_sent:  # refused
            self.handshake_complete = True
            self._end(CLOSED_ABRUPTLY)
            self._abort_later()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.scope["extensions"].clear()  # it refers to us: the memory would wait for the collector

    def _forget_request(self) -> None:
        """An idle socket would keep its headers for as long as it lives."""
        self.scope["headers"] = []
        self.request = self.response = cast(Any, None)

    def _give_up(self, code: int) -> None:
        """The service has returned."""
        if self.handshake_complete:
            self.close(code)
        else:
            self._refuse(RandomchatError())

    def _refuse(self, error: RandomchatError) -> None:
        if not self._ended:
            self._end(CLOSED_ABRUPTLY)
            self.transport.write(b"".join(self.conn.data_to_send()) or raw_error_response(error))
            self.transport.close()
            self._abort_later()

    def _end(self, code: int) -> None:
        """Note how it ended; the first to say so is right. What the service has not read yet comes before."""
        if self._ended:
            return
        self._ended = self.close_sent = True
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        if self.read_paused:  # the answer to our close frame must be read
            self.read_paused = False
            self.loop.call_soon(self._read_on)

    def _abort_later(self) -> None:
        if self.close_timer is None and not self.disconnected:
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def _write_pending(self) -> None:
        """Also what the protocol wants to say last, after which nothing may follow."""
        pending = self.conn.data_to_send()
        if self._said_last:
            return
        self.transport.write(b"".join(pending))
        if pending and not pending[-1] and self.transport.can_write_eof():
            self._said_last = True
            self.transport.write_eof()
