"""Ranges and conditions, as RFC 9110 has them."""

from __future__ import annotations

import pytest

from randomchat.uploader.byte_ranges import ByteRange, Unsatisfiable, is_known, requested_range

ETAG = '"v1"'
SIZE = 10


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=2-5", 2, 6),
        ("bytes=5-", 5, 10),
        ("bytes=9-", 9, 10),
        ("bytes=5-99", 5, 10),
        ("bytes=-1", 9, 10),
        ("bytes=-10", 0, 10),
        ("bytes=-99", 0, 10),
        ("BYTES = 1 - 2", 1, 3),
        ("bytes=0-9999999999999999999", 0, 10),
    ],
)
def test_one_range_is_served(header: str, start: int, stop: int) -> None:
    assert requested_range(header, None, SIZE, ETAG) == ByteRange(start, stop)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested_range(header, None, SIZE, ETAG)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0"])
def test_nothing_is_no_part_of_an_empty_file(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested_range(header, None, 0, ETAG)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=--1",
        "bytes=1-2-3",
        "items=0-1",
        "bytes=0-1,3-4",
        "bytes=\u0661-\u0662",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_the_whole_is_served_for_no_range_for_nonsense_and_for_many_ranges(header: str | None) -> None:
    assert requested_range(header, None, SIZE, ETAG) is None


def test_a_range_of_another_version_is_the_whole() -> None:
    assert requested_range("bytes=0-1", ETAG, SIZE, ETAG) == ByteRange(0, 2)
    for other in ('"v2"', f"W/{ETAG}", "v1", "Wed, 21 Oct 2026 07:28:00 GMT", ""):
        assert requested_range("bytes=0-1", other, SIZE, ETAG) is None
        assert requested_range("bytes=99-", other, SIZE, ETAG) is None


def test_content_range_names_the_last_byte() -> None:
    assert ByteRange(2, 6).content_range(10) == "bytes 2-5/10"


@pytest.mark.parametrize("header", [ETAG, f"W/{ETAG}", f'"v0", {ETAG}', f'"v0",W/{ETAG}', "*"])
def test_a_client_that_has_this_version_is_known(header: str) -> None:
    assert is_known(header, ETAG)


@pytest.mark.parametrize("header", [None, "", '"v2"', "v1", '"v11"'])
def test_a_client_that_has_another_version_is_not(header: str | None) -> None:
    assert not is_known(header, ETAG)
