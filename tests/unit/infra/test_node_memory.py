"""Leases in memory can vanish, as in a store without persistence."""

from __future__ import annotations

from randomchat.ids import NodeId
from randomchat.infra.node_memory import MemoryNodeLeases
from tests.fakes import FakeClock


async def test_emptied_leases_are_new_when_they_are_renewed() -> None:
    leases, node = MemoryNodeLeases(FakeClock()), NodeId("one")
    await leases.renew(node)
    leases.empty()
    assert await leases.list_alive() == frozenset()
    assert await leases.renew(node) is False
    assert await leases.list_alive() == {node}
