"""The whole process: how it starts, how it ends, and what it says where it can't start."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from randomchat.bootstrap.embedded import DATABASE_FILE
from randomchat.infra.data_dir import DataDir
from tests.component.edge_server import connected, exchange, request, socket_at, upgrade

COMMAND = (sys.executable, "-m", "randomchat", "up", "--port", "0")


@dataclass
class Running:
    """A process that serves."""

    process: asyncio.subprocess.Process
    text: str

    @property
    def port(self) -> int:
        return int(re.findall(r"open: +http://127\.0\.0\.1:(\d+)", self.text)[0])

    @property
    def admin_port(self) -> int:
        return int(re.findall(r"health: http://127\.0\.0\.1:(\d+)/readyz", self.text)[0])

    async def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(11):
            return await self.process.wait()


async def start(data_dir: Path, *flags: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*COMMAND, "--data-dir", str(data_dir), *flags, stdout=pipe, stderr=pipe)


@contextlib.asynccontextmanager
async def running(data_dir: Path, *flags: str) -> AsyncIterator[Running]:
    process = await start(data_dir, *flags)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10):
            lines = [await process.stdout.readline() for _ in range(5)]
        yield Running(process, b"".join(lines).decode())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def failure(data_dir: Path, *flags: str) -> str:
    """The line that a process leaves which can't start."""
    process = await start(data_dir, *flags)
    async with asyncio.timeout(10):
        output, error = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    (line,) = error.decode().splitlines()
    assert line.startswith("randomchat: ")
    return line


async def test_it_says_where_it_is_and_answers_there(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        assert str(tmp_path / "data") in server.text
        page = await exchange(server.port, request())
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        ready = await exchange(server.admin_port, request("GET /readyz HTTP/1.1"))
        assert (ready.status, b'"ready":true' in ready.body) == (200, True)
        assert (await exchange(server.port, request("GET /readyz HTTP/1.1"))).status == 404
        assert (await exchange(server.admin_port, upgrade())).status == 404


async def test_it_serves_well_under_3_s(tmp_path: Path) -> None:
    started = time.monotonic()
    async with running(tmp_path):
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(tmp_path: Path, number: int) -> None:
    async with running(tmp_path) as server, connected(server.port) as idle:
        idle.send(request())
        await idle.read_answer()
        assert await server.end(number) == 0
        assert await idle.read_end() == b""


async def test_people_who_wait_are_told_that_it_goes_away(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        account = await exchange(server.port, request("POST /api/user HTTP/1.1", "Content-Length: 14", body=b'{"name":"Ann"}'))
        assert account.status == 201
        cookie = account.headers["set-cookie"].partition(";")[0]
        async with socket_at(server.port, "/api/match", f"Cookie: {cookie}") as client:
            await client.read_frame()
            ending = asyncio.create_task(server.end())
            assert await client.read_close() in {1001, 1012}
        assert await ending == 0


async def test_what_it_logs_holds_no_credential(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
        with contextlib.suppress(AssertionError):  # it is refused, as the token is nobody's
            async with socket_at(server.port, f"/api/chat?uid=1&access_token={secret}", f"Cookie: sid={secret}"):
                pass
        await exchange(
            server.port, request(f"GET /api/chat/users?access_token={secret} HTTP/1.1", f"Authorization: Bearer {secret}")
        )
        await server.end()
        assert server.process.stderr is not None
        log = (await server.process.stderr.read()).decode()
        assert "going away" in log
        assert secret not in log


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"can't listen on 127.0.0.1:{port}: " in await failure(tmp_path, "--port", str(port))


async def test_a_folder_that_another_process_uses_is_named_with_that_process(tmp_path: Path) -> None:
    used = DataDir.open(tmp_path)
    try:
        assert f"{tmp_path}: is in use by process {os.getpid()}" in await failure(tmp_path)
    finally:
        used.close()


async def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    assert f"{file}: is not a folder" in await failure(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o500)  # noqa: PTH101 - it takes no time
    assert "is not writable for this user" in await failure(tmp_path / "data")


async def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"no database" * 1000)
    assert f"{tmp_path / DATABASE_FILE}: " in await failure(tmp_path)


async def test_a_database_of_another_program_is_named(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")
        database.commit()
    assert "belongs to another program" in await failure(tmp_path)


async def test_a_database_of_a_newer_version_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await server.end()
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as database:
        database.execute("UPDATE schema_version SET version = version + 1")
        database.commit()
    assert "was written by a newer version" in await failure(tmp_path)


@pytest.mark.parametrize(("text", "words"), [("port: [", "not valid YAML"), ("portt: 1", "portt: there is no such setting")])
async def test_bad_settings_are_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    line = await failure(tmp_path, "--config", str(file))
    assert str(file) in line
    assert words in line
