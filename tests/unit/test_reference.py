"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

from randomchat.reference import errors_reference, settings_reference

PAGES = Path(__file__).parents[2] / "docs" / "reference"
REMEDY = "run `make openapi` and commit what it writes"


def test_the_reference_of_the_settings_is_that_of_the_code() -> None:
    assert (PAGES / "settings.md").read_text("utf-8") == settings_reference(), REMEDY


def test_the_reference_of_the_error_codes_is_that_of_the_code() -> None:
    assert (PAGES / "errors.md").read_text("utf-8") == errors_reference(), REMEDY


def test_every_setting_is_described() -> None:
    rows = settings_reference().partition("| --- |")[2].splitlines()[1:]
    assert len(rows) > 40
    assert [row for row in rows if len(row.split("|")[3].strip()) < 5] == []
