"""Whom a ticket takes, and from when on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.config import WideningSettings
from randomchat.ids import NodeId, TicketId, UserId
from randomchat.match.tickets import Ticket, Wish
from randomchat.match.widening import accepts, next_widening_ms

WIDENING = WideningSettings(common_interest_s=5, same_language_s=10)
WISHES = st.builds(Wish, st.frozensets(st.sampled_from("abc")), st.sampled_from(["", "en", "de"]))


def ticket(wish: Wish) -> Ticket:
    return Ticket(TicketId(1), UserId(1), NodeId("a"), 0, wish)


@pytest.mark.parametrize(
    ("wish", "other", "after_s"),
    [
        (Wish(), Wish(frozenset({"art"}), "en"), 0),
        (Wish(frozenset({"art"})), Wish(frozenset({"art", "golf"}), "de"), 0),
        (Wish(frozenset({"art"})), Wish(frozenset({"golf"})), 5),
        (Wish(language="en"), Wish(language="en"), 0),
        (Wish(language="en"), Wish(language="de"), 10),
        (Wish(language="en"), Wish(), 10),
        (Wish(frozenset({"art"}), "en"), Wish(frozenset({"art"}), "en"), 0),
        (Wish(frozenset({"art"}), "en"), Wish(language="en"), 5),
        (Wish(frozenset({"art"}), "en"), Wish(frozenset({"art"})), 10),
    ],
)
def test_a_ticket_takes_another_from_its_time_on(wish: Wish, other: Wish, after_s: int) -> None:
    assert accepts(ticket(wish), ticket(other), WIDENING, after_s * 1000)
    if after_s:
        assert not accepts(ticket(wish), ticket(other), WIDENING, after_s * 1000 - 1)


@given(WISHES, WISHES, st.integers(0, 20_000), st.integers(0, 20_000))
def test_who_is_taken_once_stays_so(wish: Wish, other: Wish, now_ms: int, later_ms: int) -> None:
    if accepts(ticket(wish), ticket(other), WIDENING, now_ms):
        assert accepts(ticket(wish), ticket(other), WIDENING, now_ms + later_ms)


@given(WISHES, WISHES, st.integers(0, 20_000))
def test_nothing_changes_between_two_widenings(wish: Wish, other: Wish, now_ms: int) -> None:
    one, two = ticket(wish), ticket(other)
    next_ms = next_widening_ms(one, WIDENING, now_ms)
    assert accepts(one, two, WIDENING, now_ms) == accepts(one, two, WIDENING, int(next_ms or 10**9) - 1)
