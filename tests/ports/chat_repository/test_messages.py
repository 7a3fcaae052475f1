"""What every store promises of messages and history."""

import asyncio

import pytest

from randomchat.chat.domain import Event, Message
from randomchat.chat.repository import ChatRepository
from randomchat.errors import Conflict
from randomchat.ids import MAX_ID, ChannelId, MessageId, first_id_at
from tests.ports.chat_repository.scene import ADA, BOB, LIMIT, Scene


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


@pytest.mark.parametrize("opening", ["sqlite"], indirect=True)  # the other does not look
async def test_a_taken_message_id_is_a_conflict_in_its_channel_alone(scene: Scene, repository: ChatRepository) -> None:
    channel, other = await scene.channel(), await scene.channel()
    message = await scene.message(channel)
    with pytest.raises(Conflict):
        await repository.insert_message(channel, Message(message.id, BOB, Event.TEXT, "mine", "c"))
    await repository.insert_message(other, message)
    assert await scene.history(channel) == await scene.history(other) == [message]


@pytest.mark.parametrize("opening", ["sqlite"], indirect=True)
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
