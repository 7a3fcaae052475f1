"""A plain HTTP client for tests: it sends exactly what it is told, and keeps no cookies."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> SimpleCookie:
        cookies = SimpleCookie()
        for header in self.headers.get_all("Set-Cookie", []):
            cookies.load(header)
        return cookies


async def send(address: str, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Answer:
    """Send one request to `http://host:port`; headers go out as given, repeated ones too."""
    return await asyncio.to_thread(_send, address, method, target, headers, body)


def _send(address: str, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_S)
    try:
        connection.putrequest(method, target)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
