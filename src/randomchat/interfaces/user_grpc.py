"""The user service in another process."""

from __future__ import annotations

from randomchat.ids import UserId
from randomchat.infra.grpc_channel import GrpcChannel
from randomchat.interfaces.pb import user_v1_pb2 as pb
from randomchat.interfaces.pb.user_v1_pb2_grpc import UserServiceStub
from randomchat.interfaces.user import Account

USER_SERVICE = pb.DESCRIPTOR.services_by_name["UserService"]


class GrpcUserApi:
    """`UserApi` over gRPC."""

    def __init__(self, channel: GrpcChannel) -> None:
        self._channel = channel
        self._stub = UserServiceStub(channel.grpc)

    async def authenticate(self, session_token: str) -> Account:
        request = pb.AuthenticateRequest(session_token=_sendable(session_token))
        answer: pb.AuthenticateResponse = await self._channel.call(self._stub.Authenticate, request)
        account = answer.account
        return Account(UserId(account.id), account.name, account.picture)


def _sendable(token: str) -> str:
    """A browser may send what is no Unicode; no token that was ever given out holds such a thing, nor a question mark."""
    return token.encode(errors="replace").decode()
