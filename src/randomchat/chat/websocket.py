"""`GET /api/chat`: the chat socket, on bare ASGI."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from randomchat.chat.access import Access
from randomchat.chat.reception import Entrance, Reception
from randomchat.errors import Forbidden, InvalidInput, NotFound, RandomchatError, Unauthorized, Unavailable
from randomchat.ids import MessageId, UserId, parse_id
from randomchat.infra.websocket import Incoming, accept, refuse_upgrade, transport_of

PATH = "/api/chat"
SUBPROTOCOL = "randomchat.v1"


class ChatEndpoint:
    """Decides which upgrades come in. Answers a refusal in HTTP, or by a close code where the client speaks the subprotocol.

    A page's script can't read the status of a refused upgrade.
    """

    def __init__(self, access: Access, reception: Reception, clock_trouble: Callable[[], str | None]) -> None:
        """`clock_trouble`: why no socket should be taken at the moment, or None."""
        self._access = access
        self._reception = reception
        self._clock_trouble = clock_trouble

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        try:
            entrance = await self._admit(scope, by_subprotocol=subprotocol is not None)
        except RandomchatError as refusal:
            if subprotocol is None:
                await refuse_upgrade(scope, receive, send, refusal)
            else:
                await accept(receive, send, subprotocol)
                transport_of(scope).close(refusal.spec.close, refusal.code)
            return
        await accept(receive, send, subprotocol)
        await self._reception.serve(entrance, transport_of(scope), Incoming(receive))

    async def _admit(self, scope: Scope, *, by_subprotocol: bool) -> Entrance:
        if scope["path"] != PATH:
            raise NotFound
        self._reception.admit()
        if self._clock_trouble() is not None:
            raise Unavailable(retry_after_s=5)
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1"), True).items()}
        after = _after(query.get("after"))
        uid = _uid(query.get("uid"), needed=not by_subprotocol)
        claims, channel = await self._access.admit(_token(scope, query))
        if uid is not None and uid != claims.user_id:
            raise Forbidden("uid: is not the owner of the access token.")
        return Entrance(claims, channel, after)


def _token(scope: Scope, query: dict[str, str]) -> str:
    offered = [name for name in scope["subprotocols"] if name != SUBPROTOCOL]
    token = offered[0] if offered and SUBPROTOCOL in scope["subprotocols"] else query.get("access_token", "")
    if not token:
        raise Unauthorized
    return token


def _uid(text: str | None, *, needed: bool) -> UserId | None:
    if text is None and not needed:
        return None
    number = parse_id(text or "")
    if number is None:
        raise InvalidInput("uid: must be the id of the access token's owner.")
    return UserId(number)


def _after(text: str | None) -> MessageId | None:
    if text is None:
        return None
    number = 0 if text == "0" else parse_id(text)
    if number is None:
        raise InvalidInput("after: must be the id of a message, or 0.")
    return MessageId(number)
