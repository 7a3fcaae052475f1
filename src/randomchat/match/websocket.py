"""`GET /api/match`: the socket on which a person waits, on bare ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from randomchat.clock import Clock
from randomchat.errors import Close, NotFound, RandomchatError, Unauthorized, Unavailable
from randomchat.ids import UserId
from randomchat.infra.session_cookie import read_session_cookie
from randomchat.infra.token_bucket import TokenBucket
from randomchat.infra.websocket import Incoming, SocketTransport, accept, refuse_upgrade, transport_of
from randomchat.interfaces.chat import ChatApi
from randomchat.interfaces.user import UserApi
from randomchat.match.frames import MatchedFrame, WaitingFrame
from randomchat.match.results import Result
from randomchat.match.searches import Search
from randomchat.match.service import MatchService
from randomchat.match.tickets import Wish, parse_wish

PATH = "/api/match"
IGNORED_PER_SECOND, IGNORED_BURST = 2.0, 20
"""Frames of a client mean nothing here; one that sends more than this is cut off."""
CHECK_EVERY = 3
"""A tab whose person has signed out is closed after as many waiting frames. Whether a pair is made is not left to that."""
CHECK_WITHIN_S = 0.5
"""Well within the time that a partner has to agree: accounts that are away do not keep people apart."""
CHECK_LASTS_S = 0.2
"""A match is mostly told right after the check that came before it; one that took its time is checked again."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiter:
    """Who waits on a socket, and for whom."""

    user_id: UserId
    session_token: str
    wish: Wish


class MatchEndpoint:
    """Decides which upgrades come in; refusals are answered in HTTP."""

    def __init__(
        self,
        users: UserApi,
        chat: ChatApi,
        service: MatchService,
        clock_trouble: Callable[[], str | None],
        clock: Clock,
        waiting_every_s: float,
    ) -> None:
        """`clock_trouble`: why nobody should wait here at the moment, or None."""
        self._users = users
        self._chat = chat
        self._service = service
        self._clock_trouble = clock_trouble
        self._clock = clock
        self._waiting_every_s = waiting_every_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            waiter = await self._admit(scope)
        except RandomchatError as refusal:
            await refuse_upgrade(scope, receive, send, refusal)
            return
        await accept(receive, send)
        tab = _Tab(waiter, transport_of(scope), self._users, self._chat, self._service, self._clock, self._waiting_every_s)
        await tab.serve(Incoming(receive))

    async def _admit(self, scope: Scope) -> Waiter:
        if scope["path"] != PATH:
            raise NotFound
        self._service.admit()
        if self._clock_trouble() is not None:
            raise Unavailable(retry_after_s=5)
        session_token = read_session_cookie(scope)
        account = await self._users.authenticate(session_token)
        return Waiter(account.id, session_token, parse_wish(scope["query_string"]))


class _Tab:
    """One socket, from its upgrade to its end."""

    def __init__(
        self,
        waiter: Waiter,
        transport: SocketTransport,
        users: UserApi,
        chat: ChatApi,
        service: MatchService,
        clock: Clock,
        waiting_every_s: float,
    ) -> None:
        self._waiter = waiter
        self._transport = transport
        self._users = users
        self._chat = chat
        self._service = service
        self._clock = clock
        self._waiting_every_s = waiting_every_s
        self._checked_at_s = float("-inf")
        self._result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    @property
    def is_alive(self) -> bool:
        return not self._transport.closed

    def matched(self, result: Result) -> None:
        if not self._result.done():
            self._result.set_result(result)

    def close(self, code: int) -> None:
        self._transport.close(code)

    async def check_session(self) -> None:
        try:
            async with asyncio.timeout(CHECK_WITHIN_S):
                await self._users.authenticate(self._waiter.session_token)
        except (Unauthorized, NotFound):
            self.close(Close.REVOKED)
        except (Unavailable, TimeoutError):
            return
        self._checked_at_s = self._clock.boot_s()

    async def serve(self, incoming: Incoming) -> None:
        """Wait with the person until the socket ends."""
        patience = TokenBucket(IGNORED_PER_SECOND, IGNORED_BURST, self._clock.boot_s())
        waiting = asyncio.create_task(self._wait())
        try:
            async for _ in incoming:
                if patience.take(self._clock.boot_s()):
                    self.close(Close.MISBEHAVING)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def _wait(self) -> None:
        try:
            await self._wait_for_partner()
        except Exception:  # noqa: BLE001 - a socket must never hang, whatever happened
            _log.exception("a waiting socket failed")
            self.close(Close.TROUBLE)

    async def _wait_for_partner(self) -> None:
        while self.is_alive:
            search = self._service.join(self._waiter.user_id, self._waiter.wish, self)
            try:
                result = await self._wait_in(search)
            finally:
                self._service.part(search, self)
            if result is not None:
                await self._deliver(result)
            self._result = asyncio.get_running_loop().create_future()

    async def _wait_in(self, search: Search) -> Result | None:
        frames = 0
        while self.is_alive:
            self._transport.send_text(msgspec.json.encode(WaitingFrame(self._service.waited_ms(search))))
            await asyncio.wait((self._result,), timeout=self._waiting_every_s)
            if self._result.done():
                return self._result.result()
            frames += 1
            if frames % CHECK_EVERY == 0:
                await self.check_session()
        return None

    async def _deliver(self, result: Result) -> None:
        """Give the result. Where the partner has left already, the socket stays, and the search begins anew."""
        if self._clock.boot_s() - self._checked_at_s > CHECK_LASTS_S:
            await self.check_session()
        if not self.is_alive:
            return
        try:
            token = await self._chat.issue_token(result.channel_id, self._waiter.user_id)
        except NotFound:
            return
        except Unavailable:
            self.close(Close.TROUBLE)
            return
        frame = MatchedFrame(token, str(result.channel_id), result.common_interests)
        self._transport.send_text(msgspec.json.encode(frame))
        self.close(Close.DONE)
