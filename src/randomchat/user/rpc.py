"""The user service's gRPC edge, for the other services. The peer is `interfaces/user_grpc.py`."""

# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import grpc

from randomchat.interfaces.pb import user_v1_pb2 as pb
from randomchat.interfaces.pb.user_v1_pb2_grpc import UserServiceServicer, add_UserServiceServicer_to_server
from randomchat.interfaces.user import UserApi


class UserServicer(UserServiceServicer):
    """Passes the calls on."""

    name = pb.DESCRIPTOR.services_by_name["UserService"].full_name

    def __init__(self, users: UserApi) -> None:
        self._users = users

    def add_to(self, server: grpc.aio.Server) -> None:
        add_UserServiceServicer_to_server(self, server)

    async def Authenticate(self, request: pb.AuthenticateRequest, _context: object) -> pb.AuthenticateResponse:
        account = await self._users.authenticate(request.session_token)
        return pb.AuthenticateResponse(account=pb.Account(id=account.id, name=account.name, picture=account.picture))
