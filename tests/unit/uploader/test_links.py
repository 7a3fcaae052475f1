"""Links: what is signed is what counts."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from randomchat.errors import Forbidden
from randomchat.ids import ChannelId
from randomchat.infra.object_store import ObjectKey
from randomchat.uploader.links import PATH, SignedLinks, Terms, Verb
from tests.fakes import FakeClock

TTL_S = 300
KEY = ObjectKey.new(ChannelId(7), "png", 1_800_000_000_000)
OTHER_KEY = ObjectKey.new(ChannelId(7), "png", 1_800_000_000_000)
FULL = Terms(size=10, mime="image/png", name='a "b" <c> д.png')


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def links(clock: FakeClock) -> SignedLinks:
    return SignedLinks(b"s" * 32, clock, ttl_s=TTL_S)


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))


@pytest.mark.parametrize("verb", ["PUT", "GET"])
@pytest.mark.parametrize("terms", [Terms(), FULL, Terms(size=0), Terms(mime="image/png"), Terms(name="x")])
def test_a_link_brings_back_its_terms(links: SignedLinks, verb: Verb, terms: Terms) -> None:
    assert links.read(verb, KEY, query_of(links.make(verb, KEY, terms))) == terms


def test_a_link_is_relative_and_holds_nothing_that_would_have_to_be_escaped(links: SignedLinks) -> None:
    link = links.make("GET", KEY, FULL)
    assert link.startswith(f"{PATH}/{KEY}?")
    assert re.fullmatch(r"[A-Za-z0-9/.?&=%_~-]+", link)


def test_a_link_is_good_until_its_time_is_over(links: SignedLinks, clock: FakeClock) -> None:
    query = query_of(links.make("PUT", KEY, Terms()))
    clock.advance(TTL_S - 0.001)
    assert links.read("PUT", KEY, query) == Terms()
    clock.advance(0.001)
    with pytest.raises(Forbidden, match="expired"):
        links.read("PUT", KEY, query)


@pytest.mark.parametrize("field", ["until", "size", "type", "name", "signature"])
@pytest.mark.parametrize("change", ["0", "", "99999999999999", None])
def test_no_field_can_be_changed_or_left_out(links: SignedLinks, field: str, change: str | None) -> None:
    query = query_of(links.make("PUT", KEY, FULL))
    del query[field]
    if change is not None:
        query[field] = change
    with pytest.raises(Forbidden, match="not valid"):
        links.read("PUT", KEY, query)


@pytest.mark.parametrize("field", ["size", "type", "name", "more"])
def test_no_field_can_be_added(links: SignedLinks, field: str) -> None:
    query = query_of(links.make("PUT", KEY, Terms()))
    with pytest.raises(Forbidden):
        links.read("PUT", KEY, {**query, field: "1"})


def test_fields_can_not_change_places(links: SignedLinks) -> None:
    query = query_of(links.make("PUT", KEY, Terms(mime="a", name="b")))
    with pytest.raises(Forbidden):
        links.read("PUT", KEY, {**query, "type": "b", "name": "a"})


def test_a_link_is_for_one_verb_and_one_key(links: SignedLinks) -> None:
    query = query_of(links.make("GET", KEY, Terms()))
    with pytest.raises(Forbidden):
        links.read("PUT", KEY, query)
    with pytest.raises(Forbidden):
        links.read("GET", OTHER_KEY, query)


@pytest.mark.parametrize("signature", ["", "x", "é", "\udcff", "0" * 1000])
def test_nonsense_is_no_signature(links: SignedLinks, signature: str) -> None:
    with pytest.raises(Forbidden):
        links.read("GET", KEY, {"until": "99999999999999", "signature": signature})
    with pytest.raises(Forbidden):
        links.read("GET", KEY, {})


def test_another_secret_signs_otherwise(links: SignedLinks, clock: FakeClock) -> None:
    with pytest.raises(Forbidden):
        SignedLinks(b"t" * 32, clock, ttl_s=TTL_S).read("GET", KEY, query_of(links.make("GET", KEY, Terms())))


def test_a_short_secret_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SignedLinks(b"short", clock, ttl_s=TTL_S)
