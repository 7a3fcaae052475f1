"""What every store promises of the job that removes what is old, where it leaves it to one. See also `test_lifetimes.py`."""

import asyncio

import pytest

from randomchat.chat.repository import ChatRepository
from randomchat.errors import NotFound
from randomchat.ids import ChannelId, MessageId
from tests.ports.chat_repository.scene import ADA, BOB, Scene

DAY_S = 86_400

pytestmark = pytest.mark.parametrize("opening", ["sqlite"], indirect=True)


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
