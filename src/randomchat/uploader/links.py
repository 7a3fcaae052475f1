"""Links that carry their own permission: whoever has one may do one thing with one object for some minutes."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from randomchat.clock import Clock
from randomchat.errors import Forbidden
from randomchat.infra.object_store import ObjectKey

PATH = "/api/uploader/objects"
SECRET_MIN_BYTES = 32

Verb = Literal["PUT", "GET"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a link fixes beside its key. `size`, `mime`: of the upload, None where they are open. `name`: of the download."""

    size: int | None = None
    mime: str | None = None
    name: str | None = None


class SignedLinks:
    """Makes and reads links. Everything that counts in one is under its signature, the verb too."""

    def __init__(self, secret: bytes, clock: Clock, *, ttl_s: float) -> None:
        """`secret`: at least 32 bytes, used for nothing else."""
        if len(secret) < SECRET_MIN_BYTES:
            raise ValueError(f"a secret for links must have at least {SECRET_MIN_BYTES} bytes")
        self._secret = secret
        self._clock = clock
        self._ttl_ms = round(ttl_s * 1000)

    def make(self, verb: Verb, key: ObjectKey, terms: Terms) -> str:
        """A link relative to the origin of the page; only letters, digits and `/ . ? & = % - _` are in it."""
        until = str(self._clock.wall_ms() + self._ttl_ms)
        fields = {"until": until, "size": None if terms.size is None else str(terms.size), "type": terms.mime, "name": terms.name}
        query = {field: value for field, value in fields.items() if value is not None}
        return f"{PATH}/{key}?{urlencode({**query, 'signature': self._sign(verb, key, query)}, quote_via=quote, safe='')}"

    def read(self, verb: Verb, key: ObjectKey, query: Mapping[str, str]) -> Terms:
        """What a link fixes. Raises `Forbidden` where it is not ours, was changed, is for another verb, or has expired."""
        fields = {field: value for field, value in query.items() if field != "signature"}
        expected = self._sign(verb, key, fields)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode(errors="replace")):
            raise Forbidden("This link is not valid.")
        if int(fields["until"]) <= self._clock.wall_ms():
            raise Forbidden("This link has expired; ask for a new one.")
        size = fields.get("size")
        return Terms(None if size is None else int(size), fields.get("type"), fields.get("name"))

    def _sign(self, verb: Verb, key: ObjectKey, fields: Mapping[str, str]) -> str:
        signed = json.dumps([verb, str(key), sorted(fields.items())])
        return urlsafe_b64encode(hmac.digest(self._secret, signed.encode(), hashlib.sha256)).decode().rstrip("=")
