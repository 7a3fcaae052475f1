"""What every store of accounts promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from randomchat.config import CassandraSettings, RetentionSettings
from randomchat.errors import Conflict
from randomchat.ids import UserId
from randomchat.infra.cassandra import Query
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.user import Account
from randomchat.user.domain import Session
from randomchat.user.repository import UserRepository
from randomchat.user.repository_cassandra import CassandraUserRepository
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.schema_sqlite import USER_SCHEMA
from tests.cassandra_keyspace import connected
from tests.fakes import FakeClock

ADA = Account(UserId(1), "Ada", "")
LIMIT = 100


@asynccontextmanager
async def open_sqlite(folder: Path) -> AsyncIterator[UserRepository]:
    database = await SqliteDatabase.open(folder / "randomchat.sqlite3", [USER_SCHEMA])
    yield SqliteUserRepository(database)
    await database.close()


@asynccontextmanager
async def open_cassandra(settings: CassandraSettings, clock: FakeClock, kept_s: float = 86_400) -> AsyncIterator[UserRepository]:
    async with connected(settings) as cassandra:
        for account_id in range(1, 30):  # the people are the same in every test
            await cassandra.write_if(Query("DELETE FROM accounts WHERE user_id = ? IF EXISTS"), (account_id,))
        for token in (b"token", b"other"):
            await cassandra.write_if(Query("DELETE FROM sessions WHERE token_hash = ? IF EXISTS"), (token,))
        yield CassandraUserRepository(cassandra, clock, RetentionSettings(days=kept_s / 86_400))


@pytest.fixture(params=["sqlite", "cassandra"])
def opening(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AbstractAsyncContextManager[UserRepository]:
    if request.param == "sqlite":
        return open_sqlite(tmp_path)
    return open_cassandra(request.getfixturevalue("keyspace"), clock)


@pytest.fixture
async def repository(opening: AbstractAsyncContextManager[UserRepository]) -> AsyncIterator[UserRepository]:
    async with opening as repository:
        yield repository


by_job = pytest.mark.parametrize("opening", ["sqlite"], indirect=True)
"""Where a job removes what has ended; Cassandra does so by itself, see the end of this file."""


def session_of(account: Account, token: str = "token", ends_at_ms: int = 1000) -> Session:
    return Session(token.encode(), account.id, ends_at_ms)


async def test_a_created_account_is_found_with_its_session(repository: UserRepository) -> None:
    account = Account(UserId((1 << 63) - 1), "李 👩‍👩‍👧 ' \" %", "https://pictures.example/1")
    session = session_of(account)
    await repository.create_account(account, session)
    assert await repository.find_account(account.id) == account
    assert await repository.find_session(session.token_hash) == session


async def test_what_was_never_stored_is_not_found(repository: UserRepository) -> None:
    assert await repository.find_account(UserId(404)) is None
    assert await repository.find_session(b"unknown") is None


async def test_a_taken_id_is_a_conflict_and_stores_nothing(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA))
    impostor = Account(ADA.id, "Eve", "")
    with pytest.raises(Conflict):
        await repository.create_account(impostor, session_of(impostor, "other"))
    assert await repository.find_account(ADA.id) == ADA
    assert await repository.find_session(b"other") is None


async def test_a_taken_session_is_a_conflict_and_stores_no_account(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA))
    bob = Account(UserId(2), "Bob", "")
    with pytest.raises(Conflict):
        await repository.create_account(bob, session_of(bob))
    assert await repository.find_account(bob.id) is None
    assert await repository.find_session(b"token") == session_of(ADA)


async def test_of_many_who_want_one_id_at_once_one_gets_it(repository: UserRepository) -> None:
    rivals = [Account(UserId(7), f"rival {number}", "") for number in range(20)]
    outcomes = await asyncio.gather(
        *(repository.create_account(rival, session_of(rival, rival.name)) for rival in rivals), return_exceptions=True
    )
    winners = [rival for rival, outcome in zip(rivals, outcomes, strict=True) if outcome is None]
    assert len(winners) == 1
    assert await repository.find_account(UserId(7)) == winners[0]
    assert all(outcome is None or isinstance(outcome, Conflict) for outcome in outcomes)


async def test_a_revoked_session_is_gone_and_its_account_is_not(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA))
    await repository.revoke_session(b"token", now_ms=500)
    assert await repository.find_session(b"token") is None
    assert await repository.find_account(ADA.id) == ADA


async def test_revoking_what_is_not_there_is_no_error(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA))
    await repository.revoke_session(b"unknown", now_ms=500)
    await repository.revoke_session(b"unknown", now_ms=500)
    assert await repository.find_session(b"token") == session_of(ADA)


@by_job
async def test_accounts_and_sessions_go_once_their_session_ended_before(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA, ends_at_ms=1000))
    assert await repository.delete_expired(1000, LIMIT) == 0
    assert await repository.find_account(ADA.id) == ADA
    assert await repository.delete_expired(1001, LIMIT) == 2
    assert await repository.find_account(ADA.id) is None
    assert await repository.find_session(b"token") is None
    assert await repository.delete_expired(1001, LIMIT) == 0


@by_job
async def test_an_account_without_a_session_counts_from_the_revocation(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA, ends_at_ms=1000))
    await repository.revoke_session(b"token", now_ms=500)
    assert await repository.delete_expired(500, LIMIT) == 0
    assert await repository.delete_expired(501, LIMIT) == 1
    assert await repository.find_account(ADA.id) is None


@by_job
async def test_removal_goes_in_bounded_steps_and_spares_the_living(repository: UserRepository) -> None:
    accounts = [Account(UserId(number), "Ada", "") for number in range(1, 21)]
    for account in accounts:
        await repository.create_account(account, session_of(account, str(account.id), ends_at_ms=account.id * 100))
    steps = []
    while removed := await repository.delete_expired(1001, 7):
        steps.append(removed)
    assert max(steps) <= 7
    assert sum(steps) == 20, "ten accounts and ten sessions"
    assert [account.id for account in accounts if await repository.find_account(account.id)] == list(range(11, 21))
    assert [account.id for account in accounts if await repository.find_session(str(account.id).encode())] == list(range(11, 21))


@by_job
async def test_no_account_goes_before_its_sessions(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA, ends_at_ms=10))
    await repository.delete_expired(1001, 1)
    assert await repository.find_session(b"token") is None
    assert await repository.find_account(ADA.id) == ADA


async def test_cassandra_ends_accounts_and_sessions_by_itself(keyspace: CassandraSettings, clock: FakeClock) -> None:
    now_ms = clock.wall_ms()
    async with open_cassandra(keyspace, clock, kept_s=1) as repository:
        for account_id, token, ends_at_ms in [(1, "token", now_ms), (2, "other", now_ms + 60_000), (3, "third", now_ms + 60_000)]:
            account = Account(UserId(account_id), "Ada", "")
            await repository.create_account(account, session_of(account, token, ends_at_ms))
        await repository.revoke_session(b"other", now_ms)
        assert await repository.find_account(UserId(2))
        await asyncio.sleep(1.1)
        assert [await repository.find_account(UserId(account_id)) for account_id in (1, 2)] == [None, None]
        assert [await repository.find_session(token) for token in (b"token", b"other")] == [None, None]
        assert await repository.find_account(UserId(3))
        assert await repository.find_session(b"third")
