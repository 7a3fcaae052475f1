"""The end of a channel, and of the right to be in it."""

from __future__ import annotations

from randomchat.chat import frames
from randomchat.chat.domain import Channel
from randomchat.chat.hub import LiveChannel
from randomchat.clock import Clock
from randomchat.errors import Close
from randomchat.ids import UserId


class Closing:
    """Ends sockets here, once the store says that they have no right to be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def end(self, live: LiveChannel, closed_by: UserId | None) -> None:
        """The channel is closed: tell everyone who left, then close all sockets. None: it is gone altogether."""
        if closed_by is not None:
            frame = frames.action(closed_by, "leaved", self._clock.wall_ms())
            for socket in tuple(live.sockets):
                socket.send(frame)
        live.close(Close.CHANNEL, "the channel is closed")

    def check(self, live: LiveChannel, channel: Channel) -> None:
        """Hold the sockets of a channel against its state in the store."""
        if channel.closed_at_ms is not None:
            self.end(live, channel.closed_by)
            return
        for socket in tuple(live.sockets):
            if is_revoked(channel, socket.user_id, socket.issued_at_s):
                socket.close(Close.REVOKED, "signed out")


def is_revoked(channel: Channel, user_id: UserId, issued_at_s: int) -> bool:
    """Whether a member's token of that time is void. Tokens count in whole seconds: those of the same second are void too."""
    side = channel.side_of(user_id)
    return side is None or issued_at_s * 1000 <= channel.members[side].revoked_before_ms
