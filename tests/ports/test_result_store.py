"""What every `ResultStore` does."""

from __future__ import annotations

import pytest

from randomchat.ids import ChannelId, TicketId, UserId
from randomchat.match.results import Result, ResultStore
from randomchat.match.results_memory import MemoryResultStore
from randomchat.match.results_redis import RedisResultStore
from tests.fakes import FakeClock
from tests.ports.conftest import LetPass

TTL_S = 60.0
ANN, BOB = UserId(1), UserId(2)
FIRST = Result(TicketId(10), ChannelId(100), ("art", "music"))
SECOND = Result(TicketId(11), ChannelId(101))


@pytest.fixture(params=["memory", "redis"])
def results(request: pytest.FixtureRequest, clock: FakeClock) -> ResultStore:
    if request.param == "redis":
        return RedisResultStore(request.getfixturevalue("redis"), TTL_S)
    return MemoryResultStore(clock, TTL_S)


async def test_a_result_is_found_by_its_owner_alone(results: ResultStore) -> None:
    await results.put(ANN, FIRST)
    assert await results.find(ANN) == FIRST
    assert await results.find(BOB) is None


async def test_a_newer_result_takes_the_place_of_an_older_one(results: ResultStore) -> None:
    await results.put(ANN, FIRST)
    await results.put(ANN, SECOND)
    assert await results.find(ANN) == SECOND


async def test_a_result_is_kept_for_its_time(results: ResultStore, let_pass: LetPass) -> None:
    await results.put(ANN, FIRST)
    await let_pass(TTL_S - 1)
    await results.put(BOB, SECOND)
    assert await results.find(ANN) == FIRST
    await let_pass(1.1)
    assert await results.find(ANN) is None
    assert await results.find(BOB) == SECOND


async def test_a_dropped_result_is_gone(results: ResultStore) -> None:
    await results.put(ANN, FIRST)
    await results.drop(ANN, FIRST)
    assert await results.find(ANN) is None


async def test_dropping_an_older_result_leaves_the_newer_one(results: ResultStore) -> None:
    await results.put(ANN, FIRST)
    await results.put(ANN, SECOND)
    await results.drop(ANN, FIRST)
    assert await results.find(ANN) == SECOND
