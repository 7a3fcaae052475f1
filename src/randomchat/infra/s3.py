"""A bucket of S3, or of a store that speaks its protocol: requests, each bounded in time, and links for browsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, NoReturn

import structlog
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from randomchat.config import S3Settings
from randomchat.errors import NotFound, RandomchatError, Unavailable

PIECE_BYTES = 256 * 1024
"""What one download has in memory."""
CONNECTIONS = 256
READS = 128
"""Most downloads at a time: slow readers must not take every connection."""
TRIES = 3
"""Of one request; the repetitions are for connections that the store had closed, and for what it calls passing."""
CHECK_TIMEOUT_S = 0.8
"""A readiness check is given a second."""
LOOK_EVERY_S = 0.5
"""Between two looks at the store, while something is wrong."""
UPLOAD_BYTES_PER_S = 1 << 20
"""What is sent to the store may take longer than other requests; this is the slowest that is waited for."""

_log = structlog.get_logger(__name__)


class Contested(Exception):
    """The condition of a request does not hold: there is another object, or one already, or another request was first."""


class S3:
    """The connection of one process to its bucket.

    Every call raises `Unavailable` after `settings.timeout_s` at the latest, and at once where it is known that nobody is there
    or that the bucket can't be used; `NotFound` where there is no such object, and `Contested`. A write that failed may have
    happened.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._open = AsyncExitStack()
        self._client: Any = None
        self._public_client: Any = None
        self._reads = asyncio.Semaphore(READS)
        self._doubt = asyncio.Event()
        self._trouble: str | None = f"{self._name} was not reached yet"
        self._refusal = ""
        self._watching: asyncio.Task[None] | None = None

    @property
    def bucket(self) -> str:
        return self._settings.bucket

    @property
    def timeout_s(self) -> float:
        return self._settings.timeout_s

    async def start(self) -> None:
        """Connect in the background, for as long as it takes; returns at once."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Disconnect."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._disconnect()

    async def check(self) -> None:
        """Raise `Unavailable`, which names the address, unless the bucket can be used. Takes 0.8 s at most."""
        await self._try_bucket(min(CHECK_TIMEOUT_S, self.timeout_s))

    async def _try_bucket(self, timeout_s: float) -> None:
        if self._client is None:
            raise Unavailable(self._trouble)
        try:
            async with asyncio.timeout(timeout_s):
                await self._client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            raise Unavailable(self._trouble_of(_status(error))) from error
        except NoCredentialsError as error:
            await self._disconnect()  # the next connection looks for them anew
            raise Unavailable(f"{self._name}: there is no access key") from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise Unavailable(f"S3 does not answer at {self._settings.address}") from error

    # ---------------------------------------------------------------- requests
    async def call(self, operation: str, *, sent_bytes: int = 0, **parameters: Any) -> Mapping[str, Any]:
        """The answer to a request about the bucket. `operation`: a method of the client, such as `head_object`."""
        client = self._usable(self._client)
        try:
            async with asyncio.timeout(self.timeout_s + sent_bytes / UPLOAD_BYTES_PER_S):
                answer: Mapping[str, Any] = await getattr(client, operation)(Bucket=self.bucket, **parameters)
                return answer
        except ClientError as error:
            self._refuse(operation, error)
        except (BotoCoreError, OSError, TimeoutError) as error:
            self._doubt.set()
            raise Unavailable from error
        except asyncio.CancelledError:  # somebody had less patience
            self._doubt.set()
            raise

    async def read(self, name: str, etag: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes of an object from `start` up to, not including, `stop`, in pieces; all of the version with that tag."""
        if start >= stop:
            return
        if self._reads.locked():
            raise Unavailable("Too many files are read at the moment; try again later.")
        async with self._reads:
            answer = await self.call("get_object", Key=name, IfMatch=quoted(etag), Range=f"bytes={start}-{stop - 1}")
            try:
                async with answer["Body"] as body:
                    while piece := await body.read(PIECE_BYTES):
                        yield piece
            except (BotoCoreError, OSError, TimeoutError) as error:
                self._doubt.set()
                raise Unavailable from error

    async def sign(self, operation: str, *, ttl_s: float, **parameters: Any) -> str:
        """A link by which whoever has it may make this one request for some seconds, at the store's public address."""
        client = self._usable(self._public_client)
        try:
            async with asyncio.timeout(self.timeout_s):  # the key of a role may have to be fetched
                url: str = await client.generate_presigned_url(
                    operation, Params={"Bucket": self.bucket, **parameters}, ExpiresIn=max(1, round(ttl_s))
                )
                return url
        except (BotoCoreError, OSError, TimeoutError) as error:
            self._doubt.set()
            raise Unavailable from error

    def _usable(self, client: Any) -> Any:
        if self._trouble is not None or client is None:
            raise Unavailable
        return client

    def _refuse(self, operation: str, error: ClientError) -> NoReturn:
        status, code = _status(error), error.response["Error"]["Code"]
        if status == 404 and code not in {"NoSuchBucket", "NoSuchUpload"}:
            raise NotFound from error
        if status == 412 or code == "ConditionalRequestConflict":
            raise Contested from error
        self._doubt.set()
        reason = f"{operation}: {code}"
        if status < 500 and reason != self._refusal:  # a right that is missing, a request that this store does not know
            self._refusal = reason
            _log.error("S3 refuses a request", at=self._settings.address, reason=reason)
        raise Unavailable from error

    # ---------------------------------------------------------------- the store
    async def _watch(self) -> None:
        """Find the bucket, and look at it again when a request has met something unexpected, or until all is well."""
        while True:
            self._doubt.clear()
            try:
                await self._connect()
                await self._try_bucket(self.timeout_s)
            except RandomchatError as error:
                self._note(error.message)
            except Exception as error:  # noqa: BLE001 - whatever it is, there is another look
                self._note(f"{self._name}: {error!r}")
            else:
                self._note(None)
                await self._doubt.wait()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _connect(self) -> None:
        if self._client is not None:
            return
        session, public = get_session(), self._settings.public_url  # both clients of one session: it reads what S3 is once
        client = await self._open.enter_async_context(new_client(self._settings, session))
        other = new_client(self._settings, session, public) if public else None
        self._public_client = client if other is None else await self._open.enter_async_context(other)
        self._client = client

    async def _disconnect(self) -> None:
        self._client = self._public_client = None
        with suppress(BotoCoreError, OSError):
            await self._open.aclose()

    @property
    def _name(self) -> str:
        return f"S3 at {self._settings.address}"

    def _trouble_of(self, status: int) -> str:
        if status == 404:
            return f"{self._name} has no bucket {self.bucket}: run `randomchat migrate`"
        if status == 403:
            return f"{self._name} refuses the access key, or the bucket {self.bucket} to it"
        return f"{self._name} answers {status}"

    def _note(self, trouble: str | None) -> None:
        """Say it once when something goes wrong or is well again."""
        if trouble is not None and trouble != self._trouble:
            _log.warning("S3 is not usable; trying again", trouble=trouble)
        elif trouble is None and self._trouble is not None:
            _log.info("S3 is there", at=self._settings.address, bucket=self.bucket)
        self._trouble = trouble


def new_client(settings: S3Settings, session: AioSession | None = None, address: str = "") -> Any:
    """A client of the driver, to be entered; it asks nobody before its first request. `address`: another than the settings'."""
    config = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.path_style else "virtual"},
        connect_timeout=min(2.0, settings.timeout_s),
        read_timeout=settings.timeout_s,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        max_pool_connections=CONNECTIONS,
        # Not every store knows the newer checksums; the signature covers the bytes, or TLS does.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    key, secret = (settings.access_key, settings.secret_key.get_secret_value()) if settings.access_key else (None, None)
    return (session or get_session()).create_client(
        "s3",
        endpoint_url=address or settings.address,
        region_name=settings.region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        verify=None if settings.ca_file is None else str(settings.ca_file),
        config=config,
    )


def quoted(etag: str) -> str:
    """An entity tag as headers have it."""
    return f'"{etag}"'


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
