"""The REST routes of the chat service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPMethod
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from randomchat.chat import frames
from randomchat.chat.access import Access
from randomchat.chat.domain import Channel
from randomchat.chat.pace import HistoryPace
from randomchat.chat.service import ChatService, Page
from randomchat.chat.tokens import Claims
from randomchat.chat.websocket import PATH
from randomchat.config import ChatSettings
from randomchat.errors import Conflict, Forbidden, InvalidInput, RandomchatError, Unauthorized
from randomchat.ids import MessageId, UserId, parse_id
from randomchat.infra.http_app import create_api

HISTORY_MAX = 5000
HISTORY_PIECE = 100
_DAV = ["COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "PURGE", "REPORT", "SEARCH", "UNLOCK"]
_OTHER_METHODS = [method.value for method in HTTPMethod if method is not HTTPMethod.GET] + _DAV
"""What a proxy may hand on when it asks whether a request is to pass."""
_SOCKET: dict[int | str, dict[str, Any]] = {101: {"description": "The chat socket."}}
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, description="A channel token."))]


async def _admit(request: Request, credentials: Bearer) -> tuple[Claims, Channel]:
    access: Access = request.app.state.access
    return await access.admit(_token(credentials))


Admitted = Annotated[tuple[Claims, Channel], Depends(_admit)]


class UserIds(BaseModel):
    """Some of the members."""

    user_ids: list[str]


class AccessToken(BaseModel):
    """A channel token."""

    access_token: str


class FrameBody(BaseModel):
    """A stored message, as on the socket. `time`: Unix milliseconds. `client_id`: only where its sender gave one."""

    message_id: str
    event: int
    user_id: str
    payload: str
    seen: bool
    time: int
    client_id: str | None = None


class History(BaseModel):
    """A page of messages, newest first. `next_ps`: the `ps` of the next page, "" at the end."""

    next_ps: str
    messages: list[FrameBody]


def create_rest(service: ChatService, access: Access, pace: HistoryPace | None, settings: ChatSettings) -> FastAPI:
    """The routes below `/api/chat`. `pace`: None where nothing is limited."""
    api = create_api("chat", "Conversations: members, history and their end. The socket itself is at GET /api/chat (WebSocket).")

    api.state.access = access

    @api.get(PATH, status_code=101, responses=_SOCKET)
    async def open_socket() -> None:
        """Upgrade to the chat socket. Without an upgrade there is nothing here."""
        raise RandomchatError(code="upgrade_required")

    @api.get(f"{PATH}/users")
    async def list_members(admitted: Admitted) -> UserIds:
        """List the members of the channel."""
        _, channel = admitted
        return UserIds(user_ids=[str(member.user_id) for member in channel.members])

    @api.get(f"{PATH}/users/online")
    async def list_online(admitted: Admitted) -> UserIds:
        """List the members with a live socket on any node."""
        _, channel = admitted
        return UserIds(user_ids=[str(user_id) for user_id in await service.list_online(channel)])

    @api.get(f"{PATH}/channel/messages", response_model=History)
    async def read_history(
        admitted: Admitted,
        ps: Annotated[str, Query(description="Where the page begins: the `next_ps` of the one before.")] = "",
        limit: Annotated[int | None, Query(ge=1, le=HISTORY_MAX, description="Messages of a page.")] = None,
    ) -> Response:
        """Read the conversation, newest first."""
        claims, channel = admitted
        before = _before(ps)
        if pace is not None:
            pace.admit(channel.id, claims.user_id)
        page = await service.read_history(channel, before, limit or settings.page)
        return StreamingResponse(_pieces(page), media_type="application/json")

    @api.delete(f"{PATH}/channel", status_code=204)
    async def close_channel(
        credentials: Bearer,
        delby: Annotated[str | None, Query(description="The caller's own id.")] = None,
    ) -> None:
        """End the conversation for both. Again by the same member: the same answer."""
        claims, channel = await access.admit(_token(credentials), closed_by_holder_too=True)
        if delby is not None and parse_id(delby) != claims.user_id:
            raise Forbidden("delby: must be the caller.")
        await _close(service, channel, claims.user_id)

    @api.post(f"{PATH}/token")
    async def renew_token(admitted: Admitted) -> AccessToken:
        """Get a fresh token for the same channel."""
        claims, _ = admitted
        return AccessToken(access_token=service.renew_token(claims))

    @api.api_route(f"{PATH}/forwardauth", methods=_OTHER_METHODS, include_in_schema=False)
    @api.get(f"{PATH}/forwardauth")
    async def forward_auth(admitted: Admitted, response: Response) -> None:
        """Say whether a token is good, for a proxy's forward authentication; the channel's id is in X-Channel-Id."""
        _, channel = admitted
        response.headers["X-Channel-Id"] = str(channel.id)

    return api


async def _pieces(page: Page) -> AsyncIterator[bytes]:
    """A `History`, some frames at a time: a whole one may be a hundred megabytes, and the client may be slow to take it."""
    yield b'{"next_ps":"%s","messages":[' % ("" if page.next_before is None else str(page.next_before)).encode()
    for start in range(0, len(page.messages), HISTORY_PIECE):
        piece = page.messages[start : start + HISTORY_PIECE]
        yield (b"," if start else b"") + b",".join(frames.encode(frames.stored_in(page.channel, message)) for message in piece)
        await asyncio.sleep(0)
    yield b"]}"


async def _close(service: ChatService, channel: Channel, closed_by: UserId) -> None:
    try:
        await service.close_channel(channel, closed_by)
    except Conflict:  # the other member was first
        raise Unauthorized("This conversation has ended.") from None


def _token(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Unauthorized
    return credentials.credentials


def _before(ps: str) -> MessageId | None:
    if not ps:
        return None
    number = parse_id(ps)
    if number is None:
        raise InvalidInput("ps: must be the next_ps of an earlier page.")
    return MessageId(number)
