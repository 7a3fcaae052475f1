"""Leases of a node in a cluster, a part of which forgets what it held."""

from __future__ import annotations

import pytest

from cluster.engines.redis import MASTERS, RedisEngine
from randomchat.ids import NodeId
from randomchat.infra.node_redis import RedisNodeLeases
from tests.redis_keys import fresh_redis

NODE = NodeId("one")


@pytest.mark.parametrize("master", range(MASTERS))
async def test_a_node_notices_that_one_of_the_masters_has_forgotten_whichever_it_is(
    redis_engine: RedisEngine, master: int
) -> None:
    """Routes lay there too, which their nodes must put again."""
    async with fresh_redis(redis_engine.settings) as redis:
        leases = RedisNodeLeases(redis, "chat")
        await leases.renew(NODE)
        assert await leases.renew(NODE)
        forget(redis_engine, master, redis.key("*"))
        assert not await leases.renew(NODE)
        assert await leases.renew(NODE)


def forget(engine: RedisEngine, master: int, pattern: str) -> None:
    with engine.client(master) as client:
        for key in client.scan_iter(match=pattern, count=1000):
            client.delete(key)
