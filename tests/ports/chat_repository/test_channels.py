"""What every store promises of channels and their members."""

import asyncio

import pytest

from randomchat.chat.domain import Channel, Member
from randomchat.chat.repository import ChatRepository
from randomchat.errors import Conflict, NotFound, Unavailable
from randomchat.ids import ChannelId, MessageId, TicketId, UserId
from tests.ports.chat_repository.scene import ADA, BOB, EVE, Scene


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
    await repository.revoke_tokens(ADA, 5000)
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
    await repository.revoke_tokens(EVE, 5000)
