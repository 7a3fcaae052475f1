"""The few stand-ins that tests share: they keep a record, or can be moved, and are as simple as can be."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager

from randomchat.errors import NotFound, Unauthorized, Unavailable
from randomchat.ids import ChannelId, TicketId, UserId
from randomchat.infra.object_store import Examine, ObjectKey, OpenObject, StoredObject
from randomchat.interfaces.chat import Membership, Seat, TokenHolder

START_WALL_MS = 1_800_000_000_000


class FakeClock:
    """`Clock` that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def wall_ms(self) -> int:
        return START_WALL_MS + round(self.now_s * 1000)

    def boot_s(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class RecordingChatApi:
    """`ChatApi` of which a test says who shares a channel and which tokens are good, and that notes who was signed out.

    `away`: every call raises `Unavailable`, as where the chat service's store does not answer.
    """

    def __init__(self) -> None:
        self.away = False
        self.acquainted: set[frozenset[UserId]] = set()
        self.signed_out: list[UserId] = []
        self.holders: dict[str, TokenHolder] = {}
        self.verified: list[str] = []

    def acquaint(self, one: UserId, other: UserId) -> None:
        self.acquainted.add(frozenset({one, other}))

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        self._answer()
        return frozenset({one, other}) in self.acquainted

    async def sign_out(self, user_id: UserId) -> None:
        self._answer()
        self.signed_out.append(user_id)

    async def verify_token(self, token: str) -> TokenHolder:
        self._answer()
        self.verified.append(token)
        if token not in self.holders:
            raise Unauthorized
        return self.holders[token]

    async def create_channel(self, first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
        raise NotImplementedError

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        raise NotImplementedError

    async def find_membership(self, channel_id: ChannelId, user_id: UserId) -> Membership | None:
        raise NotImplementedError

    async def issue_token(self, channel_id: ChannelId, user_id: UserId) -> str:
        raise NotImplementedError

    def _answer(self) -> None:
        if self.away:
            raise Unavailable


class EmptyObjectStore:
    """`ObjectStore` into which nobody ever puts anything."""

    async def stage(self, key: ObjectKey, chunks: AsyncIterable[bytes], *, max_bytes: int, size: int | None = None) -> None:
        raise NotImplementedError

    async def promote(self, key: ObjectKey, examine: Examine) -> StoredObject:
        raise NotFound

    async def stat(self, key: ObjectKey) -> StoredObject:
        raise NotFound

    def open(self, key: ObjectKey) -> AbstractAsyncContextManager[OpenObject]:
        raise NotFound

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        return 0
