"""Brings the engines of distributed mode to the version of this program."""

# ruff: noqa: PLC0415 - whether the drivers are there is checked first

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from randomchat.config import Settings
from randomchat.errors import Unavailable
from randomchat.infra.drivers import check_drivers
from randomchat.infra.runtime import StartupError

PATIENCE_S = 60.0
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


async def run_migration(settings: Settings, announce: Callable[[str], None]) -> None:
    """Make keyspace, tables and bucket, or bring them up to date. What is newer is left as it is.

    An engine that is away is waited for, a minute at most. Raises `StartupError` or `SettingsError`, whose message is one line.
    """
    check_drivers()
    from randomchat.chat.schema_cassandra import CHAT_SCHEMA
    from randomchat.infra.cassandra_schema import migrate
    from randomchat.infra.s3_bucket import migrate_bucket, page_origins
    from randomchat.user.schema_cassandra import USER_SCHEMA

    await _patiently(lambda: migrate(settings.cassandra, [USER_SCHEMA, CHAT_SCHEMA]))
    announce(f"cassandra: keyspace {settings.cassandra.keyspace} is up to date")
    await _patiently(lambda: migrate_bucket(settings.s3, page_origins(settings), settings.retention))
    announce(f"s3: bucket {settings.s3.bucket} is up to date")


async def _patiently(step: Callable[[], Awaitable[None]]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            await step()
        except Unavailable as error:
            if asyncio.get_running_loop().time() > deadline:
                raise StartupError(error.message) from None
            _log.warning("waiting for an engine", reason=error.message)
            await asyncio.sleep(RETRY_S)
        else:
            return
