"""The committed OpenAPI documents are those that the code makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from randomchat.bootstrap.embedded import openapi_of

DOCUMENTS = Path(__file__).parents[2] / "api" / "openapi"


@pytest.mark.parametrize("service", ["user", "match", "chat", "uploader"])
async def test_the_committed_document_is_what_the_code_makes(service: str) -> None:
    committed = json.loads((DOCUMENTS / f"{service}.json").read_text("utf-8"))
    assert committed == await openapi_of(service), "run `make openapi` and commit what it writes"
