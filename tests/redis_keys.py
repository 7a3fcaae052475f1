"""A Redis for one test: keys of its own on the shared cluster, time that can be let pass, and a look at what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

from redis.asyncio.cluster import RedisCluster

from randomchat.config import RedisSettings
from randomchat.errors import Unavailable
from randomchat.infra.redis import Redis

CONNECTED_WITHIN_S = 10.0


@contextlib.asynccontextmanager
async def fresh_redis(settings: RedisSettings) -> AsyncIterator[Redis]:
    """Connected, with a prefix that nobody else has. At the end every key must have a time to live, and is removed."""
    redis = Redis(settings, prefix=f"test-{secrets.token_hex(6)}")
    await redis.start()
    try:
        await until_well(redis, CONNECTED_WITHIN_S)
        yield redis
        immortal = [key for key, ttl_ms in (await times_to_live(redis)).items() if ttl_ms < 0]
        assert not immortal, f"keys without a time to live: {immortal}"
        await _let_pass(redis, float("inf"))
    finally:
        await redis.close()


async def until_well(redis: Redis, most_s: float) -> float:
    """Wait until all masters answer; how many seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(most_s):
        while True:
            try:
                await redis.check()
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return loop.time() - began


async def times_to_live(redis: Redis) -> dict[str, int]:
    """All keys, and for how many milliseconds each will live on; below 0 where it lives for ever."""
    cluster = _cluster(redis)
    keys = [key.decode() async for key in cluster.scan_iter(match=redis.key("*"), count=1000)]
    # -2: it ended since it was found.
    return {key: ttl_ms for key in keys if (ttl_ms := await cluster.pttl(key)) != -2}


async def let_keys_age(redis: Redis, seconds: float) -> None:
    """Let every key end that much sooner, as if so much time had passed."""
    await _let_pass(redis, seconds)


async def _let_pass(redis: Redis, seconds: float) -> None:
    cluster = _cluster(redis)
    for key, ttl_ms in (await times_to_live(redis)).items():
        left_ms = ttl_ms - seconds * 1000
        await (cluster.pexpire(key, round(left_ms)) if left_ms > 0 else cluster.delete(key))


def _cluster(redis: Redis) -> RedisCluster:
    assert redis._cluster is not None
    return redis._cluster
