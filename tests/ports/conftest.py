"""Redis and Cassandra for the suites whose ports have an adapter on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cluster.engines.cassandra import CassandraEngine
from cluster.engines.redis import RedisEngine
from randomchat.chat.schema_cassandra import CHAT_SCHEMA
from randomchat.config import CassandraSettings
from randomchat.infra.redis import Redis
from randomchat.user.schema_cassandra import USER_SCHEMA
from tests.cassandra_keyspace import fresh_keyspace
from tests.fakes import FakeClock
from tests.redis_keys import fresh_redis, let_keys_age

LetPass = Callable[[float], Awaitable[None]]


@pytest.fixture
def redis_in_use() -> list[Redis]:
    """The Redis of this test, where it has one."""
    return []


@pytest.fixture
async def redis(redis_engine: RedisEngine, redis_in_use: list[Redis]) -> AsyncIterator[Redis]:
    async with fresh_redis(redis_engine.settings) as redis:
        redis_in_use.append(redis)
        yield redis


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def let_pass(clock: FakeClock, redis_in_use: list[Redis]) -> LetPass:
    """Seconds pass, for the clock and for what Redis itself lets end."""

    async def seconds_pass(seconds: float) -> None:
        clock.advance(seconds)
        for redis in redis_in_use:
            await let_keys_age(redis, seconds)

    return seconds_pass


@pytest.fixture(scope="session")
def keyspace(cassandra_engine: CassandraEngine) -> CassandraSettings:
    """The tables of all services; what one test leaves in them is there for the next one."""
    return fresh_keyspace(cassandra_engine.settings, [CHAT_SCHEMA, USER_SCHEMA])
