"""A bucket for one test on the shared store, as `migrate` leaves it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

from randomchat.config import RetentionSettings, S3Settings
from randomchat.infra.s3 import S3, new_client
from randomchat.infra.s3_bucket import migrate_bucket

ORIGIN = "https://chat.example"
CONNECTED_WITHIN_S = 10.0


def own_bucket(settings: S3Settings) -> S3Settings:
    """The same store, and a bucket that nobody has made yet."""
    return settings.model_copy(update={"bucket": f"test-{secrets.token_hex(6)}"})


@contextlib.asynccontextmanager
async def fresh_s3(settings: S3Settings, origins: Sequence[str] = (ORIGIN,)) -> AsyncIterator[S3]:
    """Connected to a new bucket, which is removed at the end."""
    settings = own_bucket(settings)
    await migrate_bucket(settings, origins, RetentionSettings())
    s3 = S3(settings)
    await s3.start()
    try:
        await until_well(s3, CONNECTED_WITHIN_S)
        yield s3
    finally:
        await s3.close()
        await remove_bucket(settings)


async def until_well(s3: S3, most_s: float) -> None:
    """Wait until requests are taken."""
    await _until(lambda: s3._trouble is None, most_s)


async def until_away(s3: S3, most_s: float) -> None:
    """Wait until the connection knows that the store is away."""
    await _until(lambda: s3._trouble is not None, most_s)


async def _until(condition: Callable[[], bool], most_s: float) -> None:
    async with asyncio.timeout(most_s):
        while not condition():  # noqa: ASYNC110 - only the log tells of it
            await asyncio.sleep(0.02)


async def contents(s3: S3) -> list[str]:
    """Everything in the bucket, also what can't be seen as an object yet."""
    listed = await s3.call("list_objects_v2")
    unfinished = await s3.call("list_multipart_uploads")
    return [entry["Key"] for entry in (*listed.get("Contents", []), *unfinished.get("Uploads", [])) if entry["Key"] != "probe"]


async def remove_bucket(settings: S3Settings) -> None:
    """This store removes what is in it, too."""
    async with new_client(settings) as client:
        await client.delete_bucket(Bucket=settings.bucket)
