"""What every `RecentPartners` does."""

from __future__ import annotations

import pytest

from randomchat.ids import UserId
from randomchat.match.recent import RecentPartners
from randomchat.match.recent_memory import MemoryRecentPartners
from randomchat.match.recent_redis import RedisRecentPartners
from tests.fakes import FakeClock
from tests.ports.conftest import LetPass

ANN, BOB, CAT = UserId(1), UserId(2), UserId(3)
HOUR_S = 3600


@pytest.fixture(params=["memory", "redis"])
def recent(request: pytest.FixtureRequest, clock: FakeClock) -> RecentPartners:
    if request.param == "redis":
        return RedisRecentPartners(request.getfixturevalue("redis"), clock, count=10, hours=24)
    return MemoryRecentPartners(clock, count=10, hours=24)


async def test_who_met_nobody_has_no_recent_partner(recent: RecentPartners) -> None:
    assert await recent.list_recent(ANN) == frozenset()


async def test_both_remember_each_other(recent: RecentPartners) -> None:
    await recent.add(ANN, BOB)
    await recent.add(CAT, ANN)
    assert await recent.list_recent(ANN) == {BOB, CAT}
    assert await recent.list_recent(BOB) == {ANN}


async def test_the_last_ten_are_remembered(recent: RecentPartners) -> None:
    for number in range(100, 112):
        await recent.add(ANN, UserId(number))
    assert await recent.list_recent(ANN) == set(range(102, 112))


async def test_a_partner_is_forgotten_after_a_day(recent: RecentPartners, let_pass: LetPass) -> None:
    await recent.add(ANN, BOB)
    await let_pass(23 * HOUR_S)
    await recent.add(ANN, CAT)
    assert await recent.list_recent(ANN) == {BOB, CAT}
    await let_pass(1.1 * HOUR_S)
    assert await recent.list_recent(ANN) == {CAT}
    assert await recent.list_recent(BOB) == frozenset()
