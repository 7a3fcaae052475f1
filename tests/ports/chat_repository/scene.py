"""What the suites of the chat's store share."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from randomchat.chat.domain import Event, Message
from randomchat.chat.repository import ChatRepository
from randomchat.ids import ChannelId, MessageId, TicketId, UserId, first_id_at
from tests.fakes import FakeClock

ADA, BOB, EVE = UserId(11), UserId(22), UserId(33)
LIMIT = 100

_numbers = itertools.count(1)
"""For all tests together, as they may share a store."""


@dataclass
class Store:
    """An adapter under test.

    `take_away` makes its engine vanish. `let_pass` lets a share of the time pass for which things are kept, and has what is over
    then removed.
    """

    repository: ChatRepository
    clock: FakeClock
    take_away: Callable[[], Awaitable[None]]
    let_pass: Callable[[float], Awaitable[None]]


class Scene:
    """Makes channels and messages whose ids carry the time of the store's clock."""

    def __init__(self, store: Store) -> None:
        self.repository, self.clock = store.repository, store.clock

    def fresh_id(self) -> int:
        return first_id_at(self.clock.wall_ms()) + next(_numbers)

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
