"""What still works while an engine is away, under load: the table of `docs/architecture.md`, row by row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.exceptions import InvalidStatus

from cluster.engines.cassandra import CassandraEngine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.engines.seaweedfs import SeaweedEngine
from tests.cluster.people import (
    ACTION,
    ERROR,
    FILE,
    TEXT,
    Pair,
    next_of,
    pair,
    send_file,
    until_action,
    until_named,
    upload,
)
from tests.cluster.redis_contents import until_alive
from tests.deployment import DistributedServer
from tests.e2e.stranger import Stranger
from tests.http_client import Answer, send
from tests.reliability.faults import Emptied, Fault, Killed
from tests.reliability.ordeal import Ordeal, Plan

PLAN = Plan(seconds=0, seed=3, pairs=5, rate=50, most_late_s=15, quiet_s=4)
AT_ONCE_S = 1.5
"""Less than any sweep takes."""
SWEPT_S = 12.0
"""3 s until the trouble is noticed, 2 s between two sweeps, and room for a busy machine."""
CALM_S = 1.0

outage = pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=[pytest.mark.cluster, pytest.mark.timeout(240)])])


class Outage:
    """Something is away for some seconds, in the midst of an ordeal."""

    def __init__(self, site: DistributedServer, fault: Fault, seconds: float = 0) -> None:
        self._site, self._fault, self._seconds = site, fault, seconds

    async def __call__(self, look: Callable[[], Awaitable[None]]) -> None:
        """Strike, see what works meanwhile, and wait until all processes have found back by themselves."""
        report = await Ordeal(self._site, PLAN).endure(lambda: self._strike(look))
        assert report.passed, str(report)

    async def _strike(self, look: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(CALM_S)
        await asyncio.to_thread(self._fault.strike)
        try:
            await asyncio.gather(look(), asyncio.sleep(self._seconds))
        finally:
            await asyncio.to_thread(self._fault.heal)
        await asyncio.to_thread(self._site.wait_until_ready)
        await asyncio.sleep(CALM_S)


@asynccontextmanager
async def two_at(site: DistributedServer, one: int, other: int) -> AsyncIterator[Pair]:
    chats = site.services.processes["chat"]
    async with pair(site.address, chats[one], chats[other]) as two:
        yield two


def unavailable(answer: Answer) -> bool:
    return answer.status == 503 and answer.json()["retryable"] and "Retry-After" in answer.headers


# ---------------------------------------------------------------- Kafka
@outage
async def test_without_kafka_nothing_is_refused_and_the_other_process_delivers_some_seconds_later(
    site: DistributedServer, kafka_engine: KafkaEngine, seconds: float
) -> None:
    async with two_at(site, 0, 0) as together, two_at(site, 0, 1) as apart:

        async def look() -> None:
            processes = site.services.processes
            await until_named(processes["chat"] + processes["match"], "kafka", "Kafka does not answer at 127.0.0.1")
            assert await together.pass_words("to the same process", SWEPT_S) < AT_ONCE_S
            await apart.pass_words("to the other process", SWEPT_S)

        await Outage(site, Killed(kafka_engine), seconds)(look)
        assert await apart.pass_words("after it", SWEPT_S) < AT_ONCE_S


# ---------------------------------------------------------------- Redis
async def test_without_redis_people_talk_on_read_send_files_and_come_in_and_searches_wait(
    site: DistributedServer, redis_engine: RedisEngine
) -> None:
    newcomers = [Stranger(site.address, name) for name in ("Carl", "Dora")]
    for newcomer in newcomers:
        await newcomer.sign_up()
    searches: list[asyncio.Task[None]] = []
    async with two_at(site, 0, 1) as two:

        async def look() -> None:
            processes = site.services.processes
            stands_on_it = [process for name in ("user", "match", "chat", "uploader") for process in processes[name]]
            await until_named(stands_on_it, "redis", "Redis")
            assert await two.pass_words("to the other process", SWEPT_S) < AT_ONCE_S
            assert len(await two.ben.history()) == 1
            answer, key = await upload(site.address, two.ada)
            assert answer.status == 200
            assert (await send_file(two, key))["event"] == FILE
            searches.extend(asyncio.create_task(newcomer.find_partner()) for newcomer in newcomers)
            two.of_ben.cut()
            two.of_ben = await two.ben.open_chat(after="0")
            await two.pass_words("to a socket of now", SWEPT_S)
            assert not any(search.done() for search in searches)

        await Outage(site, Killed(redis_engine))(look)
        await asyncio.gather(*searches)
        assert newcomers[0].channel_id == newcomers[1].channel_id


async def test_a_redis_that_forgot_everything_learns_it_again(site: DistributedServer, redis_engine: RedisEngine) -> None:
    async with two_at(site, 0, 1) as two:

        async def look() -> None:
            await until_alive(redis_engine, "chat", 2, SWEPT_S)
            assert await two.pass_words("with routes or without", SWEPT_S) < AT_ONCE_S
            two.of_ben.cut()
            two.of_ben = await two.ben.open_chat(after="0")
            await two.pass_words("to a socket of now", SWEPT_S)

        await Outage(site, Emptied(redis_engine))(look)
        assert await two.pass_words("after it", SWEPT_S) < AT_ONCE_S
        online = (await two.ada.ask("GET", "/api/chat/users/online")).json()["user_ids"]
        assert set(online) == {two.ada.id, two.ben.id}


# ---------------------------------------------------------------- Cassandra
@outage
async def test_without_cassandra_people_see_each_other_type_come_and_go_and_messages_wait(
    site: DistributedServer, cassandra_engine: CassandraEngine, seconds: float
) -> None:
    async with two_at(site, 0, 1) as two:

        async def look() -> None:
            processes = site.services.processes
            await until_named(processes["chat"] + processes["user"], "cassandra", "Cassandra does not answer at 127.0.0.1")
            await two.of_ada.send(ACTION, "istyping")
            await until_action(two.of_ben, "istyping", SWEPT_S)
            await two.of_ada.send(TEXT, "patience", client_id="patience")
            refusal = json.loads((await next_of(two.of_ada, TEXT, ERROR))["payload"])
            assert refusal["retryable"], refusal
            assert unavailable(await two.ada.ask("GET", "/api/chat/channel/messages"))
            two.of_ben.cut()
            await until_action(two.of_ada, "reconnecting", SWEPT_S)

        await Outage(site, Killed(cassandra_engine), seconds)(look)
        two.of_ben = await two.ben.open_chat(after="0")
        assert (await two.of_ada.say("patience", "patience", retry=True))["payload"] == "patience"
        assert [frame["payload"] for frame in await two.ben.history()] == ["patience"]


# ---------------------------------------------------------------- S3
async def test_without_s3_files_wait_and_all_else_goes_on(site: DistributedServer, s3_engine: SeaweedEngine) -> None:
    async with two_at(site, 0, 1) as two:
        _, key = await upload(site.address, two.ada)

        async def look() -> None:
            processes = site.services.processes
            await until_named(processes["chat"] + processes["uploader"], "s3", "S3 does not answer at http://127.0.0.1")
            assert (await upload(site.address, two.ada))[0].status >= 500
            refusal = json.loads((await send_file(two, key))["payload"])
            assert refusal["retryable"], refusal

        async with two_at(site, 0, 1) as others:
            await Outage(site, Killed(s3_engine))(look)
            await others.pass_words("all the time", SWEPT_S)
        assert (await send_file(two, key))["ack"]
        assert (await upload(site.address, two.ada))[0].status == 200


# ---------------------------------------------------------------- the user service
async def test_without_the_user_service_people_talk_and_come_back_and_only_accounts_wait(site: DistributedServer) -> None:
    carl = Stranger(site.address, "Carl")
    await carl.sign_up()
    users = site.services.processes["user"]
    async with two_at(site, 0, 1) as two:
        for process in users:
            process.kill()
        await until_named(site.services.processes["match"], "user service", "the user service does not answer at ipv4:127.0.0.1")
        name = json.dumps({"name": "Dora"}).encode()
        assert unavailable(await send(site.address, "POST", "/api/user", [("Content-Type", "application/json")], name))
        with pytest.raises(InvalidStatus) as refused:
            await carl.find_partner()
        assert refused.value.response.status_code == 503
        two.of_ben.cut()
        two.of_ben = await two.ben.open_chat(after="0")
        await two.pass_words("still here", SWEPT_S)
        for process in users:
            process.start()
        await asyncio.to_thread(site.wait_until_ready)
        assert (await carl.ask("GET", "/api/user/me")).status == 200
