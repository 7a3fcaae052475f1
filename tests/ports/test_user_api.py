"""What the user service promises the others, whether it is an object or in another process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from randomchat.config import LimitSettings, UserSettings
from randomchat.errors import NotFound, Unauthorized, Unavailable
from randomchat.ids import UserId
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.user import Account, UserApi
from randomchat.interfaces.user_grpc import USER_SERVICE, GrpcUserApi
from randomchat.user.domain import Session
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.rpc import UserServicer
from randomchat.user.schema_sqlite import USER_SCHEMA
from randomchat.user.service import UserService
from randomchat.user.sessions import hash_session_token
from tests.fakes import FakeClock, RecordingChatApi
from tests.grpc_site import reached_over_grpc

DAY_S = 24 * 3600.0


@dataclass
class Site:
    """The service, the store below it, and the way in which the others see it."""

    api: UserApi
    service: UserService
    repository: SqliteUserRepository
    database: SqliteDatabase
    clock: FakeClock


@pytest.fixture(params=["itself", "grpc"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    clock = FakeClock()
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [USER_SCHEMA])
    repository = SqliteUserRepository(database)
    service = UserService(
        repository, RecordingChatApi(), MemoryRateLimiter(clock), clock, settings=UserSettings(), limits=LimitSettings()
    )
    site = Site(service, service, repository, database, clock)
    if request.param == "itself":
        yield site
    else:
        async with reached_over_grpc(UserServicer(service), USER_SERVICE) as channel:
            site.api = GrpcUserApi(channel)
            yield site
    await database.close()


async def test_the_owner_of_a_live_session_is_found(site: Site) -> None:
    account, token = await site.service.create("Ada 李 👩‍👩‍👧", "192.0.2.1")
    assert await site.api.authenticate(token) == account


async def test_every_field_of_an_account_comes_through(site: Site) -> None:
    account = Account(UserId((1 << 63) - 1), "Ada", "https://pictures.example/1?a=%20&b=ü")
    session = Session(hash_session_token("token"), account.id, site.clock.wall_ms() + 1000)
    await site.repository.create_account(account, session)
    assert await site.api.authenticate("token") == account


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\ud800", "\0", "' OR 1=1 --", "x" * 100_000], ids=ascii)
async def test_a_token_that_was_never_given_out_is_unauthorized(site: Site, token: str) -> None:
    with pytest.raises(Unauthorized, match="You are not signed in, or no longer"):
        await site.api.authenticate(token)


async def test_a_session_that_is_over_is_unauthorized(site: Site) -> None:
    _, token = await site.service.create("Ada", "192.0.2.1")
    site.clock.advance(30 * DAY_S)
    with pytest.raises(Unauthorized):
        await site.api.authenticate(token)


async def test_a_session_whose_owner_signed_out_is_unauthorized(site: Site) -> None:
    _, token = await site.service.create("Ada", "192.0.2.1")
    await site.service.logout(token)
    with pytest.raises(Unauthorized):
        await site.api.authenticate(token)


async def test_a_session_whose_account_is_gone_is_not_found(site: Site) -> None:
    account, token = await site.service.create("Ada", "192.0.2.1")
    await site.database.execute("DELETE FROM accounts WHERE id = ?", (account.id,))
    with pytest.raises(NotFound, match="This account is gone"):
        await site.api.authenticate(token)


async def test_a_store_that_is_away_is_unavailable(site: Site) -> None:
    _, token = await site.service.create("Ada", "192.0.2.1")
    await site.database.close()
    with pytest.raises(Unavailable):
        await site.api.authenticate(token)
