"""What every `Routes` does."""

from __future__ import annotations

import pytest

from randomchat.chat.routes import ROUTE_TTL_S, Routes
from randomchat.chat.routes_memory import MemoryRoutes
from randomchat.chat.routes_redis import RedisRoutes
from randomchat.ids import ChannelId, NodeId, UserId
from tests.fakes import FakeClock
from tests.ports.conftest import LetPass

CHANNEL, ELSEWHERE = ChannelId(77), ChannelId(78)
ONE, OTHER = NodeId("one"), NodeId("other")
ANNA, BEN = UserId(11), UserId(22)


@pytest.fixture(params=["memory", "redis"])
def routes(request: pytest.FixtureRequest, clock: FakeClock) -> Routes:
    if request.param == "redis":
        return RedisRoutes(request.getfixturevalue("redis"), clock)
    return MemoryRoutes(clock)


async def test_a_channel_without_routes_has_none(routes: Routes) -> None:
    assert await routes.get(CHANNEL) == {}


async def test_each_node_has_its_own_route(routes: Routes) -> None:
    await routes.put(CHANNEL, ONE, frozenset({ANNA}))
    await routes.put(CHANNEL, OTHER, frozenset({ANNA, BEN}))
    assert await routes.get(CHANNEL) == {ONE: {ANNA}, OTHER: {ANNA, BEN}}
    assert await routes.get(ELSEWHERE) == {}


async def test_a_later_route_takes_the_place_of_the_earlier_one(routes: Routes) -> None:
    await routes.put(CHANNEL, ONE, frozenset({ANNA}))
    await routes.put(CHANNEL, ONE, frozenset({BEN}))
    assert await routes.get(CHANNEL) == {ONE: {BEN}}


async def test_a_route_of_nobody_is_removed(routes: Routes) -> None:
    await routes.put(CHANNEL, ONE, frozenset({ANNA}))
    await routes.put(CHANNEL, OTHER, frozenset({BEN}))
    await routes.put(CHANNEL, ONE, frozenset())
    assert await routes.get(CHANNEL) == {OTHER: {BEN}}
    await routes.put(CHANNEL, OTHER, frozenset())
    await routes.put(CHANNEL, OTHER, frozenset())
    assert await routes.get(CHANNEL) == {}


async def test_a_route_that_is_not_put_again_lapses(routes: Routes, let_pass: LetPass) -> None:
    await routes.put(CHANNEL, ONE, frozenset({ANNA}))
    await let_pass(ROUTE_TTL_S - 1)
    await routes.put(CHANNEL, OTHER, frozenset({BEN}))
    assert (await routes.get(CHANNEL)).keys() == {ONE, OTHER}
    await let_pass(2)
    assert (await routes.get(CHANNEL)).keys() == {OTHER}


def test_a_route_outlives_two_sweeps() -> None:
    assert ROUTE_TTL_S > 2 * 60
