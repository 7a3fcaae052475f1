"""Which names a person may choose."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.errors import InvalidInput
from randomchat.user.domain import parse_name

MAX_CHARS = 15
BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@given(st.text())
def test_an_accepted_name_comes_back_trimmed_and_harmless(text: str) -> None:
    try:
        name = parse_name(text, MAX_CHARS)
    except InvalidInput:
        return
    assert name == text.strip()
    assert 1 <= len(name) <= MAX_CHARS
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cs"}
    assert not set(name) & set(BIDI_CONTROLS)


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=13))
def test_letters_digits_and_signs_of_every_script_are_accepted(text: str) -> None:
    assert parse_name(f" A{text}\n", MAX_CHARS) == f"A{text}"


@given(st.characters(categories=["Cc", "Cs"]) | st.sampled_from(BIDI_CONTROLS))
def test_control_surrogate_and_bidirectional_control_characters_are_refused(char: str) -> None:
    with pytest.raises(InvalidInput, match="no control"):
        parse_name(f"a{char}b", MAX_CHARS)


@pytest.mark.parametrize("name", ["Ada", "José", "李小龍", "محمد", "👩‍👩‍👧‍👦", "x" * 15, "🂡" * 15, "a b", "नमस्ते", "\u3042\u200b"])
def test_names_of_the_world_are_accepted(name: str) -> None:
    assert parse_name(name, MAX_CHARS) == name


@pytest.mark.parametrize(
    "name", ["", "  \t\n", "\u3000", "\u200b", "\u200d\u200c", "\u3164", "\u2800 \u2800", "\ufeff", "\U000e0041"]
)
def test_a_name_that_nobody_can_see_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="can be seen"):
        parse_name(name, MAX_CHARS)


@pytest.mark.parametrize("char", ["x", "é", "😀"])
def test_length_is_counted_in_code_points_after_trimming(char: str) -> None:
    assert parse_name("  " + char * 15 + "  ", MAX_CHARS) == char * 15
    with pytest.raises(InvalidInput, match="at most 15"):
        parse_name(char * 16, MAX_CHARS)
