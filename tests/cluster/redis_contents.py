"""What lies in Redis, as no service sees it."""

from __future__ import annotations

import asyncio

from cluster.engines.redis import RedisEngine


def times_to_live(engine: RedisEngine, pattern: str = "*") -> dict[str, int]:
    """The keys of all masters, and for how many seconds each lives on; -1: for ever."""
    found: dict[str, int] = {}
    for number in engine.masters():
        with engine.client(number) as master:
            found |= {key: master.ttl(key) for key in master.scan_iter(match=pattern, count=1000)}
    return found


def nodes_with_lease(engine: RedisEngine, service: str) -> set[str]:
    """The names of the nodes that count as alive."""
    leases = times_to_live(engine, f"randomchat:leases:{{{service}}}:*")
    return {key.rpartition(":")[2].rpartition("-")[0] for key in leases}


def people_in_queue(engine: RedisEngine) -> set[str]:
    """The ids of those who have a place."""
    with engine.cluster() as cluster:
        people: list[str] = cluster.hkeys("randomchat:{queue}:tickets")
        return set(people)


async def until_alive(engine: RedisEngine, service: str, nodes: int, most_s: float) -> None:
    """Wait until so many nodes of a service have a lease."""
    async with asyncio.timeout(most_s):
        while len(await asyncio.to_thread(nodes_with_lease, engine, service)) != nodes:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.05)


async def until_waiting(engine: RedisEngine, user_id: str, most_s: float, *, waits: bool = True) -> None:
    """Wait until a person has a place in the queue, or has none."""
    async with asyncio.timeout(most_s):
        while (user_id in await asyncio.to_thread(people_in_queue, engine)) is not waits:  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.05)
