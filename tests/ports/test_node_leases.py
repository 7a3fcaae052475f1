"""What every `NodeLeases` does."""

from __future__ import annotations

import pytest

from randomchat.ids import NodeId
from randomchat.infra.node import LEASE_S, NodeLeases, new_node_id
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.infra.node_redis import RedisNodeLeases
from tests.fakes import FakeClock
from tests.ports.conftest import LetPass

ONE, OTHER = NodeId("one"), NodeId("other")


@pytest.fixture(params=["memory", "redis"])
def leases(request: pytest.FixtureRequest, clock: FakeClock) -> NodeLeases:
    if request.param == "redis":
        return RedisNodeLeases(request.getfixturevalue("redis"), "chat")
    return MemoryNodeLeases(clock)


async def test_nobody_lives_at_first(leases: NodeLeases) -> None:
    assert await leases.list_alive() == frozenset()


async def test_a_node_lives_as_long_as_its_lease(leases: NodeLeases, let_pass: LetPass) -> None:
    await leases.renew(ONE)
    await let_pass(LEASE_S - 0.1)
    assert await leases.list_alive() == {ONE}
    await let_pass(0.2)
    assert await leases.list_alive() == frozenset()


async def test_renewing_says_whether_there_was_a_lease(leases: NodeLeases, let_pass: LetPass) -> None:
    assert await leases.renew(ONE) is False
    await let_pass(LEASE_S - 0.1)
    assert await leases.renew(ONE) is True
    await let_pass(LEASE_S - 0.1)
    assert await leases.list_alive() == {ONE}
    await let_pass(0.2)
    assert await leases.renew(ONE) is False


async def test_a_released_lease_ends_at_once_and_no_other(leases: NodeLeases) -> None:
    await leases.renew(ONE)
    await leases.renew(OTHER)
    await leases.release(ONE)
    assert await leases.list_alive() == {OTHER}
    await leases.release(ONE)
    assert await leases.renew(ONE) is False


def test_a_node_id_is_new_at_each_start() -> None:
    made = {new_node_id("main") for _ in range(100)}
    assert len(made) == 100
    assert all(node.startswith("main-") for node in made)
