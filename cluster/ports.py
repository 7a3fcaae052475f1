"""Free ports that stay ours: while an engine is down, and for as long as its data is kept."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections: those could sit on a port whose engine is down.
LOWEST, HIGHEST = 12_000, 32_000


class PortTaken(Exception):
    """A port that belongs to kept data is in use."""


class PortClaims:
    """Ports by name, remembered in `file`, free on every one of `hosts`.

    Each is claimed by a UDP socket on its number: whoever chooses ports in this way passes it over. The claim ends with the
    process.
    """

    def __init__(self, file: Path, names: Sequence[str], hosts: Sequence[str] = ("127.0.0.1",)) -> None:
        self._file, self._names, self._hosts = file, names, hosts
        self._claims: dict[str, int] = {}
        self._sockets: list[socket.socket] = []

    def __getitem__(self, name: str) -> int:
        return self._claims[name]

    def claim(self) -> None:
        """Claim those of the last time, or new ones where there was none; nothing happens where they are held.

        Raises `PortTaken`.
        """
        kept: dict[str, int] = json.loads(self._file.read_text()) if self._file.exists() else {}
        for name in self._names:
            if name not in self._claims:
                self._claims[name] = self._claim_kept(kept[name]) if name in kept else self._claim_new()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._claims))

    def claimed(self) -> list[int]:
        return list(self._claims.values())

    def release(self) -> None:
        for claim in self._sockets:
            claim.close()
        self._sockets.clear()
        self._claims.clear()

    def _claim_kept(self, port: int) -> int:
        if not self._try(port):
            raise PortTaken(f"port {port} is in use, and {self._file.parent} belongs to it: end what uses it, or wipe the folder")
        return port

    def _claim_new(self) -> int:
        while True:
            port = random.randrange(LOWEST, HIGHEST)
            if self._try(port):
                return port

    def _try(self, port: int) -> bool:
        claims: list[socket.socket] = []
        try:
            for host in self._hosts:
                claims.append(_bound(socket.SOCK_DGRAM, host, port))
                _bound(socket.SOCK_STREAM, host, port).close()
        except OSError:
            for claim in claims:
                claim.close()
            return False
        self._sockets += claims
        return True


def _bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a connection that just ended bars it for a minute
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
