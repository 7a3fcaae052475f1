"""How long the user service keeps an account."""

from pathlib import Path

import pytest

from randomchat.config import RetentionSettings, Settings
from randomchat.errors import Unauthorized
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.retention import Retention
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.user.app import UserApp
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.schema_sqlite import USER_SCHEMA
from tests.fakes import FakeClock, RecordingChatApi

DAY_S = 24 * 3600


async def test_an_account_goes_a_week_after_its_session(tmp_path: Path) -> None:
    clock = FakeClock()
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [USER_SCHEMA])
    settings, repository = Settings(retention=RetentionSettings(days=7)), SqliteUserRepository(database)
    app = UserApp(repository, RecordingChatApi(), MemoryRateLimiter(clock), clock, settings)
    retention = Retention("user", repository.delete_expired, settings.retention, clock)
    _, leaving = await app.service.create("Ada", "192.0.2.1")
    await app.service.logout(leaving)
    staying_account, staying = await app.service.create("Bob", "192.0.2.1")

    clock.advance(7 * DAY_S)
    assert await retention.run_once() == 0
    clock.advance(1)
    assert await retention.run_once() == 1, "the account that was signed out"
    assert await app.service.authenticate(staying) == staying_account

    clock.advance(30 * DAY_S)
    assert await retention.run_once() == 2, "the other account, and its session that ran out"
    with pytest.raises(Unauthorized):
        await app.service.authenticate(staying)
    await database.close()
