"""The JSON Schema of what the sockets speak, made from the types that the server itself reads and writes."""

from __future__ import annotations

from typing import Any

import msgspec

from randomchat import __version__
from randomchat.chat.frames import ClientFrame, ErrorPayload, Frame, SyncPayload
from randomchat.match.frames import MatchedFrame, WaitingFrame

DESCRIPTION = (
    "Chat socket: clients send ClientFrame, the server sends Frame; its payload is, as JSON in a string, a SyncPayload where "
    "event is 4, and an ErrorPayload where it is 5. Match socket: the server sends WaitingFrame and MatchedFrame."
)


def frames_schema() -> dict[str, Any]:
    """One document; each frame has its definition in `$defs`."""
    types = [ClientFrame, Frame, SyncPayload, ErrorPayload, WaitingFrame, MatchedFrame]
    _, definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"randomchat frames {__version__}",
        "description": DESCRIPTION,
        "$defs": definitions,
    }
