"""What every `TicketQueue` does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from randomchat.config import WideningSettings
from randomchat.ids import NodeId, TicketId, UserId
from randomchat.match.queue import TICKET_LEASE_S, TicketQueue
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.queue_redis import RedisTicketQueue
from randomchat.match.tickets import Ticket, Wish
from tests.fakes import FakeClock

WIDENING = WideningSettings(common_interest_s=5, same_language_s=10)


@pytest.fixture(params=["memory", "redis"])
def queue(request: pytest.FixtureRequest, clock: FakeClock) -> TicketQueue:
    if request.param == "redis":
        return RedisTicketQueue(request.getfixturevalue("redis"), clock, WIDENING)
    return MemoryTicketQueue(clock, WIDENING)


class Desk:
    """Makes tickets, each for one more person who comes one millisecond later."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._made = 0

    def ticket(
        self,
        *interests: str,
        lang: str = "",
        excluded: Iterable[int] = (),
        user: int = 0,
        node: str = "a",
        pool: str = "everyone",
    ) -> Ticket:
        self._made += 1
        wish = Wish(frozenset(interests), lang, pool)
        since_ms = self._clock.wall_ms() + self._made
        owner = UserId(user or self._made)
        return Ticket(TicketId(1000 + self._made), owner, NodeId(node), since_ms, wish, frozenset(map(UserId, excluded)))


@pytest.fixture
def desk(clock: FakeClock) -> Desk:
    return Desk(clock)


async def enter(queue: TicketQueue, *tickets: Ticket) -> None:
    for ticket in tickets:
        assert await queue.enter(ticket) == ticket


async def wait(queue: TicketQueue, clock: FakeClock, seconds: float, *tickets: Ticket) -> None:
    """Let time pass, in which the tickets are renewed."""
    for _ in range(round(seconds)):
        clock.advance(1)
        await queue.renew(tickets)


# ---------------------------------------------------------------- who is found
async def test_two_people_who_ask_for_nothing_are_paired_at_once(queue: TicketQueue, desk: Desk) -> None:
    one, other = desk.ticket(), desk.ticket()
    await enter(queue, one, other)
    assert await queue.take_partner(other) == one


async def test_a_lone_person_finds_nobody(queue: TicketQueue, desk: Desk) -> None:
    one = desk.ticket()
    await enter(queue, one)
    assert await queue.take_partner(one) is None


async def test_both_of_a_pair_are_taken_out(queue: TicketQueue, desk: Desk) -> None:
    one, other, third = desk.ticket(), desk.ticket(), desk.ticket()
    await enter(queue, one, other, third)
    await queue.take_partner(other)
    assert await queue.take_partner(third) is None
    assert await queue.take_partner(one) is None


async def test_nobody_is_found_for_who_does_not_wait(queue: TicketQueue, desk: Desk) -> None:
    one, other = desk.ticket(), desk.ticket()
    await enter(queue, one)
    assert await queue.take_partner(other) is None


async def test_most_interests_in_common_come_first(queue: TicketQueue, desk: Desk) -> None:
    longest, alike, little = desk.ticket(), desk.ticket("art", "chess", "music"), desk.ticket("art", "film")
    finder = desk.ticket("music", "art", "golf")
    await enter(queue, longest, little, alike, finder)
    assert await queue.take_partner(finder) == alike


async def test_of_equals_the_longest_waiting_comes_first(queue: TicketQueue, desk: Desk) -> None:
    first, second, finder = desk.ticket("art"), desk.ticket("art"), desk.ticket("art")
    await enter(queue, second, first, finder)
    assert await queue.take_partner(finder) == first


