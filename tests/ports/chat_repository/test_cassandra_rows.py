"""What the chat's store in Cassandra costs, and that nothing in it is for ever."""

from collections.abc import AsyncIterator, Callable

import pytest

from cluster.engines.cassandra import CassandraEngine
from randomchat.chat.domain import Event, Message
from randomchat.chat.repository_cassandra import CassandraChatRepository
from randomchat.chat.schema_cassandra import CHAT_SCHEMA
from randomchat.chat.tickets_cassandra import CassandraTickets, Claim
from randomchat.config import CassandraSettings, RetentionSettings
from randomchat.ids import ChannelId, MessageId, TicketId
from randomchat.infra.cassandra import PAGE_ROWS, Cassandra
from tests.cassandra_keyspace import connected, fresh_keyspace
from tests.cassandra_rows import times_to_live
from tests.fakes import FakeClock
from tests.ports.chat_repository.scene import ADA, BOB, EVE, Scene, Store

SHORT_S, LONG_S, MARGIN_S, SLACK_S = 1000, 10_000, 60, 100

Scenes = Callable[[int], Scene]


@pytest.fixture(scope="module")
def own_keyspace(cassandra_engine: CassandraEngine) -> CassandraSettings:
    """Where nobody else has left anything."""
    return fresh_keyspace(cassandra_engine.settings, [CHAT_SCHEMA])


@pytest.fixture
async def cassandra(own_keyspace: CassandraSettings) -> AsyncIterator[Cassandra]:
    async with connected(own_keyspace) as cassandra:
        yield cassandra


@pytest.fixture
def scene_keeping(cassandra: Cassandra) -> Scenes:
    """Scenes on one store that keep what they write for so many seconds."""
    clock = FakeClock()

    async def nothing(_: float = 0) -> None: ...

    def make(kept_s: int) -> Scene:
        repository = CassandraChatRepository(cassandra, clock, RetentionSettings(days=kept_s / 86_400))
        return Scene(Store(repository, clock, nothing, nothing))

    return make


async def test_every_value_that_is_written_has_a_time_to_live(
    scene_keeping: Scenes, cassandra: Cassandra, own_keyspace: CassandraSettings
) -> None:
    scene = scene_keeping(SHORT_S)
    repository, tickets = scene.repository, scene.tickets()
    channel = await scene.create((ADA, BOB), tickets)
    await scene.message(channel)
    await scene.message(channel, BOB, "named")
    for user in (ADA, BOB):
        await repository.mark_joined(channel, user, 1)
        await repository.advance_seen(channel, user, MessageId(1))
        await repository.revoke_tokens(user, 1)
    await repository.close_channel(channel, ADA, 1)
    void = Message(MessageId(1), ADA, Event.TEXT, "nobody reads it")
    await repository.insert_message(ChannelId(scene.fresh_id()), void)
    stuck = Claim(TicketId(scene.fresh_id()), channel, TicketId(scene.fresh_id()), not_after_ms=0)
    assert await CassandraTickets(cassandra, scene.clock, SHORT_S)._void(stuck)
    times = await times_to_live(cassandra, own_keyspace)
    assert all(times.values()), "every column has a value"
    for column, seconds in times.items():
        assert all(left is not None and 0 < left <= SHORT_S + MARGIN_S for left in seconds), column


async def test_a_channel_lives_anew_when_half_of_its_time_is_over(
    scene_keeping: Scenes, cassandra: Cassandra, own_keyspace: CassandraSettings
) -> None:
    channel = await scene_keeping(SHORT_S).channel((EVE, BOB))
    repository = scene_keeping(LONG_S).repository
    await repository.get_channel(channel)
    assert max(await lives(cassandra, own_keyspace, "channels.first_user")) <= SHORT_S, "a visitor keeps nothing alive"
    await repository.get_summary(channel)
    for column in ("channels.first_user", "channels.second_user", "channels_by_user.side"):
        assert max(await lives(cassandra, own_keyspace, column)) > LONG_S - SLACK_S, column
    writes = cassandra.requests.writes
    await repository.read_after(channel, MessageId(0))
    assert cassandra.requests.writes == writes


async def test_a_closed_channel_is_kept_anew_and_its_end_is_known_for_longer(
    scene_keeping: Scenes, cassandra: Cassandra, own_keyspace: CassandraSettings
) -> None:
    channel = await scene_keeping(SHORT_S).channel()
    repository = scene_keeping(2 * LONG_S).repository
    await repository.close_channel(channel, ADA, 1)
    members = max(await lives(cassandra, own_keyspace, "channels.first_user"))
    assert members > 2 * LONG_S - SLACK_S
    for column in ("channels.closed_by", "channels.closed_at_ms", "channels_by_user.side"):
        assert max(await lives(cassandra, own_keyspace, column)) > members, column


async def test_a_message_is_one_write_and_nothing_else(scene_keeping: Scenes, cassandra: Cassandra) -> None:
    scene = scene_keeping(SHORT_S)
    channel = await scene.channel()
    before = (cassandra.requests.reads, cassandra.requests.conditional_writes, cassandra.requests.writes)
    for _ in range(100):
        await scene.message(channel, ADA, "named")
        await scene.message(channel, BOB)
    after = (cassandra.requests.reads, cassandra.requests.conditional_writes, cassandra.requests.writes)
    assert after == (before[0], before[1], before[2] + 200)


async def test_a_full_channel_is_read_whole(scene_keeping: Scenes) -> None:
    scene = scene_keeping(SHORT_S)
    channel = await scene.channel()
    stored = [await scene.message(channel, ADA, str(number)) for number in range(2 * PAGE_ROWS + 500)]
    again = await scene.message(channel, ADA, "0")
    assert (await scene.repository.get_summary(channel)).count == len(stored) + 1
    assert (await scene.repository.read_after(channel, MessageId(0))).messages == [*stored, again]
    assert await scene.history(channel, page=5200) == stored[::-1]
    assert await scene.history(channel, page=1500) == stored[::-1]


async def lives(cassandra: Cassandra, settings: CassandraSettings, column: str) -> list[int]:
    return [seconds for seconds in (await times_to_live(cassandra, settings))[column] if seconds is not None]
