"""Accounts, and who is who."""

from __future__ import annotations

from randomchat.clock import Clock
from randomchat.config import LimitSettings, UserSettings
from randomchat.errors import Conflict, NotFound, RateLimited, Unauthorized, Unavailable
from randomchat.ids import UserId, random_id
from randomchat.infra.rate_limiter import RateLimiter
from randomchat.interfaces.chat import ChatApi
from randomchat.interfaces.user import Account
from randomchat.user.domain import Session, parse_name
from randomchat.user.repository import UserRepository
from randomchat.user.sessions import hash_session_token, new_session_token

_HOUR_S = 3600.0
_DAY_MS = 24 * 3600 * 1000
_ID_TRIES = 5


class UserService:
    """`UserApi`, and what people do with their own account."""

    def __init__(
        self,
        repository: UserRepository,
        chat: ChatApi,
        limiter: RateLimiter,
        clock: Clock,
        *,
        settings: UserSettings,
        limits: LimitSettings,
    ) -> None:
        self._repository = repository
        self._chat = chat
        self._limiter = limiter
        self._clock = clock
        self._settings = settings
        self._limits = limits

    async def create(self, name: str, address: str) -> tuple[Account, str]:
        """A new account, and the token of its first session.

        `address`: whom the creation counts for. Raises `InvalidInput`, which counts for nobody, and `RateLimited`.
        """
        chosen = parse_name(name, self._settings.name_max_chars)
        await self._count_creation(address)
        for _ in range(_ID_TRIES):
            now_ms = self._clock.wall_ms()
            account = Account(UserId(random_id(now_ms)), chosen, picture="")
            token = new_session_token()
            try:
                await self._repository.create_account(account, self._session(account.id, token, now_ms))
            except Conflict:
                continue
            return account, token
        raise Unavailable

    async def authenticate(self, session_token: str) -> Account:
        session = await self._get_live_session(session_token)
        return await self._get_account(session.user_id)

    async def get_visible(self, caller: Account, user_id: UserId) -> Account:
        """An account that the caller may see: the own one, and those of people the caller shares or shared a channel with.

        Raises `NotFound` for anyone else: whether a stranger exists is not public either.
        """
        if user_id == caller.id:
            return caller
        if not await self._chat.shares_channel(caller.id, user_id):
            raise NotFound("There is no such person among those you talked with.")
        return await self._get_account(user_id)

    async def logout(self, session_token: str) -> None:
        """End a session, and with it the owner's channel tokens and sockets. Raises `Unauthorized` where it is not live.

        The session goes last: where anything fails before, the caller still has it, and can do the same again.
        """
        session = await self._get_live_session(session_token)
        await self._chat.sign_out(session.user_id)
        await self._repository.revoke_session(session.token_hash, self._clock.wall_ms())

    async def _count_creation(self, address: str) -> None:
        if not self._limits.enabled:
            return
        wait_s = await self._limiter.take(f"account:{address}", limit=self._limits.accounts_per_hour, window_s=_HOUR_S)
        if wait_s is not None:
            raise RateLimited("Too many new accounts from your address; try again later.", retry_after_s=wait_s)

    def _session(self, user_id: UserId, token: str, now_ms: int) -> Session:
        return Session(hash_session_token(token), user_id, ends_at_ms=now_ms + int(self._settings.session_days * _DAY_MS))

    async def _get_live_session(self, session_token: str) -> Session:
        session = await self._repository.find_session(hash_session_token(session_token))
        if session is None or session.ends_at_ms <= self._clock.wall_ms():
            raise Unauthorized("You are not signed in, or no longer.")
        return session

    async def _get_account(self, user_id: UserId) -> Account:
        account = await self._repository.find_account(user_id)
        if account is None:
            raise NotFound("This account is gone.")
        return account
