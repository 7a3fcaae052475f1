"""What the chat service promises the others, whether it is an object or in another process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from randomchat.chat.app import ChatApp, ChatPorts
from randomchat.chat.repository_sqlite import SqliteChatRepository
from randomchat.chat.routes_memory import MemoryRoutes
from randomchat.chat.rpc import ChatServicer
from randomchat.chat.schema_sqlite import CHAT_SCHEMA
from randomchat.chat.user_sockets_memory import MemoryUserSockets
from randomchat.config import Settings
from randomchat.errors import Conflict, NotFound, Unauthorized, Unavailable
from randomchat.ids import ChannelId, NodeId, TicketId, UserId, first_id_at
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.chat import ChatApi, Membership, Seat, TokenHolder
from randomchat.interfaces.chat_grpc import CHAT_SERVICE, GrpcChatApi
from tests.fakes import EmptyObjectStore, FakeClock
from tests.grpc_site import reached_over_grpc

ADA, BOB, EVE = UserId(11), UserId(22), UserId((1 << 63) - 1)
NOWHERE = ChannelId((1 << 63) - 1)


@dataclass
class Site:
    """The service, the store below it, and the way in which the others see it."""

    api: ChatApi
    repository: SqliteChatRepository
    database: SqliteDatabase
    clock: FakeClock
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def seat(self, user_id: UserId) -> Seat:
        """A person with a ticket of now."""
        return Seat(user_id, TicketId(first_id_at(self.clock.wall_ms()) + next(self.numbers)))

    async def make(self, first: Seat, second: Seat, within_s: float = 10) -> ChannelId:
        return await self.api.create_channel(first, second, not_after_ms=self.clock.wall_ms() + round(within_s * 1000))

    async def channel(self) -> ChannelId:
        """A channel of Ada and Bob."""
        return await self.make(self.seat(ADA), self.seat(BOB))


@pytest.fixture(params=["itself", "grpc"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    clock = FakeClock()
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [CHAT_SCHEMA])
    repository = SqliteChatRepository(database, clock)
    ports = ChatPorts(
        repository=repository,
        routes=MemoryRoutes(clock),
        leases=MemoryNodeLeases(clock),
        mailbox=MemoryMailbox(MemoryBroker()),
        user_sockets=MemoryUserSockets(),
        objects=EmptyObjectStore(),
        clock=clock,
    )
    service = ChatApp(NodeId("node"), ports, [b"k" * 32], Settings(), CollectorRegistry()).service
    site = Site(service, repository, database, clock)
    if request.param == "itself":
        yield site
    else:
        async with reached_over_grpc(ChatServicer(service), CHAT_SERVICE) as channel:
            site.api = GrpcChatApi(channel, clock)
            yield site
    await database.close()


async def test_a_pair_gets_a_channel_and_each_ticket_finds_it(site: Site) -> None:
    ada, eve = site.seat(ADA), site.seat(EVE)
    channel_id = await site.make(ada, eve)
    assert await site.api.find_channel_of_ticket(ada.ticket_id) == channel_id
    assert await site.api.find_channel_of_ticket(eve.ticket_id) == channel_id


async def test_the_same_tickets_get_the_same_channel_however_often_and_at_once(site: Site) -> None:
    ada, bob = site.seat(ADA), site.seat(BOB)
    first = await site.make(ada, bob)
    assert set(await asyncio.gather(*(site.make(ada, bob) for _ in range(10)))) == {first}


async def test_a_ticket_that_has_a_channel_with_another_one_is_a_conflict(site: Site) -> None:
    ada, bob = site.seat(ADA), site.seat(BOB)
    channel_id = await site.make(ada, bob)
    with pytest.raises(Conflict):
        await site.make(ada, site.seat(EVE))
    assert await site.api.find_channel_of_ticket(ada.ticket_id) == channel_id


async def test_a_channel_for_which_it_is_too_late_is_never_made(site: Site) -> None:
    ada, bob = site.seat(ADA), site.seat(BOB)
    with pytest.raises(Unavailable):
        await site.make(ada, bob, within_s=-1)
    assert await site.api.find_channel_of_ticket(ada.ticket_id) is None


async def test_a_ticket_without_a_channel_has_none(site: Site) -> None:
    assert await site.api.find_channel_of_ticket(TicketId(404)) is None


async def test_a_place_in_a_channel_says_whether_it_is_open_and_was_taken(site: Site) -> None:
    channel_id = await site.channel()
    assert await site.api.find_membership(channel_id, ADA) == Membership(channel_id, ADA, open=True, joined=False)
    await site.repository.mark_joined(channel_id, ADA, site.clock.wall_ms())
    assert await site.api.find_membership(channel_id, ADA) == Membership(channel_id, ADA, open=True, joined=True)
    await site.repository.close_channel(channel_id, BOB, site.clock.wall_ms())
    assert await site.api.find_membership(channel_id, ADA) == Membership(channel_id, ADA, open=False, joined=True)
    assert await site.api.find_membership(channel_id, BOB) == Membership(channel_id, BOB, open=False, joined=False)


async def test_nobody_has_a_place_in_a_channel_of_others_or_one_that_is_not_there(site: Site) -> None:
    assert await site.api.find_membership(await site.channel(), EVE) is None
    assert await site.api.find_membership(NOWHERE, ADA) is None


async def test_a_token_says_whose_it_is_and_for_which_channel(site: Site) -> None:
    channel_id = await site.channel()
    token = await site.api.issue_token(channel_id, BOB)
    assert await site.api.verify_token(token) == TokenHolder(channel_id, BOB)


async def test_no_token_for_a_stranger_or_a_channel_that_is_closed_or_not_there(site: Site) -> None:
    channel_id = await site.channel()
    with pytest.raises(NotFound):
        await site.api.issue_token(channel_id, EVE)
    with pytest.raises(NotFound):
        await site.api.issue_token(NOWHERE, ADA)
    await site.repository.close_channel(channel_id, ADA, site.clock.wall_ms())
    with pytest.raises(NotFound):
        await site.api.issue_token(channel_id, ADA)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\ud800", "\0", "x" * 100_000], ids=ascii)
async def test_what_is_no_token_is_unauthorized(site: Site, token: str) -> None:
    with pytest.raises(Unauthorized):
        await site.api.verify_token(token)


async def test_a_token_ends_with_its_time_and_with_its_channel(site: Site) -> None:
    first, second = await site.channel(), await site.channel()
    tokens = [await site.api.issue_token(channel_id, ADA) for channel_id in (first, second)]
    await site.repository.close_channel(first, BOB, site.clock.wall_ms())
    with pytest.raises(Unauthorized, match="This conversation has ended"):
        await site.api.verify_token(tokens[0])
    assert (await site.api.verify_token(tokens[1])).channel_id == second
    site.clock.advance(24 * 3600 + 1)
    with pytest.raises(Unauthorized):
        await site.api.verify_token(tokens[1])


async def test_people_who_share_or_shared_a_channel_are_acquainted_and_no_others(site: Site) -> None:
    channel_id = await site.channel()
    assert await site.api.shares_channel(ADA, BOB)
    assert await site.api.shares_channel(BOB, ADA)
    assert not await site.api.shares_channel(ADA, EVE)
    await site.repository.close_channel(channel_id, ADA, site.clock.wall_ms())
    assert await site.api.shares_channel(ADA, BOB)


async def test_signing_out_voids_all_tokens_that_a_person_holds_and_no_others(site: Site) -> None:
    channel_id = await site.channel()
    ada, bob = await site.api.issue_token(channel_id, ADA), await site.api.issue_token(channel_id, BOB)
    site.clock.advance(1)
    await site.api.sign_out(ADA)
    await site.api.sign_out(ADA)
    with pytest.raises(Unauthorized):
        await site.api.verify_token(ada)
    assert (await site.api.verify_token(bob)).user_id == BOB
    site.clock.advance(1)
    fresh = await site.api.issue_token(channel_id, ADA)
    assert (await site.api.verify_token(fresh)).user_id == ADA


CALLS: dict[str, Callable[[Site, str], Awaitable[object]]] = {
    "create_channel": lambda site, _: site.channel(),
    "find_channel_of_ticket": lambda site, _: site.api.find_channel_of_ticket(TicketId(1)),
    "find_membership": lambda site, _: site.api.find_membership(NOWHERE, ADA),
    "issue_token": lambda site, _: site.api.issue_token(NOWHERE, ADA),
    "verify_token": lambda site, token: site.api.verify_token(token),
    "shares_channel": lambda site, _: site.api.shares_channel(ADA, BOB),
    "sign_out": lambda site, _: site.api.sign_out(ADA),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_store_that_is_away_is_unavailable(site: Site, call: str) -> None:
    token = await site.api.issue_token(await site.channel(), ADA)
    await site.database.close()
    with pytest.raises(Unavailable):
        await CALLS[call](site, token)
