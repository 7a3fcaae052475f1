"""What may stand in a name that is shown to people; and names of files, which are never used as a path."""

from __future__ import annotations

import unicodedata

from randomchat.errors import InvalidInput

MAX_BYTES = 255
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode UAX #9: they reorder the text around them, so that `photo_gpj.exe` can be made to look like `photo_exe.jpg`."""


def deceives(char: str) -> bool:
    """Whether a code point has no place in any name: a control, half a surrogate pair, or a change of the text's direction."""
    return char in _BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs"}


def check_display_name(field: str, name: str) -> None:
    """Raises `InvalidInput` where a name can't be shown as it is: empty, too long, or with characters that deceive."""
    if not 0 < len(name.encode("utf-8", "surrogatepass")) <= MAX_BYTES:
        raise InvalidInput(f"{field}: must have 1 to {MAX_BYTES} bytes.")
    if any(deceives(char) or unicodedata.category(char) in {"Zl", "Zp"} for char in name):
        raise InvalidInput(f"{field}: no control characters, and none that change the direction of text.")
