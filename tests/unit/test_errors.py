"""The tree of refusals and its table agree."""

import pytest

from randomchat import errors
from randomchat.errors import ERRORS, Forbidden, InvalidInput, RandomchatError, RateLimited, Unavailable, refusal_of

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


def test_what_another_process_refused_is_of_the_same_class() -> None:
    told = refusal_of("rate_limited", grpc="RESOURCE_EXHAUSTED", message="Later.", retry_after_s=3)
    assert (type(told), told.message, told.retry_after_s) == (RateLimited, "Later.", 3)
    assert (type(refusal_of("channel_full", grpc="")), refusal_of("channel_full", grpc="").code) == (
        RandomchatError,
        "channel_full",
    )


@pytest.mark.parametrize(
    ("status", "kind"), [("PERMISSION_DENIED", Forbidden), ("UNAVAILABLE", Unavailable), ("NO_SUCH_STATUS", Unavailable)]
)
def test_a_code_of_a_later_version_is_taken_for_what_its_status_says(status: str, kind: type[RandomchatError]) -> None:
    assert type(refusal_of("no_such_code_yet", grpc=status)) is kind
