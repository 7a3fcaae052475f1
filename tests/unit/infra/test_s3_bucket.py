"""What `migrate` makes of a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from cluster.engines.seaweedfs import SeaweedEngine
from randomchat.config import RetentionSettings, S3Settings, Settings
from randomchat.errors import Unavailable
from randomchat.infra.s3 import new_client
from randomchat.infra.s3_bucket import migrate_bucket, page_origins
from tests.buckets import own_bucket, remove_bucket

ORIGINS = ["https://chat.example", "https://school.example"]


@pytest.fixture
async def settings(s3_engine: SeaweedEngine) -> AsyncIterator[S3Settings]:
    settings = own_bucket(s3_engine.settings)
    yield settings
    await remove_bucket(settings)


async def rules_of(settings: S3Settings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those for browsers, and those for what is old."""
    async with new_client(settings) as client:
        cors = await client.get_bucket_cors(Bucket=settings.bucket)
        lifecycle = await client.get_bucket_lifecycle_configuration(Bucket=settings.bucket)
    return cors["CORSRules"], lifecycle["Rules"]


async def test_the_store_itself_removes_what_is_old(settings: S3Settings) -> None:
    await migrate_bucket(settings, ORIGINS, RetentionSettings(days=6.5))
    _, rules = await rules_of(settings)
    found = {rule["Filter"]["Prefix"]: rule for rule in rules}
    assert found["staged/"]["Expiration"]["Days"] == 1
    assert found["staged/"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    assert found["kept/"]["Expiration"]["Days"] == 7
    assert {rule["Status"] for rule in rules} == {"Enabled"}


async def test_pages_of_ours_may_use_links_and_nothing_else(settings: S3Settings) -> None:
    await migrate_bucket(settings, ORIGINS, RetentionSettings())
    ((rule,), _) = await rules_of(settings)
    assert rule["AllowedOrigins"] == ORIGINS
    assert set(rule["AllowedMethods"]) == {"PUT", "GET", "HEAD"}
    assert rule["AllowedHeaders"] == ["content-type"]


async def test_any_number_of_migrations_at_once_and_later_ones_leave_the_same_rules(settings: S3Settings) -> None:
    await asyncio.gather(*(migrate_bucket(settings, ORIGINS, RetentionSettings()) for _ in range(3)))
    first = await rules_of(settings)
    await migrate_bucket(settings, ORIGINS, RetentionSettings())
    assert await rules_of(settings) == first


async def test_a_later_migration_brings_the_rules_up_to_date_and_keeps_the_objects(settings: S3Settings) -> None:
    await migrate_bucket(settings, ORIGINS, RetentionSettings())
    async with new_client(settings) as client:
        await client.put_object(Bucket=settings.bucket, Key="kept/7/x", Body=b"x")
        await migrate_bucket(settings, [], RetentionSettings(days=30))
        assert (await client.head_object(Bucket=settings.bucket, Key="kept/7/x"))["ContentLength"] == 1
    cors, lifecycle = await rules_of(settings)
    assert cors[0]["AllowedOrigins"] == ["*"]
    assert {rule["Expiration"]["Days"] for rule in lifecycle} == {1, 30}


def test_whose_pages_may_use_links_is_in_the_settings() -> None:
    assert page_origins(Settings(public_url=ORIGINS[0], allowed_origins=[f"{ORIGINS[1]}/"])) == ORIGINS
    assert page_origins(Settings(allowed_origins=[ORIGINS[1]])) == []


@asynccontextmanager
async def plain_store(*, heeds_conditions: bool) -> AsyncIterator[S3Settings]:
    """A store that knows objects and copies, and nothing else."""

    async def answer(request: web.Request) -> web.Response:
        if {"publicAccessBlock", "cors", "lifecycle"} & request.query.keys():
            return web.Response(status=501, text="<Error><Code>NotImplemented</Code></Error>")
        if "x-amz-copy-source" in request.headers:
            return web.Response(status=412) if heeds_conditions else web.Response(text="<CopyObjectResult/>")
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield S3Settings(endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}", access_key="a", secret_key="b")
    await runner.cleanup()


async def test_what_a_store_can_not_do_is_said() -> None:
    async with plain_store(heeds_conditions=True) as settings:
        with capture_logs() as log:
            await migrate_bucket(settings, ORIGINS, RetentionSettings(days=9))
    public, cors, lifecycle = log
    assert ("public access" in public["event"], "CORS" in cors["event"]) == (True, True)
    assert "NOTHING REMOVES OLD FILES" in lifecycle["event"]
    assert lifecycle["rules"] == "staged/ after 1 day, kept/ after 9 days, unfinished uploads after 1 day"


async def test_a_store_in_which_files_could_change_after_they_were_sent_is_refused() -> None:
    async with plain_store(heeds_conditions=False) as settings:
        with pytest.raises(Unavailable, match="This store can't be used: it copies in spite of a condition"):
            await migrate_bucket(settings, ORIGINS, RetentionSettings())


async def test_a_store_that_is_away_is_named() -> None:
    with pytest.raises(Unavailable, match=r"S3 does not answer at http://127\.0\.0\.1:1:"):
        await migrate_bucket(S3Settings(endpoint="http://127.0.0.1:1", access_key="a", secret_key="b"), [], RetentionSettings())


async def test_a_wrong_key_is_said(s3_engine: SeaweedEngine) -> None:
    wrong = own_bucket(s3_engine.settings).model_copy(update={"access_key": "wrong"})
    with pytest.raises(Unavailable, match=f"S3 at {wrong.endpoint} refuses a step: .*InvalidAccessKeyId"):
        await migrate_bucket(wrong, [], RetentionSettings())
