"""The connection to a Redis Cluster whose nodes die, freeze, forget, and hand over their slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import uvloop
from redis.crc import key_slot

from cluster.child import Child
from cluster.engines.redis import RedisEngine
from randomchat.config import RedisSettings
from randomchat.errors import Unavailable
from randomchat.infra.redis import Redis, Script
from tests.engines import running_engine
from tests.redis_keys import fresh_redis, until_well

pytestmark = pytest.mark.cluster

TIMEOUT_S = 0.5
SLACK_S = 1.0
"""How much later than it should a call may end here, where others compute too."""
FAIL_OVER_S = 15.0
COUNT = Script("redis.call('INCR', KEYS[1]) return redis.call('PEXPIRE', KEYS[1], ARGV[1])")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisEngine]:
    """A cluster with replicas, whose nodes may be killed."""
    yield from running_engine(RedisEngine(tmp_path_factory.mktemp("redis"), replicas=True))


@pytest.fixture
def settings(engine: RedisEngine) -> RedisSettings:
    for node in engine.nodes:
        node.start()
    engine.wait_until_ready()
    return engine.settings.model_copy(update={"timeout_s": TIMEOUT_S})


@pytest.fixture
async def redis(settings: RedisSettings) -> AsyncIterator[Redis]:
    async with fresh_redis(settings) as redis:
        yield redis


def keys_of_different_nodes(redis: Redis) -> tuple[str, str]:
    """Two keys, of which the second one is on another master."""
    keys = (redis.key("note", number) for number in range(1000))
    first = next(keys)
    return first, next(key for key in keys if port_of(redis, key) != port_of(redis, first))


def port_of(redis: Redis, key: str) -> int:
    assert redis._cluster is not None
    return int(redis._owner(redis._cluster, key).port)


def master_of(engine: RedisEngine, redis: Redis, key: str) -> Child:
    ports = [int(node.rpartition(":")[2]) for node in engine.settings.nodes]
    return engine.nodes[ports.index(port_of(redis, key))]


async def seconds_of(call: Awaitable[object]) -> float:
    """How long a call takes that fails."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await call
    return asyncio.get_running_loop().time() - began


