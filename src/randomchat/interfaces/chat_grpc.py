"""The chat service in another process."""

from __future__ import annotations

from randomchat.clock import Clock
from randomchat.ids import ChannelId, TicketId, UserId
from randomchat.infra.grpc_channel import GrpcChannel
from randomchat.interfaces.chat import Membership, Seat, TokenHolder
from randomchat.interfaces.pb import chat_v1_pb2 as pb
from randomchat.interfaces.pb.chat_v1_pb2_grpc import ChatServiceStub

CHAT_SERVICE = pb.DESCRIPTOR.services_by_name["ChatService"]


class GrpcChatApi:
    """`ChatApi` over gRPC."""

    def __init__(self, channel: GrpcChannel, clock: Clock) -> None:
        self._channel = channel
        self._stub = ChatServiceStub(channel.grpc)
        self._clock = clock

    async def create_channel(self, first: Seat, second: Seat, *, not_after_ms: int) -> ChannelId:
        """Waits for an answer until `not_after_ms`, but no longer than for any other call: then it can be asked for again."""
        request = pb.CreateChannelRequest(first=_seat(first), second=_seat(second), not_after_ms=not_after_ms)
        left_s = (not_after_ms - self._clock.wall_ms()) / 1000
        answer: pb.CreateChannelResponse = await self._channel.call(self._stub.CreateChannel, request, timeout_s=left_s)
        return ChannelId(answer.channel_id)

    async def find_channel_of_ticket(self, ticket_id: TicketId) -> ChannelId | None:
        request = pb.FindChannelOfTicketRequest(ticket_id=ticket_id)
        answer: pb.FindChannelOfTicketResponse = await self._channel.call(self._stub.FindChannelOfTicket, request)
        return ChannelId(answer.channel_id) if answer.HasField("channel_id") else None

    async def find_membership(self, channel_id: ChannelId, user_id: UserId) -> Membership | None:
        request = pb.FindMembershipRequest(channel_id=channel_id, user_id=user_id)
        answer: pb.FindMembershipResponse = await self._channel.call(self._stub.FindMembership, request)
        if not answer.HasField("membership"):
            return None
        found = answer.membership
        return Membership(ChannelId(found.channel_id), UserId(found.user_id), open=found.open, joined=found.joined)

    async def issue_token(self, channel_id: ChannelId, user_id: UserId) -> str:
        request = pb.IssueTokenRequest(channel_id=channel_id, user_id=user_id)
        answer: pb.IssueTokenResponse = await self._channel.call(self._stub.IssueToken, request)
        return answer.token

    async def verify_token(self, token: str) -> TokenHolder:
        request = pb.VerifyTokenRequest(token=token.encode(errors="replace").decode())  # no good token is changed by this
        answer: pb.VerifyTokenResponse = await self._channel.call(self._stub.VerifyToken, request)
        return TokenHolder(ChannelId(answer.channel_id), UserId(answer.user_id))

    async def shares_channel(self, one: UserId, other: UserId) -> bool:
        request = pb.SharesChannelRequest(one=one, other=other)
        answer: pb.SharesChannelResponse = await self._channel.call(self._stub.SharesChannel, request)
        return answer.shares

    async def sign_out(self, user_id: UserId) -> None:
        await self._channel.call(self._stub.SignOut, pb.SignOutRequest(user_id=user_id))


def _seat(seat: Seat) -> pb.Seat:
    return pb.Seat(user_id=seat.user_id, ticket_id=seat.ticket_id)
