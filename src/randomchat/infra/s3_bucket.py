"""The bucket of distributed mode: closed to the public, open to our pages, and emptied of what is old by the store itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from randomchat.config import RetentionSettings, S3Settings, Settings
from randomchat.errors import Unavailable
from randomchat.infra.object_store_s3 import KEPT, STAGED
from randomchat.infra.s3 import new_client, quoted

PREFLIGHT_S = 3600
_OURS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists", "OperationAborted"}
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "XNotImplemented", "MalformedXML", "InvalidRequest"}
"""How stores say that they do not know a request."""
_PROBE = "probe"

_log = structlog.get_logger(__name__)


def page_origins(settings: Settings) -> list[str]:
    """The origins whose pages may use the links to the bucket; empty where nobody said at which address people come."""
    origins = [settings.public_url, *settings.allowed_origins] if settings.public_url else []
    return [origin.rstrip("/").lower() for origin in origins]


async def migrate_bucket(settings: S3Settings, origins: Sequence[str], retention: RetentionSettings) -> None:
    """Make the bucket, or bring its rules up to date. Any number of these may run at once, and beside the services.

    `origins`: whose pages may use links to it; any where there are none, as a link is all that it takes. What the store can't do
    is logged, if others can do it in its place. Raises `Unavailable` where the store is away, refuses a request, or copies
    objects that it was asked not to copy.
    """
    try:
        async with new_client(settings) as client:
            await _make(client, settings)
            await _close_to_public(client, settings.bucket)
            await _open_to_pages(client, settings.bucket, origins)
            await _let_old_objects_go(client, settings.bucket, retention)
            await _check_conditions(client, settings.bucket)
    except ClientError as error:
        raise Unavailable(f"S3 at {settings.address} refuses a step: {error}") from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable(f"S3 does not answer at {settings.address}: {error}") from error


async def _make(client: Any, settings: S3Settings) -> None:
    # Amazon's oldest region is the one that must not be named.
    elsewhere = settings.region != "us-east-1"
    place = {"CreateBucketConfiguration": {"LocationConstraint": settings.region}} if elsewhere else {}
    try:
        await client.create_bucket(Bucket=settings.bucket, **place)
    except ClientError as error:
        if _code(error) not in _OURS:
            raise
    await client.head_bucket(Bucket=settings.bucket)


async def _close_to_public(client: Any, bucket: str) -> None:
    everything = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    try:
        await client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(everything, True))
    except ClientError as error:
        if _code(error) not in _UNKNOWN:
            raise
        _log.info("this store has no switch against public access: never give the bucket a policy that opens it", bucket=bucket)


async def _open_to_pages(client: Any, bucket: str, origins: Sequence[str]) -> None:
    rule = {
        "AllowedOrigins": list(origins) or ["*"],
        "AllowedMethods": ["PUT", "GET", "HEAD"],
        "AllowedHeaders": ["content-type"],
        "MaxAgeSeconds": PREFLIGHT_S,
    }
    try:
        await client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    except ClientError as error:
        if _code(error) not in _UNKNOWN:
            raise
        _log.warning("this store knows no CORS rules: what stands before it must answer browsers", bucket=bucket, rule=rule)


async def _let_old_objects_go(client: Any, bucket: str, retention: RetentionSettings) -> None:
    days = math.ceil(retention.days)
    rules = [
        {
            **_expiry("staged", STAGED, 1),
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        _expiry("kept", KEPT, days),
    ]
    try:
        await client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    except ClientError as error:
        if _code(error) not in _UNKNOWN:
            raise
        _log.warning(
            "this store knows no lifecycle rules: NOTHING REMOVES OLD FILES until you do",
            bucket=bucket,
            rules=f"{STAGED} after 1 day, {KEPT} after {days} days, unfinished uploads after 1 day",
        )


def _expiry(name: str, prefix: str, days: int) -> dict[str, Any]:
    return {"ID": name, "Filter": {"Prefix": prefix}, "Status": "Enabled", "Expiration": {"Days": days}}


async def _check_conditions(client: Any, bucket: str) -> None:
    """Without these two conditions on copies a file could change after it was sent, or be another one than was examined."""
    await client.put_object(Bucket=bucket, Key=_PROBE, Body=b"")
    for condition in ({"IfNoneMatch": "*"}, {"CopySourceIfMatch": quoted("0" * 32)}):
        try:
            source = {"Bucket": bucket, "Key": _PROBE}
            await client.copy_object(Bucket=bucket, Key=_PROBE, CopySource=source, MetadataDirective="REPLACE", **condition)
        except ClientError as error:
            if int(error.response["ResponseMetadata"]["HTTPStatusCode"]) != 412:
                raise
        else:
            raise Unavailable(f"This store can't be used: it copies in spite of a condition ({next(iter(condition))}).")


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
