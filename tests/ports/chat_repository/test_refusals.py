"""What every store answers where there is nothing, or where it is away itself."""

from collections.abc import Awaitable, Callable

import pytest

from randomchat.chat.domain import Event, Message
from randomchat.chat.repository import ChatRepository
from randomchat.errors import NotFound, Unavailable
from randomchat.ids import MAX_ID, ChannelId, MessageId, TicketId
from tests.ports.chat_repository.scene import ADA, BOB, LIMIT, Scene, Store

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
