"""What every store of channels and messages promises."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes import FakeClock

from randomchat.chat.domain import Channel, Event, Member, Message
from randomchat.chat.repository import ChatRepository
from randomchat.chat.repository_sqlite import SqliteChatRepository
from randomchat.chat.schema_sqlite import CHAT_SCHEMA
from randomchat.errors import Conflict, NotFound, Unavailable
from randomchat.ids import MAX_ID, ChannelId, MessageId, TicketId, UserId, first_id_at
from randomchat.infra.sqlite import SqliteDatabase

ADA, BOB, EVE = UserId(11), UserId(22), UserId(33)
LIMIT = 100
DAY_S = 86_400


@dataclass
class Store:
    """An adapter under test. `take_away` makes its engine vanish."""

    repository: ChatRepository
    clock: FakeClock
    take_away: Callable[[], Awaitable[None]]


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    clock = FakeClock()
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [CHAT_SCHEMA])
    yield Store(SqliteChatRepository(database, clock), clock, database.close)
    await database.close()


class Scene:
    """Makes channels and messages whose ids carry the time of the store's clock."""

    def __init__(self, store: Store) -> None:
        self.repository, self.clock = store.repository, store.clock
        self._numbers = itertools.count(1)

    def fresh_id(self) -> int:
        return first_id_at(self.clock.wall_ms()) + next(self._numbers)

    def tickets(self) -> tuple[TicketId, TicketId]:
        return TicketId(self.fresh_id()), TicketId(self.fresh_id())

    async def channel(self, members: tuple[UserId, UserId] = (ADA, BOB)) -> ChannelId:
        return await self.create(members, self.tickets())

    async def create(self, members: tuple[UserId, UserId], tickets: tuple[TicketId, TicketId]) -> ChannelId:
        channel_id = ChannelId(self.fresh_id())
        return await self.repository.create_channel(channel_id, members, tickets, not_after_ms=self.clock.wall_ms())

    async def message(self, channel: ChannelId, sender: UserId = ADA, client_id: str | None = None) -> Message:
        message = Message(MessageId(self.fresh_id()), sender, Event.TEXT, "hi", client_id)
        await self.repository.insert_message(channel, message)
        return message

    async def history(self, channel: ChannelId, page: int = LIMIT) -> list[Message]:
        """The whole history, put together from pages."""
        messages: list[Message] = []
        before = None
        while found := await self.repository.list_messages(channel, before, page):
            messages += found
            before = found[-1].id
        return messages

    async def purge(self, limit: int = LIMIT) -> list[int]:
        """Remove what is older than now, and say in which steps."""
        steps = []
        while removed := await self.repository.delete_expired(self.clock.wall_ms(), limit):
            steps.append(removed)
        return steps


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


@pytest.fixture
def repository(store: Store) -> ChatRepository:
    return store.repository


# -------------------------------------------------------------------- channels


