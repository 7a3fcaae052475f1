"""How each store is opened, and how time passes in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from randomchat.chat.repository_cassandra import CassandraChatRepository
from randomchat.chat.repository_sqlite import SqliteChatRepository
from randomchat.chat.schema_sqlite import CHAT_SCHEMA
from randomchat.config import CassandraSettings, RetentionSettings
from randomchat.infra.cassandra import Cassandra, Query
from randomchat.infra.sqlite import SqliteDatabase
from tests.cassandra_keyspace import connected
from tests.fakes import FakeClock
from tests.ports.chat_repository.scene import ADA, BOB, EVE, LIMIT, Store

DAY_S = 86_400
KEPT_S = 4
"""In Cassandra, which counts in whole seconds: what is kept so long is gone after it, and surely there a second before."""


@asynccontextmanager
async def open_sqlite(folder: Path) -> AsyncIterator[Store]:
    """Here it is the clock that moves."""
    clock = FakeClock()
    database = await SqliteDatabase.open(folder / "randomchat.sqlite3", [CHAT_SCHEMA])
    repository = SqliteChatRepository(database, clock)

    async def let_pass(share: float) -> None:
        clock.advance(share * DAY_S)
        while await repository.delete_expired(clock.wall_ms() - DAY_S * 1000, LIMIT):
            pass

    yield Store(repository, clock, take_away=database.close, let_pass=let_pass)
    await database.close()


@asynccontextmanager
async def open_cassandra(settings: CassandraSettings, kept_s: float = DAY_S) -> AsyncIterator[Store]:
    """Here it is Cassandra that lets things end, so that time has to pass."""
    clock = FakeClock()

    async def let_pass(share: float) -> None:
        clock.advance(share * kept_s)
        await asyncio.sleep(share * kept_s)

    async with connected(settings) as cassandra:
        await forget_people(cassandra)
        retention = RetentionSettings(days=kept_s / DAY_S)
        yield Store(CassandraChatRepository(cassandra, clock, retention), clock, take_away=cassandra.close, let_pass=let_pass)


async def forget_people(cassandra: Cassandra) -> None:
    """The people are the same in every test."""
    query = Query("DELETE FROM channels_by_user WHERE user_id = ?")
    for person in (ADA, BOB, EVE):
        await cassandra.write(query, (person,))
