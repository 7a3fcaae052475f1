"""Names of files as people see them."""

from __future__ import annotations

import pytest

from randomchat.errors import InvalidInput
from randomchat.infra.display_name import check_display_name


@pytest.mark.parametrize(
    "name", ["a", "photo.png", "../../etc/passwd", "a/b\\c", "<b>.png", "Ünïcödé 👩‍👩‍👧 שלום.pdf", "x" * 255, "é" * 127, " "]
)
def test_a_name_may_be_almost_anything_since_it_is_only_shown(name: str) -> None:
    check_display_name("name", name)


@pytest.mark.parametrize(
    "name", ["", "x" * 256, "é" * 128, "a\0b", "a\nb", "a\x7fb", "a\x85b", "a\u202egpj.exe", "a\u2066b", "a\u2028b", "\ud800"]
)
def test_a_name_that_is_too_long_or_deceives_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^name: "):
        check_display_name("name", name)
