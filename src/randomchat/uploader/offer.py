"""How a stranger's file is offered to a browser, whoever serves it: as what its key says, shown only where that is harmless."""

from __future__ import annotations

from urllib.parse import quote

from randomchat.infra.file_types import file_type
from randomchat.infra.object_store import ObjectKey, StoredObject
from randomchat.uploader.links import DownloadTerms

MAX_AGE_S = 300


def content_type(key: ObjectKey) -> str:
    mime = file_type(key.ext).mime
    return f"{mime}; charset=utf-8" if mime.startswith("text/") else mime


def content_disposition(key: ObjectKey, terms: DownloadTerms) -> str:
    disposition = "inline" if file_type(key.ext).shown and not terms.saved else "attachment"
    return f"{disposition}; filename*=UTF-8''{quote(terms.name or key.file_name, safe='')}"


def cache_control(found: StoredObject) -> str:
    """What may still become another one is asked for each time."""
    return f"private, max-age={MAX_AGE_S}, immutable" if found.promoted else "private, no-cache"
