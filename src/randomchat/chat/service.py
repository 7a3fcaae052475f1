"""What can be asked of the chat service beside its sockets: by the other services, and over REST."""

from __future__ import annotations

from dataclasses import dataclass

from randomchat.chat.access import Access
from randomchat.chat.closing import Closing
from randomchat.chat.domain import Channel, Message
from randomchat.chat.hub import Hub
from randomchat.chat.posts import Closed, CloseSockets, Outbox
from randomchat.chat.presence import Presence
from randomchat.chat.repository import ChatRepository
from randomchat.chat.tokens import ChannelTokens, Claims
from randomchat.chat.user_sockets import SocketRef, UserSockets
from randomchat.clock import Clock
from randomchat.errors import Close, Conflict, NotFound, Unavailable
from randomchat.ids import ChannelId, MessageId, TicketId, UserId, random_id
from randomchat.interfaces.chat import Membership, Seat, TokenHolder


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a channel's history, newest first, and the id before which the next one begins (None: that was all)."""

    channel: Channel
    messages: list[Message]
    next_before: MessageId | None


class ChatService:
    """Channels, history, presence and the end of things. Implements `interfaces.chat.ChatApi`."""

    def __init__(
        self,
        repository: ChatRepository,
        tokens: ChannelTokens,
        access: Access,
        hub: Hub,
        presence: Presence,
        closing: Closing,
        user_sockets: UserSockets,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._tokens = tokens
        self._access = access
        self._hub = hub
        self._presence = presence
        self._closing = closing
        self._user_sockets = user_sockets
        self._outbox = outbox
        self._clock = clock

    # ---------------------------------------------------------------- for the other services
    async def create_channel(self, first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
        fresh = ChannelId(random_id(self._clock.wall_ms()))
        return await self._repository.create_channel(
            fresh,
            (first.user_id, second.user_id),
            (first.ticket_id, second.ticket_id),
            not_after_ms=not_after_ms,
        )

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        return await self._repository.find_channel_of_ticket(ticket_id)

    async def find_membership(self, channel_id: ChannelId, user_id: UserId) -> Membership | None:
        try:
            channel = await self._repository.get_channel(channel_id)
        except NotFound:
            return None
        side = channel.side_of(user_id)
        if side is None:
            return None
        joined = channel.members[side].joined_at_ms is not None
        return Membership(channel_id, user_id, open=channel.closed_at_ms is None, joined=joined)

    async def issue_token(self, channel_id: ChannelId, user_id: UserId) -> str:
        membership = await self.find_membership(channel_id, user_id)
        if membership is None or not membership.open:
            raise NotFound
        return self._tokens.issue(channel_id, user_id)

    async def verify_token(self, token: str) -> TokenHolder:
        claims, _ = await self._access.admit(token)
        return TokenHolder(claims.channel_id, claims.user_id)

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        return await self._repository.shares_channel(one, other)

    async def sign_out(self, user_id: UserId) -> None:
        await self._repository.revoke_tokens(user_id, self._clock.wall_ms())
        for ref in await self._list_sockets(user_id):
            if ref.node != self._outbox.node:
                self._outbox.post(ref.node, CloseSockets([ref.number], Close.REVOKED, "signed out"))
        here = [socket.number for socket in self._hub.sockets.values() if socket.user_id == user_id]
        self._hub.close_sockets(here, Close.REVOKED, "signed out")

    async def _list_sockets(self, user_id: UserId) -> list[SocketRef]:
        try:
            return await self._user_sockets.list_sockets(user_id)
        except Unavailable:
            return []  # the sweep finds that the tokens are void

    # ---------------------------------------------------------------- for the members
    def renew_token(self, claims: Claims) -> str:
        """A fresh token for someone who has shown a good one."""
        return self._tokens.issue(claims.channel_id, claims.user_id, claims.issued_at_s)

    async def list_online(self, channel: Channel) -> list[UserId]:
        """The members with a live socket on any node, in the channel's order."""
        online = await self._presence.list_online(channel.id, self._hub.channels.get(channel.id))
        return [member.user_id for member in channel.members if member.user_id in online]

    async def read_history(self, channel: Channel, before: MessageId | None, limit: int) -> Page:
        """A page of history."""
        messages = await self._repository.list_messages(channel.id, before, limit + 1)
        page = messages[:limit]
        return Page(channel, page, page[-1].id if len(messages) > limit else None)

    async def close_channel(self, channel: Channel, closed_by: UserId) -> None:
        """End a conversation: durably first, then everyone is told. Raises `Conflict` where the other member was first."""
        closed = await self._repository.close_channel(channel.id, closed_by, self._clock.wall_ms())
        if closed.closed_by != closed_by:
            raise Conflict
        live = self._hub.channels.get(channel.id)
        self._outbox.post_all(await self._presence.list_nodes(channel.id, live), Closed(channel.id, closed_by))
        if live is not None:
            self._closing.end(live, closed_by)
