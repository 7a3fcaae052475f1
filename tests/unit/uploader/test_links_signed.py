"""Links to this server: what is signed is what counts."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from randomchat.errors import Forbidden
from randomchat.ids import ChannelId
from randomchat.infra.object_store import ObjectKey, StoredObject
from randomchat.uploader.links import DownloadTerms, UploadTerms
from randomchat.uploader.links_signed import PATH, SignedLinks
from tests.fakes import FakeClock

TTL_S = 300
KEY = ObjectKey.new(ChannelId(7), "png", 1_800_000_000_000)
OTHER_KEY = ObjectKey.new(ChannelId(7), "png", 1_800_000_000_000)
FULL = UploadTerms(size=10, mime="image/png")
Query = dict[str, str]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def links(clock: FakeClock) -> SignedLinks:
    return SignedLinks(b"s" * 32, clock, ttl_s=TTL_S)


def query_of(link: str) -> Query:
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))


async def upload(links: SignedLinks, terms: UploadTerms = FULL) -> Query:
    return query_of(await links.to_upload(KEY, terms))


async def download(links: SignedLinks, terms: DownloadTerms) -> str:
    return await links.to_download(StoredObject(KEY, 10, "tag", promoted=True), terms)


@pytest.mark.parametrize("terms", [UploadTerms(), FULL, UploadTerms(size=0), UploadTerms(mime="image/png")])
async def test_a_link_to_upload_brings_back_its_terms(links: SignedLinks, terms: UploadTerms) -> None:
    assert links.read_upload(KEY, await upload(links, terms)) == terms


@pytest.mark.parametrize("terms", [DownloadTerms(), DownloadTerms("x"), DownloadTerms(saved=True), DownloadTerms("", saved=True)])
async def test_a_link_to_download_brings_back_its_terms(links: SignedLinks, terms: DownloadTerms) -> None:
    assert links.read_download(KEY, query_of(await download(links, terms))) == terms


async def test_a_link_is_relative_and_holds_nothing_that_would_have_to_be_escaped(links: SignedLinks) -> None:
    for link in (await download(links, DownloadTerms('a "b" <c> д.png')), await links.to_upload(KEY, FULL)):
        assert link.startswith(f"{PATH}/{KEY}?")
        assert re.fullmatch(r"[A-Za-z0-9/.?&=%_~-]+", link)


async def test_a_link_is_good_until_its_time_is_over(links: SignedLinks, clock: FakeClock) -> None:
    query = await upload(links)
    clock.advance(TTL_S - 0.001)
    assert links.read_upload(KEY, query) == FULL
    clock.advance(0.001)
    with pytest.raises(Forbidden, match="expired"):
        links.read_upload(KEY, query)


@pytest.mark.parametrize("field", ["until", "size", "type", "signature"])
@pytest.mark.parametrize("change", ["0", "", "99999999999999", None])
async def test_no_field_can_be_changed_or_left_out(links: SignedLinks, field: str, change: str | None) -> None:
    query = await upload(links)
    del query[field]
    if change is not None:
        query[field] = change
    with pytest.raises(Forbidden, match="not valid"):
        links.read_upload(KEY, query)


@pytest.mark.parametrize("field", ["size", "type", "name", "saved", "more"])
async def test_no_field_can_be_added(links: SignedLinks, field: str) -> None:
    with pytest.raises(Forbidden):
        links.read_upload(KEY, {**await upload(links, UploadTerms()), field: "1"})
    with pytest.raises(Forbidden):
        links.read_download(KEY, {**query_of(await download(links, DownloadTerms())), field: "1"})


async def test_fields_can_not_change_places(links: SignedLinks) -> None:
    query = await upload(links, UploadTerms(size=1, mime="2"))
    with pytest.raises(Forbidden):
        links.read_upload(KEY, {**query, "size": "2", "type": "1"})


async def test_a_link_is_for_one_verb_and_one_key(links: SignedLinks) -> None:
    downloading, uploading = query_of(await download(links, DownloadTerms())), await upload(links, UploadTerms())
    with pytest.raises(Forbidden):
        links.read_upload(KEY, downloading)
    with pytest.raises(Forbidden):
        links.read_download(KEY, uploading)
    with pytest.raises(Forbidden):
        links.read_download(OTHER_KEY, downloading)


@pytest.mark.parametrize("signature", ["", "x", "é", "\udcff", "0" * 1000])
def test_nonsense_is_no_signature(links: SignedLinks, signature: str) -> None:
    with pytest.raises(Forbidden):
        links.read_download(KEY, {"until": "99999999999999", "signature": signature})
    with pytest.raises(Forbidden):
        links.read_download(KEY, {})


async def test_another_secret_signs_otherwise(links: SignedLinks, clock: FakeClock) -> None:
    query = await upload(links)
    with pytest.raises(Forbidden):
        SignedLinks(b"t" * 32, clock, ttl_s=TTL_S).read_upload(KEY, query)


def test_a_short_secret_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SignedLinks(b"short", clock, ttl_s=TTL_S)
