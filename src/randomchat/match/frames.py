"""The frames of the match socket, all of them from the server."""

from __future__ import annotations

import msgspec


class WaitingFrame(msgspec.Struct, frozen=True, gc=False):
    """Sent at once and every few seconds. Old clients act on any frame in which both ids are non-empty."""

    waited_ms: int
    access_token: str = ""
    channel_id: str = ""
    status: str = "waiting"


class MatchedFrame(msgspec.Struct, frozen=True, gc=False):
    """Sent once, before the socket is closed with 1000."""

    access_token: str
    channel_id: str
    common_interests: tuple[str, ...]
    status: str = "matched"
