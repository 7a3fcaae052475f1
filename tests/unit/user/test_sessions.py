"""The cookie's value and its hash."""

from hypothesis import given
from hypothesis import strategies as st

from randomchat.user.sessions import hash_session_token, new_session_token


def test_tokens_hold_256_bits_and_never_repeat() -> None:
    tokens = {new_session_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {43}


def test_the_hash_tells_tokens_apart_and_does_not_show_them() -> None:
    token = new_session_token()
    assert hash_session_token(token) == hash_session_token(token) != hash_session_token(token + "x")
    assert len(hash_session_token(token)) == 32
    assert token.encode() not in hash_session_token(token)


@given(st.text(st.characters()))
def test_whatever_a_client_sends_can_be_looked_for(garbage: str) -> None:
    assert len(hash_session_token(garbage)) == 32
