"""The stores that the suites of this folder run on."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from randomchat.chat.repository import ChatRepository
from tests.ports.chat_repository.scene import Scene, Store
from tests.ports.chat_repository.stores import open_cassandra, open_sqlite


@pytest.fixture(params=["sqlite", "cassandra"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Store]:
    if request.param == "sqlite":
        return open_sqlite(tmp_path)
    return open_cassandra(request.getfixturevalue("keyspace"))


@pytest.fixture
async def store(opening: AbstractAsyncContextManager[Store]) -> AsyncIterator[Store]:
    async with opening as store:
        yield store


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


@pytest.fixture
def repository(store: Store) -> ChatRepository:
    return store.repository
