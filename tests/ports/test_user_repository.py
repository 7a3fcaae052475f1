"""What every store of accounts promises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.errors import Conflict
from randomchat.ids import UserId
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.user import Account
from randomchat.user.domain import Session
from randomchat.user.repository import UserRepository
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.schema_sqlite import USER_SCHEMA

ADA = Account(UserId(1), "Ada", "")
LIMIT = 100


@pytest.fixture(params=["sqlite"])
async def repository(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UserRepository]:
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [USER_SCHEMA])
    yield SqliteUserRepository(database)
    await database.close()


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


async def test_accounts_and_sessions_go_once_their_session_ended_before(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA, ends_at_ms=1000))
    assert await repository.delete_expired(1000, LIMIT) == 0
    assert await repository.find_account(ADA.id) == ADA
    assert await repository.delete_expired(1001, LIMIT) == 2
    assert await repository.find_account(ADA.id) is None
    assert await repository.find_session(b"token") is None
    assert await repository.delete_expired(1001, LIMIT) == 0


async def test_an_account_without_a_session_counts_from_the_revocation(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA, ends_at_ms=1000))
    await repository.revoke_session(b"token", now_ms=500)
    assert await repository.delete_expired(500, LIMIT) == 0
    assert await repository.delete_expired(501, LIMIT) == 1
    assert await repository.find_account(ADA.id) is None


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


async def test_no_account_goes_before_its_sessions(repository: UserRepository) -> None:
    await repository.create_account(ADA, session_of(ADA, ends_at_ms=10))
    await repository.delete_expired(1001, 1)
    assert await repository.find_session(b"token") is None
    assert await repository.find_account(ADA.id) == ADA
