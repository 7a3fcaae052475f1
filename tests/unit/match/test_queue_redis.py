"""The queue in Redis against the one in memory, what a step costs, and what becomes of it when Redis loses some of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest

from cluster.engines.redis import RedisEngine
from randomchat.config import WideningSettings
from randomchat.ids import NodeId, TicketId, UserId
from randomchat.infra.redis import Redis
from randomchat.match.queue import TICKET_LEASE_S
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.queue_redis import AT_ONCE, RedisTicketQueue
from randomchat.match.tickets import Ticket, Wish
from tests.fakes import FakeClock
from tests.redis_keys import fresh_redis

WIDENING = WideningSettings(common_interest_s=5, same_language_s=10)
STEPS = 400


@pytest.fixture
async def redis(redis_engine: RedisEngine) -> AsyncIterator[Redis]:
    async with fresh_redis(redis_engine.settings) as redis:
        yield redis


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(redis: Redis, clock: FakeClock) -> RedisTicketQueue:
    return RedisTicketQueue(redis, clock, WIDENING)


class Twins:
    """Does the same to both queues, and compares what they answer."""

    def __init__(self, queue: RedisTicketQueue, clock: FakeClock, seed: int) -> None:
        self._one, self._other = queue, MemoryTicketQueue(clock, WIDENING)
        self._clock = clock
        self._random = Random(seed)
        self._made: list[Ticket] = []
        self.pairs = 0

    async def step(self) -> None:
        random = self._random
        match random.choices(["enter", "again", "find", "leave", "renew", "pause"], [30, 5, 40, 5, 10, 1])[0]:
            case "enter":
                self._made.append(self._new_ticket())
                await self._enter(self._made[-1])
            case "again" if self._made:
                await self._enter(random.choice(self._made))
            case "find" if self._made:
                await self._find(random.choice(self._made[-20:]))
            case "leave" if self._made:
                leaving = random.choices(self._made, k=3)
                await self._one.leave(leaving)
                await self._other.leave(leaving)
            case "renew":
                self._clock.advance(random.uniform(0.1, TICKET_LEASE_S / 2))
                await self._renew()
            case _:
                self._clock.advance(random.uniform(0.1, 2 * TICKET_LEASE_S))

    async def _enter(self, ticket: Ticket) -> None:
        assert await self._one.enter(ticket) == await self._other.enter(ticket)

    async def _find(self, finder: Ticket) -> None:
        partner = await self._one.take_partner(finder)
        assert partner == await self._other.take_partner(finder)
        self.pairs += partner is not None

    async def _renew(self) -> None:
        renewed = self._random.sample(self._made, len(self._made) * 4 // 5)
        assert await self._one.renew(renewed) == await self._other.renew(renewed)

    def _new_ticket(self) -> Ticket:
        random, user = self._random, self._random.randint(1, 25)
        wish = Wish(frozenset(random.sample("abcd", random.randint(0, 3))), random.choice(["", "en", "de"]))
        excluded = frozenset(UserId(random.randint(1, 25)) for _ in range(random.randint(0, 2)))
        number = TicketId(len(self._made) + (1 << 62))
        return Ticket(number, UserId(user), NodeId(random.choice("xy")), self._clock.wall_ms(), wish, excluded)


@pytest.mark.parametrize("seed", range(5))
async def test_it_answers_as_the_queue_in_memory_does(queue: RedisTicketQueue, clock: FakeClock, seed: int) -> None:
    twins = Twins(queue, clock, seed)
    for _ in range(STEPS):
        await twins.step()
    assert twins.pairs > STEPS / 20


def crowd(clock: FakeClock, count: int, **wish: object) -> list[Ticket]:
    """People who may not meet user 1."""
    excluded = frozenset({UserId(1)})
    return [
        Ticket(TicketId(number), UserId(number), NodeId("a"), clock.wall_ms() - number, wish_of(number), excluded)
        for number in range(2, count + 2)
    ]


def wish_of(number: int) -> Wish:
    return Wish(frozenset("abcdefghij"[number % 10 :][: number % 4]), ("", "en", "de", "fr")[number % 3])


async def test_a_step_costs_the_same_whether_2_000_or_4_000_wait(queue: RedisTicketQueue, redis_engine: RedisEngine) -> None:
    clock = FakeClock()
    people = crowd(clock, 4000)
    finder = Ticket(TicketId(1), UserId(1), NodeId("a"), clock.wall_ms(), Wish(frozenset("abcdefghij"), "en"))
    await enter(queue, [*people[:2000], finder])
    few = await commands_of_a_search(queue, finder, redis_engine)
    await enter(queue, people[2000:])
    many = await commands_of_a_search(queue, finder, redis_engine)
    assert 20 < many == few < 200


async def enter(queue: RedisTicketQueue, tickets: Sequence[Ticket]) -> None:
    for ticket in tickets:
        await queue.enter(ticket)


async def commands_of_a_search(queue: RedisTicketQueue, finder: Ticket, engine: RedisEngine) -> int:
    before = commands(engine)
    assert await queue.take_partner(finder) is None
    return commands(engine) - before


def commands(engine: RedisEngine) -> int:
    """How many commands of those that a search uses have run so far."""
    count = 0
    for number in range(3):
        with engine.client(number) as node:
            stats = node.info("commandstats")
        count += sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("zrangebylex", "hmget", "zscore"))
    return count


async def test_more_tickets_than_one_step_takes_are_renewed_and_given_up(queue: RedisTicketQueue, clock: FakeClock) -> None:
    people = crowd(clock, 2 * AT_ONCE + 10)
    await enter(queue, people)
    assert await queue.renew(people) == {ticket.id for ticket in people}
    await queue.leave(people)
    assert await queue.renew(people) == frozenset()


async def test_however_many_lapse_at_once_none_of_them_is_found(queue: RedisTicketQueue, clock: FakeClock) -> None:
    people = [Ticket(TicketId(number), UserId(number), NodeId("a"), clock.wall_ms(), Wish()) for number in range(1, 301)]
    await enter(queue, people)
    clock.advance(TICKET_LEASE_S + 1)
    finder = Ticket(TicketId(1000), UserId(1000), NodeId("a"), clock.wall_ms(), Wish())
    await enter(queue, [finder])
    assert await queue.take_partner(finder) is None
    assert await queue.renew(people) == frozenset()


@pytest.mark.parametrize("lost", ["tickets", "leases", "places"])
async def test_whatever_part_of_it_redis_loses_everyone_can_wait_again(
    queue: RedisTicketQueue, redis: Redis, clock: FakeClock, lost: str
) -> None:
    one, other = (Ticket(TicketId(number), UserId(number), NodeId("a"), clock.wall_ms(), Wish()) for number in (1, 2))
    await enter(queue, [one, other])
    await redis.call("DEL", redis.key("{queue}", lost))
    assert await queue.take_partner(one) is None
    assert await queue.renew([one, other]) == frozenset()
    await enter(queue, [one, other])
    assert await queue.renew([one, other]) == {one.id, other.id}
    assert await queue.take_partner(one) == other
