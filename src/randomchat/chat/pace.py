"""What one socket, or one reader of history, may ask for, and how often."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from randomchat.chat.frames import ClientFrame
from randomchat.clock import Clock
from randomchat.config import ChatSettings, HistorySettings
from randomchat.errors import RateLimited
from randomchat.ids import ChannelId, UserId
from randomchat.infra.token_bucket import TokenBucket

LOOKUPS_PER_SECOND = 2
LOOKUPS_BURST = 8
"""As many as a client may have unanswered: what it resends after a reconnect is looked up without delay."""
SIGNS_PER_SECOND = 100
SIGNS_BURST = 5200
"""Old clients say of each message of a full channel that it was seen."""
UNTRIED_MOST = 64
READERS_MOST = 10_000


class Untried:
    """The messages of one socket that the store surely lacks, so that it need not be asked for them when they come again.

    They came for the first time, without `retry`, and were refused before they were to be stored. The newest `UNTRIED_MOST` are
    remembered.
    """

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] | None = None
        """In the order in which they came; None for the many sockets that are never refused anything."""

    def note(self, frame: ClientFrame) -> None:
        """A message is refused before it was to be stored."""
        if frame.name is None or frame.retry is True:  # a resend may be of an earlier socket
            return
        self._names = self._names or {}
        self._names[frame.name] = None
        if len(self._names) > UNTRIED_MOST:
            del self._names[next(iter(self._names))]

    def pop(self, frame: ClientFrame) -> bool:
        """A message is to be stored: whether the store surely lacks it until now."""
        if not self._names or frame.name not in self._names:
            return False
        del self._names[frame.name]
        return True


class Pace:
    """What one socket may ask for in a time. Beyond it messages are refused; anything else waits, and its socket with it."""

    __slots__ = ("_clock", "_lookups", "_messages", "_signs", "untried")

    def __init__(self, settings: ChatSettings, clock: Clock, *, limited: bool) -> None:
        now_s = clock.boot_s()
        self.untried = Untried()
        self._clock = clock
        self._messages = TokenBucket(settings.message.per_second, settings.message.burst, now_s) if limited else None
        self._lookups = TokenBucket(LOOKUPS_PER_SECOND, LOOKUPS_BURST, now_s) if limited else None
        self._signs = TokenBucket(SIGNS_PER_SECOND, SIGNS_BURST, now_s) if limited else None

    def admit_message(self) -> None:
        """Count a message. Raises `RateLimited`."""
        if self._messages is not None and (wait_s := self._messages.take(self._clock.boot_s())):
            raise RateLimited(retry_after_s=wait_s)

    async def admit_lookup(self) -> None:
        """Wait until the store may be asked for an old message."""
        await self._wait_for(self._lookups)

    async def admit_sign(self) -> None:
        """Wait until a frame may be handled that is not a message."""
        await self._wait_for(self._signs)

    async def _wait_for(self, bucket: TokenBucket | None) -> None:
        if bucket is None:
            return
        wait_s = bucket.take(self._clock.boot_s())
        while wait_s:
            await asyncio.sleep(wait_s)
            wait_s = bucket.take(self._clock.boot_s())


class HistoryPace:
    """How often each member may read the history of a channel. Only the last `READERS_MOST` readers are remembered."""

    def __init__(self, settings: HistorySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: OrderedDict[tuple[ChannelId, UserId], TokenBucket] = OrderedDict()

    def admit(self, channel_id: ChannelId, user_id: UserId) -> None:
        """Count a page. Raises `RateLimited`."""
        now_s, reader = self._clock.boot_s(), (channel_id, user_id)
        bucket = self._buckets.get(reader)
        if bucket is None:
            bucket = self._buckets[reader] = TokenBucket(self._settings.per_second, self._settings.burst, now_s)
        self._buckets.move_to_end(reader)
        if len(self._buckets) > READERS_MOST:
            self._buckets.popitem(last=False)
        if wait_s := bucket.take(now_s):
            raise RateLimited(retry_after_s=wait_s)
