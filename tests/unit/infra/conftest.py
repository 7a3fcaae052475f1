"""A database of notes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.infra.sqlite import SqliteDatabase
from tests.unit.infra.notes import NOTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "randomchat.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(path, [NOTES])
    yield database
    await database.close()
