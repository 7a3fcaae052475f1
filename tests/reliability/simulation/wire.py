"""A connection between a tab and a node: ordered, with latency, and broken in the ways in which TCP breaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

REFUSAL = b'"event":5'


class Wire:
    """Implements `Connection` and `Incoming` for the node; the tab's end is `send` and the two callbacks."""

    def __init__(self, latency_s: float, on_text: Callable[[bytes], None], on_close: Callable[[int], None]) -> None:
        self.close_code: int | None = None
        self._latency_s = latency_s
        self._on_text, self._on_close = on_text, on_close
        self._to_node: asyncio.Queue[str | int] = asyncio.Queue()
        self._up: deque[Callable[[], object]] = deque()
        self._down: deque[Callable[[], object]] = deque()
        self._broken = self._client_gone = self._server_gone = False
        self.must_end = False
        self.said_too_much = 0
        """Texts of a node that must not send any more. A refusal does no harm: it promises nothing."""

    # ---------------------------------------------------------------- the node's end
    @property
    def queued_bytes(self) -> int:
        return 0

    def send_text(self, data: bytes) -> None:
        if not self._broken and not self._server_gone:
            self.said_too_much += self.must_end and REFUSAL not in data
            self._later(self._down, lambda: self._arrive(data))

    def close(self, code: int, reason: str = "") -> None:
        if not self._server_gone:
            self._server_gone = True
            self._to_node.put_nowait(code)
            if not self._broken:
                self._later(self._down, lambda: self._end_client(code))

    def abort(self) -> None:
        self.cut(0.0, 0.0)

    async def drained(self) -> None:
        """Nothing ever queues."""

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while self.close_code is None:
            item = await self._to_node.get()
            if isinstance(item, int):
                self.close_code = item
            else:
                yield item

    # ---------------------------------------------------------------- the tab's end
    def send(self, text: str) -> None:
        if not self._broken and not self._client_gone:
            self._later(self._up, lambda: self._to_node.put_nowait(text))

    def leave(self, code: int = 1001) -> None:
        """The tab closes."""
        self._client_gone = True
        if not self._broken:
            self._later(self._up, lambda: self._to_node.put_nowait(code))

    def cut(self, client_s: float, server_s: float) -> None:
        """Break it; each side notices after its own time. What is on its way to the node may still arrive."""
        self._broken = True
        loop = asyncio.get_running_loop()
        loop.call_later(client_s, self._end_client, 1006)
        loop.call_later(server_s, self._to_node.put_nowait, 1006)

    def _arrive(self, data: bytes) -> None:
        if not self._broken and not self._client_gone:
            self._on_text(data)

    def _end_client(self, code: int) -> None:
        if not self._client_gone:
            self._client_gone = True
            self._on_close(code)

    def _later(self, queue: deque[Callable[[], object]], arrival: Callable[[], object]) -> None:
        """Timers of one moment fire in any order: each takes whatever is next on the line."""
        queue.append(arrival)
        asyncio.get_running_loop().call_later(self._latency_s, self._arrive_next, queue)

    def _arrive_next(self, queue: deque[Callable[[], object]]) -> None:
        queue.popleft()()
