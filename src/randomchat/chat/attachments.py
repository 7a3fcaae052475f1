"""Files in a conversation: what a frame says of one, and the moment at which its bytes are fixed."""

from __future__ import annotations

from functools import partial

import msgspec

from randomchat.chat.frames import Malformed
from randomchat.errors import InvalidInput, NotFound, RandomchatError
from randomchat.ids import ChannelId
from randomchat.infra.display_name import check_display_name
from randomchat.infra.file_types import examine
from randomchat.infra.object_store import ObjectKey, ObjectStore

PAYLOAD_MAX_BYTES = 4096


class Attachment(msgspec.Struct, frozen=True, gc=False):
    """The payload of a file frame. `file_name` is only shown; extra keys are not looked at."""

    file_name: str
    object_key: str


_decode = msgspec.json.Decoder(Attachment).decode


def read_attachment(payload: str) -> Attachment:
    """What a file frame says. Raises `Malformed`."""
    if len(payload.encode()) > PAYLOAD_MAX_BYTES:
        raise Malformed(f"The payload of a file frame must have at most {PAYLOAD_MAX_BYTES} bytes.")
    try:
        attachment = _decode(payload)
        check_display_name("file_name", attachment.file_name)
    except InvalidInput as error:
        raise Malformed(f"The payload is wrong: {error.message}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Malformed("The payload of a file frame must be JSON with file_name and object_key.") from None
    return attachment


class Attachments:
    """Takes files into conversations."""

    def __init__(self, store: ObjectStore, max_bytes: int) -> None:
        self._store = store
        self._examine = partial(examine, max_bytes=max_bytes)

    async def fix(self, channel_id: ChannelId, attachment: Attachment) -> None:
        """From now on the bytes of a file are those that both members will get, whatever is uploaded later.

        Raises `unknown_file` where it was not uploaded in this channel, `too_large`, `type_not_allowed`, and `Unavailable`.
        """
        key = ObjectKey.parse(attachment.object_key)
        if key is None or key.channel_id != channel_id:
            raise RandomchatError(code="unknown_file")
        try:
            await self._store.promote(key, self._examine)
        except NotFound:
            raise RandomchatError(code="unknown_file") from None
