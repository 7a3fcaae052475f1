"""Port: what the chat needs of a WebSocket connection, so that the library behind it can be replaced."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """The server's end of one connection. After its end every call is without effect, and none ever raises."""

    @property
    def queued_bytes(self) -> int:
        """Bytes that were sent but not yet taken by the kernel."""
        ...

    def send_text(self, data: bytes) -> None:
        """Send one text message (UTF-8). Never blocks; messages arrive whole and in order, or the connection ends."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Close behind what is queued. A peer that does not take it within 2 s is cut off."""
        ...

    def abort(self) -> None:
        """Cut the connection at once; what is queued is lost."""
        ...

    async def drained(self) -> None:
        """Wait until little is queued, or the connection has ended."""
        ...
