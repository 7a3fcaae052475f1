"""Port: what the user service keeps for good."""

from __future__ import annotations

from typing import Protocol

from randomchat.ids import UserId
from randomchat.interfaces.user import Account
from randomchat.user.domain import Session


class UserRepository(Protocol):
    """Accounts and their sessions.

    A write that returns is durable, and seen by every later read. Every call raises `Unavailable` where the store is away, slow
    or full; the write may then have happened, may happen later, or never.
    """

    async def create_account(self, account: Account, session: Session) -> None:
        """Store an account with its first session; both or neither. Raises `Conflict` where the id or the session is taken."""
        ...

    async def find_account(self, user_id: UserId) -> Account | None: ...

    async def find_session(self, token_hash: bytes) -> Session | None:
        """A session that was not revoked. It may have ended: that is for the caller to see."""
        ...

    async def revoke_session(self, token_hash: bytes, now_ms: int) -> None:
        """Remove a session for good; its account counts as without it from `now_ms` on. One that is not there is no error."""
        ...

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        """Remove sessions that ended before, and accounts that have had no live session since.

        At most about `limit` rows in one call; how many were removed, 0 where nothing is left to do.
        """
        ...