async def test_a_person_with_interests_first_waits_for_a_common_one(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    picky, easy = desk.ticket("art"), desk.ticket()
    await enter(queue, picky, easy)
    assert await queue.take_partner(picky) is None
    assert await queue.take_partner(easy) is None, "the other side must accept too"
    await wait(queue, clock, 6, picky, easy)
    assert await queue.take_partner(easy) == picky


async def test_a_person_with_a_language_first_waits_for_the_same(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    english, german = desk.ticket(lang="en"), desk.ticket(lang="de")
    await enter(queue, english, german)
    await wait(queue, clock, 9, english, german)
    assert await queue.take_partner(english) is None
    await wait(queue, clock, 2, english, german)
    assert await queue.take_partner(english) == german


async def test_both_wishes_hold_at_first(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    finder = desk.ticket("art", lang="en")
    foreign, silent, dull = desk.ticket("art", lang="de"), desk.ticket("art"), desk.ticket(lang="en")
    await enter(queue, finder, foreign, silent, dull)
    assert await queue.take_partner(finder) is None
    await wait(queue, clock, 6, finder, foreign, silent, dull)
    assert await queue.take_partner(finder) == dull


async def test_the_young_who_fit_are_found_behind_the_old_who_do_not(queue: TicketQueue, desk: Desk) -> None:
    crowd = [desk.ticket(f"hobby {number}", lang="de") for number in range(200)]
    fitting, finder = desk.ticket(), desk.ticket()
    await enter(queue, *crowd, fitting, finder)
    assert await queue.take_partner(finder) == fitting


async def test_excluded_people_are_not_met_either_way(queue: TicketQueue, desk: Desk) -> None:
    one = desk.ticket()
    other = desk.ticket(excluded=[one.user_id])
    await enter(queue, one, other)
    assert await queue.take_partner(one) is None
    assert await queue.take_partner(other) is None


async def test_people_of_different_pools_do_not_meet(queue: TicketQueue, desk: Desk) -> None:
    one, other = desk.ticket(), desk.ticket(pool="staff")
    await enter(queue, one, other)
    assert await queue.take_partner(one) is None


# ---------------------------------------------------------------- places
async def test_a_person_has_one_place_whatever_number_of_tickets(queue: TicketQueue, desk: Desk) -> None:
    one = desk.ticket(user=7)
    again = desk.ticket(user=7)
    await enter(queue, one, again)
    assert await queue.take_partner(again) is None
    assert await queue.take_partner(one) is None


async def test_another_node_is_told_who_has_the_place(queue: TicketQueue, desk: Desk) -> None:
    first, second = desk.ticket(user=7, node="a"), desk.ticket(user=7, node="b")
    await enter(queue, first)
    assert await queue.enter(second) == first


async def test_a_ticket_that_was_taken_out_still_has_its_place(queue: TicketQueue, desk: Desk) -> None:
    first, partner = desk.ticket(user=7, node="a"), desk.ticket()
    await enter(queue, first, partner)
    await queue.take_partner(partner)
    assert await queue.enter(desk.ticket(user=7, node="b")) == first


async def test_a_place_is_free_once_its_ticket_has_left(queue: TicketQueue, desk: Desk) -> None:
    first, second = desk.ticket(user=7, node="a"), desk.ticket(user=7, node="b")
    await enter(queue, first)
    await queue.leave([first])
    assert await queue.enter(second) == second


async def test_leaving_with_an_old_ticket_changes_nothing(queue: TicketQueue, desk: Desk) -> None:
    old, new, partner = desk.ticket(user=7), desk.ticket(user=7), desk.ticket()
    await enter(queue, old, new, partner)
    await queue.leave([old])
    assert await queue.take_partner(partner) == new


async def test_who_enters_again_has_the_old_place(queue: TicketQueue, desk: Desk) -> None:
    first, second, third = desk.ticket(), desk.ticket(), desk.ticket()
    await enter(queue, first, second, third)
    await queue.take_partner(second)
    await enter(queue, second, first)
    assert await queue.take_partner(third) == first


async def test_a_new_wish_replaces_the_old_one_at_the_same_place(queue: TicketQueue, desk: Desk) -> None:
    one, other = desk.ticket("art"), desk.ticket("chess")
    await enter(queue, one, other)
    changed = replace(one, wish=Wish(frozenset({"chess"})))
    await enter(queue, changed)
    assert await queue.take_partner(other) == changed


# ---------------------------------------------------------------- leases
async def test_a_ticket_that_is_not_renewed_is_dropped(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    ghost = desk.ticket()
    await enter(queue, ghost)
    clock.advance(TICKET_LEASE_S + 0.1)
    living = desk.ticket()
    await enter(queue, living)
    assert await queue.take_partner(living) is None


async def test_a_renewed_ticket_stays(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    one, other = desk.ticket(), desk.ticket()
    await enter(queue, one, other)
    await wait(queue, clock, 3 * TICKET_LEASE_S, one, other)
    assert await queue.take_partner(other) == one


async def test_renewing_tells_which_tickets_wait(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    lapsed = desk.ticket()
    await enter(queue, lapsed)
    clock.advance(TICKET_LEASE_S + 0.1)
    waiting, taken, finder = desk.ticket("art"), desk.ticket(), desk.ticket()
    await enter(queue, waiting, taken, finder)
    await queue.take_partner(finder)
    assert await queue.renew([waiting, taken, finder, lapsed]) == {waiting.id}


async def test_a_renewed_place_is_kept_for_a_ticket_that_was_taken_out(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    one, other = desk.ticket(user=7, node="a"), desk.ticket()
    await enter(queue, one, other)
    await queue.take_partner(other)
    await wait(queue, clock, 3 * TICKET_LEASE_S, one)
    assert await queue.enter(desk.ticket(user=7, node="b")) == one


async def test_the_place_of_a_dead_node_goes_to_the_next(queue: TicketQueue, clock: FakeClock, desk: Desk) -> None:
    first, second = desk.ticket(user=7, node="dead"), desk.ticket(user=7, node="b")
    await enter(queue, first)
    clock.advance(TICKET_LEASE_S + 0.1)
    assert await queue.enter(second) == second
