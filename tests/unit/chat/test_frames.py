"""Frames as text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.chat import frames
from randomchat.chat.domain import Channel, Event, Member, Message
from randomchat.chat.frames import Malformed
from randomchat.errors import ERRORS, RandomchatError, RateLimited
from randomchat.ids import ChannelId, MessageId, UserId

KEYS = ["message_id", "event", "user_id", "payload", "seen", "time"]
FIRST, SECOND = UserId(11), UserId(22)
MESSAGE = Message(MessageId(1000 << 21 | 7), FIRST, Event.TEXT, "hi", "c-1")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def nested(depth: int) -> str:
    return '{"event": 0, "payload": "hello", "more": ' + "[" * depth + "]" * depth + "}"


def test_what_is_nested_without_end_is_refused_and_harms_nothing() -> None:
    assert frames.decode(nested(900)).payload == "hello"
    with pytest.raises(Malformed):
        frames.decode(nested(32_000))
    assert frames.client_id_in(nested(32_000)) is None


@given(st.integers(0, 6), st.text(), st.one_of(st.none(), st.text(min_size=1, max_size=64)), json_values, json_values)
def test_what_counts_of_a_clients_frame_is_read_and_nothing_else(
    event: int, payload: str, client_id: str | None, retry: object, extra: object
) -> None:
    text = {"event": event, "payload": payload, "retry": retry, "user_id": extra, "time": extra, "seen": extra, "more": extra}
    frame = frames.decode(json.dumps(text | ({} if client_id is None else {"client_id": client_id}), ensure_ascii=False))
    assert (frame.event, frame.payload, frame.name) == (event, payload, client_id)


@given(st.one_of(st.text(), st.binary(), json_values.map(json.dumps)))
def test_anything_else_is_malformed_and_never_worse(text: str | bytes) -> None:
    assert (refusal_of(text) or "fine.").endswith(".")
    assert len(frames.client_id_in(text) or "") <= 64


def refusal_of(text: str | bytes) -> str | None:
    try:
        frames.decode(text)
    except Malformed as refusal:
        return refusal.message
    return None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "The frame is not valid JSON."),
        ('{"payload":"x"}', "The frame is wrong: Object missing required field `event`."),
        ('{"event":0,"payload":5}', "The frame is wrong: Expected `str`, got `int` - at `$.payload`."),
        (b"{}", "A binary frame is not understood; send text."),
        ('{"event":0,"payload":"","client_id":""}', "The frame's client_id must have 1 to 64 characters."),
    ],
)
def test_the_refusal_says_what_is_wrong(text: str | bytes, said: str) -> None:
    with pytest.raises(Malformed) as refused:
        frames.decode(text)
    assert refused.value.message == said


def test_a_stored_frame_has_all_keys_in_the_order_of_the_contract() -> None:
    assert list(json.loads(frames.encode(frames.stored(MESSAGE)))) == [*KEYS, "client_id"]
    assert list(json.loads(frames.encode(frames.stored(MESSAGE, ack=True)))) == [*KEYS, "client_id", "ack"]


def test_its_time_is_that_of_its_id() -> None:
    assert frames.stored(MESSAGE).time == 1000


@pytest.mark.parametrize(("watermark", "seen"), [(0, False), (MESSAGE.id - 1, False), (MESSAGE.id, True), (MESSAGE.id + 1, True)])
def test_a_message_is_seen_at_or_below_the_other_members_watermark(watermark: int, seen: bool) -> None:  # noqa: FBT001
    channel = Channel(ChannelId(1), (Member(FIRST), Member(SECOND, MessageId(watermark))))
    assert frames.stored_in(channel, MESSAGE).seen is seen
    own = Channel(ChannelId(1), (Member(FIRST, MessageId(watermark)), Member(SECOND)))
    assert frames.stored_in(own, MESSAGE).seen is False


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_an_error_says_whether_and_when_to_try_again(code: str) -> None:
    frame = json.loads(frames.error(FIRST, "c-1", RandomchatError(code=code), 5))
    payload = json.loads(frame["payload"])
    assert (frame["event"], frame["user_id"], frame["client_id"], frame["time"]) == (5, "11", "c-1", 5)
    assert payload["retryable"] == (payload["retry_after_ms"] > 0) == ERRORS[code].retryable


def test_an_error_names_the_time_where_it_is_known() -> None:
    assert (
        json.loads(json.loads(frames.error(FIRST, None, RateLimited(retry_after_s=0.0001), 5))["payload"])["retry_after_ms"] == 1
    )
    assert (
        json.loads(json.loads(frames.error(FIRST, None, RateLimited(retry_after_s=1.5), 5))["payload"])["retry_after_ms"] == 1500
    )


@pytest.mark.parametrize(
    "data",
    [
        frames.action(FIRST, "joined", 5),
        frames.seen(FIRST, MESSAGE.id, 5),
        frames.sync(FIRST, 5, recovered=True, last=7),
        frames.beat(FIRST, "x", 5),
        frames.error(FIRST, None, RandomchatError(), 5),
    ],
)
def test_frames_that_are_not_stored_have_the_same_keys(data: bytes) -> None:
    frame = json.loads(data)
    assert list(frame) == KEYS
    assert (frame["message_id"], frame["user_id"], frame["time"]) == ("0", "11", 5)


def test_the_payload_of_sync_is_json() -> None:
    frame = json.loads(frames.sync(FIRST, 5, recovered=False, last=7))
    assert json.loads(frame["payload"]) == {"recovered": False, "last": "7"}
