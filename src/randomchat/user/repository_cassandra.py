"""Accounts and sessions in Cassandra. Every row ends by a TTL: an account some days after its session, as retention says."""

from __future__ import annotations

import math

from randomchat.clock import Clock
from randomchat.config import RetentionSettings
from randomchat.errors import Conflict
from randomchat.ids import UserId
from randomchat.infra.cassandra import Cassandra, Query, answer_in_time
from randomchat.interfaces.user import Account
from randomchat.user.domain import Session
from randomchat.user.schema_cassandra import USER_SCHEMA

_DAY_S = 86_400

# Conditional writes throughout, as they alone are ordered among themselves whatever the clocks of the processes say. None of them
# is an INSERT for accounts: its mark of the row would outlive a lifetime that is cut short.
_INSERT_ACCOUNT = Query("UPDATE accounts USING TTL ? SET name = ?, picture = ? WHERE user_id = ? IF name = null")
_KEEP_ACCOUNT = Query("UPDATE accounts USING TTL ? SET name = ?, picture = ? WHERE user_id = ? IF name = ?")
_DROP_ACCOUNT = Query("DELETE FROM accounts WHERE user_id = ? IF EXISTS")
_SELECT_ACCOUNT = Query("SELECT name, picture FROM accounts WHERE user_id = ?")
_INSERT_SESSION = Query("INSERT INTO sessions (token_hash, user_id, ends_at_ms) VALUES (?, ?, ?) IF NOT EXISTS USING TTL ?")
_SELECT_SESSION = Query("SELECT user_id, ends_at_ms FROM sessions WHERE token_hash = ?")
_DELETE_SESSION = Query("DELETE FROM sessions WHERE token_hash = ? IF EXISTS")


class CassandraUserRepository:
    """`UserRepository` in Cassandra. What has ended is removed by Cassandra itself: `delete_expired` has nothing to do."""

    def __init__(self, cassandra: Cassandra, clock: Clock, retention: RetentionSettings) -> None:
        cassandra.expect(USER_SCHEMA)
        self._cassandra = cassandra
        self._clock = clock
        self._kept_s = math.ceil(retention.days * _DAY_S)

    async def create_account(self, account: Account, session: Session) -> None:
        """The account first: without its session nobody can use it, or know of it."""
        left_s = max(0, math.ceil((session.ends_at_ms - self._clock.wall_ms()) / 1000))
        ttl_s = max(1, left_s + self._kept_s)
        async with answer_in_time():
            if not await self._cassandra.write_if(_INSERT_ACCOUNT, (ttl_s, account.name, account.picture, account.id)):
                raise Conflict
            values = (session.token_hash, session.user_id, session.ends_at_ms, ttl_s)
            if not await self._cassandra.write_if(_INSERT_SESSION, values):
                await self._cassandra.write_if(_DROP_ACCOUNT, (account.id,))
                raise Conflict

    async def find_account(self, user_id: UserId) -> Account | None:
        rows = await self._cassandra.read(_SELECT_ACCOUNT, (user_id,))
        return Account(user_id, *rows[0]) if rows else None

    async def find_session(self, token_hash: bytes) -> Session | None:
        rows = await self._cassandra.read(_SELECT_SESSION, (token_hash,))
        return Session(token_hash, *rows[0]) if rows else None

    async def revoke_session(self, token_hash: bytes, now_ms: int) -> None:
        """The account's time is cut short first: whoever finds the session gone may rely on it. It has no other session."""
        del now_ms  # the account's days are counted by Cassandra, from now on
        async with answer_in_time():
            session = await self.find_session(token_hash)
            if session is None:
                return
            account = await self.find_account(session.user_id)
            if account is not None:
                values = (max(1, self._kept_s), account.name, account.picture, account.id, account.name)
                await self._cassandra.write_if(_KEEP_ACCOUNT, values)
            await self._cassandra.write_if(_DELETE_SESSION, (token_hash,))

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        del before_ms, limit
        await self._cassandra.check()
        return 0
