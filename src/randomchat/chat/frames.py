"""The frames of a chat socket: what a client may send, and what it gets."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from randomchat.chat.domain import Channel, Event, Message
from randomchat.errors import ERRORS, RandomchatError
from randomchat.ids import MessageId, UserId, side_of

CLIENT_ID_MAX_CHARS = 64
BEAT_MAX_BYTES = 32
NO_MESSAGE = "0"


class ClientFrame(msgspec.Struct, gc=False):
    """What counts of a client's frame; all other keys are not looked at."""

    event: int
    payload: str
    client_id: str | UnsetType = UNSET
    retry: Any = False

    @property
    def name(self) -> str | None:
        """The `client_id`, or None where there is none."""
        return None if self.client_id is UNSET else self.client_id


class Frame(msgspec.Struct, gc=False):
    """What the server sends. `time` is in Unix milliseconds; `message_id` is "0" where nothing is stored."""

    message_id: str
    event: int
    user_id: str
    payload: str
    seen: bool
    time: int
    client_id: str | UnsetType = UNSET
    ack: bool | UnsetType = UNSET


class SyncPayload(msgspec.Struct):
    """The payload of event 4. `last` is the cursor for the next `after=`."""

    recovered: bool
    last: str


class ErrorPayload(msgspec.Struct):
    """The payload of event 5. `retry_after_ms` is 0 where trying again is of no use."""

    code: str
    msg: str
    retryable: bool
    retry_after_ms: int


class Malformed(RandomchatError):
    """A frame that can't be understood; it counts against its socket."""

    code = "malformed"


_decode = msgspec.json.Decoder(ClientFrame).decode
encode = msgspec.json.Encoder().encode
DEFAULT_RETRY_MS = 500


def decode(text: str | bytes) -> ClientFrame:
    """Read a client's frame. Raises `Malformed` with the field that is wrong.

    Extra keys are skipped by recursion, whose depth the interpreter bounds: what is nested over 900 deep is refused as well.
    """
    if isinstance(text, bytes):
        raise Malformed("A binary frame is not understood; send text.")
    try:
        frame = _decode(text)
    except msgspec.ValidationError as error:
        raise Malformed(f"The frame is wrong: {error}.") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Malformed("The frame is not valid JSON.") from None
    if frame.client_id is not UNSET and not 0 < len(frame.client_id) <= CLIENT_ID_MAX_CHARS:
        raise Malformed(f"The frame's client_id must have 1 to {CLIENT_ID_MAX_CHARS} characters.")
    return frame


def client_id_in(text: str | bytes) -> str | None:
    """The `client_id` of a malformed frame, where one can be found, so that its sender knows which one was refused."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    name = found.get("client_id") if isinstance(found, dict) else None
    return name if isinstance(name, str) and 0 < len(name) <= CLIENT_ID_MAX_CHARS else None


def stored(message: Message, *, seen: bool = False, ack: bool | UnsetType = UNSET) -> Frame:
    """The frame of a stored message; `ack` marks the answer to the frame that asked for it."""
    return Frame(
        str(message.id),
        message.event,
        str(message.sender),
        message.payload,
        seen,
        message.time_ms,
        UNSET if message.client_id is None else message.client_id,
        ack,
    )


def stored_in(channel: Channel, message: Message) -> Frame:
    """The frame of a message as history and replay tell it: seen, if the other member's watermark has reached it."""
    reader = channel.members[1 - side_of(message.id)]
    return stored(message, seen=message.id <= reader.seen_id)


def action(user_id: UserId, what: str, now_ms: int) -> bytes:
    """The frame that says what a member does."""
    return encode(Frame(NO_MESSAGE, Event.ACTION, str(user_id), what, False, now_ms))


def seen(author: UserId, message_id: MessageId, now_ms: int) -> bytes:
    """The frame that says: the author's messages up to this one have been seen."""
    return encode(Frame(NO_MESSAGE, Event.SEEN, str(author), str(message_id), True, now_ms))


def sync(receiver: UserId, now_ms: int, *, recovered: bool, last: int) -> bytes:
    """The frame that ends a replay."""
    payload = encode(SyncPayload(recovered, str(last))).decode()
    return encode(Frame(NO_MESSAGE, Event.SYNC, str(receiver), payload, False, now_ms))


def beat(receiver: UserId, payload: str, now_ms: int) -> bytes:
    """The answer to a beat."""
    return encode(Frame(NO_MESSAGE, Event.BEAT, str(receiver), payload, False, now_ms))


def error(receiver: UserId, client_id: str | None, refusal: RandomchatError, now_ms: int) -> bytes:
    """The frame that refuses another one."""
    retry_ms = 0
    if ERRORS[refusal.code].retryable:
        retry_ms = DEFAULT_RETRY_MS if refusal.retry_after_s is None else max(1, round(refusal.retry_after_s * 1000))
    payload = encode(ErrorPayload(refusal.code, refusal.message, refusal.retryable, retry_ms)).decode()
    return encode(
        Frame(NO_MESSAGE, Event.ERROR, str(receiver), payload, False, now_ms, UNSET if client_id is None else client_id)
    )
