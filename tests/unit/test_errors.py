"""The tree of refusals and its table agree."""

import pytest

from randomchat import errors
from randomchat.errors import ERRORS, InvalidInput, RandomchatError, RateLimited

OWN = [kind for kind in RandomchatError.__subclasses__() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", OWN)
def test_each_class_stands_in_the_table_and_in_the_drawing(kind: type[RandomchatError]) -> None:
    assert kind.code in ERRORS
    assert [kind.__name__, kind.code] in [line.split()[1:3] for line in str(errors.__doc__).splitlines()]


@pytest.mark.parametrize("code", ERRORS)
def test_each_code_has_an_http_status_a_close_code_and_a_sentence(code: str) -> None:
    spec = ERRORS[code]
    assert 400 <= spec.http < 600
    assert spec.close in {1009, 1011, 1013} or 4000 <= spec.close < 5000
    assert spec.message.endswith(".")
    assert code == code.lower()


@pytest.mark.parametrize("code", ["rate_limited", "overloaded", "unavailable", "too_late"])
def test_what_passes_may_be_retried_and_reconnects(code: str) -> None:
    assert ERRORS[code].retryable
    assert ERRORS[code].close < 4500


def test_an_error_has_the_sentence_of_its_code_unless_it_has_its_own() -> None:
    assert InvalidInput().message == ERRORS["bad_request"].message
    assert str(InvalidInput("name: is empty.")) == "name: is empty."
    assert not InvalidInput().retryable


def test_an_error_may_name_another_code_and_when_to_try_again() -> None:
    error = RandomchatError(code="channel_full")
    assert (error.code, error.spec.http) == ("channel_full", 409)
    assert RateLimited(retry_after_s=3).retry_after_s == 3
