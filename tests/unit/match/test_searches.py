"""The searches of one node."""

from __future__ import annotations

import pytest

from randomchat.ids import ChannelId, NodeId, TicketId, UserId
from randomchat.infra.clock_watch import ClockWatch
from randomchat.match.results import Result
from randomchat.match.searches import Mark, Search, Searches
from randomchat.match.tickets import Wish
from tests.fakes import FakeClock
from tests.unit.match.crowd import FakeTab

ANN = UserId(1)
FIRST, SECOND = Mark(ask_id=1, since_s=0, until_s=15), Mark(ask_id=2, since_s=0, until_s=15)


@pytest.fixture
def searches() -> Searches:
    clock = FakeClock()
    return Searches(NodeId("here"), clock, ClockWatch(clock, lambda _: None))


@pytest.fixture
def tab() -> FakeTab:
    return FakeTab()


@pytest.fixture
def search(searches: Searches, tab: FakeTab) -> Search:
    search = searches.join(ANN, Wish(), tab)
    search.held_by(search.ticket)
    return search


async def test_a_waiting_ticket_is_confirmed_once(searches: Searches, search: Search) -> None:
    assert await searches.confirm(ANN, search.ticket.id, FIRST)
    assert not await searches.confirm(ANN, search.ticket.id, SECOND)


async def test_a_repeated_question_gets_the_same_answer(searches: Searches, search: Search) -> None:
    assert await searches.confirm(ANN, search.ticket.id, FIRST)
    assert await searches.confirm(ANN, search.ticket.id, FIRST)


async def test_a_dead_socket_is_not_confirmed(searches: Searches, search: Search, tab: FakeTab) -> None:
    tab.is_alive = False
    assert not await searches.confirm(ANN, search.ticket.id, FIRST)


async def test_an_old_ticket_is_not_confirmed(searches: Searches, search: Search, tab: FakeTab) -> None:
    searches.finish(search, Result(search.ticket.id, ChannelId(1)))
    again = searches.join(ANN, Wish(), FakeTab())
    again.held_by(again.ticket)
    assert again.ticket.id != search.ticket.id
    assert not await searches.confirm(ANN, search.ticket.id, FIRST)


async def test_a_ticket_is_not_confirmed_before_its_place_is_known(searches: Searches) -> None:
    search = searches.join(ANN, Wish(), FakeTab())
    assert not await searches.confirm(ANN, search.ticket.id, FIRST)


async def test_only_the_attempt_that_has_a_ticket_can_let_it_go(searches: Searches, search: Search) -> None:
    search.take(FIRST)
    search.release(SECOND.ask_id)
    searches.lapse(ANN, SECOND.ask_id)
    assert search.mark == FIRST
    searches.lapse(ANN, FIRST.ask_id)
    assert search.mark is not None
    assert search.mark.until_s == 0
    assert not search.is_free, "it stays taken until its node has looked in the store"


def test_all_tabs_of_a_person_share_a_search_and_its_result(searches: Searches, search: Search, tab: FakeTab) -> None:
    second = FakeTab()
    assert searches.join(ANN, Wish(), second) is search
    result = Result(search.ticket.id, ChannelId(1))
    searches.finish(search, result)
    searches.finish(search, Result(search.ticket.id, ChannelId(2)))
    assert tab.results == second.results == [result]
    assert searches.find(ANN) is None


def test_the_newest_wish_counts_at_the_old_place(searches: Searches, search: Search) -> None:
    since_ms = search.ticket.since_ms
    searches.join(ANN, Wish(language="en"), FakeTab())
    assert search.ticket.wish == Wish(language="en")
    assert search.ticket.since_ms == since_ms
    assert search.has_changed


def test_a_result_for_another_ticket_is_not_given(searches: Searches, search: Search, tab: FakeTab) -> None:
    searches.matched(ANN, Result(TicketId(5), ChannelId(1)))
    searches.matched(UserId(9), Result(search.ticket.id, ChannelId(1)))
    assert tab.results == []
