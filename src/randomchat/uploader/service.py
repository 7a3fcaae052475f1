"""What can be done with files before a message names them, and after."""

from __future__ import annotations

import binascii
import contextlib
from base64 import b64decode
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from randomchat.clock import Clock
from randomchat.config import UploaderSettings
from randomchat.errors import Forbidden, InvalidInput, NotFound, RandomchatError, RateLimited, TooLarge
from randomchat.ids import ChannelId
from randomchat.infra.display_name import check_display_name
from randomchat.infra.file_types import check_head, essence, file_type, saved_name
from randomchat.infra.object_store import HEAD_BYTES, ObjectKey, ObjectStore, StoredObject
from randomchat.infra.rate_limiter import RateLimiter
from randomchat.interfaces.chat import TokenHolder
from randomchat.uploader.links import DownloadTerms, Links, UploadTerms

_MINUTE_S = 60.0
_ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Incoming:
    """Bytes that come in. `mime`, `length`: what their sender says of them, as far as it does."""

    chunks: AsyncIterable[bytes]
    mime: str | None
    length: int | None


class UploaderService:
    """Hands out links, takes what comes to them, and finds what was asked for."""

    def __init__(
        self,
        objects: ObjectStore,
        links: Links,
        limiter: RateLimiter,
        clock: Clock,
        settings: UploaderSettings,
        *,
        limited: bool,
    ) -> None:
        """`limited`: whether uploads are counted."""
        self._objects = objects
        self._links = links
        self._limiter = limiter
        self._clock = clock
        self._settings = settings
        self._limited = limited

    # ---------------------------------------------------------------- with a channel token
    async def presign_upload(self, holder: TokenHolder, ext: str, size: int | None, mime: str | None) -> tuple[ObjectKey, str]:
        """A new key, and the link that takes its bytes. Raises `type_not_allowed`, `TooLarge` and `RateLimited`."""
        if mime is not None and not file_type(ext).allows(mime):
            raise RandomchatError("The type contradicts the extension, or is not taken.", code="type_not_allowed")
        key = self._new_key(holder.channel_id, ext)
        self._check_size(size)
        await self._count_upload(holder)
        return key, await self._links.to_upload(key, UploadTerms(size, mime))

    async def presign_download(self, holder: TokenHolder, key_base64: str, name: str | None, *, saved: bool) -> str:
        """The link to a file that was uploaded in the holder's channel, to be saved as `name`, shown only if not `saved`.

        Raises `InvalidInput`, `Forbidden` for another channel's key, and `unknown_file`.
        """
        if name is not None:
            check_display_name("name", name)
        text = _decode_base64(key_base64)
        if text.partition("/")[0] != str(holder.channel_id):
            raise Forbidden("This file belongs to another conversation.")
        found = await self._find(ObjectKey.parse(text))
        return await self._links.to_download(found, DownloadTerms(name and saved_name(name, found.key.ext), saved))

    async def upload(self, holder: TokenHolder, name: str, incoming: Incoming) -> str:
        """Take a file under its name; the link to it."""
        check_display_name("files", name)
        ext = PurePosixPath(name).suffix.removeprefix(".")
        mime = incoming.mime or _ANY_TYPE
        if essence(mime) != _ANY_TYPE and not file_type(ext).allows(mime):
            raise RandomchatError("The type contradicts the extension, or is not taken.", code="type_not_allowed")
        key = self._new_key(holder.channel_id, ext)
        await self._count_upload(holder)
        await self._objects.stage(key, _checked(ext, incoming.chunks), max_bytes=self._settings.max_bytes)
        return await self._links.to_download(await self._objects.stat(key), DownloadTerms(name))

    # ---------------------------------------------------------------- with a link
    async def receive(self, key: ObjectKey, terms: UploadTerms, incoming: Incoming) -> None:
        """Take the bytes that come to a link. Raises `TooLarge`, `type_not_allowed`, and `InvalidInput` for a wrong size."""
        if terms.mime is not None and incoming.mime is not None and essence(incoming.mime) != essence(terms.mime):
            raise RandomchatError("The link is for a file of another type.", code="type_not_allowed")
        self._check_size(incoming.length)
        if terms.size is not None and incoming.length not in {None, terms.size}:
            raise InvalidInput(f"The link is for a file of {terms.size} bytes.")
        chunks = _checked(key.ext, incoming.chunks)
        await self._objects.stage(key, chunks, max_bytes=self._settings.max_bytes, size=terms.size)

    # ----------------------------------------------------------------
    async def _find(self, key: ObjectKey | None) -> StoredObject:
        if key is not None:
            with contextlib.suppress(NotFound):
                return await self._objects.stat(key)
        raise RandomchatError(code="unknown_file")

    def _new_key(self, channel_id: ChannelId, ext: str) -> ObjectKey:
        file_type(ext)
        return ObjectKey.new(channel_id, ext.lower(), self._clock.wall_ms())

    def _check_size(self, size: int | None) -> None:
        if size is not None and size > self._settings.max_bytes:
            raise TooLarge(f"A file may be at most {self._settings.max_bytes} bytes long.")

    async def _count_upload(self, holder: TokenHolder) -> None:
        if not self._limited:
            return
        limit = self._settings.per_minute
        wait_s = await self._limiter.take(f"upload:{holder.user_id}", limit=limit, window_s=_MINUTE_S)
        if wait_s is not None:
            raise RateLimited("Too many files at once; try again later.", retry_after_s=wait_s)


async def _checked(ext: str, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, as long as they begin as a file of this kind may."""
    head = b""
    async for chunk in chunks:
        if len(head) < HEAD_BYTES:
            head += chunk[:HEAD_BYTES]
            check_head(ext, head)
        yield chunk


def _decode_base64(text: str) -> str:
    """Base64 of either alphabet, padded or not."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidInput("okb64: must be the base64 of an object key.") from None
