"""What every `UserSockets` does."""

from __future__ import annotations

import pytest

from randomchat.chat.user_sockets import SocketRef, UserSockets
from randomchat.chat.user_sockets_memory import MemoryUserSockets
from randomchat.chat.user_sockets_redis import RedisUserSockets
from randomchat.ids import NodeId, UserId

ANNA, BEN = UserId(11), UserId(22)


@pytest.fixture(params=["memory", "redis"])
def user_sockets(request: pytest.FixtureRequest) -> UserSockets:
    if request.param == "redis":
        return RedisUserSockets(request.getfixturevalue("redis"))
    return MemoryUserSockets()


def ref(number: int, node: str = "one") -> SocketRef:
    return SocketRef(NodeId(node), number)


async def test_nobody_has_sockets_at_first(user_sockets: UserSockets) -> None:
    assert await user_sockets.list_sockets(ANNA) == []


async def test_sockets_are_listed_oldest_first_over_all_nodes(user_sockets: UserSockets) -> None:
    for one in (ref(3), ref(1, "other"), ref(2)):
        assert await user_sockets.enter(ANNA, one, 5) == []
    assert await user_sockets.list_sockets(ANNA) == [ref(3), ref(1, "other"), ref(2)]
    assert await user_sockets.list_sockets(BEN) == []


async def test_one_too_many_takes_out_the_oldest(user_sockets: UserSockets) -> None:
    for number in range(5):
        assert await user_sockets.enter(ANNA, ref(number), 5) == []
    assert await user_sockets.enter(ANNA, ref(5), 5) == [ref(0)]
    assert await user_sockets.list_sockets(ANNA) == [ref(number) for number in range(1, 6)]


async def test_a_lower_limit_takes_out_several(user_sockets: UserSockets) -> None:
    for number in range(4):
        await user_sockets.enter(ANNA, ref(number), 5)
    assert await user_sockets.enter(ANNA, ref(4), 2) == [ref(0), ref(1), ref(2)]
    assert await user_sockets.list_sockets(ANNA) == [ref(3), ref(4)]


async def test_each_user_has_a_limit_of_their_own(user_sockets: UserSockets) -> None:
    assert await user_sockets.enter(ANNA, ref(1), 1) == []
    assert await user_sockets.enter(BEN, ref(2), 1) == []


async def test_a_socket_that_left_does_not_count(user_sockets: UserSockets) -> None:
    await user_sockets.enter(ANNA, ref(1), 1)
    await user_sockets.leave(ANNA, ref(1))
    assert await user_sockets.enter(ANNA, ref(2), 1) == []
    assert await user_sockets.list_sockets(ANNA) == [ref(2)]


async def test_leaving_twice_or_without_having_come_changes_nothing(user_sockets: UserSockets) -> None:
    await user_sockets.enter(ANNA, ref(1), 5)
    await user_sockets.leave(ANNA, ref(2))
    await user_sockets.leave(ANNA, ref(1, "other"))
    await user_sockets.leave(BEN, ref(1))
    assert await user_sockets.list_sockets(ANNA) == [ref(1)]


async def test_emptied_lists_let_in_more_and_never_fewer() -> None:
    user_sockets = MemoryUserSockets()
    for number in range(5):
        await user_sockets.enter(ANNA, ref(number), 5)
    user_sockets.empty()
    assert await user_sockets.enter(ANNA, ref(5), 5) == []
