"""Who asks, as far as trusted proxies tell."""

import json

import pytest
from starlette.types import Receive, Scope, Send

from randomchat.infra.websocket import accept, client_address, transport_of
from tests.component.edge_server import EchoApp, edge, exchange, frame, request, socket_at

FORWARDED = ("X-Forwarded-For: 6.6.6.6, 203.0.113.7", "X-Forwarded-Proto: https")


async def tell_address(scope: Scope, receive: Receive, send: Send) -> None:
    """A WebSocket application that sends who its peer is."""
    await accept(receive, send)
    transport_of(scope).send_text(f"{client_address(scope)} {scope['scheme']}".encode())
    await receive()


async def test_a_trusted_proxy_tells_who_asks_and_how() -> None:
    async with edge(EchoApp(), trusted_proxies=["127.0.0.0/8"]) as (port, _):
        seen = json.loads((await exchange(port, request("GET / HTTP/1.1", *FORWARDED))).body)
    assert (seen["client"], seen["scheme"]) == ("203.0.113.7", "https")


async def test_anybody_else_is_not_believed() -> None:
    async with edge(EchoApp(), trusted_proxies=["10.0.0.0/8"]) as (port, _):
        seen = json.loads((await exchange(port, request("GET / HTTP/1.1", *FORWARDED))).body)
    assert (seen["client"], seen["scheme"]) == ("127.0.0.1", "http")


@pytest.mark.parametrize(("proxies", "told"), [(["127.0.0.1"], b"203.0.113.7 wss"), ([], b"127.0.0.1 ws")])
async def test_it_is_the_same_for_sockets(proxies: list[str], told: bytes) -> None:
    async with edge(tell_address, trusted_proxies=proxies) as (port, _), socket_at(port, "/", *FORWARDED) as client:
        assert (await client.read_frame())[1] == told
        client.send(frame(b"bye"))
