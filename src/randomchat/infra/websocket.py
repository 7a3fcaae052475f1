"""WebSockets on bare ASGI: what a service uses instead of a web framework, which would cost 12 KB more a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol, cast

from starlette.types import Receive, Scope, Send

from randomchat.errors import RandomchatError
from randomchat.infra.http_errors import error_response

TRANSPORT_EXTENSION = "randomchat.socket"
"""The name in a scope's extensions under which the server offers its `SocketTransport`."""

CLOSED_WITHOUT_CODE, CLOSED_ABRUPTLY = 1005, 1006


class SocketTransport(Protocol):
    """The server's end of one WebSocket. After its end every call is without effect; none ever raises.

    Nothing may be sent before `accept` has returned.
    """

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more: closed by either side, or broken."""
        ...

    @property
    def queued_bytes(self) -> int:
        """Bytes that were sent but not yet taken by the kernel, whose own buffer is bounded too."""
        ...

    def send_text(self, data: bytes) -> None:
        """Send one text message (UTF-8). Never blocks; messages arrive whole and in order, or the connection ends."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame behind what is queued. A peer that has not read and answered it within 2 s is cut off."""
        ...

    def abort(self) -> None:
        """Cut the connection at once; what is queued is lost."""
        ...

    async def drained(self) -> None:
        """Wait until little or nothing is queued, or the connection has ended."""
        ...


def transport_of(scope: Scope) -> SocketTransport:
    """The transport of an upgrade that our own server brought."""
    return cast(SocketTransport, scope["extensions"][TRANSPORT_EXTENSION])


async def accept(receive: Receive, send: Send, subprotocol: str | None = None) -> None:
    """Let an upgrade in. Where the client has gone meanwhile, `Incoming` ends at once."""
    await receive()
    try:
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": []})
    except OSError:
        return


async def refuse_upgrade(scope: Scope, receive: Receive, send: Send, error: RandomchatError) -> None:
    """Answer an upgrade with an HTTP error and its JSON body. Nothing may have been received from it before."""
    response = error_response(error)
    if "websocket.http.response" in scope.get("extensions", {}):
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": error.spec.close, "reason": error.code})


class Incoming:
    """What the peer sends: iterates over the messages until the connection ends.

    `close_code` is None until then; afterwards it is the code of the close frame, 1005 for a close frame without a code, or
    1006 where the connection broke.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.close_code: int | None = None

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while self.close_code is None:
            event = await self._receive()
            if event["type"] == "websocket.receive":
                text = event.get("text")
                yield event["bytes"] if text is None else text
            elif event["type"] == "websocket.disconnect":
                self.close_code = int(event.get("code") or CLOSED_WITHOUT_CODE)


def client_address(scope: Scope) -> str:
    """The address of the person's machine, as far as trusted proxies tell it; "" where it is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def address_key(address: str) -> str:
    """What limits by address count: an IPv4 address, or the /64 network of an IPv6 one, as one household has all of it."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ip_network((int(parsed), 64), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
