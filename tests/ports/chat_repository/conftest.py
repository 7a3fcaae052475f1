"""The stores that the suites of this folder run on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.chat.repository import ChatRepository
from randomchat.chat.repository_sqlite import SqliteChatRepository
from randomchat.chat.schema_sqlite import CHAT_SCHEMA
from randomchat.infra.sqlite import SqliteDatabase
from tests.fakes import FakeClock
from tests.ports.chat_repository.scene import Scene, Store


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    clock = FakeClock()
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [CHAT_SCHEMA])
    yield Store(SqliteChatRepository(database, clock), clock, database.close)
    await database.close()


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


@pytest.fixture
def repository(store: Store) -> ChatRepository:
    return store.repository
