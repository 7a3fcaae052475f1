"""What one socket can cost everybody else, with frames that a service never sees."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.chat import pace
from randomchat.chat.domain import Event
from randomchat.infra import websocket_protocol
from randomchat.infra.http_server import HttpServer
from randomchat.infra.websocket_protocol import WebSocketProtocol
from tests.component.chat_server import chat_site
from tests.component.edge_server import Client, EchoApp, connected, edge, frame, socket_at, upgrade
from tests.security.conftest import Product

PIECE, TEXT, PING, PONG = 0, 1, 9, 10
FUZZ_ROUNDS = 300


@pytest.fixture
async def echo() -> AsyncIterator[tuple[int, HttpServer]]:
    async with edge(EchoApp()) as served:
        yield served


async def passed(client: Client, opcode: int, count: int) -> float:
    """When so many frames of a kind had come, by the loop's clock."""
    for _ in range(count):
        assert (await client.read_frame())[0] == opcode
    return asyncio.get_running_loop().time()


async def test_pieces_of_a_message_cost_no_more_than_the_message(echo: tuple[int, HttpServer]) -> None:
    port, server = echo
    async with socket_at(port) as client:
        client.send(frame(b"x", fin=False) + frame(b"x", PIECE, fin=False) * 8000 + frame(b"", PING))
        assert (await client.read_frame())[0] == PONG
        (connection,) = server.server_state.connections
        assert isinstance(connection, WebSocketProtocol)
        assert sum(map(len, connection.frames)) == 8001
        assert sum(map(sys.getsizeof, connection.frames)) < 16_000
        client.send(frame(b"y", PIECE))
        assert (await client.read_frame())[1] == b"x" * 8001 + b"y"


FLOODS = {
    "pings": (frame(b"", PING), PONG),
    "empty pieces": (frame(b"", PIECE, fin=False), None),
    "pongs": (frame(b"", PONG), None),
    "messages": (frame(b"x"), TEXT),
}


@pytest.mark.parametrize(("flood", "answer"), FLOODS.values(), ids=FLOODS)
async def test_frames_of_one_socket_are_read_at_a_bounded_rate(
    echo: tuple[int, HttpServer], monkeypatch: pytest.MonkeyPatch, flood: bytes, answer: int | None
) -> None:
    monkeypatch.setattr(websocket_protocol, "FRAMES_BURST", 500.0)
    async with socket_at(echo[0]) as client:
        loop = asyncio.get_running_loop()
        started_s, in_pieces = loop.time(), flood == FLOODS["empty pieces"][0]
        client.send(frame(b"the ", fin=False) if in_pieces else b"")
        client.send(flood * 3500 + frame(b"end", PIECE if in_pieces else TEXT))
        if answer is not None:
            await passed(client, answer, 3500)
        assert (await client.read_frame())[1].endswith(b"end")
        at_once = 500 + websocket_protocol.PIECE_BYTES / len(flood)
        assert loop.time() - started_s > (3500 - at_once) / websocket_protocol.FRAMES_PER_SECOND


async def test_a_socket_that_was_slowed_down_loses_nothing_and_is_closed_in_order(
    echo: tuple[int, HttpServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_protocol, "FRAMES_BURST", 10.0)
    async with socket_at(echo[0]) as client:
        client.send(b"".join(frame(b"%d" % number) for number in range(1000)))
        assert [int((await client.read_frame())[1]) for _ in range(1000)] == list(range(1000))
        client.send(frame(b"\x03\xe8", 8))
        assert await client.read_close() == 1000


async def test_refusals_of_messages_come_at_a_bounded_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SIGNS_BURST", 20)
    async with chat_site(tmp_path, chat={"message": {"per_second": 0.001, "burst": 1}}) as site:
        tab = await site.enter(site.anna)
        started_s = asyncio.get_running_loop().time()
        for number in range(121):
            await tab.send(Event.TEXT, "x", client_id=str(number))
        codes = {(await tab.error())["code"] for _ in range(120)}
        assert codes == {"rate_limited", "resend_first"}
        assert asyncio.get_running_loop().time() - started_s > 0.9


def nonsense(dice: random.Random) -> bytes:
    """Some frames of which most are broken in one way or another."""
    good = json.dumps({"event": dice.randrange(8), "payload": dice.choice(["x", "istyping", "9" * 19, "{}"])}).encode()
    match dice.randrange(4):
        case 0:
            return dice.randbytes(dice.randint(1, 200))
        case 1:
            broken = bytearray(frame(good))
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
            return bytes(broken)
        case 2:
            return frame(good, dice.choice([0, 1, 2, 8, 9, 10]), fin=dice.random() < 0.6)
        case _:
            return bytes([dice.choice([0xC1, 0xA1, 0x91, 0xF1, 0x83, 0x8B]), 0x80 | dice.randrange(128)]) + dice.randbytes(8)


async def test_no_frames_however_broken_leave_a_socket_hanging(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    ada, _ = await product.pair()
    seed = int(os.environ.get("SEED", "1"))
    dice = random.Random(seed)
    paths = [f"/api/chat?uid={ada.id}&access_token={ada.token}", "/api/match"]
    extensions = [
        "X: y",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        'Sec-WebSocket-Extensions: x; y="z"',
    ]
    for _ in range(FUZZ_ROUNDS):
        async with connected(product.port, patience_s=10) as client:
            client.send(upgrade(dice.choice(paths), f"Cookie: sid={ada.cookie}", dice.choice(extensions)))
            answer = await client.read_answer()
            assert answer.status == 101, f"seed {seed}: {answer}"
            assert "sec-websocket-extensions" not in answer.headers
            client.send(b"".join(nonsense(dice) for _ in range(dice.randint(1, 6))))
            client.writer.write_eof()
            await client.read_end()
    assert (await ada.ask("GET", "/api/chat/users")).status == 200
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
