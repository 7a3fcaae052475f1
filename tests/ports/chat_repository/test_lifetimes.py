"""For how long every store keeps what it was given, whether it removes it by itself or has a job do it."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from randomchat.errors import NotFound
from randomchat.ids import MessageId
from tests.ports.chat_repository.scene import ADA, BOB, Scene, Store
from tests.ports.chat_repository.stores import KEPT_S, open_cassandra, open_sqlite

MORE_THAN_HALF = 0.6


@pytest.fixture(params=["sqlite", "cassandra"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Store]:
    if request.param == "sqlite":
        return open_sqlite(tmp_path)
    return open_cassandra(request.getfixturevalue("keyspace"), KEPT_S)


async def test_what_is_old_goes_and_what_is_newer_stays(scene: Scene, store: Store) -> None:
    repository = store.repository
    old_tickets = scene.tickets()
    ended, left, in_use = await scene.create((ADA, BOB), old_tickets), await scene.channel(), await scene.channel()
    for channel in (ended, left, in_use):
        await scene.message(channel)
    closed = await repository.close_channel(ended, ADA, scene.clock.wall_ms())
    await store.let_pass(MORE_THAN_HALF)
    newer = [await scene.message(in_use)]
    assert (await repository.get_summary(in_use)).count == 2
    assert await repository.get_channel(ended) == closed
    tickets = scene.tickets()
    late = await scene.create((ADA, BOB), tickets)
    await store.let_pass(MORE_THAN_HALF)
    assert await scene.history(in_use) == newer
    assert await repository.get_channel(late)
    assert await repository.find_channel_of_ticket(tickets[0]) == late
    assert [await repository.find_channel_of_ticket(ticket) for ticket in old_tickets] == [None, None]
    for channel in (ended, left):
        with pytest.raises(NotFound):
            await repository.get_channel(channel)


async def test_a_channel_in_which_people_sit_stays_with_all_that_is_known_of_it(scene: Scene, store: Store) -> None:
    repository = store.repository
    channel = await scene.channel()
    await repository.mark_joined(channel, ADA, 1000)
    await repository.revoke_tokens(BOB, 5000)
    before = await repository.get_channel(channel)
    for _ in range(2):
        await scene.message(channel)
        await store.let_pass(MORE_THAN_HALF)
        assert (await repository.read_after(channel, MessageId(0))).channel == before
    assert await repository.shares_channel(ADA, BOB)
    await repository.mark_joined(channel, ADA, 2000)
    await repository.revoke_tokens(BOB, 4000)
    assert await repository.get_channel(channel) == before
