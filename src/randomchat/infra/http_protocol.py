"""How HTTP comes in: uvicorn's protocol, with bounds on what a stranger can send and how long it may take."""

from __future__ import annotations

import asyncio
import enum
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from randomchat.errors import InvalidInput, Overloaded, RandomchatError
from randomchat.infra.http_errors import raw_error_response

REQUEST_LINE_MAX_BYTES = 8 * 1024
HEADERS_MAX_BYTES = 32 * 1024
HEADERS_MAX_COUNT = 100
PIPELINED_MAX = 16
"""Requests of one connection that may wait for an answer: one read may bring thousands."""
ANSWERED_SURPLUS = 64
"""Connections over the limit that are told so; more are cut."""
HEAD_TIMEOUT_S = 10.0
SILENCE_TIMEOUT_S = 30.0
"""How long a request's body may pause, and how long an answer may not be read."""
LINGER_S = 2.0
"""How long a refused client may go on sending: were the connection closed at once, the refusal would be lost with it."""


class _Phase(enum.Enum):
    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection. Whatever comes in, it is answered, or the connection is closed within a bounded time."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._max_connections, self.limit_concurrency = config.limit_concurrency, None
        self._phase = _Phase.IDLE
        self._head_bytes = self._header_bytes = 0
        self._upgrades = False
        self._deaf = False
        self._refusal: RandomchatError | None = None
        self._last_data_at = 0.0
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._max_connections is not None:
            surplus = len(self.connections) - self._max_connections
            if surplus > ANSWERED_SURPLUS:
                transport.abort()  # each of them holds a file until it has sent something
                return
            if surplus > 0:
                self._refusal = Overloaded()
        self._read_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._on_silence)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_read_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        self._last_data_at = self.loop.time()
        self._head_bytes += len(data)
        self._feed(data)
        if self._deaf:
            return
        if self._phase is not _Phase.BODY and self._head_bytes > REQUEST_LINE_MAX_BYTES + HEADERS_MAX_BYTES:
            self._refuse(RandomchatError(code="headers_too_large"))
        elif self._read_timer is None and (self._phase is not _Phase.IDLE or not self._answering()):
            self._read_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._on_silence)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(SILENCE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_write_timer()

    # What the parser tells. It turns an exception into its own, which ends in a refusal.

    def on_message_begin(self) -> None:
        self._phase = _Phase.HEAD
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > REQUEST_LINE_MAX_BYTES:
            self._refusal = RandomchatError(code="uri_too_long")
            raise self._refusal

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADERS_MAX_BYTES or len(self.headers) >= HEADERS_MAX_COUNT:
            self._refusal = RandomchatError(code="headers_too_large")
            raise self._refusal
        if self._phase is _Phase.HEAD:  # else a trailer: nobody may add headers to a request that is already judged
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise InvalidInput
        self._upgrades = self._is_websocket_upgrade()
        if self.parser.should_upgrade() and not self._upgrades:
            return  # the parser stops here, and `_feed` reads it all again as the ordinary request that it is as well
        if len(self.pipeline) >= PIPELINED_MAX:
            self._refusal = InvalidInput("Too many requests were sent before the first was answered.")
            raise self._refusal
        self._phase = _Phase.BODY
        self._head_bytes = 0
        self._stop_read_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._phase is not _Phase.BODY:
            return
        self._phase = _Phase.IDLE
        self._head_bytes = 0
        self._stop_read_timer()
        super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._upgrades:
                self.handle_websocket_upgrade()
            else:
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self._feed(head + data[stop.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._refusal or InvalidInput("This is not valid HTTP."))

    # Upgrades

    def _should_upgrade(self) -> bool:
        return self._upgrades

    def _is_websocket_upgrade(self) -> bool:
        if self.ws_protocol_class is None or self._get_upgrade() != b"websocket":
            return False
        if self.parser.get_method() != b"GET" or self.parser.get_http_version() != "1.1":
            return False
        return all(name != b"transfer-encoding" and (name != b"content-length" or value == b"0") for name, value in self.headers)

    def _head_without_upgrade(self) -> bytes:
        """The head of the request that was just read. Some clients offer HTTP/2 with every first request, even with a body."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [token.strip() for token in value.split(b",")]
                lines.append(name + b": " + b", ".join(token for token in tokens if token.lower() != b"upgrade"))
            elif name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def handle_websocket_upgrade(self) -> None:
        if self._answering():  # a request before it on this connection, whose answer would end up among the frames
            self._refuse(InvalidInput("An upgrade must wait for the answers to earlier requests."))
            return
        self._deaf = True
        super().handle_websocket_upgrade()

    # Refusals

    def _refuse(self, error: RandomchatError) -> None:
        """Answer what no application is to see, or sees no more, and end the connection."""
        self._deaf = True
        self._stop_read_timer()
        if not self._answering():
            self.transport.write(raw_error_response(error))
        elif self._phase is not _Phase.BODY:  # the request under way is whole; only what follows it is refused
            self.cycle.keep_alive = False
            return
        elif self.pipeline:  # it waits behind another one, whose answer must not be mixed up with its own
            self.transport.abort()
            return
        else:
            if not self.cycle.response_started:
                self.transport.write(raw_error_response(error))
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write_eof()
        self._read_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # Time

    def _on_silence(self) -> None:
        self._read_timer = None
        if self._phase is _Phase.HEAD:
            self._refuse(InvalidInput(f"The request's head did not come in within {HEAD_TIMEOUT_S:.0f} s."))
        elif self._phase is _Phase.BODY:
            self._on_slow_body()
        elif not self._answering():
            self.transport.close()

    def _on_slow_body(self) -> None:
        silent_s = 0.0 if self.flow.read_paused else self.loop.time() - self._last_data_at
        if not self._answering():
            self.transport.abort()  # answered long ago, and the rest of the body is of no use
        elif silent_s >= SILENCE_TIMEOUT_S:
            self._refuse(InvalidInput("The request's body did not come in."))
        else:
            self._read_timer = self.loop.call_later(SILENCE_TIMEOUT_S - silent_s, self._on_silence)

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
