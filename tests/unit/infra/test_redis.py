"""The connection to a Redis Cluster, in good times: what it asks, whom, and what it says of itself."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.engines.redis import RedisEngine
from randomchat.config import RedisSettings, SettingsError, TlsSettings
from randomchat.errors import Unavailable
from randomchat.infra.redis import CONNECTIONS, Redis, Script
from tests.redis_keys import fresh_redis, times_to_live, until_well

COUNT = Script("redis.call('INCR', KEYS[1]) return redis.call('PEXPIRE', KEYS[1], ARGV[1])")


@pytest.fixture
async def redis(redis_engine: RedisEngine) -> AsyncIterator[Redis]:
    async with fresh_redis(redis_engine.settings) as redis:
        yield redis


async def test_a_command_reaches_the_node_that_has_its_key(redis: Redis) -> None:
    for number in range(100):
        await redis.call("SET", redis.key("note", number), number, "EX", 60)
    assert [int(await redis.call("GET", redis.key("note", number))) for number in range(100)] == list(range(100))


async def test_every_key_begins_with_the_prefix(redis: Redis) -> None:
    await redis.call("SET", redis.key("note", 1), "", "EX", 60)
    assert list(await times_to_live(redis)) == [redis.key("note", 1)]
    assert Redis(RedisSettings()).key("note", 1) == "randomchat:note:1"


async def test_a_script_runs_where_its_keys_are_even_after_redis_has_forgotten_it(
    redis: Redis, redis_engine: RedisEngine
) -> None:
    key = redis.key("count")
    await redis.run(COUNT, [key], 60_000)
    for number in range(3):
        with redis_engine.client(number) as node:
            node.script_flush()
    await redis.run(COUNT, [key], 60_000)
    assert int(await redis.call("GET", key)) == 2


async def test_many_calls_at_once_share_few_connections(redis: Redis, redis_engine: RedisEngine) -> None:
    key = redis.key("count")
    await asyncio.gather(*(redis.run(COUNT, [key], 60_000) for _ in range(20 * CONNECTIONS)))
    assert int(await redis.call("GET", key)) == 20 * CONNECTIONS
    for number in range(3):
        with redis_engine.client(number) as node:
            assert len(node.client_list()) < 2 * CONNECTIONS


async def test_what_redis_refuses_is_said_once(
    redis: Redis, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    key = redis.key("note")
    await redis.call("SET", key, "text", "EX", 60)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await redis.call("INCR", key)
    assert capsys.readouterr().out.count("Redis refuses a command") == 1


async def test_nobody_there_is_said_at_once_with_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        redis = Redis(RedisSettings(nodes=[address]))
        await redis.start()
        try:
            async with asyncio.timeout(0.5):
                with pytest.raises(Unavailable):
                    await redis.call("GET", redis.key("note"))
                with pytest.raises(Unavailable, match=f"Redis does not answer at {address}"):
                    await redis.check()
        finally:
            await redis.close()


async def test_a_closed_connection_serves_nobody_until_it_is_started_again(redis_engine: RedisEngine) -> None:
    async with fresh_redis(redis_engine.settings) as redis:
        await redis.close()
        with pytest.raises(Unavailable):
            await redis.call("GET", redis.key("note"))
        await redis.start()
        await until_well(redis, 10)
        assert await redis.call("GET", redis.key("note")) is None


@pytest.mark.parametrize("address", ["127.0.0.1", ":6379", "127.0.0.1:", "redis:http"])
def test_an_address_without_host_or_port_is_refused_in_one_line(address: str) -> None:
    with pytest.raises(SettingsError, match=r"^redis\.nodes: .* must look like"):
        Redis(RedisSettings(nodes=[address]))


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
def test_a_certificate_that_can_not_be_used_is_refused_in_one_line(key: str, tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere.pem", tmp_path / "broken.pem"):
        (tmp_path / "broken.pem").write_text("not a certificate", "utf-8")
        with pytest.raises(SettingsError, match=r"^redis\.tls: "):
            Redis(RedisSettings(tls=TlsSettings.model_validate({"enabled": True, key: file})))
