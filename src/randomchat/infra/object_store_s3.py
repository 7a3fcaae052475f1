"""Objects in a bucket of S3.

An object's name says its key and its state; there is no other record that could contradict it.

    staged/<channel>/<name>.<ext>    whatever was put there last; rules of the bucket remove it after a day
    kept/<channel>/<name>.<ext>      promoted: written once, by a copy inside the store; removed when it is old enough
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress

from randomchat.errors import NotFound, RandomchatError, Unavailable
from randomchat.infra.object_store import HEAD_BYTES, Examine, ObjectKey, StoredObject, counted
from randomchat.infra.s3 import S3, Contested, quoted

STAGED, KEPT = "staged/", "kept/"
PART_BYTES = 5 << 20
"""The smallest part that S3 takes; what one upload through this process has in memory, twice for moments."""
UPLOADS = 64
"""Most uploads through this process at a time."""
PROMOTIONS = 8
"""How often a promotion begins anew because somebody puts other bytes there meanwhile."""


def name_of(key: ObjectKey, *, promoted: bool) -> str:
    """Where an object lies in the bucket."""
    return f"{KEPT if promoted else STAGED}{key}"


class S3ObjectStore:
    """`ObjectStore` for any number of processes. That an object is promoted once is the store's own condition on the copy."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3
        self._uploads = asyncio.Semaphore(UPLOADS)

    async def stage(self, key: ObjectKey, chunks: AsyncIterable[bytes], *, max_bytes: int, size: int | None = None) -> None:
        if self._uploads.locked():
            raise Unavailable("Too many files come in at the moment; try again later.")
        async with self._uploads:
            upload = _Upload(self._s3, name_of(key, promoted=False))
            try:
                rest = await upload.add_parts(counted(chunks, max_bytes, size))
                await upload.finish(rest)
            except BaseException:
                await asyncio.shield(upload.abandon())
                raise

    async def promote(self, key: ObjectKey, examine: Examine) -> StoredObject:
        try:
            async with asyncio.timeout(self._s3.timeout_s):
                for _ in range(PROMOTIONS):
                    with suppress(NotFound):
                        return await self._find(key, promoted=True)
                    with suppress(Contested):
                        return await self._fix(await self._find(key, promoted=False), examine)
        except TimeoutError:
            raise Unavailable from None
        raise Unavailable("The file changes all the time; try again when it is whole.")

    async def stat(self, key: ObjectKey) -> StoredObject:
        with suppress(NotFound):
            return await self._find(key, promoted=True)
        return await self._find(key, promoted=False)

    @asynccontextmanager
    async def open(self, key: ObjectKey) -> AsyncIterator[_Reader]:
        yield _Reader(self._s3, await self.stat(key))

    async def delete_expired(self, before_ms: int, limit: int) -> int:  # noqa: ARG002 - the bucket's own rules know
        """Rules of the bucket remove what is old, see `s3_bucket`."""
        return 0

    async def _find(self, key: ObjectKey, *, promoted: bool) -> StoredObject:
        answer = await self._s3.call("head_object", Key=name_of(key, promoted=promoted))
        return StoredObject(key, answer["ContentLength"], answer["ETag"].strip('"'), promoted)

    async def _fix(self, staged: StoredObject, examine: Examine) -> StoredObject:
        """Copy it to its last place: this version of it, and only if nothing is there."""
        source = name_of(staged.key, promoted=False)
        pieces = self._s3.read(source, staged.etag, 0, min(HEAD_BYTES, staged.size))
        examine(staged, b"".join([piece async for piece in pieces]))
        answer = await self._s3.call(
            "copy_object",
            Key=name_of(staged.key, promoted=True),
            CopySource={"Bucket": self._s3.bucket, "Key": source},
            CopySourceIfMatch=quoted(staged.etag),
            IfNoneMatch="*",
            # Nothing of what its sender said of it goes along, such as an encoding that would make it another file.
            MetadataDirective="REPLACE",
            ContentType="application/octet-stream",
        )
        return StoredObject(staged.key, staged.size, answer["CopyObjectResult"]["ETag"].strip('"'), promoted=True)


class _Upload:
    """An object that comes in: in one piece where it is small, else in parts of which nothing can be seen before the end."""

    def __init__(self, s3: S3, name: str) -> None:
        self._s3 = s3
        self._name = name
        self._id: str | None = None
        self._parts: list[dict[str, str | int]] = []

    async def add_parts(self, chunks: AsyncIterable[bytes]) -> bytes:
        """Send all that makes whole parts; the answer is what is left."""
        pending = bytearray()
        async for chunk in chunks:
            pending += chunk
            while len(pending) >= PART_BYTES:
                part = bytes(memoryview(pending)[:PART_BYTES])
                del pending[:PART_BYTES]
                await self._add(part)
        return bytes(pending)

    async def finish(self, rest: bytes) -> None:
        """Make it an object that can be seen."""
        if self._id is None:
            await self._s3.call("put_object", Key=self._name, Body=rest, sent_bytes=len(rest))
            return
        if rest:
            await self._add(rest)
        await self._s3.call(
            "complete_multipart_upload", Key=self._name, UploadId=self._id, MultipartUpload={"Parts": self._parts}
        )

    async def abandon(self) -> None:
        """Have the store forget its parts; should it be away, a rule of the bucket removes them later."""
        if self._id is not None:
            with suppress(RandomchatError):
                await self._s3.call("abort_multipart_upload", Key=self._name, UploadId=self._id)

    async def _add(self, part: bytes) -> None:
        if self._id is None:
            self._id = (await self._s3.call("create_multipart_upload", Key=self._name))["UploadId"]
        number = len(self._parts) + 1
        answer = await self._s3.call(
            "upload_part", Key=self._name, UploadId=self._id, PartNumber=number, Body=part, sent_bytes=len(part)
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})


class _Reader:
    """`OpenObject` in a bucket: one request for each part that is asked for."""

    def __init__(self, s3: S3, info: StoredObject) -> None:
        self._s3 = s3
        self._info = info

    @property
    def info(self) -> StoredObject:
        return self._info

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        name = name_of(self._info.key, promoted=self._info.promoted)
        try:
            async for piece in self._s3.read(name, self._info.etag, start, stop):
                yield piece
        except (Contested, NotFound) as error:
            raise Unavailable from error
