"""Channel tokens: signing, checking, and the change of keys."""

from __future__ import annotations

import base64

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.chat.tokens import ChannelTokens
from randomchat.errors import Unauthorized
from randomchat.ids import ChannelId, UserId
from tests.fakes import FakeClock

OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32
CHANNEL, USER = ChannelId(77), UserId(11)


def tokens(*keys: bytes, ttl_s: float = 100, clock: FakeClock | None = None) -> ChannelTokens:
    return ChannelTokens(keys or (OLD,), ttl_s, clock or FakeClock())


def test_a_token_says_whose_it_is_and_for_how_long() -> None:
    clock = FakeClock()
    issuer = tokens(clock=clock)
    claims = issuer.verify(issuer.issue(CHANNEL, USER))
    assert (claims.user_id, claims.channel_id) == (USER, CHANNEL)
    assert claims.issued_at_s == clock.wall_ms() // 1000
    assert claims.expires_at_s == claims.issued_at_s + 100


def test_a_token_is_good_until_its_end_and_not_at_it() -> None:
    clock = FakeClock()
    issuer = tokens(clock=clock)
    token = issuer.issue(CHANNEL, USER)
    clock.advance(99.999)
    issuer.verify(token)
    clock.advance(0.001)
    with pytest.raises(Unauthorized):
        issuer.verify(token)


def test_a_lifetime_of_less_than_a_second_is_one_second() -> None:
    issuer = tokens(ttl_s=0.1)
    claims = issuer.verify(issuer.issue(CHANNEL, USER))
    assert claims.expires_at_s - claims.issued_at_s == 1


def test_a_key_can_be_replaced_while_its_tokens_live() -> None:
    token = tokens(OLD).issue(CHANNEL, USER)
    both = tokens(NEW, OLD)
    assert both.verify(token).user_id == USER
    assert tokens(NEW).verify(both.issue(CHANNEL, USER)).user_id == USER
    with pytest.raises(Unauthorized):
        tokens(NEW).verify(token)


def test_a_token_names_its_key_and_does_not_tell_it() -> None:
    token = tokens(OLD).issue(CHANNEL, USER)
    header = jwt.get_unverified_header(token)
    assert (header["alg"], len(header["kid"])) == ("HS256", 8)
    assert OLD.hex()[:8] != header["kid"]


@pytest.mark.parametrize("keys", [[], [b""], [b"short"], [OLD, b"n" * 31]])
def test_short_or_missing_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        ChannelTokens(keys, 100, FakeClock())


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    issuer = tokens()
    token = issuer.issue(CHANNEL, USER)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCDwxyz0129-_.=/ \n"))
    changed = token[:place] + other + token[place + 1 :]
    if meaning_of(changed) != meaning_of(token):
        with pytest.raises(Unauthorized):
            issuer.verify(changed)


def meaning_of(token: str) -> list[bytes | str]:
    """The bytes of its parts: several texts may stand for the same ones, as the last bits do not count."""
    return [decoded(part) for part in token.split(".")]


def decoded(part: str) -> bytes | str:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return part


@given(st.text(max_size=200))
def test_no_text_is_ever_more_than_unauthorized(text: str) -> None:
    with pytest.raises(Unauthorized):
        tokens().verify(text)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "channel", "iat", "exp"]), st.one_of(st.none(), st.text(), st.floats(0, 1e9), st.lists(st.none()))
    )
)
def test_claims_of_any_kind_are_never_more_than_unauthorized(claims: dict[str, object]) -> None:
    good: dict[str, object] = {"sub": "11", "channel": "77", "iat": 1, "exp": 1}
    header = jwt.get_unverified_header(tokens().issue(CHANNEL, USER))
    token = jwt.encode({**good, **claims}, OLD, "HS256", header)
    with pytest.raises(Unauthorized):
        tokens().verify(token)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_key_is_refused(algorithm: str) -> None:
    key = b"k" * 64
    issuer = tokens(key)
    token = issuer.issue(CHANNEL, USER)
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, key, algorithm, headers={"kid": jwt.get_unverified_header(token)["kid"]})
    with pytest.raises(Unauthorized):
        issuer.verify(forged)


def test_a_foreign_key_with_the_right_name_is_refused() -> None:
    issuer = tokens()
    token = issuer.issue(CHANNEL, USER)
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, FOREIGN, "HS256", headers={"kid": jwt.get_unverified_header(token)["kid"]})
    with pytest.raises(Unauthorized):
        issuer.verify(forged)
