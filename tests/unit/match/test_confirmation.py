"""The question to another node whether a ticket is still to be had, and what its answer leads to, whenever it comes."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from randomchat.ids import NodeId, TicketId, UserId
from randomchat.infra.clock_watch import ClockWatch
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.match.confirmation import ANSWER_S, Confirmations
from randomchat.match.metrics import MatchMetrics
from randomchat.match.posts import Answer, Ask, Letter, PostOffice, Released
from randomchat.match.searches import Searches
from randomchat.match.tickets import Ticket, Wish
from tests.simulated_time import START_WALL_MS, LoopClock, simulate

HERE, THERE = NodeId("here"), NodeId("there")
FINDER = Ticket(TicketId(1), UserId(11), HERE, START_WALL_MS, Wish())
PARTNER = Ticket(TicketId(2), UserId(22), THERE, START_WALL_MS, Wish())


def confirmations_of(broker: MemoryBroker) -> Confirmations:
    clock = LoopClock()
    posts = PostOffice(MemoryMailbox(broker), HERE, clock)
    metrics = MatchMetrics(CollectorRegistry(), waiting=lambda: 0, unknown_posts=lambda: 0)
    return Confirmations(HERE, Searches(HERE, clock, ClockWatch(clock, lambda _: None)), posts, clock, metrics)


async def ask(answer_after_s: float, *, answer_first: bool = False) -> tuple[bool, list[object]]:
    """Whether the partner is said to agree, and what its node is told; it says yes after some time."""
    broker, told = MemoryBroker(), list[object]()

    def note(letter: Letter) -> None:
        told.append(letter.post)

    await PostOffice(MemoryMailbox(broker), THERE, LoopClock()).open(note)
    confirmations = confirmations_of(broker)
    mark = confirmations.new_mark()
    answer = asyncio.get_running_loop().call_later
    if answer_first:
        answer(answer_after_s, confirmations.receive_answer, Answer(mark.ask_id, yes=True))
    asking = asyncio.create_task(confirmations.ask(FINDER, PARTNER, mark))
    await asyncio.sleep(0)
    if not answer_first:
        answer(answer_after_s, confirmations.receive_answer, Answer(mark.ask_id, yes=True))
    agreed = await asking
    await asyncio.sleep(5)
    return agreed, [post for post in told if not isinstance(post, Ask)]


def test_a_yes_in_time_is_an_agreement() -> None:
    assert simulate(ask(ANSWER_S / 2)) == (True, [])


@pytest.mark.parametrize("answer_first", [True, False])
def test_a_yes_at_the_moment_when_the_time_is_over_is_not_lost(*, answer_first: bool) -> None:
    assert simulate(ask(ANSWER_S, answer_first=answer_first)) == (True, [])


def test_a_partner_that_says_yes_too_late_is_released() -> None:
    agreed, told = simulate(ask(ANSWER_S + 0.5))
    assert not agreed
    assert [type(post) for post in told] == [Released]
