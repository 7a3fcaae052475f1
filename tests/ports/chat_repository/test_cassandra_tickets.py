"""Whatever stops between its steps: in Cassandra two tickets have one channel, both or neither, and no ticket has two."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from randomchat.chat.repository_cassandra import CassandraChatRepository
from randomchat.config import CassandraSettings, RetentionSettings
from randomchat.errors import Conflict, NotFound, Unavailable
from randomchat.ids import ChannelId, TicketId, UserId
from randomchat.infra.cassandra import Cassandra
from tests.cassandra_keyspace import connected, started, until_ready
from tests.fakes import FakeClock
from tests.ports.chat_repository.faulty_cassandra import HaltingCassandra, MortalCassandra
from tests.ports.chat_repository.scene import ADA, BOB, EVE, Scene, Store
from tests.ports.chat_repository.stores import forget_people

STEPS = range(1, 6)
"""The channel's row, two claims, and the rows of the two members."""

SECOND_CLAIM = 3


async def nothing(_: float = 0) -> None:
    """What these tests do with the time and the engine."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def repository_on(cassandra: Cassandra, clock: FakeClock) -> CassandraChatRepository:
    return CassandraChatRepository(cassandra, clock, RetentionSettings())


def scene_on(cassandra: Cassandra, clock: FakeClock) -> Scene:
    return Scene(Store(repository_on(cassandra, clock), clock, nothing, nothing))


@pytest.fixture
async def scene(keyspace: CassandraSettings, clock: FakeClock) -> AsyncIterator[Scene]:
    """What lives on."""
    async with connected(keyspace) as cassandra:
        await forget_people(cassandra)
        yield scene_on(cassandra, clock)


@pytest.fixture
async def mortal(keyspace: CassandraSettings) -> AsyncIterator[MortalCassandra]:
    async with started(MortalCassandra(keyspace)) as cassandra:
        await until_ready(cassandra)
        yield cassandra


@pytest.fixture
async def halting(keyspace: CassandraSettings) -> AsyncIterator[HaltingCassandra]:
    async with started(HaltingCassandra(keyspace)) as cassandra:
        await until_ready(cassandra)
        yield cassandra


async def die_after(mortal: MortalCassandra, clock: FakeClock, steps: int, tickets: tuple[TicketId, TicketId]) -> None:
    mortal.left = steps
    with pytest.raises(Unavailable):
        await scene_on(mortal, clock).create((ADA, BOB), tickets)


async def channels_of(scene: Scene, *tickets: TicketId) -> list[ChannelId | None]:
    return [await scene.repository.find_channel_of_ticket(ticket) for ticket in tickets]


async def assert_complete(scene: Scene, channel: ChannelId, members: tuple[UserId, UserId]) -> None:
    assert {member.user_id for member in (await scene.repository.get_channel(channel)).members} == set(members)
    assert await scene.repository.shares_channel(*members)
    assert await scene.repository.shares_channel(*members[::-1])


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("turned", [False, True])
async def test_the_next_try_goes_on_where_the_first_one_stopped(
    scene: Scene, mortal: MortalCassandra, steps: int, *, turned: bool
) -> None:
    tickets = scene.tickets()
    await die_after(mortal, scene.clock, steps, tickets)
    channel = await (scene.create((BOB, ADA), tickets[::-1]) if turned else scene.create((ADA, BOB), tickets))
    assert await channels_of(scene, *tickets) == [channel, channel]
    await assert_complete(scene, channel, (ADA, BOB))


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("asked_first", [0, 1])
async def test_what_is_asked_after_its_time_has_a_final_answer(
    scene: Scene, mortal: MortalCassandra, steps: int, asked_first: int
) -> None:
    tickets = scene.tickets()
    await die_after(mortal, scene.clock, steps, tickets)
    scene.clock.advance(0.001)
    first = await scene.repository.find_channel_of_ticket(tickets[asked_first])
    assert await channels_of(scene, *tickets) == [first, first]
    assert (first is not None) == (steps >= SECOND_CLAIM)
    if first is not None:
        await assert_complete(scene, first, (ADA, BOB))
    else:
        with pytest.raises(Unavailable):
            await scene.repository.create_channel(
                ChannelId(scene.fresh_id()), (ADA, BOB), tickets, not_after_ms=scene.clock.wall_ms() - 1
            )
        assert not await scene.repository.shares_channel(ADA, BOB)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("shared", [0, 1])
@pytest.mark.parametrize("new_is_larger", [False, True])
async def test_a_ticket_is_free_for_another_one_once_the_time_of_what_stopped_is_over(
    scene: Scene, mortal: MortalCassandra, steps: int, shared: int, *, new_is_larger: bool
) -> None:
    small, *tickets, large = [TicketId(scene.fresh_id()) for _ in range(4)]
    pair = (tickets[0], tickets[1])
    await die_after(mortal, scene.clock, steps, pair)
    scene.clock.advance(0.001)
    wish = (pair[shared], large if new_is_larger else small)
    if steps < SECOND_CLAIM:
        channel = await scene.create((ADA, EVE), wish)
        assert await channels_of(scene, *wish, pair[1 - shared]) == [channel, channel, None]
        await assert_complete(scene, channel, (ADA, EVE))
        assert not await scene.repository.shares_channel(ADA, BOB)
    else:
        with pytest.raises(Conflict):
            await scene.create((ADA, EVE), wish)
        assert (await channels_of(scene, *wish))[1] is None
        assert not await scene.repository.shares_channel(ADA, EVE)


async def test_before_its_time_is_over_an_unfinished_channel_is_in_the_way(scene: Scene, mortal: MortalCassandra) -> None:
    tickets = scene.tickets()
    await die_after(mortal, scene.clock, SECOND_CLAIM - 1, tickets)
    assert await channels_of(scene, *tickets) == [None, None]
    with pytest.raises(Unavailable):
        await scene.create((ADA, EVE), (tickets[0], TicketId(scene.fresh_id())))
    channel = await scene.create((ADA, BOB), tickets)
    assert await channels_of(scene, *tickets) == [channel, channel]


@pytest.mark.parametrize("asks", ["for its channel", "for another one"])
async def test_who_wakes_up_too_late_makes_no_channel(scene: Scene, halting: HaltingCassandra, asks: str) -> None:
    sleeper = scene_on(halting, scene.clock)
    tickets, third = scene.tickets(), TicketId(scene.fresh_id())
    halting.halts_at = SECOND_CLAIM
    attempt = asyncio.create_task(sleeper.create((ADA, BOB), tickets))
    await halting.halted.wait()
    scene.clock.advance(0.001)
    if asks == "for its channel":
        assert await scene.repository.find_channel_of_ticket(tickets[0]) is None
        expected: list[ChannelId | None] = [None, None, None]
    else:
        channel = await scene.create((ADA, EVE), (tickets[0], third))
        expected = [channel, None, channel]
    halting.go_on.set()
    with pytest.raises(Unavailable):
        await attempt
    assert await channels_of(scene, *tickets, third) == expected


async def test_a_sleeper_whose_pair_was_made_by_another_one_learns_of_it(scene: Scene, halting: HaltingCassandra) -> None:
    tickets = scene.tickets()
    halting.halts_at = SECOND_CLAIM
    attempt = asyncio.create_task(scene_on(halting, scene.clock).create((ADA, BOB), tickets))
    await halting.halted.wait()
    channel = await scene.create((ADA, BOB), tickets)
    halting.go_on.set()
    assert await attempt == channel


async def test_nothing_is_left_of_a_channel_that_came_second(scene: Scene) -> None:
    one, other = scene.tickets()
    await scene.create((ADA, BOB), (one, other))
    lost = ChannelId(scene.fresh_id())
    with pytest.raises(Conflict):
        await scene.repository.create_channel(
            lost, (ADA, EVE), (one, TicketId(scene.fresh_id())), not_after_ms=scene.clock.wall_ms()
        )
    with pytest.raises(NotFound):
        await scene.repository.get_channel(lost)


async def test_who_came_second_has_its_own_ticket_back_at_once(scene: Scene) -> None:
    mine, one, other, third = [TicketId(scene.fresh_id()) for _ in range(4)]
    await scene.create((ADA, BOB), (one, other))
    with pytest.raises(Conflict):
        await scene.create((EVE, BOB), (mine, other))
    channel = await scene.create((EVE, ADA), (mine, third))
    assert await channels_of(scene, mine, third) == [channel, channel]


@pytest.mark.parametrize("seed", range(8))
async def test_of_crossed_pairs_no_ticket_gets_two_channels(scene: Scene, mortal: MortalCassandra, seed: int) -> None:
    """Chains and rings of pairs at once, some of whose makers die on the way."""
    choice = random.Random(seed)
    tickets = [TicketId(scene.fresh_id()) for _ in range(5)]
    mortal.left = choice.randint(3, 25)
    makers = [scene, scene_on(mortal, scene.clock)]
    pairs = [choice.sample(tickets, 2) for _ in range(8)]
    made = await asyncio.gather(
        *(choice.choice(makers).create((ADA, BOB), (one, other)) for one, other in pairs), return_exceptions=True
    )
    assert all(isinstance(outcome, int | Conflict | Unavailable) for outcome in made)
    scene.clock.advance(0.001)
    found = await channels_of(scene, *tickets)
    assert found == await channels_of(scene, *tickets), "final"
    assert all(found.count(channel) == 2 for channel in found if channel is not None)
    for outcome, pair in zip(made, pairs, strict=True):
        if isinstance(outcome, int):
            assert [found[tickets.index(ticket)] for ticket in pair] == [outcome, outcome]