async def until_served(call: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(FAIL_OVER_S):
        while True:
            try:
                await call()
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_cluster_that_forgets_everything_is_used_on(redis: Redis, engine: RedisEngine) -> None:
    keys = [redis.key("count", number) for number in range(20)]
    for key in keys:
        await redis.run(COUNT, [key], 60_000)
    for number in range(len(engine.nodes)):
        with engine.client(number) as node, contextlib.suppress(Exception):
            node.flushall()
            node.script_flush()
    for key in keys:
        await redis.run(COUNT, [key], 60_000)
        assert int(await redis.call("GET", key)) == 1


async def test_while_one_master_hangs_its_calls_end_in_time_and_the_others_go_on(redis: Redis, engine: RedisEngine) -> None:
    stuck, free = keys_of_different_nodes(redis)
    hanging = master_of(engine, redis, stuck)
    hanging.pause()
    try:
        hung = asyncio.gather(*(seconds_of(redis.call("GET", stuck)) for _ in range(200)))
        served = 0
        while not hung.done():
            await redis.call("SET", free, "", "EX", 60)
            served += 1
        assert served > 20
        assert max(await hung) < TIMEOUT_S + SLACK_S
        await until_served(lambda: redis.call("SET", stuck, "", "EX", 60))  # its replica has taken over
    finally:
        hanging.resume()


async def test_a_master_that_hangs_for_a_moment_is_served_from_again(redis: Redis, engine: RedisEngine) -> None:
    key = redis.key("note")
    hanging = master_of(engine, redis, key)
    hanging.pause()
    try:
        with pytest.raises(Unavailable, match=f"Redis does not answer at 127.0.0.1:{port_of(redis, key)}"):
            await redis.check()
    finally:
        hanging.resume()
    await until_served(lambda: redis.call("SET", key, "", "EX", 60))


async def test_a_killed_master_is_replaced_and_calls_go_on_within_seconds(redis: Redis, engine: RedisEngine) -> None:
    lost, other = keys_of_different_nodes(redis)
    await redis.run(COUNT, [lost], 60_000)
    master_of(engine, redis, lost).kill()
    assert await seconds_of(redis.call("GET", lost)) < TIMEOUT_S + SLACK_S
    with pytest.raises(Unavailable, match=r"Redis does not answer at 127.0.0.1:\d+"):
        await redis.check()
    await until_served(lambda: redis.run(COUNT, [lost], 60_000))
    await redis.call("GET", other)
    await until_well(redis, FAIL_OVER_S)


async def test_when_all_die_calls_fail_soon_and_when_they_are_back_so_are_we(redis: Redis, engine: RedisEngine) -> None:
    key = redis.key("count")
    await redis.run(COUNT, [key], 60_000)
    engine.kill()
    await seconds_of(redis.run(COUNT, [key], 60_000))
    async with asyncio.timeout(FAIL_OVER_S):  # none of them may be the slow one for long
        while await seconds_of(redis.run(COUNT, [key], 60_000)) > TIMEOUT_S / 2:
            pass
    engine.start()
    await until_well(redis, FAIL_OVER_S)
    await redis.run(COUNT, [key], 60_000)


async def test_redis_that_is_away_at_the_start_is_found_when_it_comes(settings: RedisSettings, engine: RedisEngine) -> None:
    engine.kill()
    async with asyncio.timeout(FAIL_OVER_S):
        redis = Redis(settings)
        await redis.start()
        try:
            await seconds_of(redis.call("GET", redis.key("note")))
            engine.start()
            await until_well(redis, FAIL_OVER_S)
            assert await redis.call("GET", redis.key("note")) is None
        finally:
            await redis.close()


async def test_a_slot_that_moves_is_followed(redis: Redis, engine: RedisEngine) -> None:
    here, there = keys_of_different_nodes(redis)
    sibling = f"{{{here}}}:sibling"
    ports = [int(node.rpartition(":")[2]) for node in engine.settings.nodes]
    with engine.client(ports.index(port_of(redis, here))) as giver, engine.client(ports.index(port_of(redis, there))) as taker:
        slot, giver_id, taker_id = key_slot(here.encode()), giver.cluster("myid"), taker.cluster("myid")
        await redis.call("SET", here, "1", "EX", 60)
        taker.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", giver_id)
        giver.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", taker_id)
        # On the way: what is not there any more, or not yet, is with the taker.
        await redis.run(COUNT, [sibling], 60_000)
        assert await redis.call("GET", here) == b"1"
        assert int(await redis.call("GET", sibling)) == 1
        giver.migrate("127.0.0.1", ports[ports.index(port_of(redis, there))], [here], 0, 2000)
        assert await redis.call("GET", here) == b"1"
        for node in (taker, giver):
            node.execute_command("CLUSTER SETSLOT", slot, "NODE", taker_id)
        assert await redis.call("GET", here) == b"1"
        assert int(await redis.call("GET", sibling)) == 1
    assert port_of(redis, here) == port_of(redis, there)


async def test_a_password_opens_the_door_and_a_wrong_one_is_said(
    settings: RedisSettings, engine: RedisEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(len(engine.nodes)):
        with engine.client(number) as node:
            node.acl_setuser("chat", enabled=True, passwords=["+open sesame"], keys=["*"], commands=["+@all"])
    signed_in = RedisSettings.model_validate({**settings.model_dump(), "username": "chat", "password": "open sesame"})
    async with fresh_redis(signed_in) as redis:
        assert await redis.call("GET", redis.key("note")) is None
    wrong = Redis(RedisSettings.model_validate({**signed_in.model_dump(), "password": "open barley"}))
    await wrong.start()
    try:
        written = ""
        async with asyncio.timeout(FAIL_OVER_S):
            while "Redis is away" not in written:
                await asyncio.sleep(0.02)
                written += capsys.readouterr().out
        assert "invalid username-password" in written
        assert "barley" not in written
        with pytest.raises(Unavailable):
            await wrong.call("GET", wrong.key("note"))
    finally:
        await wrong.close()


def test_connections_that_are_cut_under_load_end_no_call_with_anything_but_unavailable(settings: RedisSettings) -> None:
    """On the loop of the product, which is stricter with a closed connection than that of the tests."""
    assert uvloop.run(_refusals_while_connections_are_cut(settings)) <= {Unavailable}


async def _refusals_while_connections_are_cut(settings: RedisSettings) -> set[type[BaseException]]:
    async with fresh_redis(settings) as redis:
        assert redis._cluster is not None
        outcomes: list[object] = []
        for _ in range(10):
            calls = [redis.run(COUNT, [redis.key("cut", number)], 10_000) for number in range(150)]
            cuts = [node.execute_command("CLIENT", "KILL", "TYPE", "normal") for node in redis._cluster.get_primaries()]
            results = await asyncio.gather(*calls, *cuts, return_exceptions=True)  # a cut may meet a connection cut before
            outcomes += results[: len(calls)]
        await until_well(redis, FAIL_OVER_S)
        return {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)}
