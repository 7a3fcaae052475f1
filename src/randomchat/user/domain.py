"""Names and sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from randomchat.errors import InvalidInput
from randomchat.ids import UserId
from randomchat.infra.display_name import deceives

_NOTHING_TO_SEE = re.compile(
    r"[\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
"""Code points without a shape: the ignorable ones of Unicode, spaces, the blank of braille, annotation marks.

They are good within a name (emoji and several scripts are written with joiners and selectors), but nobody could see one of
them alone.
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A person's right to act as an account until `ends_at_ms`. `token_hash`: the SHA-256 of the cookie's value."""

    token_hash: bytes
    user_id: UserId
    ends_at_ms: int


def parse_name(text: str, max_chars: int) -> str:
    """The name that a person chose, without the white space around it. Raises `InvalidInput`."""
    name = text.strip()
    if len(name) > max_chars:
        raise InvalidInput(f"name: at most {max_chars} characters.")
    if any(deceives(char) for char in name):
        raise InvalidInput("name: no control characters, and none that change the direction of text.")
    if not name or _NOTHING_TO_SEE.fullmatch(name):
        raise InvalidInput("name: at least one character that can be seen.")
    return name
