"""What the user service does, on its real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.config import LimitSettings, UserSettings
from randomchat.errors import InvalidInput, NotFound, RateLimited, Unauthorized, Unavailable
from randomchat.ids import UserId
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.schema_sqlite import USER_SCHEMA
from randomchat.user.service import UserService
from tests.fakes import FakeClock, RecordingChatApi

DAY_S = 24 * 3600


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def chat() -> RecordingChatApi:
    return RecordingChatApi()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [USER_SCHEMA])
    yield database
    await database.close()


@pytest.fixture
def repository(database: SqliteDatabase) -> SqliteUserRepository:
    return SqliteUserRepository(database)


@pytest.fixture
def service(repository: SqliteUserRepository, chat: RecordingChatApi, clock: FakeClock) -> UserService:
    return build(repository, chat, clock, LimitSettings(accounts_per_hour=3))


def build(repository: SqliteUserRepository, chat: RecordingChatApi, clock: FakeClock, limits: LimitSettings) -> UserService:
    return UserService(repository, chat, MemoryRateLimiter(clock), clock, settings=UserSettings(), limits=limits)


async def test_whoever_creates_an_account_is_signed_in_as_it(service: UserService) -> None:
    account, token = await service.create("  Ada ", "192.0.2.1")
    assert account.name == "Ada"
    assert await service.authenticate(token) == account


async def test_the_same_name_makes_another_account(service: UserService) -> None:
    first, first_token = await service.create("Ada", "192.0.2.1")
    second, second_token = await service.create("Ada", "192.0.2.1")
    assert first.id != second.id
    assert first_token != second_token


async def test_a_session_ends_after_thirty_days(service: UserService, clock: FakeClock) -> None:
    _, token = await service.create("Ada", "192.0.2.1")
    clock.advance(30 * DAY_S - 1)
    await service.authenticate(token)
    clock.advance(1)
    with pytest.raises(Unauthorized):
        await service.authenticate(token)


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\ud800", "' OR 1=1 --", "x" * 100_000])
async def test_a_token_that_was_never_given_out_is_unauthorized(service: UserService, token: str) -> None:
    with pytest.raises(Unauthorized):
        await service.authenticate(token)


async def test_a_session_whose_account_is_gone_is_not_found(service: UserService, database: SqliteDatabase) -> None:
    _, token = await service.create("Ada", "192.0.2.1")
    await database.execute("DELETE FROM accounts")
    with pytest.raises(NotFound):
        await service.authenticate(token)


async def test_strangers_are_not_visible_and_partners_are(service: UserService, chat: RecordingChatApi) -> None:
    ada, _ = await service.create("Ada", "192.0.2.1")
    bob, _ = await service.create("Bob", "192.0.2.1")
    with pytest.raises(NotFound):
        await service.get_visible(ada, bob.id)
    chat.acquaint(ada.id, bob.id)
    assert await service.get_visible(ada, bob.id) == bob


async def test_one_sees_oneself_even_while_the_chat_service_is_away(service: UserService, chat: RecordingChatApi) -> None:
    ada, _ = await service.create("Ada", "192.0.2.1")
    chat.away = True
    assert await service.get_visible(ada, ada.id) == ada


async def test_a_partner_whose_account_is_gone_is_not_found(service: UserService, chat: RecordingChatApi) -> None:
    ada, _ = await service.create("Ada", "192.0.2.1")
    chat.acquaint(ada.id, UserId(404))
    with pytest.raises(NotFound):
        await service.get_visible(ada, UserId(404))


async def test_logout_ends_the_session_and_signs_out_of_the_chat(service: UserService, chat: RecordingChatApi) -> None:
    ada, token = await service.create("Ada", "192.0.2.1")
    await service.logout(token)
    assert chat.signed_out == [ada.id]
    with pytest.raises(Unauthorized):
        await service.authenticate(token)
    with pytest.raises(Unauthorized):
        await service.logout(token)


async def test_a_logout_that_fails_leaves_the_session_and_can_be_repeated(service: UserService, chat: RecordingChatApi) -> None:
    ada, token = await service.create("Ada", "192.0.2.1")
    chat.away = True
    with pytest.raises(Unavailable):
        await service.logout(token)
    assert await service.authenticate(token) == ada
    chat.away = False
    await service.logout(token)
    assert chat.signed_out == [ada.id]


async def test_logout_of_one_leaves_others_signed_in(service: UserService) -> None:
    _, token = await service.create("Ada", "192.0.2.1")
    bob, bobs_token = await service.create("Bob", "192.0.2.1")
    await service.logout(token)
    assert await service.authenticate(bobs_token) == bob


async def test_accounts_of_one_address_are_bounded_by_the_hour(service: UserService, clock: FakeClock) -> None:
    for _ in range(3):
        await service.create("Ada", "192.0.2.1")
    with pytest.raises(RateLimited) as refusal:
        await service.create("Ada", "192.0.2.1")
    assert refusal.value.retry_after_s == pytest.approx(3600)
    await service.create("Ada", "192.0.2.2")
    clock.advance(3600)
    await service.create("Ada", "192.0.2.1")


async def test_a_refused_name_does_not_count(service: UserService) -> None:
    for _ in range(10):
        with pytest.raises(InvalidInput):
            await service.create("x" * 16, "192.0.2.1")
    await service.create("Ada", "192.0.2.1")


async def test_nothing_is_bounded_where_limits_are_off(
    repository: SqliteUserRepository, chat: RecordingChatApi, clock: FakeClock
) -> None:
    service = build(repository, chat, clock, LimitSettings(enabled=False, accounts_per_hour=1))
    for _ in range(5):
        await service.create("Ada", "192.0.2.1")
