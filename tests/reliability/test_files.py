"""Files and a whole server: memory stays flat, and whatever kills it leaves nothing half done to be served."""

from __future__ import annotations

import asyncio
import http.client
import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.reliability.member import Member, meet
from tests.reliability.server import ServerProcess, randomchat_server, running

MIB = 1 << 20
FILE_BYTES = 64 * MIB
PIECE = bytes(range(256)) * 1024
FLAT_BYTES = 16 * MIB
"""What one upload and one download may add to the server's memory, its threads and the allocator's slack included."""
WAIT_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running(randomchat_server(tmp_path)) as server:
        yield server


@contextmanager
def request_to(server: ServerProcess) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
    try:
        yield connection
    finally:
        connection.close()


def ask(server: ServerProcess, target: str, token: str) -> tuple[int, Any]:
    with request_to(server) as connection:
        connection.request("GET", target, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def presign(server: ServerProcess, token: str) -> tuple[str, str]:
    status, found = ask(server, "/api/uploader/upload/presigned?ext=zip", token)
    assert status == 200
    return found["object_key"], found["url"]


def link(server: ServerProcess, key: str, token: str) -> tuple[int, Any]:
    return ask(server, f"/api/uploader/download/presigned?okb64={b64encode(key.encode()).decode()}", token)


class Scale:
    """The most that a server has weighed, beyond what it weighed at first."""

    def __init__(self, server: ServerProcess) -> None:
        self._server, self._empty = server, server.rss_bytes()
        self.most = 0

    def weigh(self) -> None:
        self.most = max(self.most, self._server.rss_bytes() - self._empty)


def put(server: ServerProcess, url: str, scale: Scale) -> int:
    def pieces() -> Iterator[bytes]:
        for _ in range(FILE_BYTES // len(PIECE)):
            yield PIECE
            scale.weigh()

    with request_to(server) as connection:
        connection.request("PUT", url, pieces(), {"Content-Length": str(FILE_BYTES)})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def fetch(server: ServerProcess, url: str, scale: Scale) -> bytes:
    """The SHA-256 of what is served."""
    digest = sha256()
    with request_to(server) as connection:
        connection.request("GET", url)
        answer = connection.getresponse()
        while piece := answer.read(MIB):
            digest.update(piece)
            scale.weigh()
    return digest.digest()


def socket_of(server: ServerProcess, member: Member) -> ClientConnection:
    query = f"uid={member.user_id}&access_token={member.token}"
    return connect(f"ws://127.0.0.1:{server.port}/api/chat?{query}", compression=None)


def send_file(server: ServerProcess, member: Member, key: str) -> None:
    with socket_of(server, member) as socket:
        payload = json.dumps({"file_name": "big.zip", "object_key": key})
        socket.send(json.dumps({"event": 3, "payload": payload, "client_id": "file"}))
        while not json.loads(socket.recv(WAIT_S)).get("ack"):
            pass


def restart(server: ServerProcess) -> None:
    """As after a crash."""
    server.kill()
    server.start()
    server.wait_until_ready()


def test_the_largest_file_goes_through_with_flat_memory_and_survives_a_kill(server: ServerProcess) -> None:
    ((anna, ben),) = asyncio.run(meet(server.address, 1))
    key, url = presign(server, anna.token)
    scale = Scale(server)
    assert put(server, url, scale) == 200
    send_file(server, anna, key)
    assert scale.most < FLAT_BYTES
    restart(server)
    status, found = link(server, key, ben.token)
    assert status == 200
    scale = Scale(server)
    assert fetch(server, found["url"], scale) == sha256(PIECE * (FILE_BYTES // len(PIECE))).digest()
    assert scale.most < FLAT_BYTES


def test_a_kill_in_the_middle_of_an_upload_leaves_nothing_that_is_served(server: ServerProcess, tmp_path: Path) -> None:
    ((anna, _),) = asyncio.run(meet(server.address, 1))
    key, url = presign(server, anna.token)
    with request_to(server) as connection:
        connection.putrequest("PUT", url)
        connection.putheader("Content-Length", str(FILE_BYTES))
        connection.endheaders()
        for _ in range(40):
            connection.send(PIECE)
        assert link(server, key, anna.token)[0] == 404
        server.kill()
    assert files_in(tmp_path), "something was half done"
    restart(server)
    assert files_in(tmp_path) == []
    assert link(server, key, anna.token)[0] == 404
    assert put(server, url, Scale(server)) == 200
    assert link(server, key, anna.token)[0] == 200


def files_in(folder: Path) -> list[Path]:
    return [file for file in (folder / "data" / "files").rglob("*") if file.is_file()]
