"""Keyspaces of their own on the shared Cassandra, and connections to them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from randomchat.config import CassandraSettings
from randomchat.errors import Unavailable
from randomchat.infra.cassandra import Cassandra
from randomchat.infra.cassandra_schema import CassandraSchema, migrate

READY_WITHIN_S = 20.0

ACassandra = TypeVar("ACassandra", bound=Cassandra)


def unused_keyspace(engine_settings: CassandraSettings) -> CassandraSettings:
    """Settings that name a keyspace which is not there yet; patient ones, for a machine that has much to do."""
    return engine_settings.model_copy(update={"keyspace": f"test_{secrets.token_hex(6)}", "timeout_s": 5.0})


def fresh_keyspace(engine_settings: CassandraSettings, schemas: Sequence[CassandraSchema]) -> CassandraSettings:
    """A keyspace with these tables. Not for use in a running event loop."""
    settings = unused_keyspace(engine_settings)
    asyncio.run(migrate(settings, schemas))
    return settings


@asynccontextmanager
async def started(cassandra: ACassandra) -> AsyncIterator[ACassandra]:
    await cassandra.start()
    try:
        yield cassandra
    finally:
        await cassandra.close()


@asynccontextmanager
async def connected(settings: CassandraSettings) -> AsyncIterator[Cassandra]:
    async with started(Cassandra(settings)) as cassandra:
        await until_ready(cassandra)
        yield cassandra


async def until_ready(cassandra: Cassandra, most_s: float = READY_WITHIN_S) -> None:
    async with asyncio.timeout(most_s):
        while True:
            try:
                await cassandra.check()
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return
