"""Port: links that carry their own permission. Whoever has one may do one thing with one object for some minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from randomchat.infra.object_store import ObjectKey, StoredObject


@dataclass(frozen=True, slots=True)
class UploadTerms:
    """What a link to upload fixes beside the key; None where it is open."""

    size: int | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadTerms:
    """How what a link leads to is offered. `name`: to save it as, the key's own if None. `saved`: even if it could be shown."""

    name: str | None = None
    saved: bool = False


class Links(Protocol):
    """Makes links: on this server (`/api/…`) or on the object store's public origin. Neither space nor quote nor `<>` is in them.

    All that counts in a link is under a signature. Raises `Unavailable`.
    """

    async def to_upload(self, key: ObjectKey, terms: UploadTerms) -> str:
        """A link that takes a `PUT` of the bytes of a key, as often as it comes while the link is good."""
        ...

    async def to_download(self, found: StoredObject, terms: DownloadTerms) -> str:
        """A link that answers a `GET` with the bytes of an object."""
        ...
