"""Port: where the bytes of files are kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from randomchat.errors import InvalidInput, TooLarge
from randomchat.ids import ChannelId, parse_id

HEAD_BYTES = 512
"""How much of an object is shown to whoever judges it."""
STAGED_TTL_MS = 24 * 3600 * 1000
"""What was staged and not promoted in this time may go."""

_NAME = re.compile(r"([0-9a-f]{11})[0-9a-f]{32}")
_EXT = re.compile(r"[0-9a-z]{1,8}")


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The name of one object, `<channel>/<name>.<ext>`, or without an extension.

    `name` is 11 hexadecimal digits of Unix milliseconds and 32 of chance: nobody can guess it. Only `new` and `parse` make keys,
    so there is none that could lead out of the place where objects are kept.
    """

    channel_id: ChannelId
    name: str
    ext: str

    @classmethod
    def new(cls, channel_id: ChannelId, ext: str, now_ms: int) -> ObjectKey:
        """A key that nobody has. `ext`: lower-case letters and digits without a dot, or ""."""
        key = cls.parse(f"{channel_id}/{now_ms:011x}{secrets.token_hex(16)}{f'.{ext}' if ext else ''}")
        assert key is not None, ext
        return key

    @classmethod
    def parse(cls, text: str) -> ObjectKey | None:
        """The key that a text names, or None where it is not written exactly as `new` does."""
        channel, _, rest = text.partition("/")
        name, dot, ext = rest.partition(".")
        channel_id = parse_id(channel) if channel else None
        if channel_id is None or not _NAME.fullmatch(name) or bool(dot) != bool(_EXT.fullmatch(ext)):
            return None
        return cls(ChannelId(channel_id), name, ext)

    @property
    def made_ms(self) -> int:
        """Unix milliseconds at which the key was made."""
        return int(self.name[:11], 16)

    @property
    def file_name(self) -> str:
        """The last part of the key."""
        return f"{self.name}.{self.ext}" if self.ext else self.name

    def __str__(self) -> str:
        return f"{self.channel_id}/{self.file_name}"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is known of an object. `etag`: other bytes have another one. `promoted`: it will not change any more."""

    key: ObjectKey
    size: int
    etag: str
    promoted: bool


class OpenObject(Protocol):
    """An object that is being read: the same bytes until the end, whatever happens to the key meanwhile.

    Where a store can't have them any more, it says `Unavailable`, and never gives others.
    """

    @property
    def info(self) -> StoredObject: ...

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `stop`, in pieces of bounded size. Raises `Unavailable`."""
        ...


Examine = Callable[[StoredObject, bytes], None]
"""Judges an object by what is known of it and its first `HEAD_BYTES` bytes, and raises what refuses it."""


async def counted(chunks: AsyncIterable[bytes], max_bytes: int, size: int | None) -> AsyncIterator[bytes]:
    """The same chunks, held to what `ObjectStore.stage` says of their length."""
    count = 0
    async for chunk in chunks:
        count += len(chunk)
        if count > max_bytes:
            raise TooLarge(f"A file may be at most {max_bytes} bytes long.")
        if size is not None and count > size:
            raise InvalidInput(f"The file has more than the {size} bytes that were announced.")
        yield chunk
    if size is not None and count < size:
        raise InvalidInput(f"The file has only {count} of the {size} bytes that were announced.")


class ObjectStore(Protocol):
    """Objects come in two steps: **staged** while people may still change their mind, then **promoted**, and fixed for good.

    What a call returns from is durable. Every call raises `Unavailable` where the store is away or full; whatever names an object
    that is not there raises `NotFound`. No call has a whole object in memory.
    """

    async def stage(self, key: ObjectKey, chunks: AsyncIterable[bytes], *, max_bytes: int, size: int | None = None) -> None:
        """Take the bytes of an object: all of them or, where anything fails, nothing that can be seen.

        It takes the place of what was staged under the key before, and changes nothing that was promoted. Raises `TooLarge` as
        soon as there are more than `max_bytes`, `InvalidInput` where there are not exactly `size`, and what `chunks` raises.
        """
        ...

    async def promote(self, key: ObjectKey, examine: Examine) -> StoredObject:
        """Fix what is staged, if `examine` lets it pass: it judges the very bytes that are fixed.

        Once for each key: what was promoted is only returned again, unexamined.
        """
        ...

    async def stat(self, key: ObjectKey) -> StoredObject:
        """What is promoted under a key, else what is staged."""
        ...

    def open(self, key: ObjectKey) -> AbstractAsyncContextManager[OpenObject]:
        """Read what is promoted under a key, else what is staged."""
        ...

    async def delete_expired(self, before_ms: int, limit: int) -> int:
        """Remove what was promoted before (Unix milliseconds), and staged before that or more than `STAGED_TTL_MS` ago.

        At most `limit` objects in one call; how many were removed, 0 where nothing is left to do. So it is where the store
        itself sees to that, which may then take some days longer.
        """
        ...
