"""Links to this server, signed with a secret of its own."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlencode

from randomchat.clock import Clock
from randomchat.errors import Forbidden
from randomchat.infra.object_store import ObjectKey, StoredObject
from randomchat.uploader.links import DownloadTerms, UploadTerms

PATH = "/api/uploader/objects"
SECRET_MIN_BYTES = 32

Verb = Literal["PUT", "GET"]


class SignedLinks:
    """`Links` that lead to this server, and what reads them when they come back. The verb, too, is under the signature."""

    def __init__(self, secret: bytes, clock: Clock, *, ttl_s: float) -> None:
        """`secret`: at least 32 bytes, used for nothing else."""
        if len(secret) < SECRET_MIN_BYTES:
            raise ValueError(f"a secret for links must have at least {SECRET_MIN_BYTES} bytes")
        self._secret = secret
        self._clock = clock
        self._ttl_ms = round(ttl_s * 1000)

    async def to_upload(self, key: ObjectKey, terms: UploadTerms) -> str:
        return self._make("PUT", key, {"size": None if terms.size is None else str(terms.size), "type": terms.mime})

    async def to_download(self, found: StoredObject, terms: DownloadTerms) -> str:
        return self._make("GET", found.key, {"name": terms.name, "saved": "1" if terms.saved else None})

    def read_upload(self, key: ObjectKey, query: Mapping[str, str]) -> UploadTerms:
        """What a link to upload fixes. Raises `Forbidden`: not ours, changed, for another verb, or expired."""
        fields = self._read("PUT", key, query)
        size = fields.get("size")
        return UploadTerms(None if size is None else int(size), fields.get("type"))

    def read_download(self, key: ObjectKey, query: Mapping[str, str]) -> DownloadTerms:
        """What a link to download says. Raises `Forbidden`, as `read_upload`."""
        fields = self._read("GET", key, query)
        return DownloadTerms(fields.get("name"), "saved" in fields)

    def _make(self, verb: Verb, key: ObjectKey, fields: Mapping[str, str | None]) -> str:
        """Relative to the origin of the page; only letters, digits and `/ . ? & = % - _` are in it."""
        until = str(self._clock.wall_ms() + self._ttl_ms)
        query = {"until": until, **{field: value for field, value in fields.items() if value is not None}}
        return f"{PATH}/{key}?{urlencode({**query, 'signature': self._sign(verb, key, query)}, quote_via=quote, safe='')}"

    def _read(self, verb: Verb, key: ObjectKey, query: Mapping[str, str]) -> dict[str, str]:
        fields = {field: value for field, value in query.items() if field != "signature"}
        expected = self._sign(verb, key, fields)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode(errors="replace")):
            raise Forbidden("This link is not valid.")
        if int(fields["until"]) <= self._clock.wall_ms():
            raise Forbidden("This link has expired; ask for a new one.")
        return fields

    def _sign(self, verb: Verb, key: ObjectKey, fields: Mapping[str, str]) -> str:
        signed = json.dumps([verb, str(key), sorted(fields.items())])
        return urlsafe_b64encode(hmac.digest(self._secret, signed.encode(), hashlib.sha256)).decode().rstrip("=")
