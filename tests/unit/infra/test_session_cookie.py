"""Finding the session's cookie among what clients send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.infra.session_cookie import read_session_cookie


def read(*headers: bytes) -> str:
    return read_session_cookie({"headers": [(b"host", b"sid=host"), *((b"cookie", header) for header in headers)]})


@pytest.mark.parametrize("header", [b"sid=abc", b"theme=dark; sid=abc", b"sid=abc;lang=en", b" sid=abc ; xsid=1; sidx=2; SID=3"])
def test_the_cookie_is_found_among_others(header: bytes) -> None:
    assert read(header) == "abc"


def test_the_cookie_may_stand_in_any_of_several_headers() -> None:
    assert read(b"theme=dark", b"sid=abc") == "abc"


@pytest.mark.parametrize("headers", [(), (b"",), (b"theme=dark",), (b";;=;",), (b"sid",), (b"sid=",)])
def test_no_cookie_is_an_empty_value(headers: tuple[bytes, ...]) -> None:
    assert not read(*headers)


@pytest.mark.parametrize(
    "headers", [(b"sid=abc; sid=def",), (b"sid=abc", b"sid=def"), (b"sid=abc; sid=abc",), (b"sid=abc; sid=",)]
)
def test_of_several_cookies_none_is_believed(headers: tuple[bytes, ...]) -> None:
    assert not read(*headers)


@given(st.lists(st.binary()))
def test_garbage_never_raises(headers: list[bytes]) -> None:
    assert isinstance(read(*headers), str)
