"""As much of Cassandra's protocol (version 4) as shows that a node serves.

The driver leaves sockets open when its cluster is away, and pytest notices.
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Self

STARTUP, READY, QUERY, RESULT = 0x01, 0x02, 0x07, 0x08
ALL_COPIES = 5
WITHOUT_METADATA = 2
ROWS = 2


class CqlConnection:
    """Raises `OSError` whenever the node does not answer as it should."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._socket = socket.create_connection((host, port), timeout_s)
        self._answers = self._socket.makefile("rb")
        self._ask(STARTUP, struct.pack(">H", 1) + _text("CQL_VERSION") + _text("3.0.0"), READY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._answers.close()
        self._socket.close()

    def execute(self, statement: str) -> int:
        """Run it on every copy of what it touches; the answer is the number of rows."""
        query = statement.encode()
        result = self._ask(QUERY, struct.pack(f">i{len(query)}sHB", len(query), query, ALL_COPIES, WITHOUT_METADATA), RESULT)
        kind: int = struct.unpack_from(">i", result)[0]
        rows: int = struct.unpack_from(">i", result, 12)[0] if kind == ROWS else 0
        return rows

    def _ask(self, operation: int, body: bytes, expected: int) -> bytes:
        self._socket.sendall(struct.pack(">BBhBi", 0x04, 0, 0, operation, len(body)) + body)
        header = self._answers.read(9)
        if len(header) < 9:
            raise ConnectionResetError("the node hung up")
        length: int = struct.unpack_from(">i", header, 5)[0]
        answer = self._answers.read(length)
        if header[4] != expected:
            raise ConnectionError(f"the node refuses: {answer[6:].decode(errors='replace')}")
        return answer


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
