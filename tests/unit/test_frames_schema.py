"""The committed schema of the frames is the one that the code makes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from randomchat.chat.frames import Frame
from randomchat.frames_schema import frames_schema

DOCUMENT = Path(__file__).parents[2] / "api" / "frames.schema.json"


def test_the_committed_schema_is_what_the_code_makes() -> None:
    assert json.loads(DOCUMENT.read_text("utf-8")) == frames_schema(), "run `make openapi` and commit what it writes"


def test_a_frame_has_no_key_that_the_schema_does_not_know() -> None:
    frame = Frame("1", 0, "2", "words", False, 3, "name", True)
    sent = msgspec.json.decode(msgspec.json.encode(frame))
    assert sent.keys() == frames_schema()["$defs"]["Frame"]["properties"].keys()
