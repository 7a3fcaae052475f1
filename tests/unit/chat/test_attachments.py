"""What a file frame may say."""

from __future__ import annotations

import json

import pytest

from randomchat.chat.attachments import PAYLOAD_MAX_BYTES, Attachment, read_attachment
from randomchat.chat.frames import Malformed


def test_name_and_key_are_read_and_more_is_not_looked_at() -> None:
    payload = json.dumps({"file_name": "ä.png", "object_key": "7/x", "size": ["any"]})
    assert read_attachment(payload) == Attachment("ä.png", "7/x")


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        '"7/x"',
        '{"file_name": "a"}',
        '{"object_key": "7/x"}',
        '{"file_name": 1, "object_key": "7/x"}',
        '{"file_name": "a", "object_key": null}',
        '{"file_name": "", "object_key": "7/x"}',
        '{"file_name": "a\\u0000", "object_key": "7/x"}',
        '{"file_name": "a\\u202e", "object_key": "7/x"}',
        '{"file_name": "\\ud800", "object_key": "7/x"}',
        json.dumps({"file_name": "x" * 256, "object_key": "7/x"}),
        json.dumps({"file_name": "a", "object_key": "7/x", "more": "x" * PAYLOAD_MAX_BYTES}),
        "[" * 4000,
    ],
)
def test_anything_else_is_malformed(payload: str) -> None:
    with pytest.raises(Malformed):
        read_attachment(payload)
