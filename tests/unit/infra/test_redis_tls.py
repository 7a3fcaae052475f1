"""Encrypted connections to Redis. The servers that tests can have speak none, so that a few answers of one are played here."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import hiredis
import pytest

from randomchat.config import RedisSettings, TlsSettings
from randomchat.errors import Unavailable
from randomchat.infra.redis import Redis
from tests.certificates import Authority
from tests.redis_keys import until_well

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("MISSING: openssl, to make certificates")
    return Authority.found(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture
async def port(ours: Authority) -> AsyncIterator[int]:
    """A cluster of one node, which asks its clients for a certificate."""
    tls = ours.issue("redis")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tls.ca_file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(str(tls.cert_file), str(tls.key_file))
    server = await asyncio.start_server(answer, HOST, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    commands = hiredis.Reader()
    port = writer.get_extra_info("sockname")[1]
    state = b"cluster_state:ok\r\n"
    answers = {
        b"CLUSTER SLOTS": b"*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n" % port,
        b"CLUSTER INFO": b"$%d\r\n%s\r\n" % (len(state), state),
        b"GET key": b"$5\r\nvalue\r\n",
    }
    while received := await reader.read(4096):
        commands.feed(received)
        while command := commands.gets():
            writer.write(answers.get(b" ".join(command), b"*0\r\n"))
        await writer.drain()
    writer.close()


async def test_both_sides_show_a_certificate_of_an_authority_they_believe(ours: Authority, port: int) -> None:
    redis = Redis(RedisSettings(nodes=[f"{HOST}:{port}"], tls=ours.issue("client")))
    await redis.start()
    try:
        await until_well(redis, 5)
        assert await redis.call("GET", "key") == b"value"
    finally:
        await redis.close()


@pytest.mark.parametrize("lacking", ["encryption", "authority", "certificate"])
async def test_whoever_lacks_something_is_not_served(
    ours: Authority, port: int, lacking: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = ours.issue("client")
    without = {
        "encryption": TlsSettings(),
        "authority": client.model_copy(update={"ca_file": Authority.found(tmp_path / "theirs").folder / "ca.pem"}),
        "certificate": TlsSettings(enabled=True, ca_file=client.ca_file),
    }
    redis = Redis(RedisSettings(nodes=[f"{HOST}:{port}"], tls=without[lacking], timeout_s=0.5))
    await redis.start()
    try:
        await until_said("Redis is away", capsys)
        with pytest.raises(Unavailable):
            await redis.call("GET", "key")
    finally:
        await redis.close()


async def until_said(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with asyncio.timeout(5):
        while True:
            if text in capsys.readouterr().out:
                return
            await asyncio.sleep(0.02)
