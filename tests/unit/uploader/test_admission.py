"""How long a good answer of the chat service is believed."""

from __future__ import annotations

import pytest

from randomchat.errors import Unauthorized, Unavailable
from randomchat.ids import ChannelId, UserId
from randomchat.interfaces.chat import TokenHolder
from randomchat.uploader import admission
from randomchat.uploader.admission import Admission
from tests.fakes import FakeClock, RecordingChatApi

ADA = TokenHolder(ChannelId(7), UserId(1))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def chat() -> RecordingChatApi:
    chat = RecordingChatApi()
    chat.holders["good"] = ADA
    return chat


async def test_a_good_token_is_believed_for_a_while_and_then_asked_for_again(chat: RecordingChatApi, clock: FakeClock) -> None:
    doors = Admission(chat, clock, remember_s=5)
    assert await doors.admit("good") == ADA
    del chat.holders["good"]
    clock.advance(4.9)
    assert await doors.admit("good") == ADA
    clock.advance(0.1)
    with pytest.raises(Unauthorized):
        await doors.admit("good")
    assert chat.verified == ["good", "good"]


async def test_a_bad_token_is_asked_for_each_time(chat: RecordingChatApi, clock: FakeClock) -> None:
    doors = Admission(chat, clock, remember_s=5)
    with pytest.raises(Unauthorized):
        await doors.admit("bad")
    chat.holders["bad"] = ADA
    assert await doors.admit("bad") == ADA


async def test_nothing_is_believed_where_nothing_is_to_be_remembered(chat: RecordingChatApi, clock: FakeClock) -> None:
    doors = Admission(chat, clock, remember_s=0)
    await doors.admit("good")
    del chat.holders["good"]
    with pytest.raises(Unauthorized):
        await doors.admit("good")


async def test_a_believed_token_is_good_while_the_chat_is_away(chat: RecordingChatApi, clock: FakeClock) -> None:
    doors = Admission(chat, clock, remember_s=5)
    await doors.admit("good")
    chat.away = True
    assert await doors.admit("good") == ADA
    with pytest.raises(Unavailable):
        await doors.admit("other")


async def test_only_so_many_tokens_are_remembered(chat: RecordingChatApi, clock: FakeClock) -> None:
    doors = Admission(chat, clock, remember_s=5)
    tokens = [f"token {number}" for number in range(admission.MAX_REMEMBERED + 1)]
    chat.holders |= dict.fromkeys(tokens, ADA)
    for token in tokens:
        await doors.admit(token)
    chat.verified.clear()
    await doors.admit(tokens[-1])
    await doors.admit(tokens[0])
    assert chat.verified == [tokens[0]]