async def test_a_new_channel_is_open_and_keeps_the_order_of_its_members(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel((BOB, ADA))
    assert await repository.get_channel(channel) == Channel(channel, (Member(BOB), Member(ADA)))


async def test_a_channel_is_found_by_each_of_its_tickets(scene: Scene, repository: ChatRepository) -> None:
    tickets = scene.tickets()
    channel = await scene.create((ADA, BOB), tickets)
    assert [await repository.find_channel_of_ticket(ticket) for ticket in tickets] == [channel, channel]
    assert await repository.find_channel_of_ticket(scene.tickets()[0]) is None


async def test_the_same_pair_of_tickets_gets_the_same_channel(scene: Scene) -> None:
    one, other = scene.tickets()
    first = await scene.create((ADA, BOB), (one, other))
    assert await scene.create((ADA, BOB), (one, other)) == first
    assert await scene.create((BOB, ADA), (other, one)) == first


async def test_of_many_who_make_the_channel_of_one_pair_all_get_the_same(scene: Scene, repository: ChatRepository) -> None:
    tickets = scene.tickets()
    channels = await asyncio.gather(*(scene.create((ADA, BOB), tickets) for _ in range(20)))
    assert len(set(channels)) == 1
    assert (await repository.get_channel(channels[0])).side_of(BOB) == 1


async def test_a_ticket_that_has_a_channel_with_another_one_is_a_conflict(scene: Scene, repository: ChatRepository) -> None:
    one, other = scene.tickets()
    third, fourth = scene.tickets()
    first = await scene.create((ADA, BOB), (one, other))
    await scene.create((EVE, BOB), (third, fourth))
    for pair in [(one, third), (third, other), (one, TicketId(scene.fresh_id())), (TicketId(scene.fresh_id()), other)]:
        with pytest.raises(Conflict):
            await scene.create((ADA, EVE), pair)
    assert await repository.find_channel_of_ticket(one) == first
    assert not await repository.shares_channel(ADA, EVE)


async def test_of_rivals_for_one_ticket_one_gets_it_and_nothing_is_left_of_the_others(
    scene: Scene, repository: ChatRepository
) -> None:
    wanted = TicketId(scene.fresh_id())
    others = [TicketId(scene.fresh_id()) for _ in range(20)]
    outcomes = await asyncio.gather(
        *(scene.create((ADA, UserId(100 + number)), (wanted, ticket)) for number, ticket in enumerate(others)),
        return_exceptions=True,
    )
    made = [outcome for outcome in outcomes if not isinstance(outcome, Conflict)]
    assert made == [await repository.find_channel_of_ticket(wanted)]
    assert [await repository.find_channel_of_ticket(ticket) for ticket in others].count(None) == 19
    assert [await repository.shares_channel(ADA, UserId(100 + number)) for number in range(20)].count(True) == 1


async def test_a_taken_channel_id_is_a_conflict_and_leaves_the_tickets_free(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    tickets = scene.tickets()
    with pytest.raises(Conflict):
        await repository.create_channel(channel, (EVE, BOB), tickets, not_after_ms=scene.clock.wall_ms())
    assert await repository.find_channel_of_ticket(tickets[0]) is None
    assert (await repository.get_channel(channel)).side_of(EVE) is None


async def test_a_channel_is_not_made_after_its_time(scene: Scene, repository: ChatRepository) -> None:
    tickets, channel, deadline = scene.tickets(), ChannelId(scene.fresh_id()), scene.clock.wall_ms() + 1000
    scene.clock.advance(1.001)
    with pytest.raises(Unavailable):
        await repository.create_channel(channel, (ADA, BOB), tickets, not_after_ms=deadline)
    assert await repository.find_channel_of_ticket(tickets[0]) is None
    with pytest.raises(NotFound):
        await repository.get_channel(channel)


async def test_a_channel_that_was_made_in_time_is_given_later_too(scene: Scene, repository: ChatRepository) -> None:
    tickets, deadline = scene.tickets(), scene.clock.wall_ms()
    channel = await scene.create((ADA, BOB), tickets)
    scene.clock.advance(60)
    again = await repository.create_channel(ChannelId(scene.fresh_id()), (ADA, BOB), tickets, not_after_ms=deadline)
    assert again == channel


async def test_people_share_a_channel_also_when_it_is_closed(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel((ADA, BOB))
    await scene.channel((EVE, BOB))
    await repository.close_channel(channel, ADA, 1)
    assert await repository.shares_channel(ADA, BOB)
    assert await repository.shares_channel(BOB, ADA)
    assert await repository.shares_channel(BOB, EVE)
    assert not await repository.shares_channel(ADA, EVE)


async def test_a_closed_channel_stays_as_it_was_closed_first(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    closed = Channel(channel, (Member(ADA), Member(BOB)), closed_at_ms=1000, closed_by=BOB)
    assert await repository.close_channel(channel, BOB, 1000) == closed
    assert await repository.close_channel(channel, BOB, 2000) == closed
    assert await repository.close_channel(channel, ADA, 3000) == closed
    assert await repository.get_channel(channel) == closed


async def test_of_two_who_close_at_once_both_learn_who_was_first(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    one, other = await asyncio.gather(repository.close_channel(channel, ADA, 1), repository.close_channel(channel, BOB, 2))
    assert one == other == await repository.get_channel(channel)
    assert one.closed_by in {ADA, BOB}


async def test_the_first_connection_of_each_member_is_noted(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    await repository.mark_joined(channel, BOB, 1000)
    await repository.mark_joined(channel, BOB, 2000)
    assert (await repository.get_channel(channel)).members == (Member(ADA), Member(BOB, joined_at_ms=1000))
    await repository.mark_joined(channel, ADA, 3000)
    assert (await repository.get_channel(channel)).members == (Member(ADA, joined_at_ms=3000), Member(BOB, joined_at_ms=1000))


async def test_a_watermark_moves_only_forwards_and_is_each_members_own(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    for seen in (5, 9, 7):
        await repository.advance_seen(channel, ADA, MessageId(seen))
    await repository.advance_seen(channel, BOB, MessageId(8))
    members = (Member(ADA, seen_id=MessageId(9)), Member(BOB, seen_id=MessageId(8)))
    assert (await repository.get_channel(channel)).members == members


async def test_watermarks_that_come_at_once_end_at_the_largest(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    await asyncio.gather(*(repository.advance_seen(channel, ADA, MessageId(seen * 7 % 50)) for seen in range(1, 50)))
    assert (await repository.get_channel(channel)).members[0].seen_id == 49


async def test_revoking_reaches_all_channels_of_a_person_and_nobody_else(scene: Scene, repository: ChatRepository) -> None:
    as_first = await scene.channel((ADA, BOB))
    as_second = await scene.channel((EVE, ADA))
    closed = await scene.channel((ADA, EVE))
    foreign = await scene.channel((EVE, BOB))
    await repository.close_channel(closed, EVE, 1)
    assert sorted(await repository.revoke_tokens(ADA, 5000)) == sorted([as_first, as_second])
    revoked = Member(ADA, revoked_before_ms=5000)
    assert (await repository.get_channel(as_first)).members == (revoked, Member(BOB))
    assert (await repository.get_channel(as_second)).members == (Member(EVE), revoked)
    assert (await repository.get_channel(closed)).members == (revoked, Member(EVE))
    assert (await repository.get_channel(foreign)).members == (Member(EVE), Member(BOB))


async def test_a_clock_that_steps_back_revives_no_token(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    await repository.revoke_tokens(ADA, 5000)
    await repository.revoke_tokens(ADA, 4000)
    assert (await repository.get_channel(channel)).members[0].revoked_before_ms == 5000


async def test_revoking_the_tokens_of_a_person_without_channels_is_no_error(repository: ChatRepository) -> None:
    assert await repository.revoke_tokens(EVE, 5000) == []


# -------------------------------------------------------------------- messages


async def test_messages_come_back_as_they_were_stored(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    base = first_id_at(scene.clock.wall_ms())
    stored = [
        Message(MessageId(base), ADA, Event.TEXT, 'it\'s "100 %" \x00 ✓ 👩‍👩‍👧\n', "client-1"),
        Message(MessageId(base + 1), BOB, Event.FILE, '{"file_name":"a","object_key":"b"}', None),
        Message(MessageId(MAX_ID - 1), ADA, Event.TEXT, "x" * 4096, "é" * 64),
    ]
    for message in stored:
        await repository.insert_message(channel, message)
    assert (await repository.read_after(channel, MessageId(0))).messages == stored
    assert await repository.list_messages(channel, None, LIMIT) == stored[::-1]


async def test_a_taken_message_id_is_a_conflict_in_its_channel_alone(scene: Scene, repository: ChatRepository) -> None:
    channel, other = await scene.channel(), await scene.channel()
    message = await scene.message(channel)
    with pytest.raises(Conflict):
        await repository.insert_message(channel, Message(message.id, BOB, Event.TEXT, "mine", "c"))
    await repository.insert_message(other, message)
    assert await scene.history(channel) == await scene.history(other) == [message]


async def test_one_conflict_among_many_inserts_harms_no_other(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    taken = await scene.message(channel)
    ids = [taken.id, *(MessageId(scene.fresh_id()) for _ in range(50)), taken.id]
    messages = [Message(message_id, ADA, Event.TEXT, "many", str(number)) for number, message_id in enumerate(ids)]
    outcomes = await asyncio.gather(
        *(repository.insert_message(channel, message) for message in messages), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Conflict, *[type(None)] * 50, Conflict]
    assert await scene.history(channel) == [*messages[50:0:-1], taken]


async def test_a_message_may_be_inserted_where_the_channel_is_gone(scene: Scene, repository: ChatRepository) -> None:
    await scene.message(ChannelId(scene.fresh_id()))


async def test_a_closed_channel_can_still_be_read(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    message = await scene.message(channel)
    await repository.close_channel(channel, ADA, 1)
    assert await scene.history(channel) == [message]
    assert (await repository.read_after(channel, MessageId(0))).channel.closed_by == ADA


async def test_reading_after_an_id_is_oldest_first_and_bounded(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    stored = [await scene.message(channel) for _ in range(5)]
    await scene.message(await scene.channel())
    excerpt = await repository.read_after(channel, stored[1].id)
    assert excerpt.messages == stored[2:]
    assert excerpt.channel == await repository.get_channel(channel)
    assert (await repository.read_after(channel, stored[1].id, 2)).messages == stored[2:4]
    assert (await repository.read_after(channel, stored[4].id)).messages == []


async def test_reading_after_an_id_shows_every_stored_try(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    tries = [await scene.message(channel, ADA, "same") for _ in range(3)]
    assert (await repository.read_after(channel, MessageId(0))).messages == tries


async def test_a_summary_tells_the_newest_message_and_their_number(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    empty = await repository.get_summary(channel)
    assert (empty.newest_id, empty.count) == (0, 0)
    messages = [await scene.message(channel) for _ in range(3)]
    await repository.mark_joined(channel, ADA, 7)
    summary = await repository.get_summary(channel)
    assert (summary.newest_id, summary.count) == (messages[-1].id, 3)
    assert summary.channel == await repository.get_channel(channel)


async def test_history_is_paged_newest_first(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    stored = [await scene.message(channel) for _ in range(5)]
    assert await repository.list_messages(channel, None, 2) == [stored[4], stored[3]]
    assert await repository.list_messages(channel, stored[3].id, 2) == [stored[2], stored[1]]
    assert await repository.list_messages(channel, stored[1].id, 2) == [stored[0]]
    assert await repository.list_messages(channel, stored[0].id, 2) == []


@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_history_shows_a_resent_message_once_at_its_first_place_on_whichever_page(scene: Scene, page: int) -> None:
    channel = await scene.channel()
    first = await scene.message(channel, ADA, "same")
    nameless = [await scene.message(channel, ADA), await scene.message(channel, ADA)]
    of_the_peer = await scene.message(channel, BOB, "same")
    await scene.message(channel, ADA, "same")
    between = await scene.message(channel, ADA, "other")
    await scene.message(channel, ADA, "same")
    await scene.message(channel, BOB, "same")
    assert await scene.history(channel, page) == [between, of_the_peer, *nameless[::-1], first]


async def test_a_page_is_full_in_spite_of_messages_that_were_resent(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    stored = [await scene.message(channel, ADA, str(number)) for number in range(4)]
    for number in range(4):
        await scene.message(channel, ADA, str(number))
    assert await repository.list_messages(channel, None, 3) == stored[:0:-1]


async def test_a_message_is_found_by_sender_and_client_id_at_its_smallest_id(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    of_the_peer = await scene.message(channel, BOB, "same")
    first = await scene.message(channel, ADA, "same")
    await scene.message(channel, ADA, "same")
    await scene.message(await scene.channel(), ADA, "elsewhere")
    assert await repository.find_message(channel, ADA, "same") == first
    assert await repository.find_message(channel, BOB, "same") == of_the_peer
    assert await repository.find_message(channel, ADA, "elsewhere") is None


async def test_it_is_known_which_messages_a_channel_has(scene: Scene, repository: ChatRepository) -> None:
    channel, other = await scene.channel(), await scene.channel()
    message = await scene.message(channel)
    assert await repository.has_message(channel, message.id)
    assert not await repository.has_message(other, message.id)
    assert not await repository.has_message(channel, MessageId(message.id + 1))


async def test_each_acknowledged_message_is_read_at_once_while_others_write(scene: Scene, repository: ChatRepository) -> None:
    async def talk(channel: ChannelId) -> None:
        for _ in range(20):
            message = await scene.message(channel)
            excerpt = await repository.read_after(channel, MessageId(message.id - 1))
            assert excerpt.messages == [message]

    channels = [await scene.channel() for _ in range(10)]
    await asyncio.gather(*(talk(channel) for channel in channels))
    assert [(await repository.get_summary(channel)).count for channel in channels] == [20] * 10


# -------------------------------------------------------------------- refusals

CALLS: dict[str, Callable[[ChatRepository, ChannelId], Awaitable[object]]] = {
    "get_channel": lambda repository, channel: repository.get_channel(channel),
    "get_summary": lambda repository, channel: repository.get_summary(channel),
    "read_after": lambda repository, channel: repository.read_after(channel, MessageId(0)),
    "list_messages": lambda repository, channel: repository.list_messages(channel, None, LIMIT),
    "find_message": lambda repository, channel: repository.find_message(channel, ADA, "c"),
    "has_message": lambda repository, channel: repository.has_message(channel, MessageId(1)),
    "advance_seen": lambda repository, channel: repository.advance_seen(channel, ADA, MessageId(1)),
    "mark_joined": lambda repository, channel: repository.mark_joined(channel, ADA, 1),
    "close_channel": lambda repository, channel: repository.close_channel(channel, ADA, 1),
}
ALL_CALLS = CALLS | {
    "create_channel": lambda repository, channel: repository.create_channel(
        channel, (ADA, BOB), (TicketId(1), TicketId(2)), not_after_ms=MAX_ID
    ),
    "find_channel_of_ticket": lambda repository, _: repository.find_channel_of_ticket(TicketId(1)),
    "insert_message": lambda repository, channel: repository.insert_message(
        channel, Message(MessageId(1), ADA, Event.TEXT, "hi")
    ),
    "revoke_tokens": lambda repository, _: repository.revoke_tokens(ADA, 1),
    "shares_channel": lambda repository, _: repository.shares_channel(ADA, BOB),
    "delete_expired": lambda repository, _: repository.delete_expired(1, LIMIT),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_channel_that_is_not_stored_is_not_found(scene: Scene, repository: ChatRepository, call: str) -> None:
    await scene.channel()
    unknown = ChannelId(scene.fresh_id())
    await scene.message(unknown, ADA, "c")
    with pytest.raises(NotFound):
        await CALLS[call](repository, unknown)


@pytest.mark.parametrize("call", ALL_CALLS)
async def test_every_call_says_so_where_the_store_is_away(store: Store, call: str) -> None:
    channel = await Scene(store).channel()
    await store.take_away()
    with pytest.raises(Unavailable):
        await ALL_CALLS[call](store.repository, channel)


# -------------------------------------------------------------------- retention


async def test_old_messages_go_and_newer_ones_stay(scene: Scene) -> None:
    channel = await scene.channel()
    for _ in range(3):
        await scene.message(channel)
    scene.clock.advance(DAY_S)
    newer = [await scene.message(channel) for _ in range(2)]
    await scene.purge()
    assert await scene.history(channel) == newer[::-1]
    assert await scene.purge() == []


async def test_an_old_open_channel_stays_while_it_has_a_message(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    scene.clock.advance(DAY_S)
    await scene.message(channel)
    await scene.purge()
    assert (await repository.get_channel(channel)).closed_at_ms is None
    scene.clock.advance(DAY_S)
    await scene.purge()
    with pytest.raises(NotFound):
        await repository.get_channel(channel)


async def test_a_new_channel_stays_without_a_message(scene: Scene, repository: ChatRepository) -> None:
    scene.clock.advance(DAY_S)
    tickets = scene.tickets()
    channel = await scene.create((ADA, BOB), tickets)
    assert await scene.purge() == []
    assert await repository.find_channel_of_ticket(tickets[0]) == channel
    assert await repository.get_channel(channel)


async def test_a_channel_that_was_closed_long_ago_goes(scene: Scene, repository: ChatRepository) -> None:
    channel, closed_now = await scene.channel(), await scene.channel()
    scene.clock.advance(1)
    await repository.close_channel(channel, ADA, scene.clock.wall_ms())
    scene.clock.advance(DAY_S)
    await repository.close_channel(closed_now, ADA, scene.clock.wall_ms())
    await scene.message(closed_now)
    await scene.purge()
    with pytest.raises(NotFound):
        await repository.get_channel(channel)
    assert (await repository.get_channel(closed_now)).closed_by == ADA
    assert await repository.shares_channel(ADA, BOB)


async def test_a_channel_closed_long_ago_goes_with_a_message_that_came_late(scene: Scene, repository: ChatRepository) -> None:
    channel = await scene.channel()
    await repository.close_channel(channel, ADA, scene.clock.wall_ms())
    scene.clock.advance(DAY_S)
    await scene.message(channel)
    await scene.purge()
    with pytest.raises(NotFound):
        await repository.get_channel(channel)
    scene.clock.advance(DAY_S)
    assert await scene.purge() == [1], "the late message"


async def test_tickets_go_with_their_time(scene: Scene, repository: ChatRepository) -> None:
    tickets = scene.tickets()
    await scene.create((ADA, BOB), tickets)
    scene.clock.advance(DAY_S)
    await scene.purge()
    assert [await repository.find_channel_of_ticket(ticket) for ticket in tickets] == [None, None]


async def test_messages_without_a_channel_go_too(scene: Scene) -> None:
    await scene.message(ChannelId(scene.fresh_id()))
    scene.clock.advance(DAY_S)
    assert await scene.purge() == [1]


async def test_removal_goes_in_bounded_steps_and_removes_everything(scene: Scene, repository: ChatRepository) -> None:
    channels = [await scene.channel() for _ in range(5)]
    for channel in channels:
        for _ in range(9):
            await scene.message(channel)
    scene.clock.advance(DAY_S)
    survivor = await scene.channel()
    message = await scene.message(survivor)
    steps = await scene.purge(limit=7)
    assert max(steps) <= 14, "about 7"
    assert sum(steps) >= 45, "every message at least"
    for channel in channels:
        with pytest.raises(NotFound):
            await repository.get_channel(channel)
    assert await scene.history(survivor) == [message]


async def test_messages_that_come_while_old_ones_are_removed_are_kept(scene: Scene, repository: ChatRepository) -> None:
    channels = [await scene.channel() for _ in range(10)]
    for channel in channels:
        await scene.message(channel)
    scene.clock.advance(DAY_S)
    _, *fresh = await asyncio.gather(scene.purge(limit=3), *(scene.message(channel) for channel in channels))
    for channel, message in zip(channels, fresh, strict=True):
        assert (await repository.read_after(channel, MessageId(0))).messages == [message]
