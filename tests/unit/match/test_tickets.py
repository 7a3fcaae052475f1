"""What is read from the query of `/api/match`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.errors import InvalidInput
from randomchat.match.tickets import MAX_INTEREST_CHARS, MAX_INTERESTS, Wish, fold_interests, parse_wish, primary_language


def test_an_empty_query_asks_for_nothing() -> None:
    assert parse_wish(b"") == Wish()
    assert parse_wish(b"interests=&lang=") == Wish()


def test_interests_and_language_are_read() -> None:
    assert parse_wish(b"interests=music,art&lang=en-GB") == Wish(frozenset({"music", "art"}), "en")


def test_unknown_keys_are_ignored() -> None:
    assert parse_wish(b"uid=1&lang=en&x") == Wish(language="en")


def test_interests_may_be_named_in_several_keys() -> None:
    assert parse_wish(b"interests=music&interests=art").interests == {"music", "art"}


def test_interests_are_compared_without_case_and_width() -> None:
    assert fold_interests("MUSIC") == fold_interests("\N{FULLWIDTH LATIN SMALL LETTER M}usic") == fold_interests("music")
    assert fold_interests("Straße") == fold_interests("STRASSE")


def test_interests_are_trimmed_and_duplicates_go() -> None:
    assert fold_interests(" rock   music ,, Rock music,") == {"rock music"}


def test_ten_interests_are_taken_and_eleven_refused() -> None:
    assert len(fold_interests(",".join(f"i{n}" for n in range(MAX_INTERESTS)))) == MAX_INTERESTS
    with pytest.raises(InvalidInput, match="interests"):
        fold_interests(",".join(f"i{n}" for n in range(MAX_INTERESTS + 1)))


def test_thirty_characters_are_taken_and_thirty_one_refused() -> None:
    assert fold_interests("é" * MAX_INTEREST_CHARS)
    with pytest.raises(InvalidInput, match="interests"):
        fold_interests("é" * (MAX_INTEREST_CHARS + 1))


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\u202eb"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="interests"):
        fold_interests(text)


@pytest.mark.parametrize("query", [b"interests=%FF", b"lang=%E4"])
def test_broken_utf_8_is_refused(query: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_wish(query)


def test_two_languages_are_refused() -> None:
    with pytest.raises(InvalidInput, match="lang"):
        parse_wish(b"lang=en&lang=de")


@pytest.mark.parametrize(
    ("tag", "language"),
    [("en", "en"), ("EN-us", "en"), ("zh-Hant-TW", "zh"), ("sl-rozaj-biske", "sl"), ("de-CH-1996", "de"), ("und", ""), ("", "")],
)
def test_languages_are_compared_by_their_first_part(tag: str, language: str) -> None:
    assert primary_language(tag) == language


@pytest.mark.parametrize("tag", ["e", "en_US", "en-", "-en", "x-mine", "1en", "en US", "englishes", "en-toolongsubtag", "é", "*"])
def test_malformed_languages_are_refused(tag: str) -> None:
    with pytest.raises(InvalidInput, match="lang"):
        primary_language(tag)


@given(st.text(max_size=200))
def test_folding_what_was_folded_changes_nothing(text: str) -> None:
    try:
        interests = fold_interests(text)
    except InvalidInput:
        return
    assert fold_interests(",".join(interests)) == interests


@given(st.binary(max_size=200))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    try:
        wish = parse_wish(query)
    except InvalidInput:
        return
    assert len(wish.interests) <= MAX_INTERESTS
