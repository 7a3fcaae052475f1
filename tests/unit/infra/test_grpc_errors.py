"""A refusal comes out of a call as it went in, whatever it is."""

import grpc
import pytest

from randomchat import errors
from randomchat.errors import ERRORS, RandomchatError, RateLimited
from randomchat.infra.grpc_errors import status_of
from randomchat.interfaces.user_grpc import USER_SERVICE, GrpcUserApi
from randomchat.user.rpc import UserServicer
from tests.grpc_site import ScriptedUsers, reached_over_grpc

OWN = [kind for kind in RandomchatError.__subclasses__() if kind.__module__ == errors.__name__]
REFUSALS = [
    *(kind() for kind in OWN),
    *(RandomchatError(code=code) for code in ERRORS),
    errors.Unauthorized("Nö: 李 👩‍👩‍👧 100 % \n next"),
    errors.NotFound("x" * 2000),
    RateLimited("Too many new accounts.", retry_after_s=3599.5),
]


@pytest.mark.parametrize("code", ERRORS)
def test_each_code_has_a_status(code: str) -> None:
    assert status_of(RandomchatError(code=code)) is not grpc.StatusCode.OK


async def test_every_refusal_comes_out_as_it_went_in() -> None:
    users = ScriptedUsers()
    async with reached_over_grpc(UserServicer(users), USER_SERVICE) as channel:
        for refusal in REFUSALS:
            users.failure = refusal
            with pytest.raises(RandomchatError) as raised:
                await GrpcUserApi(channel).authenticate("cookie")
            told = raised.value
            assert (told.code, told.message, told.retry_after_s) == (refusal.code, refusal.message, refusal.retry_after_s)
            assert type(told) is (type(refusal) if type(refusal) in OWN else kind_of(refusal.code))


def kind_of(code: str) -> type[RandomchatError]:
    return next((kind for kind in OWN if kind.code == code), RandomchatError)
