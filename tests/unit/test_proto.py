"""What was once released between the services stays as it is: versions N and N+1 talk to each other."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor, FileDescriptor

from randomchat.interfaces.pb import chat_v1_pb2, user_v1_pb2

TYPES = {FieldDescriptor.TYPE_INT64: "int64", FieldDescriptor.TYPE_STRING: "string", FieldDescriptor.TYPE_BOOL: "bool"}

RELEASED = """\
randomchat.user.v1.UserService.Authenticate(AuthenticateRequest) AuthenticateResponse
randomchat.user.v1.AuthenticateRequest.session_token = 1 string
randomchat.user.v1.AuthenticateResponse.account = 1 Account
randomchat.user.v1.Account.id = 1 int64
randomchat.user.v1.Account.name = 2 string
randomchat.user.v1.Account.picture = 3 string
randomchat.chat.v1.ChatService.CreateChannel(CreateChannelRequest) CreateChannelResponse
randomchat.chat.v1.ChatService.FindChannelOfTicket(FindChannelOfTicketRequest) FindChannelOfTicketResponse
randomchat.chat.v1.ChatService.FindMembership(FindMembershipRequest) FindMembershipResponse
randomchat.chat.v1.ChatService.IssueToken(IssueTokenRequest) IssueTokenResponse
randomchat.chat.v1.ChatService.VerifyToken(VerifyTokenRequest) VerifyTokenResponse
randomchat.chat.v1.ChatService.SharesChannel(SharesChannelRequest) SharesChannelResponse
randomchat.chat.v1.ChatService.SignOut(SignOutRequest) SignOutResponse
randomchat.chat.v1.Seat.user_id = 1 int64
randomchat.chat.v1.Seat.ticket_id = 2 int64
randomchat.chat.v1.CreateChannelRequest.first = 1 Seat
randomchat.chat.v1.CreateChannelRequest.second = 2 Seat
randomchat.chat.v1.CreateChannelRequest.not_after_ms = 3 int64
randomchat.chat.v1.CreateChannelResponse.channel_id = 1 int64
randomchat.chat.v1.FindChannelOfTicketRequest.ticket_id = 1 int64
randomchat.chat.v1.FindChannelOfTicketResponse.channel_id = 1 int64
randomchat.chat.v1.FindMembershipRequest.channel_id = 1 int64
randomchat.chat.v1.FindMembershipRequest.user_id = 2 int64
randomchat.chat.v1.FindMembershipResponse.membership = 1 Membership
randomchat.chat.v1.Membership.channel_id = 1 int64
randomchat.chat.v1.Membership.user_id = 2 int64
randomchat.chat.v1.Membership.open = 3 bool
randomchat.chat.v1.Membership.joined = 4 bool
randomchat.chat.v1.IssueTokenRequest.channel_id = 1 int64
randomchat.chat.v1.IssueTokenRequest.user_id = 2 int64
randomchat.chat.v1.IssueTokenResponse.token = 1 string
randomchat.chat.v1.VerifyTokenRequest.token = 1 string
randomchat.chat.v1.VerifyTokenResponse.channel_id = 1 int64
randomchat.chat.v1.VerifyTokenResponse.user_id = 2 int64
randomchat.chat.v1.SharesChannelRequest.one = 1 int64
randomchat.chat.v1.SharesChannelRequest.other = 2 int64
randomchat.chat.v1.SharesChannelResponse.shares = 1 bool
randomchat.chat.v1.SignOutRequest.user_id = 1 int64
"""
"""Lines are added, never changed or removed."""


def lines_of(file: FileDescriptor) -> Iterator[str]:
    for service in file.services_by_name.values():
        for method in service.methods:
            yield f"{method.full_name}({method.input_type.name}) {method.output_type.name}"
    for message in file.message_types_by_name.values():
        for field in message.fields:
            kind = field.message_type.name if field.message_type else TYPES[field.type]
            yield f"{field.full_name} = {field.number} {kind}"


def test_the_proto_is_what_was_released_and_what_was_added() -> None:
    now = {*lines_of(user_v1_pb2.DESCRIPTOR), *lines_of(chat_v1_pb2.DESCRIPTOR)}
    assert now == {*RELEASED.splitlines()}, "add what is new to the list; what is old can't change any more"
