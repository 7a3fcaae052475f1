"""The chat service's gRPC edge, for the other services. The peer is `interfaces/chat_grpc.py`."""

# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import grpc

from randomchat.ids import ChannelId, TicketId, UserId
from randomchat.interfaces.chat import ChatApi, Seat
from randomchat.interfaces.pb import chat_v1_pb2 as pb
from randomchat.interfaces.pb.chat_v1_pb2_grpc import ChatServiceServicer, add_ChatServiceServicer_to_server


class ChatServicer(ChatServiceServicer):
    """Passes the calls on."""

    name = pb.DESCRIPTOR.services_by_name["ChatService"].full_name

    def __init__(self, chat: ChatApi) -> None:
        self._chat = chat

    def add_to(self, server: grpc.aio.Server) -> None:
        add_ChatServiceServicer_to_server(self, server)

    async def CreateChannel(self, request: pb.CreateChannelRequest, _context: object) -> pb.CreateChannelResponse:
        first, second = _seat(request.first), _seat(request.second)
        channel_id = await self._chat.create_channel(first, second, not_after_ms=request.not_after_ms)
        return pb.CreateChannelResponse(channel_id=channel_id)

    async def FindChannelOfTicket(
        self, request: pb.FindChannelOfTicketRequest, _context: object
    ) -> pb.FindChannelOfTicketResponse:
        channel_id = await self._chat.find_channel_of_ticket(TicketId(request.ticket_id))
        return pb.FindChannelOfTicketResponse(channel_id=channel_id)

    async def FindMembership(self, request: pb.FindMembershipRequest, _context: object) -> pb.FindMembershipResponse:
        found = await self._chat.find_membership(ChannelId(request.channel_id), UserId(request.user_id))
        if found is None:
            return pb.FindMembershipResponse()
        membership = pb.Membership(channel_id=found.channel_id, user_id=found.user_id, open=found.open, joined=found.joined)
        return pb.FindMembershipResponse(membership=membership)

    async def IssueToken(self, request: pb.IssueTokenRequest, _context: object) -> pb.IssueTokenResponse:
        token = await self._chat.issue_token(ChannelId(request.channel_id), UserId(request.user_id))
        return pb.IssueTokenResponse(token=token)

    async def VerifyToken(self, request: pb.VerifyTokenRequest, _context: object) -> pb.VerifyTokenResponse:
        holder = await self._chat.verify_token(request.token)
        return pb.VerifyTokenResponse(channel_id=holder.channel_id, user_id=holder.user_id)

    async def SharesChannel(self, request: pb.SharesChannelRequest, _context: object) -> pb.SharesChannelResponse:
        shares = await self._chat.shares_channel(UserId(request.one), UserId(request.other))
        return pb.SharesChannelResponse(shares=shares)

    async def SignOut(self, request: pb.SignOutRequest, _context: object) -> pb.SignOutResponse:
        await self._chat.sign_out(UserId(request.user_id))
        return pb.SignOutResponse()


def _seat(seat: pb.Seat) -> Seat:
    return Seat(UserId(seat.user_id), TicketId(seat.ticket_id))
