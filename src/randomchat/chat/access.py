"""Who may do what in which channel."""

from __future__ import annotations

from randomchat.chat.closing import is_revoked
from randomchat.chat.domain import Channel
from randomchat.chat.repository import ChatRepository
from randomchat.chat.tokens import ChannelTokens, Claims
from randomchat.errors import NotFound, Unauthorized


class Access:
    """Holds a channel token against the channel's state in the store."""

    def __init__(self, tokens: ChannelTokens, repository: ChatRepository) -> None:
        self._tokens = tokens
        self._repository = repository

    async def admit(self, token: str, *, closed_by_holder_too: bool = False) -> tuple[Claims, Channel]:
        """The claims of a good token, and its channel.

        Raises `Unauthorized` where the token is bad, expired or revoked, or the channel is gone or closed; `Unavailable` where
        the store does not answer. `closed_by_holder_too`: whoever closed the channel may still come in.
        """
        claims = self._tokens.verify(token)
        try:
            channel = await self._repository.get_channel(claims.channel_id)
        except NotFound:
            raise Unauthorized("This conversation no longer exists.") from None
        if is_revoked(channel, claims.user_id, claims.issued_at_s):
            raise Unauthorized
        if channel.closed_at_ms is not None and not (closed_by_holder_too and channel.closed_by == claims.user_id):
            raise Unauthorized("This conversation has ended.")
        return claims, channel
