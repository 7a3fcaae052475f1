"""Links that lead past this server: browsers and the object store exchange bytes without it, wherever that is as safe."""

from __future__ import annotations

from randomchat.infra.object_store import ObjectKey, StoredObject
from randomchat.infra.object_store_s3 import name_of
from randomchat.infra.s3 import S3
from randomchat.uploader.links import DownloadTerms, UploadTerms
from randomchat.uploader.links_signed import SignedLinks
from randomchat.uploader.offer import cache_control, content_disposition, content_type


class S3Links:
    """`Links` to the bucket for uploads whose size and type are known, and for what is promoted.

    All others lead to this server: a link to the bucket bounds nothing that it does not fix, and what is merely staged has been
    looked at by nobody.
    """

    def __init__(self, s3: S3, own: SignedLinks, *, ttl_s: float) -> None:
        self._s3 = s3
        self._own = own
        self._ttl_s = ttl_s

    async def to_upload(self, key: ObjectKey, terms: UploadTerms) -> str:
        if terms.size is None or terms.mime is None:
            return await self._own.to_upload(key, terms)
        return await self._s3.sign(
            "put_object",
            ttl_s=self._ttl_s,
            Key=name_of(key, promoted=False),
            ContentLength=terms.size,
            ContentType=terms.mime,
        )

    async def to_download(self, found: StoredObject, terms: DownloadTerms) -> str:
        if not found.promoted:
            return await self._own.to_download(found, terms)
        return await self._s3.sign(
            "get_object",
            ttl_s=self._ttl_s,
            Key=name_of(found.key, promoted=True),
            ResponseContentType=content_type(found.key),
            ResponseContentDisposition=content_disposition(found.key, terms),
            ResponseCacheControl=cache_control(found),
        )
