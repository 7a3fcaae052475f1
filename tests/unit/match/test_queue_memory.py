"""The queue against a plain model of it, and what a step costs."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from randomchat.config import WideningSettings
from randomchat.ids import NodeId, TicketId, UserId
from randomchat.match.queue import TICKET_LEASE_S
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.ticket_index import CANDIDATES
from randomchat.match.tickets import Ticket, Wish
from randomchat.match.widening import accepts
from tests.fakes import FakeClock

T = TypeVar("T")

WIDENING = WideningSettings(common_interest_s=5, same_language_s=10)
MOST_LISTS = 36
"""Three for each of ten interests, and six of all."""
USERS = st.integers(1, 12).map(UserId)


def now(call: Coroutine[Any, Any, T]) -> T:
    """The answer of a call that never waits."""
    with pytest.raises(StopIteration) as stop:
        call.send(None)
    answer: T = stop.value.value
    return answer


class QueueOfPeople(RuleBasedStateMachine):
    """`waiting` and `taken` are what the queue should hold; the best partner is found by looking at everyone."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.queue = MemoryTicketQueue(self.clock, WIDENING)
        self.waiting: dict[UserId, Ticket] = {}
        self.taken: dict[UserId, Ticket] = {}
        self.made = 0

    @rule(
        user=USERS,
        interests=st.frozensets(st.sampled_from("abcd"), max_size=3),
        language=st.sampled_from(["", "en", "de"]),
        excluded=st.frozensets(USERS, max_size=3),
        node=st.sampled_from(["one", "other"]),
    )
    def enter(self, user: UserId, interests: frozenset[str], language: str, excluded: frozenset[UserId], node: str) -> None:
        self.made += 1
        wish = Wish(interests, language)
        ticket = Ticket(TicketId(self.made), user, NodeId(node), self.clock.wall_ms(), wish, excluded)
        holder = self.waiting.get(user) or self.taken.get(user)
        entered = now(self.queue.enter(ticket))
        if holder is not None and holder.node != ticket.node:
            assert entered == holder
        else:
            assert entered == ticket
            self.taken.pop(user, None)
            self.waiting[user] = ticket

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def enter_again(self, data: st.DataObject) -> None:
        ticket = self.taken.pop(data.draw(st.sampled_from(sorted(self.taken))))
        assert now(self.queue.enter(ticket)) == ticket
        self.waiting[ticket.user_id] = ticket

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def find(self, data: st.DataObject) -> None:
        finder = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        partner = now(self.queue.take_partner(finder))
        assert partner == self.best_partner(finder)
        if partner is not None:
            for ticket in (finder, partner):
                self.taken[ticket.user_id] = self.waiting.pop(ticket.user_id)

    @rule(user=USERS)
    def leave(self, user: UserId) -> None:
        ticket = self.waiting.pop(user, None) or self.taken.pop(user, None)
        if ticket is not None:
            now(self.queue.leave([ticket]))

    @rule(seconds=st.floats(0.1, TICKET_LEASE_S - 1))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        now(self.queue.renew([*self.waiting.values(), *self.taken.values()]))

    @rule()
    def nobody_renews(self) -> None:
        self.clock.advance(TICKET_LEASE_S + 0.1)
        self.waiting.clear()
        self.taken.clear()

    @invariant()
    def everyone_waits_or_is_taken(self) -> None:
        everyone = [*self.waiting.values(), *self.taken.values()]
        assert now(self.queue.renew(everyone)) == {ticket.id for ticket in self.waiting.values()}
        assert self.queue.waiting == len(self.waiting)

    def best_partner(self, finder: Ticket) -> Ticket | None:
        now_ms = self.clock.wall_ms()
        suitable = [
            other
            for other in self.waiting.values()
            if other.user_id != finder.user_id
            and other.user_id not in finder.excluded
            and finder.user_id not in other.excluded
            and accepts(finder, other, WIDENING, now_ms)
            and accepts(other, finder, WIDENING, now_ms)
        ]
        return min(suitable, key=lambda t: (-len(t.wish.interests & finder.wish.interests), t.since_ms, t.id), default=None)


QueueOfPeople.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestQueueOfPeople = QueueOfPeople.TestCase


@pytest.mark.parametrize("interests", [frozenset[str](), frozenset("abcdefghij")])
@pytest.mark.parametrize("language", ["", "en"])
def test_a_step_costs_the_same_whether_10_or_10_000_wait(interests: frozenset[str], language: str) -> None:
    few, many, most = (examined_by_one_search(count, Wish(interests, language)) for count in (10, 10_000, 20_000))
    assert 10 <= few <= many
    assert many == most <= MOST_LISTS * CANDIDATES


def examined_by_one_search(waiting: int, wish: Wish) -> int:
    """How many tickets a search looks at that finds nobody, among people of all kinds who may not meet the finder."""
    queue = MemoryTicketQueue(FakeClock(), WIDENING)
    for number in range(waiting):
        interests = frozenset("abcdefghij"[number % 10 :][: number % 4])
        other = Wish(interests, ("", "en", "de", "fr")[number % 3])
        ticket = Ticket(TicketId(number + 2), UserId(number + 2), NodeId("a"), number - 20_000, other, frozenset({UserId(1)}))
        now(queue.enter(ticket))
    finder = Ticket(TicketId(1), UserId(1), NodeId("a"), 0, wish)
    now(queue.enter(finder))
    assert now(queue.take_partner(finder)) is None
    return queue.examined
